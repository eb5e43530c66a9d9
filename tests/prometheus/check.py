# SPDX-License-Identifier: LGPL-3.0-or-later
"""The alert rules and the dashboard are well-formed, and name what there is.

  check.py            by themselves: promtool's opinion, the dashboard's structure, and
                      a section of the manual for each alert
  check.py METRICS    each selector in them fits a sample of a real /metrics
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES = ROOT / "packaging/prometheus/alerts.yml"
RULES_TEST = pathlib.Path(__file__).with_name("alerts_test.yml")
DASHBOARD = ROOT / "packaging/prometheus/dashboard.json"
MANUAL = ROOT / "doc/manual.md"
WIDTH = 24  # columns of a dashboard

SAMPLE = re.compile(r'^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+$', re.MULTILINE)
SELECTOR = re.compile(r'\b(ganesha_backchannel_\w+)(?:\{([^}]*)\})?')
MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')
GROUPED = re.compile(r'\b(?:by|without|on|ignoring) ?\(([^)]*)\)')
# Of the scrape, not of ours.
SCRAPED = {"job", "instance"}


def expressions():
    """(where, expression) of all that asks Prometheus."""
    text = RULES.read_text()
    # `expr: ...` in one line, or as an indented block after `expr: |`.
    for block, line in re.findall(
            r"^ +expr: (?:\|\n((?: {10,}.*\n)+)|([^|\n].*)\n)", text, re.MULTILINE):
        yield RULES.name, block or line
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", []):
            yield f"{DASHBOARD.name}: {panel['title']}", target["expr"]
    for variable in json.loads(DASHBOARD.read_text())["templating"]["list"]:
        if variable["type"] == "query":
            yield f"{DASHBOARD.name}: ${variable['name']}", variable["definition"]


def alerts():
    return re.findall(r"^ +- alert: (\w+)$", RULES.read_text(), re.MULTILINE)


# Against /metrics ----------------------------------------------------------------


def samples(text):
    """{name: [labels]}"""
    result = {}
    for name, labels in SAMPLE.findall(text):
        result.setdefault(name, []).append(
            dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels)))
    return result


def fits(labels, matchers):
    """Whether a sample is selected, whatever it was scraped from."""
    for label, operator, value in matchers:
        if label in SCRAPED:
            continue
        there = labels.get(label, "")
        same = (re.fullmatch(value, there) is not None if "~" in operator
                else value == there)
        if same == operator.startswith("!"):
            return False
    return True


def check_names(metrics):
    there = samples(metrics)
    count = 0
    for where, expression in expressions():
        known = set(SCRAPED)
        for name, text in SELECTOR.findall(expression):
            count += 1
            matchers = MATCHER.findall(text)
            known.update(*(labels for labels in there.get(name, [])))
            for label, _, _ in matchers:
                if label not in known:
                    yield f"{where}: {name} has no label {label}"
            if not any(fits(labels, matchers) for labels in there.get(name, [])):
                yield f"{where}: there is no {name}{{{text}}}"
        for group in GROUPED.findall(expression):
            for label in filter(None, map(str.strip, group.split(","))):
                if label not in known:
                    yield f"{where}: grouped by {label}, which is no label"
    if count < 50:
        yield f"only {count} selectors were found"


# By themselves -------------------------------------------------------------------


def promtool():
    """What it says against the rules."""
    with tempfile.TemporaryDirectory() as folder:
        for file in (RULES, RULES_TEST):
            shutil.copy(file, folder)
        for command in (["check", "rules", RULES.name],
                        ["test", "rules", RULES_TEST.name]):
            done = subprocess.run(["promtool", *command], cwd=folder, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=60, check=False)
            if done.returncode:
                yield f"promtool {' '.join(command)}: {done.stdout}"


def check_tests():
    """Each alert has a case in which it comes, and one in which it does not."""
    text = RULES_TEST.read_text()
    for name in alerts():
        cases = re.findall(rf"alertname: {name}\b(\}}|\n +exp_alerts:)", text)
        if "}" not in cases and name != "GaneshaBackchannelGone":
            yield f"{RULES_TEST.name}: {name} is in no case in which nothing is wrong"
        if not any("exp_alerts" in case for case in cases):
            yield f"{RULES_TEST.name}: {name} never comes"


def check_dashboard():
    ids, taken = set(), {}
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        title = panel["title"]
        if panel["id"] in ids:
            yield f"{DASHBOARD.name}: {title}: its id is another's"
        ids.add(panel["id"])
        place = panel["gridPos"]
        if place["x"] + place["w"] > WIDTH:
            yield f"{DASHBOARD.name}: {title} is beyond the right edge"
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if (x, y) in taken:
                    yield f"{DASHBOARD.name}: {title} is over {taken[x, y]}"
                taken[x, y] = title
        if panel["type"] != "row" and not panel.get("targets"):
            yield f"{DASHBOARD.name}: {title} shows nothing"


def check_manual():
    """What each alert means, and what to do."""
    told = re.findall(r"^#+ (GaneshaBackchannel\w+)$", MANUAL.read_text(), re.MULTILINE)
    for name in sorted(set(alerts()) ^ set(told)):
        yield f"{MANUAL.name}: {name} is there without the rule, or the reverse"


def main():
    if len(sys.argv) > 1:
        found = list(check_names(pathlib.Path(sys.argv[1]).read_text()))
    else:
        found = [*check_tests(), *check_dashboard(), *check_manual()]
        if shutil.which("promtool"):
            found += promtool()
        else:
            print("SKIPPED: promtool's part: it is not installed")
    for text in found:
        print(text)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
