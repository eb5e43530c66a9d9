# SPDX-License-Identifier: LGPL-3.0-or-later
"""Every file of src includes only what doc/architecture.md lets its room see."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)

# What a room may see beside the module's own headers and the C library's: the
# headers that are quoted, and those in angle brackets, by their beginning.
TYPES = r"config\.h|nfsv41\.h"
URCU = r"urcu[-/.].*"
SEES = {
    "liburcu": (r"(?!)", URCU),
    "RFC types": (TYPES, r"(?!)"),
    "ntirpc": (TYPES, "rpc/.*|" + URCU),
    "Ganesha": (r"[\w/]+\.h", "rpc/.*|" + URCU),
}
# <urcu-bp.h>, <urcu/...>, <rpc/...>: not the C library's.
FOREIGN = re.compile(r"urcu|rpc/|ganesha|cmocka")

problems = []


def rooms():
    """{folder: (rooms it may include, kind of thing it sees)}"""
    text = (ROOT / "doc/architecture.md").read_text()
    table = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[0].startswith("`src/"):
            may = {room.strip() for room in cells[2].split(",")}
            table[cells[0].strip("`")] = (may, cells[3])
    return table


def room_of(header, names):
    """The room of a quoted include: named by its folder, or a contract."""
    folder = header.split("/")[0] if "/" in header else ""
    if folder in names:
        return folder
    return "include" if (SRC / "include" / header).exists() else None


def check_file(path, room, may, sees, names):
    quoted, angled = (re.compile(pattern) for pattern in SEES[sees])
    for kind, header in INCLUDE.findall(path.read_text()):
        other = room_of(header, names) if kind == '"' else None
        if other:
            allowed = other == room or other in may
        elif kind == '"':
            allowed = quoted.fullmatch(header)
        else:
            allowed = not FOREIGN.match(header) or angled.fullmatch(header)
        if not allowed:
            problems.append(f"{path.relative_to(ROOT)}: {header} is not for "
                            f"the room {room}")


def main():
    table = rooms()
    names = {pathlib.PurePath(folder).name for folder in table}
    if not table:
        problems.append("doc/architecture.md has no table of rooms")
    for path in sorted(SRC.rglob("*.[ch]")):
        folder = str(path.parent.relative_to(ROOT))
        if folder == "src/protocols/ganesha/config_h":
            continue  # stands in for Ganesha's own config.h
        if folder not in table:
            problems.append(f"{folder} is no room of doc/architecture.md")
            continue
        may, sees = table[folder]
        check_file(path, pathlib.PurePath(folder).name, may, sees, names)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(table)} rooms, {len(problems)} problems")
    return bool(problems)


sys.exit(main())
