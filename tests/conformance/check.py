# SPDX-License-Identifier: LGPL-3.0-or-later
"""doc/conformance.md is complete, and every test that it names exists."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
STATEMENTS = range(1, 19)
# RFC 5661 15.3, CB_SEQUENCE.
CODES = """BADSESSION BADSLOT BADXDR BAD_HIGH_SLOT CONN_NOT_BOUND_TO_SESSION
    DELAY REP_TOO_BIG REP_TOO_BIG_TO_CACHE REQ_TOO_BIG RETRY_UNCACHED_REP
    SEQUENCE_POS SEQ_FALSE_RETRY SEQ_MISORDERED TOO_MANY_OPS""".split()
TEST = re.compile(r"\b((?:test|unit)_\w+):(test_\w+)")
REGISTERED = re.compile(r"(?:TEST|cmocka_unit_test\w*)\(\s*(test_\w+)")

problems = []


def check(holds, problem):
    if not holds:
        problems.append(problem)


def rows(section):
    """The cells of each row of a section's table, without its head."""
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")]
            for line in lines[2:]]


def registered(program):
    """The tests that a program runs."""
    if program.startswith("unit_"):
        name = "unit/test_" + program.removeprefix("unit_")
    else:
        name = "integration/" + program
    source = ROOT / "tests" / (name + ".c")
    return REGISTERED.findall(source.read_text()) if source.exists() else []


def check_tests(row):
    check(any(program.startswith("test_")
              for program, _ in TEST.findall(row[-1])),
          f"{row[0]}: no integration test")


def check_statements(table):
    numbers = [row[0] for row in table]
    for number in STATEMENTS:
        check(any(re.fullmatch(rf"{number}[a-z]?", n) for n in numbers),
              f"statement {number} has no row")
    for row in table:
        check(len(row) == 4 and all(row), f"{row[0]}: an empty cell")
        check_tests(row)
    check(len(numbers) == len(set(numbers)), "a number is there twice")


def check_outcomes(table):
    header = (ROOT / "src/protocols/wire/cb_sequence.h").read_text()
    verdicts = set(re.findall(r"\bBC_VERDICT_(\w+)", header))
    answers = set(re.findall(r"\bNFS4ERR_(\w+)", " ".join(
        row[0] for row in table)))
    for code in CODES:
        check(code in answers, f"no outcome for NFS4ERR_{code}")
    named = {row[1] for row in table}
    check(named == verdicts, f"verdicts differ: {sorted(named ^ verdicts)}")
    for row in table:
        check(len(row) == 8 and all(row), f"{row[0]}: an empty cell")
        check_tests(row)


text = (ROOT / "doc/conformance.md").read_text()
sections = text.split("\n## ")
check_statements(rows(sections[1]))
check_outcomes(rows(sections[2]))
for program, test in sorted(set(TEST.findall(text))):
    check(test in registered(program), f"there is no {program}:{test}")
print("\n".join(problems) or "doc/conformance.md is complete")
sys.exit(bool(problems))
