#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Make a report of what bench, lookup, beside, fini and sizes say.

    report.py FOLDER DOC < FIGURES

FOLDER has the programs lookup, beside, fini and sizes; FIGURES is bench's output, a line of
JSON each; the report goes to DOC/benchmarks.md and its plots beside it.
"""
import collections
import json
import os
import statistics
import subprocess
import sys

import plots
from stats import Figure, quantile, verdict

SIZES = 1000, 10000
SLOTS = 1, 16, 64
MANY = 5000
LOOKUP_CLIENTS = 10, 1000, 100000
LOOKUP_ROUNDS = 4
OTHERS = 0, 10000, 100000
FINI_SESSIONS = 8000, 64000
CORE_ROUNDS = 5


class Report:
    """The text, and the verdicts, which come first in it."""

    def __init__(self):
        self.lines = []
        self.verdicts = []

    def say(self, text=""):
        """A paragraph."""
        self.lines += [text, ""]

    def table(self, head, rows):
        """The first column is text, the others are figures."""
        self.lines.append("| " + " | ".join(head) + " |")
        self.lines.append("| --- |" + " ---: |" * (len(head) - 1))
        self.lines += ["| " + " | ".join(map(str, row)) + " |" for row in rows]
        self.lines.append("")

    def verdict(self, target, words, figure):
        """One line."""
        self.verdicts.append(f"| {target} | {words} | {figure} |")


class Figures:
    """Bench's output, by what it is of."""

    def __init__(self, lines):
        self.by = collections.defaultdict(list)
        for line in lines:
            figure = json.loads(line)
            self.by[figure["what"]].append(figure)

    def get(self, what, key, **having):
        """The values of a key, in the order in which they were measured."""
        return [figure[key] for figure in self.by[what]
                if all(figure[name] == value
                       for name, value in having.items())]


def idle(report, figures):
    """Latency with nothing else to do."""
    report.say("## Recall latency, idle")
    report.say("From the conflicting OPEN to the CB_RECALL at the client, one "
               "at a time, the sides in turns.")
    rows, blocks = [], {}
    for side in "module", "stock":
        values = figures.get("idle", "us", side=side)
        rows.append([side] + [f"{quantile(values, part):.1f}"
                              for part in (0.5, 0.9, 0.99)])
        count = max(figures.get("idle", "block")) + 1
        blocks[side] = [figures.get("idle", "us", side=side, block=block)
                        for block in range(count)]
    report.table(["us", "p50", "p90", "p99"], rows)
    for part in 0.5, 0.99:
        ratio = Figure.ratio(*([quantile(block, part) for block in blocks[side]]
                               for side in ("module", "stock")))
        report.verdict(f"recall latency, idle, p{part * 100:.0f}: not above "
                       "Ganesha's own", ratio.at_most(1), ratio.text())
    bare = figures.get("bare", "p50_us", side="drain", depth=1)
    gaps = figures.get("gap", "p50_us")
    ratio = Figure.ratio(gaps, bare)
    report.say("A callback's round trip, with one slot and more recalls "
               "waiting: from the client's answer to the next callback, "
               f"{Figure(gaps).text(1)} us; a NULL call's on the same "
               f"connection {Figure(bare).text(1)} us.")
    report.verdict("callback round trip within 1.5 x a bare RPC's",
                   ratio.at_most(1.5), ratio.text())
    report.say("![latency](bench-latency.png)")
    plots.latency({side: figures.get("idle", "us", side=side)
                   for side in ("module", "stock")})


def drained(figures, what, size, slots):
    """The rates of a kind of drain, and of bare RPC just before each."""
    order = [(figure["count"], figure["slots"]) for figure in figures.by[what]]
    bare = [rate for rate, at in zip(
        figures.get("bare", "rate", side=what), order, strict=True)
        if at == (size, slots)]
    return figures.get(what, "rate", count=size, slots=slots), bare


def storm_row(report, figures, size, slots):
    """One row of the storms' table, and its verdicts."""
    key = {"count": size, "slots": slots}
    module, stock = (figures.get("storm", "rate", side=side, **key)
                     for side in ("module", "stock"))
    drain, bare = drained(figures, "drain", size, slots)
    limit = Figure.ratio(drain, bare)
    returned, beside = drained(figures, "returned", size, slots)
    alone = Figure.ratio(returned, beside)
    name = f"storm, {size:,} recalls, {slots} slots"
    row = [f"{size:,} / {slots}", Figure(module).text(0)]
    if len(module) == len(stock):
        ratio = Figure.ratio(module, stock)
        least = 1.5 if slots == 1 else 1
        report.verdict(f"{name}: at least {least} x Ganesha's own",
                       ratio.at_least(least), ratio.text())
        row += [Figure(stock).text(0), ratio.text()]
    else:
        row += ["crashes", ""]
    report.verdict(f"{name}: callback path at least 80 % of bare RPC",
                   limit.at_least(0.8), limit.text())
    report.verdict(f"{name}: the same without Ganesha's completion",
                   alone.at_least(0.8), alone.text())
    return row + [Figure(drain).text(0), Figure(bare).text(0), limit.text(),
                  Figure(returned).text(0), alone.text()]


def storms(report, figures):
    """One client."""
    report.say("## Recall storm, one client")
    report.say("Recalls a second. Storm: from the first conflicting OPEN to "
               "the last callback, with the OPENs' own work on the same CPUs. "
               "Drain: the module alone, with all callbacks waiting for the "
               "client's first answer; beside it NULL calls on the same "
               "connection with as many under way. Returned: the same, but "
               "the client has given its delegations back before it answers, "
               "so that Ganesha's completion of each finds none and has "
               "nothing to do.")
    report.table(["recalls / slots", "storm, module", "storm, stock", "ratio",
                  "drain, module", "bare RPC", "drain / bare", "returned",
                  "returned / bare"],
                 [storm_row(report, figures, size, slots)
                  for size in SIZES for slots in SLOTS])
    rows = []
    for slots in SLOTS:
        for what, having in (("storm", {"side": "module"}),
                             ("storm", {"side": "stock"}), ("drain", {}),
                             ("returned", {})):
            values = [figures.get(what, key, slots=slots, count=SIZES[-1],
                                  **having)
                      for key in ("server_us", "client_cpu")]
            name = " ".join([what, *having.values()])
            rows.append([f"{name}, {slots} slots", Figure(values[0]).text(1),
                         Figure(values[1]).text()])
    report.table([f"{SIZES[-1]:,} recalls", "server CPU us a recall",
                  "load generator's CPUs"], rows)
    report.say("![storm](bench-storm.png)")
    plots.storm({
        "module": [(slots, figures.get("storm", "rate", side="module",
                                       slots=slots, count=SIZES[-1]))
                   for slots in SLOTS],
        "stock": [(slots, figures.get("storm", "rate", side="stock",
                                      slots=slots, count=SIZES[-1]))
                  for slots in SLOTS],
        "module, drain": [(slots, figures.get("drain", "rate", slots=slots,
                                              count=SIZES[-1]))
                          for slots in SLOTS],
        "bare RPC": [(slots, figures.get("bare", "rate", side="module",
                                         depth=slots)) for slots in SLOTS]})


def many(report, figures, sizes):
    """Many clients, and their memory."""
    report.say("## Many clients")
    report.say("5,000 delegations, by the number of clients that hold them, "
               "all recalled: recalls a second, and the server's CPU time for "
               "one.")
    rows, curves = [], {"module": [], "stock": []}
    for clients in sorted(set(figures.get("many", "clients"))):
        row = [f"{clients:,}"]
        for side in curves:
            key = {"side": side, "clients": clients}
            row += [Figure(figures.get("many", "rate", **key)).text(0),
                    Figure(figures.get("many", "server_us", **key)).text(1)]
            curves[side].append((clients, figures.get("many", "rate", **key)))
        row.append(Figure(figures.get("many", "client_cpu",
                                      clients=clients)).text(2))
        rows.append(row)
    report.table(["clients", "module", "CPU us", "stock", "CPU us",
                  "load generator's CPUs"], rows)
    report.say("![clients](bench-clients.png)")
    plots.many(curves)
    share = Figure.ratio(*(figures.get("many", "rate", side="module",
                                       clients=clients)
                           for clients in (MANY, 1)))
    report.verdict("called back: 5,000 clients with a file each, at least "
                   "80 % of one client's rate", share.at_least(0.8),
                   share.text())
    heap = {side: figures.get("heap", "bytes", side=side)[0]
            for side in ("module", "stock")}
    rss = {side: Figure(figures.get("memory", "bytes", side=side,
                                    clients=MANY))
           for side in ("module", "stock")}
    more = heap["module"] - heap["stock"]
    report.say("Memory of a client that is only there, with its session and "
               "its connection, in bytes. Heap: what malloc() has handed out "
               "and not got back, counted in the server; resident: the "
               "server's RSS, 5,000 clients later.")
    report.table(["bytes", "heap", "resident"],
                 [[side, f"{heap[side]:,.0f}", rss[side].text(0)]
                  for side in ("module", "stock")])
    report.say("The core's structures, of which an idle client has one "
               "client, session, connection and binding: " + ", ".join(
                   f"{name} {size}" for name, size in sizes.items()) + ".")
    own = sum(sizes[name] for name in
              ("client", "session", "connection", "binding"))
    report.verdict("memory of an idle client at most 1 KiB",
                   verdict(max(more, own) <= 1024),
                   f"heap {more:+,.0f} bytes against stock; {own} bytes in "
                   "the core")


def opens(report, figures):
    """Files opened and closed by many clients."""
    report.say("## Many clients' files")
    report.say("5,000 files, by the number of clients that open them: 64 "
               "OPENs under way at a time, until all are open, then as many "
               "CLOSEs. OPEN and CLOSE pairs a second, and the server's CPU "
               "time for a pair; the ratios are module to stock, turn by "
               "turn.")
    rows = []
    for clients in sorted(set(figures.get("opens", "clients"))):
        row = [f"{clients:,}"]
        for key, digits in ("rate", 0), ("server_us", 1):
            module, stock = (figures.get("opens", key, side=side,
                                         clients=clients)
                             for side in ("module", "stock"))
            ratio = Figure.ratio(module, stock)
            row += [Figure(module).text(digits), Figure(stock).text(digits),
                    ratio.text()]
            if key == "rate" and clients == MANY:
                report.verdict("OPEN and CLOSE by 5,000 clients: at least 1 x "
                               "Ganesha's own", ratio.at_least(1),
                               ratio.text())
        row.append(Figure(figures.get("opens", "client_cpu",
                                      clients=clients)).text())
        rows.append(row)
    report.table(["clients", "module/s", "stock/s", "ratio", "module CPU us",
                  "stock CPU us", "ratio", "load generator's CPUs"], rows)


def strangers(report, figures):
    """CREATE_SESSION with a client id that nobody has."""
    report.say("## Strangers")
    report.say("A CREATE_SESSION with a client id that nobody has, beside "
               "clients that all have been called back lately: the server's "
               "CPU time for one.")
    cost = {clients: figures.get("stranger", "server_us", clients=clients)
            for clients in sorted(set(figures.get("stranger", "clients")))}
    report.table(["clients", "CPU us"],
                 [[f"{clients:,}", Figure(values).text(1)]
                  for clients, values in cost.items()])
    few, many = cost[min(cost)], cost[max(cost)]
    ratio = Figure.ratio(many, few)
    report.verdict(f"CREATE_SESSION of a stranger beside {max(cost):,} "
                   f"clients: at most 1.5 x that beside {min(cost)}",
                   ratio.at_most(1.5), ratio.text())


def recovery(report, figures):
    """After a disconnect."""
    report.say("## Recovery and failover")
    rows = []
    for what, text in (("recovery", "BIND's reply to queued callback"),
                       ("failover", "disconnect to callback on the other "
                        "connection")):
        values = figures.get(what, "us")
        p50 = Figure(values)
        rows.append([text, p50.text(1), f"{quantile(values, 0.99):.1f}"])
        report.verdict(f"{text}: p50 below 1 ms", p50.at_most(1000),
                       p50.text(1, " us"))
    report.table(["us", "p50", "p99"], rows)


def fore_ratio(figures, servers, key, over, under):
    """Of two (side, held): medians of rate and CPU time, and their ratios."""
    found = []
    for what in "rate", "server_us":
        values = [[statistics.median(
            figures.get("fore", what, side=side, held=held, server=server,
                        **key)) for server in servers]
                  for side, held in (over, under)]
        found.append(([Figure(one).median for one in values],
                      Figure.ratio(*values)))
    return found


def fore_row(figures, servers, key, held):
    """One row of a table, without its name, and the ratio of the rates."""
    (rate, rates), (cpu, costs) = fore_ratio(
        figures, servers, key, ("module", held), ("stock", held))
    client = Figure(figures.get("fore", "client_cpu", held=held, **key))
    return [f"{rate[0]:,.0f}", f"{rate[1]:,.0f}", rates.text(3),
            f"{cpu[0]:.2f}", f"{cpu[1]:.2f}", costs.text(3),
            f"{client.median:.2f}"], rates


def fore(report, figures):
    """Requests of clients."""
    report.say("## Fore channel")
    servers = sorted(set(figures.get("fore", "server")))
    report.say("COMPOUNDs of 16 under way at a time, in turns of 0.2 s, on "
               f"{len(servers)} pairs of servers, one after the other. The "
               "ratios are module to stock, each the median of a pair of "
               "servers: of the rates, and of the server's CPU time for an "
               "operation, which depends less on what else the machine does. "
               "OPEN/CLOSE is one COMPOUND, which opens one of many files by "
               "its name, wants no delegation, and closes it.")
    most = max(figures.get("fore", "held"))
    loads = dict.fromkeys((figure["load"], figure["conns"])
                          for figure in figures.by["fore"])
    for held, least in (0, 0.99), (most, 0.97):
        if held:
            report.say(f"The same servers, while one more client holds "
                       f"{held:,} read delegations on other files, on both "
                       "sides: `Leases` grants them whoever delivers "
                       "callbacks. Stock over VFS and without the module "
                       "grants none: so the last two columns compare with "
                       "the same stock server before it had any, which was "
                       "some 20 s earlier: what the machine did meanwhile is "
                       "in them.")
        rows = []
        for load, conns in loads:
            key = {"load": load, "conns": conns}
            row, rates = fore_row(figures, servers, key, held)
            beside = f", {held:,} delegations held by others" if held else ""
            report.verdict(f"{load}, {conns} connections{beside}: at least "
                           f"{least} x", rates.at_least(least), rates.text(3))
            if held:
                row += [ratio.text(3) for _, ratio in fore_ratio(
                    figures, servers, key, ("module", held), ("stock", 0))]
            rows.append([f"{load}, {conns}", *row])
        report.table(["load, connections", "module/s", "stock/s", "ratio",
                      "module CPU us", "stock CPU us", "ratio",
                      "load generator's CPUs"] +
                     (["rate to stock with none", "CPU to stock with none"]
                      if held else []), rows)


def fore_counts(report, figures):
    """Requests of clients, in instructions."""
    report.say("## Fore channel, counted")
    report.say("Instructions of the whole server outside the kernel for one "
               "request, one at a time, by callgrind: they do not depend on "
               "what else the machine does, and differ from run to run by up "
               "to 2 %. Not loaded: Ganesha over VFS without the module. They "
               "are no rates: the kernel's part of a request is not in them.")
    most = max(figures.get("fore_counts", "held"))
    rows = []
    for load, conns in dict.fromkeys(
            (figure["load"], figure["conns"])
            for figure in figures.by["fore_counts"]):
        row = [f"{load}, {conns}"]
        for held in 0, most:
            module, stock = (figures.get(
                "fore_counts", "instructions", side=side, load=load,
                conns=conns, held=held)[0] for side in ("module", "stock"))
            row += [f"{module:,.0f}", f"{stock:,.0f}",
                    f"{module - stock:+,.0f} ({module / stock - 1:+.1%})"]
        none = figures.get("fore_counts", "instructions", side="none",
                           load=load, conns=conns)[0]
        rows.append(row + [f"{none:,.0f}"])
    report.table(["load, connections", "module", "stock", "more",
                  f"module, {most:,} held by others", "stock, the same",
                  "more", "not loaded"], rows)


def neighbours(report, figures):
    """One client's recalls beside another one's troubles."""
    report.say("## Noisy neighbour")
    report.say("A client's recalls, one at a time, while another one has a "
               "full queue and no path, or reads nothing, with 1,000 of its "
               "delegations recalled. Unchanged: p50 within 10 %.")
    kinds = dict.fromkeys(figures.get("neighbour", "with"))
    rounds = sorted(set(figures.get("neighbour", "round")))
    p50 = {kind: [quantile(figures.get("neighbour", "us", round=n,
                                       **{"with": kind}), 0.5)
                  for n in rounds] for kind in kinds}
    rows = []
    for kind in kinds:
        values = figures.get("neighbour", "us", **{"with": kind})
        rows.append([kind, Figure(p50[kind]).text(1)] +
                    [f"{quantile(values, part):.1f}" for part in (0.99, 1)])
        if kind != "quiet":
            ratio = Figure.ratio(p50[kind], p50["quiet"])
            report.verdict(f"others' recalls beside {kind}: unchanged",
                           ratio.at_most(1.1), ratio.text())
    report.table(["us", "p50", "p99", "longest"], rows)


def run_lookup(folder):
    """{(threads, churn, clients): [(few, all, churned), ...]}"""
    found = collections.defaultdict(list)
    for _ in range(LOOKUP_ROUNDS):
        for clients in LOOKUP_CLIENTS:
            for threads in 1, 2:
                for churn in 0, 1:
                    out = subprocess.run(
                        [f"{folder}/lookup", str(clients), str(threads),
                         str(churn)], check=True, timeout=300, text=True,
                        stdout=subprocess.PIPE).stdout.split()
                    found[threads, churn, clients].append(
                        tuple(float(value) for value in out[3:]))
    return found


def lookup(report, folder):
    """The tables."""
    report.say("## Lookup")
    report.say("A callback's look for its client, with the reference that it "
               "takes, ns: among all clients there are, when it always meets "
               "the same ten of them, which is the table's cost, and when it "
               "meets all, which is the cache's.")
    found = run_lookup(folder)
    rows, curves = [], {}
    for threads in 1, 2:
        for churn in 0, 1:
            few = {clients: [value[0] for value in
                             found[threads, churn, clients]]
                   for clients in LOOKUP_CLIENTS}
            every = {clients: [value[1] for value in
                               found[threads, churn, clients]]
                     for clients in LOOKUP_CLIENTS}
            name = f"{threads} threads" + (", churn" if churn else "")
            rows.append([name] + [
                f"{Figure(few[clients]).median:.0f} / "
                f"{Figure(every[clients]).median:.0f}"
                for clients in LOOKUP_CLIENTS])
            flat = Figure.ratio(few[LOOKUP_CLIENTS[-1]],
                                few[LOOKUP_CLIENTS[0]])
            report.verdict(f"lookup, {name}: flat within 20 %",
                           flat.at_most(1.2), flat.text())
            curves[name] = [(clients, few[clients])
                            for clients in LOOKUP_CLIENTS]
            curves[f"{name}, all"] = [(clients, every[clients])
                                      for clients in LOOKUP_CLIENTS]
    report.table(["ten / all"] + [f"{clients:,} clients"
                                  for clients in LOOKUP_CLIENTS], rows)
    report.say("Readers take no lock: the tables are liburcu's.")
    report.say("![lookup](bench-lookup.png)")
    plots.lookup(curves)


def run_core(folder, program, argument):
    """The second word of what a program of the core's prints."""
    out = subprocess.run([f"{folder}/{program}", str(argument)], check=True,
                         timeout=300, text=True, stdout=subprocess.PIPE)
    return float(out.stdout.split()[1])


def others(report, folder):
    """What one client costs by what there is beside it."""
    report.say("## Beside others")
    report.say("The core alone. A callback for a client that can be reached, "
               "submitted and answered, beside others that cannot be, for each "
               "of which a callback waits; and the end of the core, for each "
               "of its live sessions, half of them of one client. CPU time.")
    # In turns, so that what else the machine does is in all of them.
    rounds = [({count: run_core(folder, "beside", count) for count in OTHERS},
               {count: run_core(folder, "fini", count)
                for count in FINI_SESSIONS}) for _ in range(CORE_ROUNDS)]
    beside = {count: [one[0][count] for one in rounds] for count in OTHERS}
    fini = {count: [one[1][count] for one in rounds]
            for count in FINI_SESSIONS}
    report.table(["ns"] + [f"{count:,}" for count in OTHERS],
                 [["a callback, beside so many others"] +
                  [Figure(beside[count]).text(0) for count in OTHERS]])
    report.table(["ns"] + [f"{count:,}" for count in FINI_SESSIONS],
                 [["the end of the core, a session of so many"] +
                  [Figure(fini[count]).text(0) for count in FINI_SESSIONS]])
    for count in OTHERS[1:]:
        ratio = Figure.ratio(beside[count], beside[OTHERS[0]])
        report.verdict(f"a callback beside {count:,} unreachable clients: "
                       "within 1.2 x", ratio.at_most(1.2), ratio.text())
    ratio = Figure.ratio(fini[FINI_SESSIONS[-1]], fini[FINI_SESSIONS[0]])
    report.verdict(f"the end of the core: a session of {FINI_SESSIONS[-1]:,} "
                   f"within 2 x one of {FINI_SESSIONS[0]:,}",
                   ratio.at_most(2), ratio.text())
    report.say("![others](bench-others.png)")
    plots.others({"submission and answer":
                  [(max(count, 1), beside[count]) for count in OTHERS]})


def counts(report, figures):
    """What can be counted."""
    counted = figures.by["counts"][0]
    report.say("## One callback, counted")
    report.say("Counted in the server, whose malloc() and "
               "pthread_mutex_lock() are wrapped, while 2,000 callbacks are "
               "queued and then drained over 16 slots.")
    report.table(["a callback", "allocations", "locks"], [
        ["the module, submission", f"{counted['submit_allocations']:.2f}",
         f"{counted['submit_locks']:.2f}"],
        ["the module, reply and sending", f"{counted['allocations']:.2f}",
         f"{counted['locks']:.2f}"],
        ["the whole server, reply and sending",
         f"{counted['all_allocations']:.2f}",
         f"{counted['all_locks']:.2f}"]])
    report.say("System calls of the whole server while they drain, by strace "
               "-c, which slows it down, so that more of its threads have to "
               "wait for each other (futex):")
    calls = [(figure["name"], figure["calls"])
             for figure in figures.by["syscall"] if figure["calls"] >= 0.1]
    report.table(["system call", "a callback"],
                 [[name, f"{count:.2f}"] for name, count in calls])


def generator(report, figures):
    """Is it the bottleneck?"""
    report.say("## The load generator")
    report.say("NULL calls of the same client on one connection: to the "
               "servers, and to a process that does nothing but answer. Its "
               "CPUs (1.0 is one of them) are in the tables above.")
    rows = []
    for depth in SLOTS:
        row = [depth]
        for side in "module", "stock", "echo":
            key = {"side": side, "depth": depth}
            row.append(Figure(figures.get("bare", "rate", **key)).text(0))
            row.append(f"{Figure(figures.get('bare', 'client_cpu', **key)).median:.2f}")
        rows.append(row)
    report.table(["under way", "module/s", "CPUs", "stock/s", "CPUs",
                  "echo/s", "CPUs"], rows)


def version(package):
    """What is installed."""
    return subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package],
                          stdout=subprocess.PIPE, text=True,
                          check=True).stdout


def machine():
    """Where this was measured."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next(line.split(":")[1].strip() for line in file
                     if line.startswith("model name"))
    kernel = os.uname().release.split("-")[0]  # what follows is its builder's
    return (f"{os.cpu_count()} x {model}, Linux {kernel}; "
            f"nfs-ganesha {version('nfs-ganesha')}, libntirpc "
            f"{version('libntirpc4.3')}, liburcu {version('liburcu8')}, "
            f"libc {version('libc6')}")


HEAD = """# Benchmarks

Written by `ci/bench`, on: {machine}. Load of the machine when it began: {load}.

Module and stock are two servers of one binary in one run, the one with \
`Multiplex = true`, the other with `false` (Ganesha's own callback path), \
measured in turns, with the tests' client on the same machine, over loopback. \
A figure is the median with the interval in which the true median is (95 %; \
with fewer than six values: all of them). Ratios are taken pair by pair. A \
target is met, or not met, if the whole interval is on its one side; where the \
target is inside the interval, the two cannot be told apart.

Why what is not met is not met: `doc/performance.md`.

## Verdicts

| target | | figure |
| --- | --- | --- |"""


def main(folder, doc):
    """All of it."""
    load = os.environ.get("BENCH_LOAD", "not known")
    figures = Figures(sys.stdin)
    sizes = json.loads(subprocess.run([f"{folder}/sizes"], check=True,
                                      stdout=subprocess.PIPE).stdout)
    plots.FOLDER = doc
    report = Report()
    idle(report, figures)
    storms(report, figures)
    many(report, figures, sizes)
    opens(report, figures)
    strangers(report, figures)
    recovery(report, figures)
    fore(report, figures)
    fore_counts(report, figures)
    lookup(report, folder)
    others(report, folder)
    neighbours(report, figures)
    counts(report, figures)
    generator(report, figures)
    for crash in figures.by["crash"]:
        report.say(f"The {crash['side']} server crashed in {crash['in']}, "
                   f"signal {crash['signal']}.")
    with open(f"{doc}/benchmarks.md", "w", encoding="utf-8") as file:
        print(HEAD.format(machine=machine(), load=load), file=file)
        print("\n".join(report.verdicts + [""] + report.lines).rstrip(),
              file=file)
    print("\n".join(report.verdicts))


if __name__ == "__main__":
    main(*sys.argv[1:])
