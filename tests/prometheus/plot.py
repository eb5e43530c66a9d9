# SPDX-License-Identifier: LGPL-3.0-or-later
"""A plot of what a Prometheus would have seen, for the manual.

  plot.py SOCKET SECONDS FILE.png

Scrapes /metrics from a module's socket every second, and draws what the dashboard's
first panels show. The manual's was made beside `campaign --seed 7 --minutes 3`.
"""
import collections
import re
import socket
import subprocess
import sys
import time

PREFIX = "ganesha_backchannel_"
WINDOW = 10  # samples that a rate is taken over


def scrape(path):
    """{name with labels: value}"""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(path)
        connection.sendall(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
        text = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    return {name: float(value) for name, value in re.findall(
        rf"^{PREFIX}(\S+(?:\{{.*\}})?) (\S+)$", text, re.MULTILINE)}


def record(path, seconds):
    """[(time, samples)], until the server has ended."""
    begun, result = time.monotonic(), []
    while (now := time.monotonic() - begun) < seconds:
        try:
            result.append((now, scrape(path)))
        except OSError:
            break
        time.sleep(max(0, 1 - (time.monotonic() - begun - now)))
    return result


def value(samples, pattern):
    return sum(one for name, one in samples.items() if re.fullmatch(pattern, name))


def windows(series):
    return zip(series, series[WINDOW:])


def gauge(series, pattern):
    return [(at, value(samples, pattern)) for at, samples in series]


def rate(series, pattern):
    return [(after[0], (value(after[1], pattern) - value(before[1], pattern)) /
             (after[0] - before[0])) for before, after in windows(series)]


def quantile(series, name, share):
    """ms, the upper end of the bucket that it is in"""
    result = []
    for before, after in windows(series):
        buckets = sorted(
            (float(found[1]), after[1][key] - before[1].get(key, 0))
            for key in after[1]
            if (found := re.fullmatch(rf'{name}_bucket{{le="([\d.]+)"}}', key)))
        total = buckets[-1][1]
        if total > 0:
            result.append((after[0], next(
                le * 1000 for le, count in buckets if count >= share * total)))
    return result


def draw(series, file):
    panels = collections.OrderedDict((
        ("a second", {
            "CB_RECALLs submitted":
                rate(series, r'callbacks_submitted_total{operation="CB_RECALL"}'),
            "requests that failed over": rate(series, r"failovers_total"),
            "connections bound": rate(series, r"bindings_made_total")}),
        ("now", {
            "callbacks that wait": gauge(series, r"callbacks_waiting"),
            "requests held": gauge(series, r"requests_waiting")}),
        ("clients", {
            "without a path": gauge(series, r'clients{state="no_path"}'),
            "lost, a second": rate(series, r"paths_lost_total")}),
        ("ms", {
            "reply, 50 %": quantile(series, "reply_duration_seconds", .5),
            "reply, 99 %": quantile(series, "reply_duration_seconds", .99),
            "callback, 50 %": quantile(series, "callback_duration_seconds", .5),
            "callback, 99 %": quantile(series, "callback_duration_seconds", .99)})))
    script = [f'set output "{file}"', "set terminal png noenhanced size 1000,1000",
              f"set multiplot layout {len(panels)},1", "set grid",
              "set key outside right top", "set lmargin 10", "set rmargin 34",
              f"set xrange [0:{series[-1][0]:.0f}]"]
    for unit, curves in panels.items():
        script += [f'set ylabel "{unit}"',
                   "set logscale y; set yrange [10:*]" if unit == "ms" else "set yrange [0:*]",
                   "plot " + ", ".join(f'"-" title "{title}" with lines lw 2'
                                       for title in curves)]
        for points in curves.values():
            script += [f"{x} {y}" for x, y in points] + ["e"]
    script += ["unset multiplot"]
    subprocess.run(["gnuplot"], input="\n".join(script) + "\n", text=True, check=True)


if __name__ == "__main__":
    draw(record(sys.argv[1], float(sys.argv[2])), sys.argv[3])
