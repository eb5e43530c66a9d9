#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
r"""Recalls after tickets have expired: the machines', a user's, and while the
KDC is away.

    BACKCHANNEL_MODULE=.../libfsalbackchannel.so \
    UML_XSTATE=.../libuml_xstate.so ./test_expiry.py [NAME...]

The figures are for how long a second client's open() was blocked.
"""
import os
import sys

from realm import TOOLS, Realm, as_user

import lab
from files import (AT_ONCE, ENDS, LIMIT, READ, hold, holds_delegation,
                   make_file, second_open, sees_new_data)
from lab import LabError

LEASE = 10  # s
TICKET = 12  # s
USER, UID = "daemon", 1  # who is known everywhere


def machine(world):
    """The tickets of both machines have expired, and with them the contexts;
    then the holder's connection is reset."""
    realm = Realm(world, life=f"{TICKET}s")
    holder, other = realm.pair(lease=LEASE)
    figures = {}
    for turn in ("first ticket", "second", "third"):
        path = make_file(world, turn.replace(" ", "-"))
        handle = hold(holder, path, READ)
        lab.pause(TICKET + 1)
        world.network.abort(holder.address)
        holder.touch_server()
        # The holder's machine, and the other, ask the KDC first.
        figures[turn] = second_open(world, holder, other, path, LIMIT)
        sees_new_data(holder, path, handle)
    world.server.stop()
    return figures


machine.deadline = 120


def kdc_away(world):
    """There is no KDC any more: contexts that are there go on."""
    realm = Realm(world)
    holder, other = realm.pair(lease=LEASE)
    path = make_file(world, "file")
    handle = hold(holder, path, READ)
    realm.stop_kdc()
    world.network.abort(holder.address)
    holder.touch_server()
    blocked = second_open(world, holder, other, path, AT_ONCE)
    sees_new_data(holder, path, handle)
    world.server.stop()
    return {"after a RST": blocked}


def user_holds(realm, holder, path):
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


def user(world):
    """A user's ticket has expired while a delegation is his: nobody can return
    it, and who opens the file waits for its revocation."""
    realm = Realm(world)
    holder, other = realm.pair(lease=LEASE)
    path = make_file(world, "file")
    user_holds(realm, holder, path)
    blocked = second_open(world, holder, other, path, ENDS)
    world.server.stop()
    return {"as Ganesha has it": blocked}


user.deadline = 120

SCENARIOS = (user,)
if os.environ.get("BACKCHANNEL_TEST_LONG"):
    SCENARIOS += (machine, kdc_away)

if __name__ == "__main__":
    sys.exit(lab.run_scenarios(SCENARIOS, sys.argv[1:], TOOLS))
