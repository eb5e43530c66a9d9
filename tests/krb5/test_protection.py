#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
r"""State protection (Machine_Credentials): what a user has left open whose ticket
has expired is ended by his machine, and nobody else acts for it.

    BACKCHANNEL_MODULE=.../libfsalbackchannel.so \
    UML_XSTATE=.../libuml_xstate.so ./test_protection.py [NAME...]

The figures are for how long a second client's open() was blocked.
"""
import os
import sys

from realm import SERVER, TOOLS, Realm, as_user

import gss
import lab
import test_mounts as mounts
from files import (AT_ONCE, ENDS, READ, hold, make_file, second_open,
                   sees_new_data)
from lab import LabError

LEASE = 10  # s
TICKET = 12  # s
USER, UID = "daemon", 1  # who is known everywhere
PROTECTED = "Machine_Credentials = true;"


def expire(realm, holder, path):
    """A user of the holder has a file open, and with it a delegation, and no
    ticket any more."""
    realm.add(USER, f"{USER}.keytab")
    realm.ticket(holder, USER, UID, f"{TICKET}s")
    before = holder.count("OPEN", "OPEN_NOATTR")
    # Linux returns what nobody has open after a lease.  What is opened when the
    # delegation is there already would have to be claimed from the server
    # first, as the user: nobody can.
    holder.call("run", argv=as_user(UID, "sh", "-c", f"sleep 100 <{path} "
                                    ">/dev/null 2>&1 &"))
    lab.wait_until(lambda: holder.count("OPEN", "OPEN_NOATTR") > before,
                   "the user opens the file")
    opens = holder.count("OPEN", "OPEN_NOATTR")
    holder.call("run", argv=as_user(UID, "cat", path))
    if holder.count("OPEN", "OPEN_NOATTR") != opens:
        raise LabError("the user was granted no delegation")
    lab.pause(TICKET + 1)
    try:  # what is never answered from a cache
        holder.call("run", argv=as_user(UID, "stat", "-f", "/mnt"))
    except OSError:
        return
    raise LabError("the user's ticket has not expired")


def user_expired(world, limit, flavour="krb5", **options):
    """The user's delegation is recalled, and his file closed."""
    realm = Realm(world)
    holder, other = realm.pair((flavour, flavour), lease=LEASE, **options)
    path = make_file(world, "file")
    expire(realm, holder, path)
    blocked = second_open(world, holder, other, path, limit)
    closed = holder.count("CLOSE")
    holder.call("run", argv=["pkill", "-u", str(UID), "sleep"])
    lab.wait_until(lambda: holder.count("CLOSE") > closed, "CLOSE is sent")
    world.server.stop()
    return {"blocked": blocked}


def user_without(world):
    """For comparison, as Ganesha has it: nobody can return the delegation, and
    who opens the file waits until it is revoked."""
    return user_expired(world, ENDS)


def user(world):
    """The machine returns the delegation."""
    figures = user_expired(world, AT_ONCE, parameters=PROTECTED)
    expect_counted(world, "protected_clients")
    return figures


def user_of_krb5p_only(world):
    """The same on an export that takes privacy alone, which Linux's DELEGRETURN
    and CLOSE do not have."""
    figures = user_expired(world, AT_ONCE, "krb5p", sec="krb5p",
                           parameters=PROTECTED)
    expect_counted(world, "protection_exemptions")
    return figures


def protected(world, scenario):
    """A scenario of test_mounts.py, with state protection: no connection is used
    before it is bound."""
    world.parameters += PROTECTED
    figures = scenario(world)
    expect_counted(world, "protected_clients")
    return figures


def expect_counted(world, name):
    """Raise LabError unless the server has counted some of these."""
    if not world.server.counted[name]:
        raise LabError(f"{name} is 0")


def breaks(world):
    """Connections are closed and reset; the holder has to bind each."""
    return protected(world, mounts.krb5)


def breaks_of_krb5p_only(world):
    """The same where the export takes privacy alone."""
    realm = Realm(world)
    holder, other = realm.pair(("krb5p", "krb5p"), sec="krb5p",
                               parameters=PROTECTED)
    figures = mounts.recall_after_breaks(world, holder, other)
    world.server.stop()
    expect_counted(world, "protection_exemptions")
    return figures


def nconnect_4(world):
    """Four connections, all of which have to be bound."""
    figures = protected(world, mounts.nconnect_4)
    expect_counted(world, "protection_refusals.connection")
    return figures


def sys_beside(world):
    """The holder has a mount with AUTH_SYS beside the one with Kerberos."""
    return protected(world, mounts.krb5_then_sys)


def server_restarted(world):
    """The holder asks the new server for state protection anew."""
    return protected(world, mounts.server_restarted)


REFUSED = ("BIND_CONN_TO_SESSION from ::ffff:10.99.0.11 refused, "
           "it was not sent with its machine's credential")


def other_principal(world):
    """The holder's machine is given another principal, which binds nothing: what
    the first one has is lost with its lease, and no later."""
    realm = Realm(world)
    realm.serve(lease=LEASE, parameters=PROTECTED)
    holder, other = realm.boot("nfs", "nfs")
    realm.stop_gssd(holder)
    realm.start_gssd(holder, "c1-nfs.keytab", "-t", f"{mounts.CONTEXT}")
    for guest in (holder, other):
        realm.mount(guest, "krb5")
    path = make_file(world, "file")
    handle = hold(holder, path, READ)
    mounts.change_principal(realm, holder, "host")
    world.network.abort(holder.address)
    touching = holder.submit("statvfs", path="/mnt")
    lab.wait_until(lambda: REFUSED in lab.read_text(world.server.log),
                   "the BIND is refused")
    blocked = second_open(world, holder, other, path, ENDS)
    lab.wait_until(touching.done, "the holder reaches the server", ENDS)
    sees_new_data(holder, path, handle)
    world.server.stop()
    expect_counted(world, "protection_refusals.credential")
    return {"blocked": blocked}


# What is on the wire ---------------------------------------------------------

# What Linux asks for.
ENFORCE = {gss.BIND_CONN_TO_SESSION, gss.EXCHANGE_ID, gss.CREATE_SESSION,
           gss.DESTROY_SESSION, gss.DESTROY_CLIENTID}
ALLOW = {gss.CLOSE, gss.COMMIT, gss.DELEGRETURN, gss.LOCKU, gss.OPEN_DOWNGRADE,
         gss.SECINFO, gss.WRITE, gss.FREE_STATEID, gss.LAYOUTRETURN,
         gss.SECINFO_NO_NAME, gss.TEST_STATEID}
ALLOWED = {gss.CLOSE, gss.DELEGRETURN, gss.LOCKU, gss.OPEN_DOWNGRADE,
           gss.FREE_STATEID, gss.TEST_STATEID}
OWNER = b"scripted"
PROGRAM = 0x40000777
UNCONFIRMED = 8  # client ids of one owner and principal


class Scripted:
    """A machine and who is not, with one connection to an export that takes
    privacy alone."""

    def __init__(self, world):
        realm = Realm(world)
        realm.serve(sec="krb5p", parameters=PROTECTED)
        self.connection = gss.Connection(lab.SERVER_ADDRESS)
        self.machine, self.stranger = (
            gss.Context(self.connection, realm.cache(f"nfs/{name}"), SERVER)
            for name in ("machine.lab.test", "stranger.lab.test"))
        self.clientid = self.session = None
        self.slot = 0

    def call(self, context, *ops, service=gss.INTEGRITY, connection=None):
        """A COMPOUND, with a service of its own."""
        if context:
            context.service = service
        return (connection or self.connection).call(context, *ops)

    def others(self):
        """Who is not the machine: a stranger, the machine without integrity,
        and nobody at all."""
        return ((self.stranger, gss.INTEGRITY), (self.stranger, gss.PRIVACY),
                (self.machine, gss.NONE), (None, gss.NONE))

    def refused(self, op, status, request, connection=None):
        """What only the machine may is refused to others."""
        for context, service in self.others():
            self.call(context, request, service=service,
                      connection=connection).expect(op, status)

    def exchange(self, protect, service=gss.INTEGRITY, context=None):
        """EXCHANGE_ID, the machine's or another's; what has been agreed on."""
        reader = self.call(context or self.machine,
                           gss.exchange_id(OWNER, protect),
                           service=service).expect(gss.EXCHANGE_ID)
        self.clientid, first = reader.long(), reader.word()
        reader.word()  # flags
        if reader.word() != gss.SP4_MACH_CRED:
            raise LabError("no state protection")
        return first, reader.ops(), reader.ops()

    def create(self, first):
        """CREATE_SESSION."""
        request = gss.create_session(self.clientid, first)
        self.refused(gss.CREATE_SESSION, gss.WRONG_CRED, request)
        self.session = self.call(self.machine, request).expect(
            gss.CREATE_SESSION).take(16)

    def compound(self, context, *ops, service=gss.INTEGRITY):
        """A COMPOUND of the session; the results after SEQUENCE's."""
        self.slot += 1
        return self.call(context, gss.sequence(self.session, self.slot), *ops,
                         service=service).after_sequence()


def agreed(world):
    """Who gets SP4_MACH_CRED, with which operations, and for how long."""
    scripted = Scripted(world)
    asked = (ENFORCE | {gss.BACKCHANNEL_CTL}, ALLOW)
    for context in (scripted.machine, None):
        scripted.call(context, gss.exchange_id(OWNER, asked), service=gss.NONE
                      ).expect(gss.EXCHANGE_ID, gss.INVAL)
    for service in (gss.INTEGRITY, gss.PRIVACY):
        first, enforced, allowed = scripted.exchange(asked, service)
        if (enforced, allowed) != (asked[0], ALLOWED):
            raise LabError(f"enforced {enforced}, allowed {allowed}")
    scripted.create(first)
    # The owner is the machine's now, and what was agreed is not changed.
    scripted.refused(gss.EXCHANGE_ID, gss.CLID_INUSE,
                     gss.exchange_id(OWNER, None))
    scripted.refused(gss.EXCHANGE_ID, gss.CLID_INUSE,
                     gss.exchange_id(OWNER, None, b"restarts"))
    scripted.refused(gss.EXCHANGE_ID, gss.PERM,
                     gss.exchange_id(OWNER, None, flags=gss.UPDATE))
    before = scripted.clientid
    if scripted.exchange(None)[1:] != (asked[0], ALLOWED):
        raise LabError("what was agreed has changed")
    if scripted.clientid != before:
        raise LabError("the client id has changed")
    world.server.stop()


def unconfirmed(world):
    """Who asks in a loop and confirms nothing has so many client ids, and costs
    nobody else his."""
    scripted = Scripted(world)
    clientids = []
    for context in [scripted.machine] + (UNCONFIRMED + 1) * [scripted.stranger]:
        scripted.exchange((ENFORCE, ALLOW), context=context)
        clientids.append(scripted.clientid)
    kept, ended, *others = clientids
    for clientid, status in ((kept, gss.WRONG_CRED),
                             (ended, gss.STALE_CLIENTID),
                             *((other, gss.WRONG_CRED) for other in others)):
        scripted.call(None, gss.create_session(clientid, 1), service=gss.NONE
                      ).expect(gss.CREATE_SESSION, status)
    world.server.stop()


def maintained(world):
    """Sessions, their connections and the client id are the machine's alone."""
    scripted = Scripted(world)
    scripted.create(scripted.exchange((ENFORCE, ALLOW))[0])
    scripted.compound(scripted.machine)
    # From the machine's own address, where Bind_Policy would let them.
    back = gss.Connection(lab.SERVER_ADDRESS)
    scripted.call(scripted.machine, gss.bind(scripted.session, gss.BACK),
                  connection=back).expect(gss.BIND_CONN_TO_SESSION)
    control = gss.backchannel_ctl(PROGRAM)
    for context, service in scripted.others():
        scripted.compound(context, control, service=service).expect(
            gss.BACKCHANNEL_CTL, gss.INVAL)
    scripted.compound(scripted.machine, control).expect(gss.BACKCHANNEL_CTL)
    second = gss.Connection(lab.SERVER_ADDRESS)
    number = gss.sequence(scripted.session, scripted.slot + 1)
    for context in (scripted.machine, None):
        scripted.call(context, number, connection=second).expect(
            gss.SEQUENCE, gss.NOT_BOUND)
    scripted.refused(gss.BIND_CONN_TO_SESSION, gss.BADSESSION,
                     gss.bind(scripted.session), second)
    scripted.call(scripted.machine, gss.bind(scripted.session),
                  service=gss.PRIVACY, connection=second
                  ).expect(gss.BIND_CONN_TO_SESSION)
    scripted.call(scripted.machine, number, connection=second).after_sequence()
    scripted.refused(gss.DESTROY_SESSION, gss.WRONG_CRED,
                     gss.destroy_session(scripted.session))
    scripted.call(scripted.machine, gss.destroy_session(scripted.session)
                  ).expect(gss.DESTROY_SESSION)
    end = gss.destroy_clientid(scripted.clientid)
    scripted.refused(gss.DESTROY_CLIENTID, gss.WRONG_CRED, end)
    scripted.call(scripted.machine, end).expect(gss.DESTROY_CLIENTID)
    # Nobody's any more.
    scripted.call(scripted.stranger, gss.create_session(scripted.clientid, 2)
                  ).expect(gss.CREATE_SESSION, gss.STALE_CLIENTID)
    world.server.stop()
    expect_counted(world, "protection_refusals.connection")
    expect_counted(world, "protection_refusals.credential")


def exempt(world):
    """What is let through to an export that takes privacy alone: what ends
    state, of the machine, with integrity, and nothing with it."""
    scripted = Scripted(world)
    make_file(world, "file")
    scripted.create(scripted.exchange((ENFORCE, ALLOW))[0])
    found = scripted.compound(
        scripted.machine, gss.words(gss.PUTROOTFH), gss.lookup(b"export"),
        gss.lookup(b"file"), gss.words(gss.GETFH), service=gss.PRIVACY)
    for op in (gss.PUTROOTFH, gss.LOOKUP, gss.LOOKUP):
        found.expect(op)
    handle = gss.putfh(found.expect(gss.GETFH).opaque())
    ends = gss.delegreturn()
    through = scripted.compound(scripted.machine, handle, gss.getattr_size(),
                                ends)
    through.expect(gss.PUTFH)
    attributes = through.expect(gss.GETATTR)
    attributes.ops(), attributes.opaque()
    # It has come to DELEGRETURN, with a stateid that is none.
    through.expect(gss.DELEGRETURN, gss.BAD_STATEID)
    for context, service, ops in (
            (scripted.machine, gss.INTEGRITY, [gss.getattr_size()]),
            (scripted.machine, gss.INTEGRITY,
             [gss.getattr_size(), gss.test_stateid()]),
            (scripted.machine, gss.INTEGRITY,
             [gss.getattr_size(), gss.free_stateid()]),
            (scripted.machine, gss.INTEGRITY,
             [gss.getattr_size(), handle, gss.getattr_size(), ends]),
            (scripted.machine, gss.INTEGRITY,
             [gss.getattr_size(), gss.getattr_size(), ends]),
            (scripted.machine, gss.INTEGRITY, [gss.read(), ends]),
            (scripted.machine, gss.INTEGRITY, [ends, gss.read()]),
            (scripted.machine, gss.NONE, [ends]),
            (scripted.stranger, gss.INTEGRITY, [ends])):
        scripted.compound(context, handle, *ops, service=service).expect(
            gss.PUTFH, gss.WRONGSEC)
    world.server.stop()
    if (count := world.server.counted["protection_exemptions"]) != 1:
        raise LabError(f"{count} exemptions")


for scenario in (user_without, user, user_of_krb5p_only, server_restarted,
                 other_principal):
    scenario.deadline = 120

SCENARIOS = (agreed, unconfirmed, maintained, exempt, user_without, user,
             user_of_krb5p_only)
LONG = (breaks, breaks_of_krb5p_only, nconnect_4, sys_beside, server_restarted,
        other_principal)

if __name__ == "__main__":
    sys.exit(lab.run_scenarios(SCENARIOS, sys.argv[1:], TOOLS, LONG))
