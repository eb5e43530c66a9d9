#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Guard the length of the core's hot paths, in instructions.

    instructions.py HOTPATH BASELINE

Counted by callgrind, which is the same on a slow and on a busy machine.  The
baseline is JSON: {"callback": N, ..., "tolerance": 0.1, "steps": {"crowded": M}}.
More than the tolerance above is a regression; more than that below is good news that
the baseline has to learn of, or the next regression would hide in it.

Steps are instructions that a path may take more or less than its baseline by: when the
10,000 callbacks that are out beside "crowded" are looked at by the timers is the clock's
to say, and with that how many of log2(10,000) steps its own way into their heap and out
of it has.
"""
import json
import re
import subprocess
import sys

TIMES = 10000
RUNS = 3  # at most: what malloc() finds of what another thread freed may add to one


def count(hotpath, path):
    """The instructions of one round: those inside the function of its name."""
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
         f"--toggle-collect={path}", hotpath, path, str(TIMES)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=300)
    found = re.search(r"Collected : (\d+)", done.stdout)
    if done.returncode or not found:
        sys.exit(f"callgrind: {done.stdout}")
    return int(found.group(1)) / TIMES


def least(hotpath, path, enough):
    """The least of some runs, or the first one that is no more than @enough."""
    now = count(hotpath, path)
    for _ in range(RUNS - 1):
        if now <= enough:
            break
        now = min(now, count(hotpath, path))
    return now


def main(hotpath, baseline):
    with open(baseline, encoding="ascii") as file:
        expected = json.load(file)
    tolerance = expected.pop("tolerance")
    steps = expected.pop("steps")
    failed = False
    for path, before in expected.items():
        allowed = before * tolerance + steps.get(path, 0)
        now = least(hotpath, path, before + allowed)
        failed |= abs(now - before) > allowed
        print(f"{path}: {now:.0f} instructions, baseline {before} "
              f"({now / before - 1:+.1%}, tolerance {allowed / before:.0%})")
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
