# SPDX-License-Identifier: LGPL-3.0-or-later
"""check.py finds what leads around it: each case in a small tree of its own."""
import pathlib
import subprocess
import sys
import tempfile

CHECK = pathlib.Path(__file__).resolve().parent / "check.py"

TREE = {
    "doc/architecture.md": """
| room | what is in it | may include | sees |
| --- | --- | --- | --- |
| `src/include` | the contract | wire | |
| `src/include/bc_internal.h` | the objects | include, wire | liburcu |
| `src/state` | the core | include, bc_internal.h, wire | liburcu |
| `src/admin` | the administration | include, wire | HTTP, JSON, D-Bus |
| `src/protocols/wire` | the wire | include | RFC types |
| `src/protocols/transport` | ntirpc | include, bc_internal.h, wire | ntirpc |
| `src/protocols/ganesha` | Ganesha | wire | Ganesha |
| `src/protocols/operations` | operations | include, wire, ganesha | Ganesha |
""",
    "src/CMakeLists.txt": "",
    "src/include/backchannel.h": '#include "wire/words.h"\nint bc_go(void);\n',
    "src/include/bc_internal.h": '#include <urcu/ref.h>\n'
                                 '#include "backchannel.h"\n',
    "src/state/core.c": '#include "bc_internal.h"\n#include <errno.h>\n'
                        "int bc_go(void)\n{\n\tif (bc_stop(1))\n"
                        "\t\treturn bc_stop(2);\n\telse\n"
                        "\t\tbc_stop(3);\n\treturn 0;\n}\n",
    "src/admin/view.h": '#include "backchannel.h"\n',
    "src/admin/view.c": '#include "admin/view.h"\n#include <jansson.h>\n',
    "src/protocols/wire/words.h": '#include <stdint.h>\n',
    "src/protocols/transport/send.h": "#include <rpc/rpc.h>\n",
    "src/protocols/transport/send.c": '#include "transport/send.h"\n'
                                      '#include "bc_internal.h"\n'
                                      "#include <sys/socket.h>\n",
    "src/protocols/ganesha/record.h": '#include "nfs_core.h"\n'
                                      '#include "wire/words.h"\n',
    "src/protocols/ganesha/config_h/config.h": "#include <features.h>\n",
    "src/protocols/operations/op.h": '#include "sal_data.h"\n',
    "src/protocols/operations/op.c": '#include "operations/op.h"\n'
                                     '#include "ganesha/record.h"\n',
}
OP, CORE = "src/protocols/operations/op.c", "src/state/core.c"
VIEW = "src/admin/view.c"
WORDS = "src/protocols/wire/words.h"

# (what, file, added to it, what the check says)
HOLES = (
    ("a room that is not listed", CORE, '#include "transport/send.h"', "send.h"),
    ("the same after a comment", CORE,
     '/* a */ #include "transport/send.h"', "send.h"),
    ("after a comment of two lines", CORE,
     '/*\n */#include "transport/send.h"', "send.h"),
    ("with a comment inside", CORE,
     '#/**/include/**/"transport/send.h"', "send.h"),
    ("over two lines", CORE, '#inc\\\nlude "transport/send.h"', "send.h"),
    ("as a digraph", CORE, '%:include "transport/send.h"', "send.h"),
    ("the administration sees Ganesha", VIEW, '#include "nfs_core.h"',
     "nfs_core.h is not for the room admin"),
    ("and what another room knows of it", VIEW, '#include "ganesha/record.h"',
     "ganesha/record.h is not for the room admin"),
    ("and the core's objects", VIEW, '#include "bc_internal.h"',
     "bc_internal.h is not for the room admin"),
    ("the core sees the administration", CORE, '#include "admin/view.h"',
     "admin/view.h is not for the room state"),
    ("JSON in another room", CORE, "#include <jansson.h>",
     "jansson.h is not for the room state"),
    ("a room by its whole path", VIEW, '#include "protocols/wire/words.h"',
     "does not name its folder"),
    ("ours in angle brackets", OP, "#include <operations/op.h>", "in quotes"),
    ("another room's in angle brackets", CORE, "#include <transport/send.h>",
     "not for the room"),
    ("the internals in angle brackets", OP, "#include <bc_internal.h>",
     "not for the room"),
    ("..", CORE, '#include "../protocols/transport/send.h"', "leads out"),
    (".. in angle brackets", CORE, "#include <../protocols/transport/send.h>",
     "leads out"),
    ("a whole path", CORE, '#include "/usr/include/rpc/rpc.h"', "leads out"),
    ("a macro", CORE, "#include SEND_H", "not a plain include"),
    ("include_next", CORE, "#include_next <errno.h>", "not a plain include"),
    ("import", CORE, '#import "transport/send.h"', "not a plain include"),
    ("without its folder", OP, '#include "op.h"', "name its folder"),
    ("the internals, by an operation", OP, '#include "bc_internal.h"',
     "not for the room"),
    ("the internals, by the wire", WORDS, '#include "bc_internal.h"',
     "not for the room"),
    ("by way of another room's header", "src/protocols/ganesha/record.h",
     '#include "backchannel.h"', "record.h: backchannel.h is not for"),
    ("the same, seen by who includes that", WORDS,
     '#include "transport/send.h"',
     "core.c: transport/send.h is not for the room state, by bc_internal.h"),
    ("a library that is not the room's", CORE, "#include <rpc/rpc.h>",
     "not for the room"),
    ("I/O in the core", CORE, "#include <sys/socket.h>", "not for the room"),
    ("a header that nobody knows", OP, "#include <linux/nfs4.h>",
     "not for the room"),
    ("Ganesha's, by the wire", WORDS, '#include "nfs_core.h"',
     "not for the room"),
    ("a file that is neither .c nor .h", "src/state/table.inc", "",
     "neither .c nor .h"),
    ("a folder that is no room", "src/state/more/core.c", "", "in no room"),
    ("extern", CORE, "extern int bc_sent;", "extern"),
    ("extern in a function", CORE, "void f(void)\n{\n\textern int bc_sent;\n}",
     "extern"),
    ("a prototype", CORE, "struct x *bc_send(int a,\n\t\tint b);",
     "bc_send() is declared"),
    ("a prototype in a function", CORE,
     "void f(void)\n{\n\tint bc_send(void);\n}", "bc_send() is declared"),
)


def run(root):
    return subprocess.run([sys.executable, "-B", CHECK, root], text=True,
                          capture_output=True, timeout=30, check=False)


def write(root, name, text, mode="w"):
    path = pathlib.Path(root, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open(mode) as file:
        file.write(text)


def attempt(what, name, text, said):
    with tempfile.TemporaryDirectory() as root:
        for path, content in TREE.items():
            write(root, path, content)
        if name:
            write(root, name, text + "\n", "a")
        result = run(root)
    if name and (result.returncode != 1 or said not in result.stderr):
        return f"{what}: not seen\n{result.stderr}"
    if not name and result.returncode:
        return f"{what}: refused\n{result.stderr}"
    return None


def main():
    cases = (("a tree without a fault", None, "", ""), *HOLES)
    failed = [why for why in (attempt(*case) for case in cases) if why]
    for why in failed:
        print(why, file=sys.stderr)
    print(f"{len(cases)} cases, {len(failed)} failed")
    return bool(failed)


sys.exit(main())
