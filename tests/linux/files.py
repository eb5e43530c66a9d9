# SPDX-License-Identifier: LGPL-3.0-or-later
"""Files, delegations and who sees what: what the scenarios are made of."""
import collections
import os

from lab import DataError, LabError, wait_until

# How the holder opens its file, how the other then opens it, and which of
# them writes what the other one must see.
Kind = collections.namedtuple("Kind", "name holder other")
READ = Kind("read", os.O_RDONLY, os.O_RDWR)
WRITE = Kind("write", os.O_RDWR, os.O_RDONLY)
KINDS = (READ, WRITE)

OLD, NEW = "old data", "NEW DATA"

LIMIT = 2  # s, for the second client's open() during a recall: no lease is over
AT_ONCE = 0.4  # s, where a path is there: Linux asks again after 0.1 and 0.3 s
ENDS = 90  # s, for an open() that anything at all may delay


def pair(world, **options):
    """A server and two clients that have mounted its export."""
    world.serve(**options)
    holder, other = world.boot("holder", "other")
    for guest in (holder, other):
        guest.mount()
    return holder, other


def make_file(world, name):
    """A new file, made behind NFS's back; its path in the guests."""
    with open(f"{world.server.export}/{name}", "w", encoding="ascii") as file:
        file.write(OLD)
    return f"/mnt/{name}"


def holds_delegation(guest, path, flags):
    """Whether a further open() needs no OPEN on the wire."""
    before = guest.count("OPEN", "OPEN_NOATTR")
    guest.close(guest.open(path, flags).value)
    return guest.count("OPEN", "OPEN_NOATTR") == before


def hold(holder, path, kind):
    """Open a file in the holder and see that a delegation comes with it."""
    handle = holder.open(path, kind.holder).value
    if not holds_delegation(holder, path, kind.holder):
        raise LabError(f"no {kind.name} delegation was granted")
    return handle


def reset_one_of_many(world, holder):
    """Use each of the holder's connections, reset one, and use them again."""
    for _ in range(8):
        holder.touch_server()
    world.network.abort_first(holder.address)
    for _ in range(8):
        holder.touch_server()


def expect_returned(client, before, count=1):
    """It has returned so many delegations since it had returned @before.  Who
    waited for them goes on when they are; the client counts the replies."""
    wait_until(lambda: client.count("DELEGRETURN") - before >= count,
                   f"{count} delegations are returned")
    if (found := client.count("DELEGRETURN") - before) != count:
        raise LabError(f"{found} delegations returned, not {count}")


def expect_read(guest, handle, data, what):
    """Raise LabError if a file has other contents than these."""
    found = guest.read(handle).value
    if found != data:
        raise DataError(f"{guest.name} reads {found!r}: {what}")


def recall(world, holder, other, path, kind, handle):
    """Open what the holder has, in the other client; how long that took.

    What one of them has written and closed, the other one must see.  A reader
    keeps its file open; a writer keeps nothing but its delegation.
    """
    if kind is WRITE:
        holder.write(handle, NEW)
        holder.close(handle)
    returned = holder.count("DELEGRETURN")
    opened = other.open(path, kind.other)
    world.note_blocked(opened.seconds)
    world.server.check()
    expect_returned(holder, returned)
    if opened.seconds > LIMIT:
        raise LabError(f"open() was blocked for {opened.seconds:.3f} s")
    if kind is WRITE:
        expect_read(other, opened.value, NEW, "the holder's write is lost")
    else:
        other.write(opened.value, NEW)
        holder.close(handle)
    other.close(opened.value)
    again = holder.open(path, os.O_RDONLY).value
    expect_read(holder, again, NEW, "stale")
    holder.close(again)
    return f"{opened.seconds:.3f} s"


def rebind(world, holder, break_connection):
    """Break the holder's connection, and have it bind the next one.

    It is told that it has to with the first answer that it gets after the
    server has noticed, which may be busy with the next connection first.
    """
    before = world.network.connections(holder.address)
    binds = holder.count("BIND_CONN_TO_SESSION")
    break_connection(holder)

    def bound():
        holder.touch_server()
        return holder.count("BIND_CONN_TO_SESSION") > binds
    wait_until(bound, "the holder binds its new connection")
    after = world.network.connections(holder.address)
    if not before or before & after:
        raise LabError("the holder's connection did not break")


def reset(world, holder):
    """The same, with a RST."""
    rebind(world, holder, lambda guest: world.network.abort(guest.address))


def recall_kinds(world, holder, other, break_connection=None, name="file"):
    """Recall one delegation of each kind, each after the holder's connection
    was broken (if it is to be) and the holder has reconnected.

    @name  what the files' names begin with
    """
    figures = {}
    for kind in KINDS:
        path = make_file(world, f"{name}-{kind.name}")
        handle = hold(holder, path, kind)
        if break_connection:
            rebind(world, holder, break_connection)
        figures[f"{kind.name} delegation"] = recall(world, holder, other,
                                                    path, kind, handle)
    return figures


def second_open(world, holder, other, path, limit, meanwhile=None):
    """The second client opens what the first holds, and writes it; how long
    it was blocked.

    @limit      s, that it may be
    @meanwhile  what goes on until open() returns; the holder's application
    """
    def done():
        world.server.check()
        if meanwhile:
            meanwhile()
        return opening.done()
    opening = other.submit("open", path=path, flags=os.O_RDWR)
    wait_until(done, "the second client's open()", ENDS)
    opened = opening.result()
    world.note_blocked(opened.seconds)
    other.write(opened.value, NEW)
    other.close(opened.value)
    if opened.seconds > limit:
        raise LabError(f"open() was blocked for {opened.seconds:.3f} s")
    return f"{opened.seconds:.3f} s"


def sees_new_data(holder, path, handle):
    """What the first client reads after the second has written."""
    holder.close(handle)
    again = holder.open(path, os.O_RDONLY).value
    expect_read(holder, again, NEW, "stale")
    holder.close(again)
