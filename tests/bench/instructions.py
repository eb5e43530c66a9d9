#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Guard the length of the core's hot paths, in instructions.

    instructions.py HOTPATH BASELINE

Counted by callgrind, which is the same on a slow and on a busy machine.  The
baseline is JSON: {"callback": N, ..., "tolerance": 0.1}.  More than
the tolerance above is a regression; more than that below is good news that the
baseline has to learn of, or the next regression would hide in it.
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
    failed = False
    for path, before in expected.items():
        now = least(hotpath, path, before * (1 + tolerance))
        change = now / before - 1
        failed |= abs(change) > tolerance
        print(f"{path}: {now:.0f} instructions, baseline {before} "
              f"({change:+.1%}, tolerance {tolerance:.0%})")
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
