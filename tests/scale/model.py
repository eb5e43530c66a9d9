# SPDX-License-Identifier: LGPL-3.0-or-later
"""What so many clients would take over so many gateways, from what was measured.

Simple on purpose: each figure is one formula of n, the clients of a gateway, and
doc/scale.md has them in words.
"""
LEASE = 60  # s, Ganesha's own
RENEWAL = LEASE * 2 / 3  # s, Linux's


def line(points):
    """(a, b) of y = a + b x, least squares."""
    x_mean = sum(x for x, _ in points) / len(points)
    y_mean = sum(y for _, y in points) / len(points)
    spread = sum((x - x_mean) ** 2 for x, _ in points)
    b = 0.0
    if spread:
        b = sum((x - x_mean) * (y - y_mean) for x, y in points) / spread
    return y_mean - b * x_mean, b


def parabola(points):
    """(a, b) of t = a n + b n², through the two largest of them.

    Where that bends the other way: the line to the dearer of the two.
    """
    (few, short), (many, long) = sorted(points)[-2:]
    b = (long / many - short / few) / (many - few)
    if b <= 0:
        return max(short / few, long / many), 0.0
    return short / few - b * few, b


class Gateway:
    """A gateway as it was measured.

    client, connection: bytes; renewal: CPU seconds of one; connect: seconds of one
    connection; times: {name: [(n, s), ...]}, without connecting; connects: those before
    which each client connects
    """

    def __init__(self, memory, renewal, connect, times, connects):
        self.client, self.connection = memory
        self.renewal = renewal
        self.connect = connect
        self.times = times
        self.connects = connects
        self.laws = {name: parabola(points)
                     for name, points in times.items()}

    def memory(self, n):
        """Bytes of n clients with a connection each."""
        return n * (self.client + self.connection)

    def cpus(self, n):
        """CPUs that renewals of n clients take."""
        return n / RENEWAL * self.renewal

    def time(self, name, n):
        """Seconds for n clients with a connection each."""
        a, b = self.laws[name]
        return a * n + b * n * n + (n * self.connect
                                    if name in self.connects else 0)

    def most(self, name):
        """The most clients of which that time was measured."""
        return max(n for n, _ in self.times[name])
