#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
r"""Recalls over mounts with Kerberos: every flavor, every kind of machine
principal, beside AUTH_SYS, over several connections, and after the server's
restart.

    BACKCHANNEL_MODULE=.../libfsalbackchannel.so \
    UML_XSTATE=.../libuml_xstate.so ./test_mounts.py [NAME...]

The figures are for how long a second client's open() was blocked.
"""
import signal
import sys

from realm import CACHES, TOOLS, Realm, machine_principal

import lab
from files import (AT_ONCE, ENDS, LIMIT, READ, hold, make_file, recall_kinds,
                   reset, reset_one_of_many, second_open, sees_new_data)
from lab import LabError

BREAKS = ("healthy", "FIN", "RST")


def broken(world, how):
    """What breaks the holder's connection so; see recall_kinds()."""
    return {"healthy": None,
            "FIN": lambda holder: holder.close_connections(),
            "RST": lambda holder: world.network.abort(holder.address)}[how]


def recall_after_breaks(world, holder, other):
    """A recall of each kind after nothing, a FIN and a RST, each of which has
    the holder bind its connection anew."""
    figures = {}
    for how in BREAKS:
        for kind, blocked in recall_kinds(world, holder, other,
                                          broken(world, how), how).items():
            figures[f"{how}, {kind}"] = blocked
    return figures


def recalls(world, *args):
    """The whole of a scenario; @args as Realm.pair()'s."""
    holder, other = Realm(world).pair(*args)
    figures = recall_after_breaks(world, holder, other)
    world.server.stop()
    return figures


# Flavors ---------------------------------------------------------------------

def krb5(world):
    """Authentication alone."""
    return recalls(world)


def krb5i(world):
    """Integrity."""
    return recalls(world, ("krb5i", "krb5i"))


def krb5p(world):
    """Privacy."""
    return recalls(world, ("krb5p", "krb5p"))


# Principals ------------------------------------------------------------------

def host_principal(world):
    """The machines have host/ principals, as those that join a realm do."""
    return recalls(world, ("krb5", "krb5p"), ("host", "host"))


def active_directory(world):
    """The machines have the principals of Active Directory's members, C1$."""
    return recalls(world, ("krb5", "krb5p"), ("ad", "ad"))


def no_keytab(world):
    """The holder's machine has no keytab: root mounts with a ticket of its
    own."""
    realm = Realm(world)
    realm.serve()
    holder, other = realm.boot(None, "nfs")
    realm.add("root", "root.keytab")
    realm.ticket(holder, "root", 0)
    for guest in (holder, other):
        realm.mount(guest, "krb5")
    figures = recall_after_breaks(world, holder, other)
    world.server.stop()
    return figures


CONTEXT = 6  # s, that a context lasts where its end is waited for


def change_principal(realm, guest, kind):
    """Give the machine of c1 another principal, and wait until its contexts are
    that one's."""
    realm.add_machine("c1", kind)
    realm.stop_gssd(guest)
    guest.call("run", argv=["sh", "-c", f"rm -f {CACHES}/krb5cc*"])
    realm.start_gssd(guest, f"c1-{kind}.keytab", "-t", f"{CONTEXT}")
    lab.pause(CONTEXT + 1)


def principal_changes(world):
    """The holder's machine is given another principal while it has the export
    mounted: it binds its connection as somebody else."""
    realm = Realm(world)
    realm.serve()
    holder, other = realm.boot("nfs", "nfs")
    realm.stop_gssd(holder)
    realm.start_gssd(holder, "c1-nfs.keytab", "-t", f"{CONTEXT}")
    for guest in (holder, other):
        realm.mount(guest, "krb5")
    figures = {}
    for turn, kind in enumerate(("host", "ad")):
        path = make_file(world, kind)
        handle = hold(holder, path, READ)
        change_principal(realm, holder, kind)
        reset(world, holder)
        figures[kind] = second_open(world, holder, other, path, AT_ONCE)
        sees_new_data(holder, path, handle)
        if realm.as_whom(holder) != machine_principal("c1", kind):
            raise LabError("the holder's principal has not changed")
    world.server.stop()
    return figures


principal_changes.deadline = 120


# Mounts ----------------------------------------------------------------------

def side_by_side(world, first, second):
    """The holder has mounted the export twice, with two flavors, and holds a
    delegation through each when its connection is reset."""
    realm = Realm(world)
    holder, other = realm.pair((first, "krb5"))
    realm.mount(holder, second, "vers=4.1,nosharecache", "/run/second")
    held = []
    for where, flavour in (("/mnt", first), ("/run/second", second)):
        path = make_file(world, flavour)
        here = path.replace("/mnt", where)
        held.append((flavour, path, here, hold(holder, here, READ)))
    reset(world, holder)
    figures = {}
    for flavour, path, here, handle in held:
        figures[flavour] = second_open(world, holder, other, path, AT_ONCE)
        sees_new_data(holder, here, handle)
    world.server.stop()
    return figures


def sys_then_krb5(world):
    """A mount with AUTH_SYS, and one with Kerberos beside it."""
    return side_by_side(world, "sys", "krb5")


def krb5_then_sys(world):
    """A mount with Kerberos, and one with AUTH_SYS beside it."""
    return side_by_side(world, "krb5", "sys")


def nconnect_4(world):
    """The holder has four connections; each of them is reset in turn."""
    realm = Realm(world)
    realm.serve()
    holder, other = realm.boot("nfs", "nfs")
    realm.mount(holder, "krb5", "vers=4.1,nconnect=4")
    realm.mount(other, "krb5")
    figures = {}
    for turn in range(4):
        path = make_file(world, f"file-{turn}")
        handle = hold(holder, path, READ)
        reset_one_of_many(world, holder)
        figures[f"connection {turn + 1}"] = second_open(
            world, holder, other, path, LIMIT, lambda: holder.touch_server())
        sees_new_data(holder, path, handle)
    world.server.stop()
    return figures


# The server ------------------------------------------------------------------

def reclaim(world, end):
    """The server ends and is started again, the holder reclaims its delegation
    within the grace period, then the recall is made."""
    holder, other = Realm(world).pair(grace=6, lease=5)
    path = make_file(world, "file")
    handle = hold(holder, path, READ)
    end(world.server)
    world.server.start()
    holder.touch_server(ENDS)
    if (found := holder.count("OPEN", "OPEN_NOATTR")) < 2:
        raise LabError(f"{found} OPENs: nothing was reclaimed")
    blocked = second_open(world, holder, other, path, ENDS)
    sees_new_data(holder, path, handle)
    world.server.stop()
    return {"with what is left of the grace period": blocked}


def server_restarted(world):
    """The server is stopped and started."""
    return reclaim(world, lambda server: server.stop())


def server_killed(world):
    """The server is killed and started."""
    def kill(server):
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(lab.PATIENCE)
    return reclaim(world, kill)


for scenario in (server_restarted, server_killed):
    scenario.deadline = 120

SCENARIOS = (krb5, krb5i, krb5p)
LONG = (host_principal, active_directory, no_keytab, principal_changes,
        sys_then_krb5, krb5_then_sys, nconnect_4, server_restarted,
        server_killed)

if __name__ == "__main__":
    sys.exit(lab.run_scenarios(SCENARIOS, sys.argv[1:], TOOLS, LONG))
