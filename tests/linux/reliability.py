#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Make a table of three records of the lab's scenarios.

    reliability.py WITH UNHELD WITHOUT
    reliability.py --locks WITH UNNOTIFIED WITHOUT

They are files that run_scenarios() wrote with --record: one with the module, one
with Hold_Conflicts = 0 or Notify_Locks = false, and one with Ganesha's own callback
path.  The table goes to stdout.
"""
import json
import sys


def load(path):
    """A record, by scenario."""
    with open(path, encoding="ascii") as record:
        outcomes = map(json.loads, record)
        return {outcome["scenario"]: outcome for outcome in outcomes}


def blocked(outcome):
    """For how long open() was blocked, or why nobody knows."""
    if not outcome:
        return "not run"
    if "ganesha.nfsd died" in (outcome["error"] or ""):
        return "**server crashed**"
    if outcome["blocked"] is None:
        return f"failed: {outcome['error']}"
    text = f"{outcome['blocked']:.3f} s"
    if outcome["median"]:
        text = f"median {outcome['median']:.3f} s, worst {text}"
    return text if not outcome["error"] else f"**{text}**"


def data(outcome):
    """What became of the data."""
    if not outcome or (outcome["error"] and not outcome["data"]):
        return "-"
    return "**stale**" if outcome["data"] else "right"


def callbacks(outcome):
    """Callbacks submitted and completed, as the module counted them."""
    counts = outcome["callbacks"]
    return f"{counts[0]} / {counts[1]}" if counts else "-"


def table(heads, cells, records):
    """Print a row for each scenario of the first of @records, which the others may
    lack; returns whether one of them failed."""
    rows, *others = map(load, records)
    heads = ("scenario", *heads, "callbacks submitted / completed")
    print(f"| {' | '.join(heads)} |")
    print(f"| {' | '.join(['---'] * len(heads))} |")
    for name, outcome in rows.items():
        row = (outcome["what"].rstrip("."),
               *cells(outcome, *(other.get(name) for other in others)),
               callbacks(outcome))
        print(f"| {' | '.join(row)} |")
    return any(outcome["error"] for outcome in rows.values())


def locks(*records):
    """Locks that are waited for: with the module, unnotified, without it."""
    return table(("a turn, module", "the same, `Notify_Locks = false`",
                  "the same, Ganesha's path"),
                 lambda *outcomes: map(blocked, outcomes), records)


def faults(*records):
    """What fails: with the module, no request is held, without it."""
    return table(("second `open()` blocked, module",
                  "the same, `Hold_Conflicts = 0`",
                  "the same, Ganesha's path", "data, module",
                  "data, Ganesha's path"),
                 lambda outcome, unheld, without:
                 (*map(blocked, (outcome, unheld, without)),
                  data(outcome), data(without)), records)


if __name__ == "__main__":
    if sys.argv[1] == "--locks":
        sys.exit(locks(*sys.argv[2:]))
    sys.exit(faults(*sys.argv[1:]))
