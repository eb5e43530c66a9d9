# SPDX-License-Identifier: LGPL-3.0-or-later
"""Files, delegations and who sees what: what the scenarios are made of."""
import collections
import os

import lab
from lab import DataError, LabError

# How the holder opens its file, how the other then opens it, and which of
# them writes what the other one must see.
Kind = collections.namedtuple("Kind", "name holder other")
READ = Kind("read", os.O_RDONLY, os.O_RDWR)
WRITE = Kind("write", os.O_RDWR, os.O_RDONLY)
KINDS = (READ, WRITE)

OLD, NEW = "old data", "NEW DATA"


def pair(world, **options):
    """A server and two clients that have mounted its export."""
    world.serve(**options)
    holder, other = world.boot("holder", "other")
    for guest in (holder, other):
        guest.mount()
    return holder, other


def make_file(world, name):
    """A new file, made behind NFS's back; its path in the guests."""
    with open(f"{world.server.export}/{name}", "w", encoding="ascii") as file:
        file.write(OLD)
    return f"/mnt/{name}"


def holds_delegation(guest, path, flags):
    """Whether a further open() needs no OPEN on the wire."""
    before = guest.count("OPEN", "OPEN_NOATTR")
    guest.close(guest.open(path, flags).value)
    return guest.count("OPEN", "OPEN_NOATTR") == before


def hold(holder, path, kind):
    """Open a file in the holder and see that a delegation comes with it."""
    handle = holder.open(path, kind.holder).value
    if not holds_delegation(holder, path, kind.holder):
        raise LabError(f"no {kind.name} delegation was granted")
    return handle


def expect_returned(client, before, count=1):
    """It has returned so many delegations since it had returned @before.  Who
    waited for them goes on when they are; the client counts the replies."""
    lab.wait_until(lambda: client.count("DELEGRETURN") - before >= count,
                   f"{count} delegations are returned")
    if (found := client.count("DELEGRETURN") - before) != count:
        raise LabError(f"{found} delegations returned, not {count}")


def expect_read(guest, handle, data, what):
    """Raise LabError if a file has other contents than these."""
    found = guest.read(handle).value
    if found != data:
        raise DataError(f"{guest.name} reads {found!r}: {what}")
