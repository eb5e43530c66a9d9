#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
r"""Locks that real Linux clients wait for.

    BACKCHANNEL_MODULE=.../libfsalbackchannel.so \
    UML_XSTATE=.../libuml_xstate.so ./test_locks.py [NAME...]

Each function in SCENARIOS is one; see lab.py.  --notify=false runs them without
Notify_Locks, for comparison: Linux then asks again after 1, 2, 4, ... 30 s.

A lock is handed over from where its holder is told to unlock it to where the next
one's answer has come, as this program sees it: with the way to both guests.
"""
import os
import statistics
import sys
import time

import lab
from lab import DataError, LabError, pause, wait_until
from files import OLD, make_file

TURNS = 20
TURNS_UNNOTIFIED = 4
LIMIT = 0.1  # s, a turn in the median: who is told nothing asks after a second
LIMIT_MANY = 0.5  # s, any turn of many lockers, on a busy machine, too
WAITS = (0.2, 1.5)  # s that one waits before it is its turn, by turns
LOCKERS = 20
GUESTS = 4
HOLD = 0.05  # s, each of many has the lock
WITHIN = 60  # s, all of many have had it: those that ask at the same times have not


def is_notified(world):
    """Whether this run is one with Notify_Locks, and so to be held to its limits."""
    return not world.parameters


def lock_waiters(world):
    """How many wait for a lock, as the server sees it."""
    return world.server.admin("/v1/totals")["now"]["lock_waiters"]


def hand_over(holder, waiter, kind, waits):
    """One turn, and how long it takes: (guest, handle) of who has the lock, and of
    who has it then."""
    denied = waiter[0].count("LOCK")
    asked = waiter[0].submit("lock", handle=waiter[1], kind=kind)
    wait_until(lambda: waiter[0].count("LOCK") > denied, "LOCK is denied")
    pause(waits)
    begun = time.monotonic()
    holder[0].unlock(holder[1], kind)
    asked.result(2 * lab.PATIENCE)
    return time.monotonic() - begun


def some_turns(ends, kind, turns):
    """How long each takes, of an even number of turns."""
    return [hand_over(ends[turn % 2], ends[1 - turn % 2], kind,
                      WAITS[turn % len(WAITS)]) for turn in range(turns)]


def note_turns(world, turns):
    """Record how long they took; the scenario's figures."""
    world.blocked = max(turns)
    world.blocked_median = statistics.median(turns)
    return {"median": f"{world.blocked_median:.4f} s",
            "worst": f"{world.blocked:.4f} s"}


def to_and_fro(world, kind):
    """Two clients, one lock; the median of a turn."""
    world.serve()
    guests = world.boot("one", "other")
    path = make_file(world, "lock")
    ends = []
    for guest in guests:
        guest.mount()
        ends.append((guest, guest.open(path, os.O_RDWR).value))
    ends[0][0].lock(ends[0][1], kind)
    turns = some_turns(ends, kind, TURNS if is_notified(world)
                       else TURNS_UNNOTIFIED)
    figures = note_turns(world, turns)
    if is_notified(world) and world.blocked_median > LIMIT:
        raise LabError(f"a turn takes {world.blocked_median:.4f} s")
    world.server.stop()
    return figures


def flock_to_and_fro(world):
    """Two clients pass a lock to and fro, with flock()."""
    return to_and_fro(world, "flock")


def fcntl_to_and_fro(world):
    """Two clients pass a lock to and fro, with fcntl()."""
    return to_and_fro(world, "fcntl")


def line_up(world, guests, path):
    """Have lockers wait for a lock, one after the other; the Futures of their ends."""
    lockers = []
    for number in range(LOCKERS):
        lockers.append(guests[number % GUESTS].submit(
            "turn", path=path, name=str(number), hold=HOLD))
        if is_notified(world):
            wait_until(lambda: lock_waiters(world) == number + 1,
                       f"locker {number} waits")
    return lockers


def watch_turns(file, lockers, begun):
    """Who has the lock, in order, by the lines that they add to the file; and how
    long each turn takes, from one's end to the next one's line."""
    order, turns, last = [], [], begun
    while not all(locker.done() for locker in lockers) or len(order) < LOCKERS:
        for line in file.read().split():
            now = time.monotonic()
            turns.append(max(0, now - last - HOLD * bool(order)))
            order.append(int(line))
            last = now
        if time.monotonic() > begun + WITHIN:
            raise LabError(f"after {WITHIN} s {len(order)} of {LOCKERS} "
                           "have had it")
        time.sleep(0.001)
    for locker in lockers:
        locker.result(lab.PATIENCE)
    if sorted(order) != list(range(LOCKERS)):
        raise DataError(f"not each of them had it once: {order}")
    return order, turns


def many_lockers(world):
    """Twenty lockers in four clients wait for one lock: each gets it, in the order
    in which they came."""
    world.serve()
    first, *guests = world.boot("first", *(f"guest{n}" for n in range(GUESTS)))
    path = make_file(world, "lock")
    for guest in [first] + guests:
        guest.mount()
    handle = first.open(path, os.O_RDWR).value
    first.write(handle, "\n", len(OLD))
    first.call("sync", handle=handle)
    with open(f"{world.server.export}/lock", encoding="ascii") as file:
        file.readline()
        first.lock(handle, "flock")
        lockers = line_up(world, guests, path)
        pause(WAITS[0])
        begun = time.monotonic()
        first.unlock(handle, "flock")
        order, turns = watch_turns(file, lockers, begun)
    if is_notified(world) and order != sorted(order):
        raise LabError(f"they had it in another order: {order}")
    figures = note_turns(world, turns)
    if is_notified(world) and world.blocked > LIMIT_MANY:
        raise LabError(f"a turn took {world.blocked:.4f} s")
    world.server.stop()
    return figures


flock_to_and_fro.deadline = fcntl_to_and_fro.deadline = 180
many_lockers.deadline = 300

SCENARIOS = (flock_to_and_fro, fcntl_to_and_fro, many_lockers)

if __name__ == "__main__":
    sys.exit(lab.run_scenarios(SCENARIOS, sys.argv[1:]))
