# SPDX-License-Identifier: LGPL-3.0-or-later
"""The module has the probes that doc/tracing.md lists, with as many arguments; and no
more of them than bpftrace has, arg0 to arg5.

    check.py MODULE READELF
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def documented():
    """{probe: number of its arguments}"""
    rows = re.findall(r"^\| `(\w+)` \| ([\w, ]+) \| [^|]* \|$",
                      (ROOT / "doc/tracing.md").read_text(), re.MULTILINE)
    return {name: len(arguments.split(",")) for name, arguments in rows}


def present(module, readelf):
    """{probe: {number of its arguments, of each place that has it}}"""
    notes = subprocess.run([readelf, "--wide", "--notes", module], check=True,
                           stdout=subprocess.PIPE, text=True).stdout
    result = {}
    for name, arguments in re.findall(
            r"Provider: ganesha_backchannel\s+Name: (\w+)\s+Location: [^\n]*\n"
            r"\s+Arguments:([^\n]*)", notes):
        # Each begins with its size; what follows may have spaces: "8@[sp, 16]".
        result.setdefault(name, set()).add(
            len(re.findall(r"(?:^|\s)-?\d+@", arguments)))
    return result


def main(module, readelf):
    said, there = documented(), present(module, readelf)
    problems = [f"doc/tracing.md does not list {name}"
                for name in there.keys() - said.keys()]
    for name, arguments in said.items():
        if there.get(name) != {arguments}:
            problems.append(f"{name}: {arguments} arguments in doc/tracing.md, "
                            f"{there.get(name) or 'not there'} in the module")
        if arguments > 6:
            problems.append(f"{name}: {arguments} arguments, bpftrace has six")
    if not said:
        problems.append("doc/tracing.md lists no probe")
    for problem in sorted(problems):
        print(problem, file=sys.stderr)
    print(f"{len(there)} probes, {len(problems)} problems")
    return bool(problems)


sys.exit(main(*sys.argv[1:]))
