# SPDX-License-Identifier: LGPL-3.0-or-later
"""Medians, how sure they are, and what follows from that for a target."""
import math
import statistics


def quantile(values, part):
    """The value below which that part of the values is."""
    values = sorted(values)
    return values[min(len(values) - 1, int(part * len(values)))]


def interval(values):
    """Where the true median is, with 95 %: by order, whatever the distribution.

    With fewer than six values nothing narrower than all of them can be said.
    """
    values = sorted(values)
    skip = max(0, math.floor(len(values) / 2 - 0.98 * math.sqrt(len(values))))
    return values[skip], values[-1 - skip]


class Figure:
    """A median with its interval; of ratios, one a pair."""

    def __init__(self, values):
        self.median = statistics.median(values)
        self.low, self.high = interval(values)

    @classmethod
    def ratio(cls, over, under):
        """Pair by pair."""
        return cls([a / b for a, b in zip(over, under, strict=True)])

    def text(self, digits=2, unit=""):
        """For a cell."""
        low, median, high = (f"{value:,.{digits}f}" for value in
                             (self.low, self.median, self.high))
        return f"{median}{unit} ({low} .. {high})"

    def at_least(self, target):
        """A verdict."""
        return verdict(self.low >= target, self.high >= target)

    def at_most(self, target):
        """A verdict."""
        return verdict(self.high <= target, self.low <= target)


def verdict(met, possible=False):
    """In words; possible: the interval does not exclude it."""
    if met:
        return "target met"
    if possible:
        return "about the target"
    return "**target not met**"
