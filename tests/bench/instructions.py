#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Guard the length of the core's hot paths, in instructions.

    instructions.py HOTPATH BASELINE

Counted by callgrind, which is the same on a slow and on a busy machine.  The
baseline is JSON: {"callback": N, "sequence": N, "tolerance": 0.1}.  More than
the tolerance above is a regression; more than that below is good news that the
baseline has to learn of, or the next regression would hide in it.
"""
import json
import re
import subprocess
import sys

FEW, MANY = 1000, 3000


def count(hotpath, path, times):
    """The instructions of one run."""
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
         hotpath, path, str(times)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=300)
    found = re.search(r"Collected : (\d+)", done.stdout)
    if done.returncode or not found:
        sys.exit(f"callgrind: {done.stdout}")
    return int(found.group(1))


def main(hotpath, baseline):
    with open(baseline, encoding="ascii") as file:
        expected = json.load(file)
    tolerance = expected.pop("tolerance")
    failed = False
    for path, before in expected.items():
        few, many = (count(hotpath, path, times) for times in (FEW, MANY))
        now = (many - few) / (MANY - FEW)
        change = now / before - 1
        failed |= abs(change) > tolerance
        print(f"{path}: {now:.0f} instructions, baseline {before} "
              f"({change:+.1%}, tolerance {tolerance:.0%})")
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
