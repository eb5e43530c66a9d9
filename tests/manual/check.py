# SPDX-License-Identifier: LGPL-3.0-or-later
"""The manuals and the sample configuration say what the sources say.

Each parameter of the BACKCHANNEL block, with its range, values and default; each
command and option of the command line, and what `set` switches; one version
everywhere. The administrators' manual: each parameter and metric, commands that are
none, lines that are in no log.
"""
import contextlib
import importlib.machinery
import importlib.util
import io
import pathlib
import re
import shlex
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else
                    pathlib.Path(__file__).resolve().parents[2])
CONFIG_PAGE = "doc/man/ganesha-backchannel-config.8"
TOOL_PAGE = "doc/man/ganesha-backchannel.8"
SAMPLE = "doc/ganesha.conf.sample"
MANUAL = "doc/manual.md"
TOOL = "tools/ganesha-backchannel"
COMPLETION = "tools/ganesha-backchannel.bash-completion"

problems = []


def read(name):
    return (ROOT / name).read_text()


def compare(where, what, there, true):
    if there != true:
        problems.append(f"{where}: {what}: {there!r}, the sources say {true!r}")


def compare_names(where, there, true):
    for name in sorted(set(true) - set(there)):
        problems.append(f"{where}: {name} is missing")
    for name in sorted(set(there) - set(true)):
        problems.append(f"{where}: the sources have no {name}")


# The sources -------------------------------------------------------------------


def without_cast(text):
    return re.sub(r"\(char \*\)", "", text).strip()


def unquoted(text):
    return "none" if text == "NULL" else text.strip('"')


def token_lists(source):
    """{list: {enumerator: word}}"""
    return {name: dict(reversed(pair) for pair in re.findall(
                r'CONFIG_LIST_TOK\(\s*"(\w+)",\s*(\w+)\)', body))
            for name, body in re.findall(
                r"config_item_list (\w+)\[\] = \{(.*?)\};", source, re.DOTALL)}


def parameters():
    """{name: (kind, what it may be, default)}, as a manual page has them."""
    source = read("src/protocols/ganesha/configuration.c")
    lists = token_lists(source)
    table = re.search(r"backchannel_parameters\[\] = \{(.*?)CONFIG_EOL", source,
                      re.DOTALL)[1]
    result = {}
    for kind, text in re.findall(r"CONF_ITEM_(\w+)\((.*?)\),(?=\s*(?:CONF|$))",
                                 without_cast(table), re.DOTALL):
        name, *rest = [unquoted(part.strip()) for part in text.split(",")]
        if kind == "BOOL":
            result[name] = ("bool", "", rest[0])
        elif kind == "UI32":
            result[name] = ("uint32", f"range {rest[0]} to {rest[1]}", rest[2])
        elif kind == "STR":
            result[name] = ("string", f"up to {rest[1]} characters", rest[2])
        elif kind == "TOKEN":
            words = list(lists[rest[1]].values())
            values = "values " + ", ".join(words[:-1]) + " and " + words[-1]
            result[name] = ("enum", values, lists[rest[1]][rest[0]])
        else:
            problems.append(f"configuration.c: {name} is of an unknown kind {kind}")
    if len(result) != table.count("CONF_ITEM_"):
        problems.append("configuration.c: this check understands only "
                        f"{len(result)} of its parameters")
    return result


def at_restart():
    """Those that SIGHUP does not change."""
    table = re.search(r"names\[\] = \{(.*?)\};",
                      read("src/protocols/module/reload.c"), re.DOTALL)[1]
    return set(re.findall(r'"(\w+)"', table))


def settings():
    """What `set` knows; what SIGHUP does not change needs a restart here, too."""
    table = re.search(r" settings\[\] = \{(.*?)\n\};",
                      read("src/protocols/module/administration.c"), re.DOTALL)[1]
    return re.findall(r'\{ "(\w+)"', table)


def metrics():
    """The families of /metrics, without the prefix and _total."""
    text = read("src/admin/metrics.c")
    counts = re.search(r"bc_model_counts\[\] = \{(.*?)\n\};",
                       read("src/admin/model.c"), re.DOTALL)[1]
    return (set(re.findall(r'\b(?:family|gauge|counter|histogram)\(&?page, "(\w+)"',
                           text)) |
            set(re.findall(r'^\t\{ "(\w+)"', counts, re.MULTILINE)))


def messages():
    """All that the sources have in quotes, in which log lines are to be found."""
    return "\n".join(re.sub(r'"\s*\n\s*"', "", file.read_text())
                     for file in sorted((ROOT / "src").rglob("*.c")))


def version():
    return re.search(r"project\(ganesha-backchannel VERSION ([\d.]+)",
                     read("CMakeLists.txt"))[1]


def tool():
    """The tool's argparse.ArgumentParser."""
    loader = importlib.machinery.SourceFileLoader(
        "tool", str(ROOT / TOOL))
    spec = importlib.util.spec_from_loader("tool", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module.parser()


# What is held against them --------------------------------------------------------


def check_config_page(true):
    """`Name (kind, unit, what it may be, default ...; when)`, each once."""
    restart = at_restart()
    compare_names(CONFIG_PAGE, set(true), set(true) | restart)
    page = read(CONFIG_PAGE).replace("\\\n", "")
    there = {}
    for name, text in re.findall(r"^\.TP\n\\fB(\w+)\\fR \((.*)\)$", page,
                                 re.MULTILINE):
        if name in there:
            problems.append(f"{CONFIG_PAGE}: {name} is there twice")
        there[name] = text
    compare_names(CONFIG_PAGE, there, true)
    for name in set(there) & set(true):
        kind, may, default = true[name]
        text, _, when = there[name].rpartition("; ")
        compare(CONFIG_PAGE, f"{name} changes", when,
                "at a restart" if name in restart else "at SIGHUP")
        text, _, stated = text.rpartition("default ")
        compare(CONFIG_PAGE, f"{name}'s default", stated, default)
        if not text.startswith(kind + ", "):
            problems.append(f"{CONFIG_PAGE}: {name} is {text!r}, not {kind}")
        if may and f", {may}, " not in text:
            problems.append(f"{CONFIG_PAGE}: {name} is {text!r}, not {may}")


def check_sample(true):
    """Each parameter with its default; those that have none are commented out."""
    block = read(SAMPLE).partition("\nBACKCHANNEL {")[2]
    there = dict(re.findall(r"^\t(\w+) = (.*);$", block, re.MULTILINE))
    absent = set(re.findall(r"^\t#(\w+) = .*;$", block, re.MULTILINE))
    compare_names(SAMPLE, set(there) | absent, true)
    for name in set(there) & set(true):
        compare(SAMPLE, name, there[name].strip('"'), true[name][2])
    for name in absent & set(true):
        compare(SAMPLE, name, "none", true[name][2])


def check_tool_page():
    """Commands with their arguments, and options, as the tool has them."""
    page = read(TOOL_PAGE)
    commands, options = {}, set()
    parser = tool()
    for action in parser._actions:  # argparse has no other way to ask
        options.update(action.option_strings)
        if not action.choices:
            continue
        for name, one in action.choices.items():
            commands[name] = [sub.dest.upper() for sub in one._actions
                              if not sub.option_strings]
            for sub in one._actions:
                options.update(sub.option_strings)
    section = page.partition(".SH COMMANDS")[2].partition(".SH OPTIONS")
    there = {name: text.strip(' "').split() for name, text in re.findall(
        r"^\.TP\n\.BI? (\w+)(.*)$", section[0], re.MULTILINE)}
    compare_names(TOOL_PAGE, there, commands)
    for name in set(there) & set(commands):
        compare(TOOL_PAGE, f"{name}'s arguments", there[name], commands[name])
    heads = re.findall(r"^\.TP\n\.BI? (.*)$", section[2].partition(".SH EXIT")[0],
                       re.MULTILINE)
    compare_names(TOOL_PAGE, re.findall(
        r"-+\w+", " ".join(heads).replace("\\-", "-")), options)


def check_settings():
    """What `set` knows: in the manual pages, the manual, the tool's help and bash's."""
    everything = settings()
    switched = set(everything) - at_restart()
    entry = read(TOOL_PAGE).partition('.BI set " NAME VALUE"')[2].partition(".SH")[0]
    compare_names(f"{TOOL_PAGE}: set",
                  re.findall(r"^\.BR? ([A-Z]\w+)", entry, re.MULTILINE), everything)
    before = read(CONFIG_PAGE).partition('.BR "ganesha-backchannel set"')[0]
    compare_names(f"{CONFIG_PAGE}: set", re.findall(
        r"^\.BR? ([A-Z]\w+)", before.rpartition(".PP\n")[2], re.MULTILINE), switched)
    compare_names(f"{MANUAL}: set", re.findall(r"`ganesha-backchannel set (\w+) ",
                                               read(MANUAL)), switched)
    command = next(action.choices["set"] for action in tool()._actions if action.choices)
    compare_names(f"{TOOL}: set --help", re.findall(
        r"\b[A-Z]\w+", next(action.help for action in command._actions
                            if action.dest == "name")), everything)
    words = re.search(r"'1 set'.*?'(.*?)'", read(COMPLETION), re.DOTALL)
    compare_names(f"{COMPLETION}: set", words[1].split() if words else [], everything)


def rows(head):
    """The first column of the manual's table with that head, without backticks."""
    table = read(MANUAL).partition(f"\n| {head} |")[2].partition("\n\n")[0]
    for line in table.splitlines()[2:]:
        yield line.partition(" | ")[0]


def check_manual_names(true):
    named = [name for row in rows("parameter") for name in re.findall(r"`(\w+)`", row)]
    compare_names(MANUAL, named, true)
    named = [name for row in rows("metric") for name in re.findall(r"`(\w+)`", row)]
    compare_names(MANUAL, named, metrics())


def check_manual_commands():
    """Each `ganesha-backchannel ...` is one that the tool understands."""
    parser = tool()
    found = re.findall(r"(?:`|# |-- |^)ganesha-backchannel ([a-z][^`\n]*)", read(MANUAL),
                       re.MULTILINE)
    for text in found:
        words = shlex.split(text.replace("CONNECTION", "1").replace("ID", "0x1"))
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                parser.parse_args(words)
        except SystemExit:
            problems.append(f"{MANUAL}: the tool knows no `{text}`")
    if len(found) < 10:
        problems.append(f"{MANUAL}: only {len(found)} commands were found")


def check_manual_log():
    """Each line that is explained is one that the module can write."""
    text = messages()
    found = [re.search(r"`(.*)`", row)[1] for row in rows("the log says")]
    for line in found:
        if line not in text:
            problems.append(f"{MANUAL}: no log says {line!r}")
    if len(found) < 10:
        problems.append(f"{MANUAL}: only {len(found)} log lines were found")


def check_versions():
    for name, pattern in (
            ("packaging/debian/changelog", r"^ganesha-backchannel \(([\d.]+)-"),
            ("packaging/rpm/nfs-ganesha-backchannel.spec",
             r"^Version:\s*([\d.]+)$")):
        found = re.search(pattern, read(name), re.MULTILINE)
        compare(name, "version", found and found[1], version())


def main():
    true = parameters()
    check_config_page(true)
    check_sample(true)
    check_tool_page()
    check_settings()
    check_manual_names(true)
    check_manual_commands()
    check_manual_log()
    check_versions()
    for text in problems:
        print(text)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
