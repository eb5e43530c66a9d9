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
from files import (AT_ONCE, ENDS, READ, hold, holds_delegation, make_file,
                   recall_kinds, second_open, sees_new_data)
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
    return user_expired(world, AT_ONCE, parameters=PROTECTED)


def user_of_krb5p_only(world):
    """The same on an export that takes privacy alone, which Linux's DELEGRETURN
    and CLOSE do not have."""
    return user_expired(world, AT_ONCE, "krb5p", sec="krb5p",
                        parameters=PROTECTED)


for scenario in (user_without, user, user_of_krb5p_only):
    scenario.deadline = 120

SCENARIOS = (user_without, user, user_of_krb5p_only)

if __name__ == "__main__":
    sys.exit(lab.run_scenarios(SCENARIOS, sys.argv[1:], TOOLS))
