#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Many clients at one server.

    test_scale.py SCALE

SCALE is the program.  Some thousand clients, and none of them is lost: that is the test.
With BACKCHANNEL_TEST_LONG in the environment it is measured as well, with up to 100,000
and stock Ganesha beside the module, and doc/scale.md written.
"""
import os
import shutil
import subprocess
import sys

SKIPPED = 77
SHORT = "2000",
LONG = "1000", "10000", "30000", "100000"
HERE = os.path.dirname(os.path.abspath(__file__))
DOC = os.path.join(HERE, "..", "..", "doc")


def measure(scale):
    """The long one. In memory: what a disk does is not what is asked."""
    figures = os.path.join(os.path.dirname(scale), "figures.json")
    env = dict(os.environ, TMPDIR=os.environ.get("TMPDIR", "/dev/shm"),
               SCALE_LOAD=f"{os.getloadavg()[0]:.2f}")
    with open(figures, "w", encoding="utf-8") as out:
        status = subprocess.run([scale, *LONG], stdout=out, env=env,
                                check=False).returncode
    if status:
        return status
    return subprocess.run(
        [sys.executable, "-B", os.path.join(HERE, "scale_report.py"), DOC,
         figures], env=env, check=False).returncode


def main(scale):
    """The short one, or the long one."""
    if os.geteuid() != 0:
        print("SKIPPED: scale: ganesha.nfsd needs root")
        return SKIPPED
    long = os.environ.get("BACKCHANNEL_TEST_LONG")
    if long and not shutil.which("gnuplot"):
        print("SKIPPED: scale is not measured: there is no gnuplot; "
              "ci/lab --long scale installs it", flush=True)
        long = None
    elif not long:
        print("SKIPPED: up to 100,000 clients take long: ci/test --long scale",
              flush=True)
    if not long:
        return subprocess.run([scale, "--short", *SHORT],
                              check=False).returncode
    return measure(scale)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
