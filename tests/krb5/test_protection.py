#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
r"""State protection (Machine_Credentials): what a user has left open whose ticket
has expired is ended by his machine, and nobody else acts for it.

    BACKCHANNEL_MODULE=.../libfsalbackchannel.so \
    UML_XSTATE=.../libuml_xstate.so ./test_protection.py [NAME...]

The figures are for how long a second client's open() was blocked.
"""
import os
import sys

from realm import TOOLS, Realm, as_user

import lab
import test_mounts as mounts
from files import (AT_ONCE, ENDS, READ, hold, holds_delegation, make_file,
                   second_open, sees_new_data)
from lab import LabError

LEASE = 10  # s
TICKET = 12  # s
USER, UID = "daemon", 1  # who is known everywhere
PROTECTED = "Machine_Credentials = true;"


def expire(realm, holder, path):
    """A user of the holder has a file open, and with it a delegation, and no
    ticket any more."""
    realm.add(USER, f"{USER}.keytab")
    realm.ticket(holder, USER, UID, f"{TICKET}s")
    # Linux returns what nobody has open after a lease.
    holder.call("run", argv=as_user(UID, "sh", "-c", f"sleep 100 <{path} "
                                    ">/dev/null 2>&1 &"))
    if not holds_delegation(holder, path, os.O_RDONLY):
        raise LabError("the user was granted no delegation")
    lab.pause(TICKET + 1)
    try:
        holder.call("run", argv=as_user(UID, "cat", path))
    except OSError:
        return
    raise LabError("the user's ticket has not expired")


def user_expired(world, limit, flavour="krb5", **options):
    """The user's delegation is recalled, and his file closed."""
    realm = Realm(world)
    holder, other = realm.pair((flavour, flavour), lease=LEASE, **options)
    path = make_file(world, "file")
    expire(realm, holder, path)
    blocked = second_open(world, holder, other, path, limit)
    closed = holder.count("CLOSE")
    holder.call("run", argv=["pkill", "-u", str(UID), "sleep"])
    lab.wait_until(lambda: holder.count("CLOSE") > closed, "CLOSE is sent")
    world.server.stop()
    return {"blocked": blocked}


def user_without(world):
    """For comparison, as Ganesha has it: nobody can return the delegation, and
    who opens the file waits until it is revoked."""
    return user_expired(world, ENDS)


def user(world):
    """The machine returns the delegation."""
    figures = user_expired(world, AT_ONCE, parameters=PROTECTED)
    expect_counted(world, "protected_clients")
    return figures


def user_of_krb5p_only(world):
    """The same on an export that takes privacy alone, which Linux's DELEGRETURN
    and CLOSE do not have."""
    figures = user_expired(world, AT_ONCE, "krb5p", sec="krb5p",
                           parameters=PROTECTED)
    expect_counted(world, "protection_exemptions")
    return figures


def protected(world, scenario):
    """A scenario of test_mounts.py, with state protection: no connection is used
    before it is bound."""
    world.parameters += PROTECTED
    figures = scenario(world)
    expect_counted(world, "protected_clients")
    return figures


def expect_counted(world, name):
    """Raise LabError unless the server has counted some of these."""
    if not world.server.counted[name]:
        raise LabError(f"{name} is 0")


def breaks(world):
    """Connections are closed and reset; the holder has to bind each."""
    return protected(world, mounts.krb5)


def breaks_of_krb5p_only(world):
    """The same where the export takes privacy alone."""
    realm = Realm(world)
    holder, other = realm.pair(("krb5p", "krb5p"), sec="krb5p",
                               parameters=PROTECTED)
    figures = mounts.recall_after_breaks(world, holder, other)
    world.server.stop()
    expect_counted(world, "protection_exemptions")
    return figures


def nconnect_4(world):
    """Four connections, all of which have to be bound."""
    figures = protected(world, mounts.nconnect_4)
    expect_counted(world, "protection_refusals.connection")
    return figures


def sys_beside(world):
    """The holder has a mount with AUTH_SYS beside the one with Kerberos."""
    return protected(world, mounts.krb5_then_sys)


def server_restarted(world):
    """The holder asks the new server for state protection anew."""
    return protected(world, mounts.server_restarted)


REFUSED = ("BIND_CONN_TO_SESSION from ::ffff:10.99.0.11 refused, "
           "it was not sent with its machine's credential")


def other_principal(world):
    """The holder's machine is given another principal, which binds nothing: what
    the first one has is lost with its lease, and no later."""
    realm = Realm(world)
    realm.serve(lease=LEASE, parameters=PROTECTED)
    holder, other = realm.boot("nfs", "nfs")
    realm.stop_gssd(holder)
    realm.start_gssd(holder, "c1-nfs.keytab", "-t", f"{mounts.CONTEXT}")
    for guest in (holder, other):
        realm.mount(guest, "krb5")
    path = make_file(world, "file")
    handle = hold(holder, path, READ)
    mounts.change_principal(realm, holder, "host")
    world.network.abort(holder.address)
    touching = holder.submit("statvfs", path="/mnt")
    lab.wait_until(lambda: REFUSED in lab.read_text(world.server.log),
                   "the BIND is refused")
    blocked = second_open(world, holder, other, path, ENDS)
    lab.wait_until(touching.done, "the holder reaches the server", ENDS)
    sees_new_data(holder, path, handle)
    world.server.stop()
    expect_counted(world, "protection_refusals.credential")
    return {"blocked": blocked}


for scenario in (user_without, user, user_of_krb5p_only, server_restarted,
                 other_principal):
    scenario.deadline = 120

SCENARIOS = (user_without, user, user_of_krb5p_only)
if os.environ.get("BACKCHANNEL_TEST_LONG"):
    SCENARIOS += (breaks, breaks_of_krb5p_only, nconnect_4, sys_beside,
                  server_restarted, other_principal)

if __name__ == "__main__":
    sys.exit(lab.run_scenarios(SCENARIOS, sys.argv[1:], TOOLS))
