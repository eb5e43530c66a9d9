# SPDX-License-Identifier: LGPL-3.0-or-later
"""Whether metrics on stdin are in Prometheus' text format, and named by its rules; with
the argument openmetrics, whether they are in that one's.
"""
import re
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf'({NAME})(?:\{{((?:{NAME}="(?:[^"\\\n]|\\["\\n])*",?)*)\}})? '
                    r"(-?[0-9]+(?:\.[0-9]+)?)")
TYPES = ("counter", "gauge", "histogram")
UNITS = ("_milliseconds", "_ms", "_microseconds", "_minutes", "_kilobytes")


def problems(text, openmetrics):
    """What is wrong, line by line."""
    if text.endswith("\n# EOF\n") != openmetrics:
        yield "the end is another format's"
    if openmetrics:
        text = text.removesuffix("# EOF\n")
    family = kind = helped = None
    families, seen = set(), set()
    if not text.endswith("\n"):
        yield "the last line does not end"
    for line in text.splitlines():
        if line.startswith("# HELP "):
            helped = line.split(" ", 3)[2]
            if len(line.split(" ", 3)) < 4 or not line.endswith("."):
                yield f"no help: {line}"
            continue
        if line.startswith("# TYPE "):
            _, _, family, kind = line.split(" ")
            if family in families or family != helped or kind not in TYPES:
                yield f"family: {line}"
            suffix = kind == "counter" and not openmetrics
            if family.endswith("_total") != suffix:
                yield f"name of a {kind}: {family}"
            if family.replace("_total", "").endswith(UNITS):
                yield f"no base unit: {family}"
            families.add(family)
            continue
        found = SAMPLE.fullmatch(line)
        if not found:
            yield f"no sample: {line}"
            continue
        name = found[1]
        base = re.sub("_(bucket|sum|count)$", "", name)
        if openmetrics and kind == "counter":
            base = name.removesuffix("_total")
            right = name.endswith("_total") and base == family
        else:
            right = base == family if kind == "histogram" else name == family
        if not right:
            yield f"not of the family {family}: {line}"
        if (name, found[2]) in seen:
            yield f"twice: {line}"
        seen.add((name, found[2]))
    if not any(name == f"{one}_bucket" and 'le="+Inf"' in labels
               for one in families for name, labels in seen if labels):
        yield "no histogram"


def main():
    text = sys.stdin.read()
    found = list(problems(text, sys.argv[1:] == ["openmetrics"]))
    for line in found:
        print(line)
    return bool(found)


sys.exit(main())
