# SPDX-License-Identifier: LGPL-3.0-or-later
"""The report's plots, by gnuplot."""
import statistics
import subprocess

FOLDER = "."
PREFIX = "bench"


def draw(name, settings, curves, style="linespoints"):
    """curves: {title: [(x, y), ...]}"""
    script = [f'set output "{FOLDER}/{PREFIX}-{name}.png"',
              "set terminal png size 800,480", "set grid", *settings,
              "plot " + ", ".join(f'"-" title "{title}" with {style} lw 2'
                                  for title in curves)]
    for points in curves.values():
        script += [f"{x} {y}" for x, y in points] + ["e"]
    subprocess.run(["gnuplot"], input="\n".join(script) + "\n", text=True,
                   check=True)


def medians(curves):
    """Of each x's values."""
    return {title: [(x, statistics.median(values)) for x, values in points
                    if values]
            for title, points in curves.items()}


def latency(sides):
    """The distribution of each side's values."""
    draw("latency", ['set xlabel "OPEN to CB_RECALL, us"', "set logscale x",
                     'set ylabel "share of the recalls"', "set key right bottom"],
         {side: [(value, (i + 1) / len(values))
                 for i, value in enumerate(sorted(values))]
          for side, values in sides.items()}, "lines")


def storm(curves):
    """Recalls a second against slots."""
    draw("storm", ['set xlabel "slots"', "set logscale x 2",
                   'set ylabel "recalls a second"', "set yrange [0:]"],
         medians(curves))


def many(curves):
    """Recalls a second against clients."""
    draw("clients", ['set xlabel "clients with 5,000 delegations together"',
                     "set logscale x", 'set ylabel "recalls a second"',
                     "set yrange [0:]"], medians(curves))


def lookup(curves):
    """Cost against the number of clients."""
    draw("lookup", ['set xlabel "clients"', "set logscale x",
                    'set ylabel "ns a lookup"', "set yrange [0:]",
                    "set key left top"], medians(curves))


def others(curves):
    """Cost against the number of clients that cannot be reached."""
    draw("others", ['set xlabel "unreachable clients beside"',
                    "set logscale x", 'set ylabel "ns a callback"',
                    "set yrange [0:]", "set key left top"], medians(curves))
