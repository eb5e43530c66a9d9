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


def locks(with_module, unnotified, without):
    """The table of locks that are waited for."""
    rows = load(with_module)
    others = load(unnotified), load(without)
    print("| scenario | a turn, module | the same, `Notify_Locks = false` "
          "| the same, Ganesha's path | callbacks submitted / completed |")
    print("| --- | --- | --- | --- | --- |")
    for name, outcome in rows.items():
        unnotified, without = (other.get(name) for other in others)
        print(f"| {outcome['what'].rstrip('.')} | {blocked(outcome)} "
              f"| {blocked(unnotified)} | {blocked(without)} "
              f"| {callbacks(outcome)} |")
    return any(outcome["error"] for outcome in rows.values())


def main(with_module, unheld, without):
    rows = load(with_module)
    others = load(unheld), load(without)
    print("| scenario | second `open()` blocked, module "
          "| the same, `Hold_Conflicts = 0` | the same, Ganesha's path "
          "| data, module | data, Ganesha's path "
          "| callbacks submitted / completed |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, outcome in rows.items():
        unheld, without = (other.get(name) for other in others)
        print(f"| {outcome['what'].rstrip('.')} | {blocked(outcome)} "
              f"| {blocked(unheld)} | {blocked(without)} | {data(outcome)} "
              f"| {data(without)} | {callbacks(outcome)} |")
    return any(outcome["error"] for outcome in rows.values())


if __name__ == "__main__":
    if sys.argv[1] == "--locks":
        sys.exit(locks(*sys.argv[2:]))
    sys.exit(main(*sys.argv[1:]))
