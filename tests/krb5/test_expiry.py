#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
r"""Recalls after the machines' tickets have expired, and while the KDC is away.

    BACKCHANNEL_MODULE=.../libfsalbackchannel.so \
    UML_XSTATE=.../libuml_xstate.so ./test_expiry.py [NAME...]

The figures are for how long a second client's open() was blocked.
"""
import sys

from realm import TOOLS, Realm

import lab
from files import (AT_ONCE, LIMIT, READ, hold, make_file, reset, second_open,
                   sees_new_data)

TICKET = 12  # s


def machine(world):
    """The tickets of both machines have expired, and with them the contexts;
    then the holder's connection is reset."""
    realm = Realm(world, life=f"{TICKET}s")
    holder, other = realm.pair()
    figures = {}
    for turn in ("first ticket", "second", "third"):
        path = make_file(world, turn.replace(" ", "-"))
        handle = hold(holder, path, READ)
        lab.pause(TICKET + 1)
        reset(world, holder)
        # The holder's machine, and the other, ask the KDC first.
        figures[turn] = second_open(world, holder, other, path, LIMIT)
        sees_new_data(holder, path, handle)
    world.server.stop()
    return figures


machine.deadline = 120


def kdc_away(world):
    """There is no KDC any more: contexts that are there go on."""
    realm = Realm(world)
    holder, other = realm.pair()
    path = make_file(world, "file")
    handle = hold(holder, path, READ)
    realm.stop_kdc()
    reset(world, holder)
    blocked = second_open(world, holder, other, path, AT_ONCE)
    sees_new_data(holder, path, handle)
    world.server.stop()
    return {"after a RST": blocked}


SCENARIOS = (kdc_away,)
LONG = (machine,)

if __name__ == "__main__":
    sys.exit(lab.run_scenarios(SCENARIOS, sys.argv[1:], TOOLS, LONG))
