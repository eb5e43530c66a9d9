# SPDX-License-Identifier: LGPL-3.0-or-later
"""What so many clients would take over so many gateways, from what was measured.

Simple on purpose: each figure is one formula of n, the clients of a gateway, and
doc/scale.md has them in words.
"""
import math

LEASE = 60  # s, Ganesha's own
RENEWAL = LEASE * 2 / 3  # s, Linux's


def power_law(points):
    """(k, p) of t = k n^p, the line through the points' logarithms.

    points: [(n, t), ...]; one point, or none that grows, is taken for proportional.
    """
    points = [(math.log(n), math.log(t)) for n, t in points if t > 0]
    n_mean = sum(n for n, _ in points) / len(points)
    t_mean = sum(t for _, t in points) / len(points)
    spread = sum((n - n_mean) ** 2 for n, _ in points)
    p = 1.0
    if spread:
        p = sum((n - n_mean) * (t - t_mean) for n, t in points) / spread
    return math.exp(t_mean - p * n_mean), p


def line(points):
    """(a, b) of y = a + b x, least squares."""
    x_mean = sum(x for x, _ in points) / len(points)
    y_mean = sum(y for _, y in points) / len(points)
    spread = sum((x - x_mean) ** 2 for x, _ in points)
    b = 0.0
    if spread:
        b = sum((x - x_mean) * (y - y_mean) for x, y in points) / spread
    return y_mean - b * x_mean, b


class Gateway:
    """A gateway as it was measured.

    client, connection: bytes; renewal: CPU seconds; times: {name: [(n, s), ...]}
    """

    def __init__(self, client, connection, renewal, times):
        self.client = client
        self.connection = connection
        self.renewal = renewal
        self.times = times
        self.laws = {name: power_law(points)
                     for name, points in times.items()}

    def memory(self, n):
        """Bytes of n clients with a connection each."""
        return n * (self.client + self.connection)

    def cpus(self, n):
        """CPUs that renewals of n clients take."""
        return n / RENEWAL * self.renewal

    def time(self, name, n):
        """Seconds for n clients."""
        k, p = self.laws[name]
        return k * n ** p

    def most(self, name):
        """The most clients of which that time was measured."""
        return max(n for n, _ in self.times[name])
