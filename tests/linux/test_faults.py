#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
r"""Recalls while connections, links and the server fail, and over every kind
of mount.

    BACKCHANNEL_MODULE=.../libfsalbackchannel.so \
    UML_XSTATE=.../libuml_xstate.so ./test_faults.py [NAME...]

Each scenario measures for how long a second client's open() is blocked, and
ends with what an application on the first client then reads.
"""
import hashlib
import os
import statistics
import sys

import lab
from lab import DataError, LabError
from files import (AT_ONCE, ENDS, NEW, READ, WRITE, expect_read,
                   expect_returned, hold, make_file, pair,
                   reset_one_of_many, second_open, sees_new_data)

FOUND_OUT = 3  # s, where TCP has to find out first


def one_recall(world, disturb, limit, meanwhile=None, **options):
    """Hold a delegation, let something happen, have it recalled."""
    holder, other = pair(world, **options)
    path = make_file(world, "file")
    handle = hold(holder, path, READ)
    disturb(holder)
    second_open(world, holder, other, path, limit,
                meanwhile and (lambda: meanwhile(holder)))
    sees_new_data(holder, path, handle)
    world.server.stop()


# Broken connections ---------------------------------------------------------

def healthy(world):
    """Nothing is broken."""
    one_recall(world, lambda holder: None, AT_ONCE)


TIMES = 20


def figures_of(world, what, times):
    """What the scenario says of a call that the second client made often.

    It is judged by the median: of so many, one meets the machine's own pauses."""
    world.note_blocked(max(times))
    world.blocked_median = statistics.median(times)
    if world.blocked_median > AT_ONCE:
        raise LabError(f"{what} was blocked for {world.blocked_median:.3f} s")
    return {"median": f"{world.blocked_median * 1000:.1f} ms",
            "worst": f"{max(times) * 1000:.1f} ms"}


def healthy_often(world):
    """Nothing is broken, twenty times."""
    holder, other = pair(world)
    times = []
    for turn in range(TIMES):
        path = make_file(world, f"file-{turn}")
        handle = hold(holder, path, READ)
        opened = other.open(path, os.O_RDWR)
        times.append(opened.seconds)
        other.write(opened.value, NEW)
        other.close(opened.value)
        sees_new_data(holder, path, handle)
    world.server.stop()
    return figures_of(world, "open()", times)


def stat_of_written(world):
    """The file is one that the holder writes, with a write delegation, and the
    other asks for its size with stat(), twenty times."""
    holder, other = pair(world)
    times = []
    for turn in range(TIMES):
        path = make_file(world, f"file-{turn}")
        handle = hold(holder, path, WRITE)
        holder.write(handle, NEW * (turn + 2))
        found = other.call("stat", path=path)
        times.append(found.seconds)
        if found.value != len(NEW) * (turn + 2):
            raise DataError(f"stat() says {found.value} bytes")
        holder.close(handle)
    world.server.stop()
    return figures_of(world, "stat()", times)


def reset(world):
    """The holder's connection was reset, and the holder has reconnected."""
    def disturb(holder):
        world.network.abort(holder.address)
        holder.touch_server()
    one_recall(world, disturb, AT_ONCE)


def black_hole(world):
    """The holder has reconnected, the server never learns that the old
    connection is gone."""
    def disturb(holder):
        world.network.black_hole(holder.address)
        holder.touch_server()
    one_recall(world, disturb, FOUND_OUT, lambda holder: holder.touch_server())


black_hole.deadline = 150


def link_down(world, seconds):
    """The holder is off the network when the recall is made, for a while."""
    holder, other = pair(world)
    path = make_file(world, "file")
    handle = hold(holder, path, READ)
    world.network.unplug(holder)
    opening = other.submit("open", path=path, flags=os.O_RDWR)
    lab.pause(seconds)
    world.network.plug(holder)
    touching = holder.submit("statvfs", path="/mnt")
    lab.wait_until(opening.done, "the second client's open()", ENDS)
    opened = opening.result()
    world.note_blocked(opened.seconds)
    world.server.check()
    other.write(opened.value, NEW)
    other.close(opened.value)
    lab.wait_until(touching.done, "the holder reaches the server", ENDS)
    sees_new_data(holder, path, handle)
    if opened.seconds > seconds + LINK_SLACK:
        raise LabError(f"open() was blocked for {opened.seconds:.3f} s")
    world.server.stop()


# TCP sends again after twice the time each time: at worst, as long after the
# outage as that has lasted; a lease and what follows it is the server's bound.
LINK_SLACK = 45


def link_down_5(world):
    """The holder is off the network for 5 s when the recall is made."""
    link_down(world, 5)


def link_down_30(world):
    """The holder is off the network for 30 s when the recall is made."""
    link_down(world, 30)


def link_down_90(world):
    """The holder is off the network for 90 s when the recall is made."""
    link_down(world, 90)


link_down_5.deadline = 120
link_down_30.deadline = 180
link_down_90.deadline = 300


# A client that does not come back --------------------------------------------

FILES = 100


def dead_client(world):
    """The holder of many delegations is gone for good: whoever removes its files
    waits for two leases, once."""
    lease = 10
    holder, other = pair(world, lease=lease)
    paths = [make_file(world, f"file-{i}") for i in range(FILES)]
    for path in paths:
        hold(holder, path, READ)
    world.network.unplug(holder)
    removing = other.submit("run", argv=["rm", *paths])
    lab.wait_until(removing.done, "the files are removed", 2 * ENDS)
    removed = removing.result()
    world.note_blocked(removed.seconds)
    world.server.check()
    # Linux asks again after 0.1, 0.2, 0.4 ... 15 s: for the first file up to 15 s
    # after the second lease, for each of the others once or twice.
    if removed.seconds > 2 * lease + 16 + 0.3 * FILES:
        raise LabError(f"rm of {FILES} files took {removed.seconds:.1f} s")
    world.server.stop()
    return {f"rm of {FILES} files": f"{removed.seconds:.1f} s"}


dead_client.deadline = 240


# The server's restart -------------------------------------------------------

def server_restart(world):
    """The server is stopped and started, the holder reclaims its delegation
    within the grace period, then the recall is made."""
    holder, other = pair(world, grace=6, lease=5)
    path = make_file(world, "file")
    handle = hold(holder, path, READ)
    world.server.stop()
    world.server.start()
    holder.touch_server(ENDS)
    second_open(world, holder, other, path, ENDS)
    sees_new_data(holder, path, handle)
    world.server.stop()


server_restart.deadline = 120


# Kinds of mounts ------------------------------------------------------------

def mounted_as(world, options, holder_only=True):
    """Both clients, the holder's mount with options of its own."""
    world.serve()
    holder, other = world.boot("holder", "other")
    holder.mount(options)
    other.mount("vers=4.1" if holder_only else options)
    return holder, other


def version_4_2(world):
    """Both clients use NFSv4.2."""
    holder, other = mounted_as(world, "vers=4.2", holder_only=False)
    path = make_file(world, "file")
    handle = hold(holder, path, READ)
    second_open(world, holder, other, path, AT_ONCE)
    sees_new_data(holder, path, handle)
    world.server.stop()


def nconnect_4(world):
    """The holder has four connections; the one that was bound is reset."""
    holder, other = mounted_as(world, "vers=4.1,nconnect=4")
    path = make_file(world, "file")
    handle = hold(holder, path, READ)
    reset_one_of_many(world, holder)
    second_open(world, holder, other, path, FOUND_OUT,
                lambda: holder.touch_server())
    sees_new_data(holder, path, handle)
    world.server.stop()


def two_addresses(world):
    """The holder mounts over two addresses of the server; the connection to
    the first, which was bound, is reset."""
    world.network.add_address("10.99.0.2")
    holder, other = pair(world)
    holder.mount("vers=4.1", "10.99.0.2", "/run/second")
    path = make_file(world, "file")
    handle = hold(holder, path, READ)
    world.network.abort_first(holder.address)
    holder.touch_server()
    second_open(world, holder, other, path, FOUND_OUT,
                lambda: holder.touch_server())
    sees_new_data(holder, path, handle)
    world.server.stop()


def version_4_0_beside(world):
    """A v4.0 client beside the others is called back as ever, by dial-out."""
    holder, other = mounted_as(world, "vers=4.0")
    # A v4.0 owner's first OPEN is confirmed, and gets no delegation.
    holder.close(holder.open(make_file(world, "first"), os.O_RDONLY).value)
    path = make_file(world, "file")
    handle = hold(holder, path, READ)
    second_open(world, holder, other, path, AT_ONCE)
    sees_new_data(holder, path, handle)
    world.server.stop()


def many_clients(world):
    """Twenty clients in one guest hold the same file; all are called back."""
    world.serve()
    holder, other = world.boot("holder", "other")
    other.mount()
    path = make_file(world, "file")
    name = os.path.basename(path)
    handles = []
    for number in range(20):
        server, where = f"10.99.0.{100 + number}", f"/run/{number}"
        world.network.add_address(server)
        # What the next client that the kernel makes calls itself.
        holder.call("store", path="/sys/module/nfs/parameters/nfs4_unique_id",
                    text=f"client-{number}")
        holder.mount("vers=4.1", server, where)
        handles.append(holder.open(f"{where}/{name}", os.O_RDONLY).value)
    returned = holder.count("DELEGRETURN")
    second_open(world, holder, other, path, AT_ONCE)
    expect_returned(holder, returned, len(handles))
    for number, handle in enumerate(handles):
        sees_new_data(holder, f"/run/{number}/{name}", handle)
    world.server.stop()


# Data -----------------------------------------------------------------------

def checksums(world):
    """Two clients write and read each other's files while connections are
    reset; every checksum is compared."""
    holder, other = pair(world)
    for turn in range(30):
        writer, reader = (holder, other) if turn % 2 else (other, holder)
        path = make_file(world, f"data-{turn}")
        held = reader.open(path, os.O_RDONLY).value
        reader.read(held)
        data = hashlib.sha256(str(turn).encode()).hexdigest() * 50
        if turn % 3 == 0:
            broken = (writer, reader)[turn // 3 % 2]
            world.network.abort(broken.address)
            broken.touch_server()  # or it hears of nothing till its lease ends
        opened = writer.open(path, os.O_RDWR)
        world.note_blocked(opened.seconds)
        writer.write(opened.value, data)
        writer.close(opened.value)
        reader.close(held)
        again = reader.open(path, os.O_RDONLY).value
        expect_read(reader, again, data, f"turn {turn}")
        reader.close(again)
    world.server.stop()


# What is on the wire --------------------------------------------------------

def rebind_on_the_wire(world):
    """A capture shows BIND_CONN_TO_SESSION on the new connection, and the
    CB_COMPOUND after it on the same."""
    holder, other = pair(world)
    path = make_file(world, "file")
    handle = hold(holder, path, READ)
    with world.network.capture(f"{world.folder}/rebind.pcap") as capture:
        world.network.abort(holder.address)
        holder.touch_server()
        second_open(world, holder, other, path, AT_ONCE)
        bound = capture.first("nfs.opcode == 41 && rpc.msgtyp == 1 "
                              "&& nfs.status == 0")
        called = capture.first("rpc.program >= 0x40000000 && rpc.msgtyp == 0 "
                               "&& rpc.procedure == 1")
    if bound.stream != called.stream or bound.number > called.number:
        raise LabError(f"called back {called} where {bound} was bound")
    sees_new_data(holder, path, handle)
    world.server.stop()


SCENARIOS = (healthy, healthy_often, stat_of_written, reset, black_hole, link_down_5, server_restart,
             dead_client, version_4_2, version_4_0_beside, nconnect_4, two_addresses,
             many_clients, checksums, rebind_on_the_wire)
LONG = (link_down_30, link_down_90)

if __name__ == "__main__":
    sys.exit(lab.run_scenarios(SCENARIOS, sys.argv[1:], long=LONG))
