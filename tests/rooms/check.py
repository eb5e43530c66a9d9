# SPDX-License-Identifier: LGPL-3.0-or-later
"""Every file of src includes only what doc/architecture.md lets its room see."""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else
                    pathlib.Path(__file__).resolve().parents[2])
SRC = ROOT / "src"
# Where the compiler looks for "..." and <...>, after the file's own folder.
FOLDERS = (SRC / "include", SRC / "protocols", SRC)
CONFIG = "src/protocols/ganesha/config_h"  # stands in for Ganesha's config.h

# What every room may see beside the module's own headers: the C library, its
# threads and its probes; and with the system's calls, who sees ntirpc or Ganesha.
LIBRARY = (r"(arpa/inet|assert|errno|inttypes|pthread|sched|semaphore|stdarg|"
           r"stdbool|stddef|stdint|stdio|stdlib|string|sys/sdt|time)\.h")
SYSTEM = (r"(dlfcn|elf|fcntl|link|netinet/in|netinet/tcp|poll|sys/epoll|"
          r"signal|sys/mman|sys/param|sys/random|sys/socket|sys/uio|unistd)\.h")
URCU = r"urcu-bp\.h|urcu/\w+\.h"
NTIRPC = r"rpc/\w+\.h"
ADMIN = (r"(dbus/dbus|microhttpd|jansson|limits|netdb|signal|strings|sys/file|"
         r"sys/stat|sys/un)\.h")
TYPES = r"config\.h|nfsv41\.h"
NONE = r"(?!)"

# By what the table says that a room sees: the foreign headers that it may include
# in quotes, and those in angle brackets.
SEES = {
    "": (NONE, LIBRARY),
    "liburcu": (NONE, "|".join((LIBRARY, URCU))),
    "HTTP, JSON, D-Bus": (NONE, "|".join((LIBRARY, SYSTEM, ADMIN))),
    "RFC types": (TYPES, LIBRARY),
    "ntirpc": (TYPES, "|".join((LIBRARY, SYSTEM, URCU, NTIRPC))),
    "Ganesha": (r"\w+(/\w+)?\.h",
                "|".join((LIBRARY, SYSTEM, URCU, NTIRPC, r"dbus/dbus\.h"))),
}

COMMENT_OR_STRING = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*(?:#|%:|\?\?=)[ \t]*(\w*)[ \t]*(.*?)[ \t]*$",
                       re.MULTILINE)
HEADER = re.compile(r'"([^">]+)"|<([^">]+)>')
DECLARED = re.compile(r"(?:^|[;{}])\s*(?!return\b|else\b|goto\b|case\b|static\b)"
                      r"(?:\w+[\s*]+)+(bc_\w+)\s*\([^;{}]*\)\s*"
                      r"(?:__attribute__[^;{}]*)?(?=;)")

problems = set()


def problem(path, what):
    problems.add(f"{path.relative_to(ROOT)}: {what}")


def rooms():
    """{file or folder: (name, what it may include, kind of thing it sees)}"""
    table = {}
    for line in (ROOT / "doc/architecture.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[0].startswith("`src/"):
            place = cells[0].strip("`")
            may = {room.strip() for room in cells[2].split(",")} - {""}
            table[place] = (pathlib.PurePath(place).name, may, cells[3])
    return table


def room_of(path, table):
    """The row of a file of src: its own, or its folder's; None: it has none."""
    place = path.relative_to(ROOT)
    return table.get(str(place)) or table.get(str(place.parent))


def without_comments(text, strings):
    """Comments become a space, as for the compiler; strings "", or stay."""
    def replaced(found):
        if found[0].startswith("/"):
            return " " + "\n" * found[0].count("\n")
        return found[0] if strings else '""'
    text = re.sub(r"\\\n", "", text)
    return COMMENT_OR_STRING.sub(replaced, text)


def includes(path):
    """[(the header's name, whether it is quoted)], as far as they are plain."""
    result = []
    for found in DIRECTIVE.finditer(without_comments(path.read_text(), True)):
        directive, operand = found.groups()
        if directive not in ("include", "include_next", "import", "embed"):
            continue
        header = HEADER.fullmatch(operand)
        if directive != "include" or not header:
            problem(path, f"#{directive} {operand} is not a plain include")
        elif ".." in header[0] or header[0][1:2] == "/":
            problem(path, f"{header[0]} leads out of the folder")
        else:
            result.append((header[1] or header[2], bool(header[1])))
    return result


def resolve(path, header, quoted):
    """The file of src that the compiler finds, or None: it is foreign."""
    for folder in (*((path.parent,) if quoted else ()), *FOLDERS):
        if (folder / header).is_file():
            return (folder / header).resolve()
    return None


def check_own(path, header, quoted, found, table):
    """Whether one of ours is called what it is to be called."""
    room = room_of(found, table)
    folder = header.rpartition("/")[0]
    if not quoted:
        problem(path, f"<{header}> is ours: in quotes")
    elif room and folder != ("" if found.parent == FOLDERS[0] else
                             found.parent.name):
        problem(path, f"{header} does not name its folder")


def check_file(path, table):
    """What a file includes, and what that brings in, is for its room."""
    name, may, sees = room_of(path, table)
    quoted_may, angled_may = (re.compile(pattern) for pattern in SEES[sees])
    seen, todo = {path}, [(path, "")]
    while todo:
        at, way = todo.pop()
        for header, quoted in includes(at):
            found = resolve(at, header, quoted)
            foreign = not found or str(found.relative_to(ROOT)).startswith(
                CONFIG)
            if foreign:
                if not (quoted_may if quoted else angled_may).fullmatch(header):
                    problem(path, f"{header} is not for the room {name}{way}")
                continue
            check_own(at, header, quoted, found, table)
            room = room_of(found, table)
            if not room or (room[0] != name and room[0] not in may):
                problem(path, f"{header} is not for the room {name}{way}")
            if found not in seen:
                seen.add(found)
                todo.append((found, way or f", by {header}"))


def check_declarations(path):
    """What is another file's is declared in its header, and nowhere else."""
    text = without_comments(path.read_text(), False)
    text = re.sub(r"^[ \t]*#.*$", "", text, flags=re.MULTILINE)
    if re.search(r"\bextern\b", text):
        problem(path, "extern: include its header")
    for name in DECLARED.findall(text):
        if not re.search(rf"\b{name}\s*\([^;{{}}]*\)\s*\{{", text):
            problem(path, f"{name}() is declared here: include its header")


def check(path, table):
    if str(path.parent.relative_to(ROOT)) == CONFIG or \
            path == SRC / "CMakeLists.txt":
        return
    if path.suffix not in (".c", ".h"):
        problem(path, "neither .c nor .h: nobody looks into it")
        return
    if not room_of(path, table):
        problem(path, "is in no room of doc/architecture.md")
        return
    check_file(path, table)
    if path.suffix == ".c":
        check_declarations(path)


def main():
    table = rooms()
    names = {name for name, _, _ in table.values()}
    if not table:
        problems.add("doc/architecture.md has no table of rooms")
    for place, (_, may, sees) in table.items():
        if sees not in SEES or may - names:
            problems.add(f"doc/architecture.md: {place}: no such room or sight")
            return report(table)
    for path in sorted(SRC.rglob("*")):
        if path.is_symlink():
            problem(path, "is a link")
        elif path.is_file():
            check(path, table)
    return report(table)


def report(table):
    for line in sorted(problems):
        print(line, file=sys.stderr)
    print(f"{len(table)} rooms, {len(problems)} problems")
    return bool(problems)


sys.exit(main())
