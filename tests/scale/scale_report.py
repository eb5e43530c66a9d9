#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Make doc/scale.md of what scale says.

    scale_report.py DOC FIGURES

FIGURES is scale's output, a line of JSON each; the report goes to DOC/scale.md and its
plots beside it.
"""
import os
import resource
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "bench"))

# pylint: disable=wrong-import-position
import model
import plots
from report import Figures, Report, machine

SIDES = "module", "stock"
MILLION = 1_000_000
GATEWAYS = 1, 5, 10, 20, 50, 101
KINDS = (("one", "one file that they all hold"),
         ("own", "a file of its own each"),
         ("outage", "the same, after the outage"),
         ("restart", "the same, after the restart"))


class Sizes:
    """The figures by number of clients: one of each size, side and kind."""

    def __init__(self, figures):
        self.figures = figures

    def of(self, what, side):
        """[(clients, figure), ...]"""
        return sorted(((figure["clients"], figure)
                       for figure in self.figures.by[what]
                       if figure.get("side", side) == side),
                      key=lambda pair: pair[0])

    def curve(self, what, side, key, **having):
        """[(clients, value), ...]"""
        return [(n, figure[key]) for n, figure in self.of(what, side)
                if all(figure[name] == value
                       for name, value in having.items())]

    def whole(self, side, kind):
        """The recalls in which all were called back."""
        return [(n, figure) for n, figure in self.of("recall", side)
                if figure["kind"] == kind and figure["came"] == n]


def rows(sizes, what, cells, **having):
    """Rows of a table: the number of clients and the side, then each cell's text."""
    found = [(n, side, figure) for side in SIDES
             for n, figure in sizes.of(what, side)
             if all(figure[name] == value for name, value in having.items())]
    found.sort(key=lambda row: (row[0], SIDES.index(row[1])))
    return [[f"{n:,}, {side}"] + [cell(figure) for cell in cells]
            for n, side, figure in found]


def number(key, digits=0, scale=1.0):
    """A cell."""
    return lambda figure: f"{figure[key] * scale:,.{digits}f}"


def presence(report, sizes):
    """Mount, memory, renewals, churn."""
    report.say("## Being there")
    report.say("All mount, 64 of them at a time: TCP, EXCHANGE_ID, "
               "CREATE_SESSION, RECLAIM_COMPLETE. Resident: how much the "
               "server's RSS has grown, for a client.")
    report.table(["clients", "connections", "all mounted, s",
                  "server CPU us a client", "resident, bytes a client"],
                 rows(sizes, "mount", (number("links"), number("s", 2),
                                       number("server_us"),
                                       number("bytes"))))
    report.say("Allocated, exactly: counted by a malloc() of the tests' own "
               "in the server, which is slower for it.")
    report.table(["clients", "connections", "allocated, bytes a client"],
                 rows(sizes, "heap", (number("links"), number("bytes"))))
    report.say(f"Idle: each renews its lease every {model.RENEWAL:.0f} s, as "
               f"Linux does with Ganesha's own lease of {model.LEASE} s; and "
               "with nobody doing anything. CPUs of the server; 1.0 is one.")
    report.table(["clients", "SEQUENCEs a second", "CPUs", "quiet"],
                 rows(sizes, "renewals", (number("rate"),
                                          number("cpus", 3),
                                          number("quiet_cpus", 4))))
    report.say("Churn: some leave (DESTROY_SESSION, DESTROY_CLIENTID) and "
               "come again, as fast as the server lets them.")
    report.table(["clients", "of them", "leave and come, a second",
                  "server CPU us for one"],
                 rows(sizes, "churn", (number("count"), number("rate"),
                                       number("server_us"))))


def survived(figure):
    """Whether all that was recalled came back: or the server had crashed."""
    return figure["returned"] == figure["clients"]


def cpu(figure):
    """What one recall has cost, where the server is there to say it."""
    return f"{figure['server_us']:,.0f}" if survived(figure) else "-"


def rate(figure):
    """Recalls a second, if there were any."""
    if not figure["called_s"]:
        return "-"
    return f"{figure['came'] / figure['called_s']:,.0f}"


def recalls(report, sizes):
    """Everybody is called back."""
    report.say("## Everybody is called back")
    report.say("Each client holds a read delegation; one client opens the "
               "files for writing (32 OPENs under way, or one that is tried "
               "again every 100 ms). Called back: from the first OPEN to the "
               "last CB_RECALL at a client; done: to the last DELEGRETURN's "
               "answer. Conflicting requests are not held "
               "(`Hold_Conflicts = 0`).")
    for kind, text in KINDS:
        found = rows(sizes, "recall",
                     (number("came"), number("called_s", 2),
                      number("returned"), number("done_s", 2), rate, cpu),
                     kind=kind)
        if not found:
            continue
        report.say(f"**{text[0].upper()}{text[1:]}:**")
        report.table(["clients", "came", "called back, s", "returned",
                      "done, s", "a second", "server CPU us for one"], found)
        if kind == "one":
            report.say("How many hold one file is limited here by Ganesha: "
                       "CLOSE of NFSv4.1 looks at each state of the file, "
                       "twice, with a reference to each one's owner "
                       "(`cleanup_layouts()`), under the file's lock; for all "
                       "to open and close it costs the square of their "
                       "number:")
            report.table(["clients", "all hold it after, s",
                          "server CPU us for one"],
                         rows(sizes, "hold", (number("s", 2),
                                              number("server_us")),
                              kind="one"))
        if kind == "own":
            report.say("To take these delegations (OPEN and CLOSE). Stock has "
                       "one hash for all clients' first stateids, so that it "
                       "takes the square of their number, too, and was not "
                       "asked to with 100,000; nor do more than 10,000 come "
                       "back to it after a crash:")
            report.table(["clients", "all hold theirs after, s",
                          "server CPU us for one"],
                         rows(sizes, "hold", (number("s", 2),
                                              number("server_us")),
                              kind="own"))
    crashes = [f"\"{text}\", {n:,} clients" for kind, text in KINDS
               for n, figure in sizes.of("recall", "stock")
               if figure["kind"] == kind and not survived(figure)]
    if crashes:
        report.say("**The stock server crashed** (SIGSEGV) while they were "
                   "called back: " + "; ".join(crashes) + ". Its figures "
                   "there are those before that. [upstream.md](upstream.md) "
                   "has its crashes: after an outage it has no connection to "
                   "call back on, and with many clients a delegation goes "
                   "while its recall is being answered.")
    report.say("![times](scale-times.png)")


def outages(report, sizes):
    """The network, and the server."""
    report.say("## After an outage of the network")
    report.say("All connections are reset at once, and all clients come back "
               "as fast as they can: connect, BIND_CONN_TO_SESSION. Bound: "
               "all have been answered that both channels are; paths: "
               "`ganesha_backchannel_clients{state=\"trusted\"}` says so, too "
               "(with the module), and each one's SEQUENCE does. Stock "
               "answers the same, and has no path: see above.")
    report.table(["clients", "connections' end noticed, s", "connected, s",
                  "bound, s", "paths, s", "server CPU us a client"],
                 rows(sizes, "outage",
                      (number("noticed_s", 2), number("connect_s", 2),
                       number("bound_s", 2), number("paths_s", 2),
                       number("server_us"))))
    report.say("## After a restart of the server")
    report.say("It is stopped by SIGTERM and started anew, with Ganesha's "
               "`fs` recovery backend on a tmpfs. All come back: EXCHANGE_ID, "
               "CREATE_SESSION (a path), reclaim a delegation each, and "
               "RECLAIM_COMPLETE; s from when the server is ready. Grace: "
               "from then until others may open files, which the server looks "
               "at every ten seconds. Each client that comes back is looked "
               "for in Ganesha's list of those that may reclaim "
               "(`nfs4_chk_clid()`), one after the other: that grows with the "
               "square, and is half of the server's time with 30,000. With "
               "more it was not measured: with 100,000 it went on for longer "
               "than the `Grace_Period` of 240 s when it was tried.")
    report.table(["clients", "stop, s", "start, s", "all have a path, s",
                  "all reclaimed, s", "grace, s"],
                 rows(sizes, "restart",
                      (number("stop_s", 2), number("start_s", 2),
                       number("paths_s", 2), number("reclaimed_s", 2),
                       number("grace_s", 2))))


def watched(report, sizes):
    """The administrator."""
    report.say("## Watched")
    report.say("`/metrics`, and `/v1/clients` in pages of 1,000, asked over "
               "the Unix socket again and again, a connection each; meanwhile "
               "a bystander is called back, every 5 ms, as often with nobody "
               "looking as beside who looks, in turns.")
    report.table(["clients", "URL", "asked", "median, ms", "99 %, ms",
                  "worst, ms"],
                 [[f"{figure['clients']:,}", figure["url"],
                   f"{figure['count']:,}", f"{figure['p50_ms']:.2f}",
                   f"{figure['p99_ms']:.2f}", f"{figure['worst_ms']:.2f}"]
                  for figure in sizes.figures.by["look"]])
    report.table(["clients", "a bystander's callbacks beside", "number",
                  "median, us", "90 %, us", "99 %, us"],
                 [[f"{figure['clients']:,}", figure["with"],
                   f"{figure['count']:,}", f"{figure['p50_us']:.0f}",
                   f"{figure['p90_us']:.0f}", f"{figure['p99_us']:.0f}"]
                  for figure in sizes.figures.by["bystander"]])


def without_connecting(sizes, what, key):
    """Of the module's: [(clients, s), ...]"""
    return [(n, figure[key] - figure["connect_s"])
            for n, figure in sizes.of(what, "module")]


def gateway(sizes):
    """The model of one, with the module."""
    memory = model.line([(figure["links"] / n, figure["bytes"])
                         for n, figure in sizes.of("heap", "module")])
    links = {n: figure["links"] for n, figure in sizes.of("mount", "module")}
    connect = max(figure["connect_s"] / links[n] for n, figure
                  in sizes.of("outage", "module"))
    most, figure = sizes.of("renewals", "module")[-1]
    renewal = (figure["cpus"] - figure["quiet_cpus"]) / figure["rate"]
    times = {"mount": without_connecting(sizes, "mount", "s"),
             "outage": without_connecting(sizes, "outage", "paths_s"),
             "recall": [(n, figure["called_s"])
                        for n, figure in sizes.whole("module", "own")],
             "restart": sizes.curve("restart", "module", "reclaimed_s")}
    return model.Gateway(memory, renewal, connect, times,
                         ("mount", "outage")), most


TIMES = (("mount", "all mounted"), ("outage", "all have a path again"),
         ("recall", "all called back"), ("restart", "all have reclaimed"))


def law(each, name):
    """A time's formula, in words."""
    a, b = each.laws[name]
    text = f"n x {a * 1e6:,.1f} us"
    if name in each.connects:
        text = f"n x ({each.connect * 1e6:,.1f} + {a * 1e6:,.1f}) us"
    return text + (f" + n² x {b * 1e9:,.2f} ns" if b else "")


def million(report, sizes):
    """More than was measured."""
    each, most = gateway(sizes)
    report.say("## A million clients")
    report.say("Not measured, but reckoned from the module's figures above, "
               "by `tests/scale/model.py`. For n clients of one gateway, with "
               "a connection each:")
    laws = "\n".join(f"- {text}: {law(each, name)}" for name, text in TIMES)
    report.say(f"- memory: n x ({each.client:,.0f} + {each.connection:,.0f}) "
               "bytes, a client with its session, and a connection: the line "
               "through what was allocated, against connections a client\n"
               f"- CPUs of renewals: n / {model.RENEWAL:.0f} s x "
               f"{each.renewal * 1e6:.1f} us, as with {most:,}\n{laws}")
    report.say("The times are those of the two largest crowds that were "
               "measured: t = a n + b n² through both, or, where that bends "
               "the other way, the dearer of the two for each client; to "
               "connect is taken by itself, the dearest there was, since the "
               "large crowds shared connections. It is assumed that the "
               "million are spread evenly over N gateways, n = 10⁶ / N, which "
               "know nothing of each other's clients; that a gateway is like "
               "this machine, whose two CPUs the clients share with the "
               "server; that the network is not the limit; that an outage, a "
               "restart or a changed file meets all gateways at the same "
               "moment; and that it goes on like that where n is above what "
               "was measured, which \"*\" marks.")
    table = []
    for count in GATEWAYS:
        n = MILLION / count
        mark = "*" if n > most else ""
        table.append([f"{count}", f"{n:,.0f}{mark}",
                      f"{each.memory(n) / 2 ** 30:,.1f}",
                      f"{each.cpus(n):.2f}"] +
                     [f"{each.time(name, n):,.1f}"
                      f"{'*' if n > each.most(name) else ''}"
                      for name, _ in TIMES])
    report.table(["gateways", "clients of each", "memory, GiB",
                  "CPUs of renewals"] +
                 [f"{text}, s" for _, text in TIMES], table)
    report.say("A time above `Grace_Period` is one in which not all can "
               "reclaim. Ganesha before 6 takes at most 10,000 connections "
               "(`RPC_Max_Connections`), so that with one each it has at most "
               "as many clients: 101 gateways for the million. Later ones "
               "take a million; then it is the limit of open files that must "
               "be high enough for a gateway's share.")
    report.say("![a million](scale-million.png)")
    plots.draw("million", ['set xlabel "gateways for 1,000,000 clients"',
                           "set logscale xy", 'set ylabel "s"'],
               {text: [(count, each.time(name, MILLION / count))
                       for count in GATEWAYS]
                for name, text in TIMES})


def draw_times(sizes):
    """All times against the number of clients."""
    curves = {}
    for side in SIDES:
        for name, points in (
                ("mounted", sizes.curve("mount", side, "s")),
                ("called back", [(n, figure["called_s"]) for n, figure
                                 in sizes.whole(side, "own")]),
                ("paths after an outage",
                 sizes.curve("outage", side, "paths_s")
                 if side == "module" else []),
                ("reclaimed after a restart",
                 sizes.curve("restart", side, "reclaimed_s"))):
            points = [(n, t) for n, t in points if t > 0]
            if points:
                curves[f"{name}, {side}"] = points
    plots.draw("times", ['set xlabel "clients"', "set logscale xy",
                         'set ylabel "s"', "set key left top"], curves)


HEAD = """# Scale

Written by `ci/lab --long scale`, on: {machine}. Load of the machine when it began: {load}, on \
{cpus} CPUs. Measured with 4.3 alone; \
with 9.14 the short form passes, which is 2,000 clients (`ci/reach --scale`).

One server and its clients on one machine, over loopback; the clients are \
sessions of the tests' own, in one process (`tests/scale`). Module and stock are \
servers of one binary, the one with `Multiplex = true`, the other with `false` \
(Ganesha's own callback path), one after the other. Each figure was measured once.

What limits the number: a server of this Ganesha takes at most 10,000 connections \
(`RPC_Max_Connections`), and a process here has at most {files:,} descriptors. \
Larger crowds share connections, as many clients on each as it takes (RFC 5661, \
2.10.5); so the cost of a connection is in the figures of the smaller ones. No file \
is kept open: an open file is a descriptor of the server's, too. What holds \
delegations has closed its files.
"""


def main(doc, path):
    """All of it."""
    with open(path, encoding="utf-8") as file:
        figures = Figures(file)
    sizes = Sizes(figures)
    plots.FOLDER = doc
    plots.PREFIX = "scale"
    report = Report()
    presence(report, sizes)
    recalls(report, sizes)
    outages(report, sizes)
    watched(report, sizes)
    million(report, sizes)
    draw_times(sizes)
    with open(f"{doc}/scale.md", "w", encoding="utf-8") as file:
        print(HEAD.format(machine=machine(),
                          load=os.environ.get("SCALE_LOAD", "not known"),
                          cpus=os.cpu_count(),
                          files=resource.getrlimit(
                              resource.RLIMIT_NOFILE)[1]), file=file)
        print("\n".join(report.lines).rstrip(), file=file)


if __name__ == "__main__":
    main(*sys.argv[1:])
