#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
r"""Recall of delegations between two real Linux clients.

    BACKCHANNEL_MODULE=.../libfsalbackchannel.so \
    UML_XSTATE=.../libuml_xstate.so ./test_recall.py [NAME...]

Each function in SCENARIOS is one; see lab.py.  --multiplex=false runs them
with Ganesha's own callback path, for comparison.  Linux answers DELAY by
trying again after 0.1 s: that is the least that a recall can cost.
"""
import os
import sys

import lab
from lab import LabError
from files import (NEW, READ, expect_read, hold, holds_delegation, make_file,
                   pair, recall_kinds)

RETRY = 0.1  # s, after which Linux asks again where it was told to wait


def recall_each_kind(world, break_connection=None, **options):
    """A server, two clients, and a recall of each kind: recall_kinds()."""
    holder, other = pair(world, **options)
    figures = recall_kinds(world, holder, other, break_connection)
    world.server.stop()
    return figures


def without_module(world):
    """The control: plain FSAL_VFS grants nothing, and the lab sees that;
    files survive both ways to break a connection."""
    holder, other = pair(world, module=None)
    path = make_file(world, "file")
    handle = holder.open(path, os.O_RDWR).value
    if holds_delegation(holder, path, os.O_RDWR):
        raise LabError("FSAL_VFS alone granted a delegation")
    holder.write(handle, NEW)
    holder.close_connections()
    holder.touch_server()
    world.network.abort(holder.address)
    holder.close(handle)
    opened = other.open(path, os.O_RDONLY)
    expect_read(other, opened.value, NEW, "the holder's write is lost")
    world.server.stop()
    return {"open without a conflict": f"{opened.seconds:.3f} s"}


def healthy(world):
    """The baseline: nothing is broken."""
    return recall_each_kind(world)


def closed(world):
    """The holder closes its connection (FIN) and reconnects."""
    return recall_each_kind(world, lambda holder: holder.close_connections())


def reset(world):
    """The server resets the holder's connection (RST); it reconnects."""
    return recall_each_kind(
        world, lambda holder: world.network.abort(holder.address))


def multiplex_off(world):
    """Multiplex = false: the same, healthy, over Ganesha's own path.

    That path is Ganesha's as it is: once in some thousand runs the server ended
    by SIGSEGV on it.
    """
    return recall_each_kind(world, parameters="Multiplex = false;")


def editor(world):
    """A client opens for reading, then for writing, what it alone uses: it is
    never told to wait, and another reads what it has written."""
    holder, other = pair(world)
    path = make_file(world, "file")
    reading = hold(holder, path, READ)
    writing = holder.open(path, os.O_RDWR)
    if writing.seconds >= RETRY:
        raise LabError(f"open() was blocked for {writing.seconds:.3f} s")
    holder.write(writing.value, NEW)
    holder.close(writing.value)
    holder.close(reading)
    expect_read(other, other.open(path, os.O_RDONLY).value, NEW,
                "the holder's write is lost")
    world.server.stop()
    return {"own open for writing": f"{writing.seconds:.3f} s"}


SCENARIOS = (without_module, healthy, closed, reset, editor)
LONG = (multiplex_off,)

if __name__ == "__main__":
    sys.exit(lab.run_scenarios(SCENARIOS, sys.argv[1:], long=LONG))
