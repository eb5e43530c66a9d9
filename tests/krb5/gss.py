# SPDX-License-Identifier: LGPL-3.0-or-later
"""A scripted NFSv4.1 client that sends with RPCSEC_GSS: what Linux never sends.

    Context      somebody's (a ticket cache), with a service
    Connection   TCP; call() sends one COMPOUND with a Context, or with AUTH_NONE
    Results      of a COMPOUND: its status, and what is read of the rest

RFC 2203, RFC 5661.  Tokens are MIT Kerberos' (libgssapi_krb5), by ctypes.
"""
import ctypes
import os
import socket
import struct

import lab

NONE, INTEGRITY, PRIVACY = 1, 2, 3  # services
DATA, INIT = 0, 1  # procedures of RPCSEC_GSS
AUTH_NONE, RPCSEC_GSS = 0, 6
NFS, NFS_V4 = 100003, 4
COMPLETE, CONTINUE = 0, 1
MUTUAL = 2  # GSS_C_MUTUAL_FLAG

CLOSE, COMMIT, DELEGRETURN, GETATTR, GETFH, LOCKU, LOOKUP = 4, 5, 8, 9, 10, 14, 15
OPEN_DOWNGRADE, PUTFH, PUTROOTFH, READ, SECINFO, WRITE = 21, 22, 24, 25, 33, 38
BACKCHANNEL_CTL, BIND_CONN_TO_SESSION, EXCHANGE_ID = 40, 41, 42
CREATE_SESSION, DESTROY_SESSION = 43, 44
FREE_STATEID, LAYOUTRETURN, SECINFO_NO_NAME, SEQUENCE, TEST_STATEID = 45, 51, 52, 53, 55
DESTROY_CLIENTID = 57

OK, PERM, INVAL, WRONGSEC, CLID_INUSE = 0, 1, 22, 10016, 10017
BAD_STATEID, BADSESSION, STALE_CLIENTID = 10025, 10052, 10022
NOT_BOUND, WRONG_CRED = 10055, 10082

SP4_NONE, SP4_MACH_CRED = 0, 1
UPDATE = 0x40000000  # EXCHGID4_FLAG_UPD_CONFIRMED_REC_A
FORE, BACK = 1, 2  # channels


# GSS --------------------------------------------------------------------------

class Buffer(ctypes.Structure):
    """gss_buffer_desc"""
    _fields_ = [("length", ctypes.c_size_t), ("value", ctypes.c_void_p)]

    def bytes(self):
        return ctypes.string_at(self.value, self.length) if self.length else b""


class Oid(ctypes.Structure):
    """gss_OID_desc"""
    _fields_ = [("length", ctypes.c_uint32), ("elements", ctypes.c_char_p)]


KRB5 = Oid(9, b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02")
HOST_SERVICE = Oid(10, b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x04")


def _library():
    return ctypes.CDLL("libgssapi_krb5.so.2")


def _buffer(data):
    return Buffer(len(data), ctypes.cast(ctypes.c_char_p(data),
                                         ctypes.c_void_p))


class Context:
    """Somebody's context with a server; use it on any connection."""

    def __init__(self, connection, cache, server, service=INTEGRITY):
        """Make it.

        @cache    of tickets: a file
        @server   its host name
        @service  that calls are sent with; may be changed
        """
        self.service = service
        self.sequence = 0
        self.handle = b""
        self._gss = _library()
        self._context = ctypes.c_void_p()
        os.environ["KRB5CCNAME"] = f"FILE:{cache}"
        name = ctypes.c_void_p()
        target = f"nfs@{server}".encode()
        self._check(self._gss.gss_import_name(
            self._minor(), ctypes.byref(_buffer(target)),
            ctypes.byref(HOST_SERVICE), ctypes.byref(name)))
        status, token = self._step(name, b"")
        while status == CONTINUE:
            answer = connection.init(self, token)
            status, token = self._step(name, answer)

    @staticmethod
    def _minor():
        return ctypes.byref(ctypes.c_uint32())

    @staticmethod
    def _check(status):
        if status not in (COMPLETE, CONTINUE):
            raise lab.LabError(f"GSS status {status & 0xffffffff:#x}")
        return status

    def _step(self, name, answer):
        out = Buffer()
        status = self._check(self._gss.gss_init_sec_context(
            self._minor(), None, ctypes.byref(self._context), name,
            ctypes.byref(KRB5), MUTUAL, 0, None, ctypes.byref(_buffer(answer)),
            None, ctypes.byref(out), None, None))
        return status, out.bytes()

    def mic(self, data):
        """The checksum of some bytes."""
        out = Buffer()
        self._check(self._gss.gss_get_mic(
            self._minor(), self._context, 0, ctypes.byref(_buffer(data)),
            ctypes.byref(out)))
        return out.bytes()

    def wrap(self, data):
        """Some bytes, encrypted."""
        out = Buffer()
        self._check(self._gss.gss_wrap(
            self._minor(), self._context, 1, 0, ctypes.byref(_buffer(data)),
            None, ctypes.byref(out)))
        return out.bytes()

    def unwrap(self, data):
        """The opposite of wrap()."""
        out = Buffer()
        self._check(self._gss.gss_unwrap(
            self._minor(), self._context, ctypes.byref(_buffer(data)),
            ctypes.byref(out), None, None))
        return out.bytes()


# XDR --------------------------------------------------------------------------

def words(*numbers):
    """Numbers of 32 bits."""
    return struct.pack(f">{len(numbers)}I", *numbers)


def opaque(data):
    """opaque<>"""
    return words(len(data)) + data + bytes(-len(data) % 4)


def bitmap(*ops):
    """Operations as a bitmap4 of two words."""
    mask = sum(1 << op for op in ops)
    return words(2, mask & 0xffffffff, mask >> 32)


class Reader:
    """Reads XDR."""

    def __init__(self, data):
        self._data, self._at = data, 0

    def take(self, count):
        """So many bytes."""
        piece = self._data[self._at:self._at + count]
        if len(piece) != count:
            raise lab.LabError("an answer ends too early")
        self._at += count
        return piece

    def word(self):
        return struct.unpack(">I", self.take(4))[0]

    def long(self):
        return struct.unpack(">Q", self.take(8))[0]

    def opaque(self):
        count = self.word()
        data = self.take(count)
        self.take(-count % 4)
        return data

    def rest(self):
        return self._data[self._at:]

    def ops(self):
        """A bitmap4 as the set of its operations."""
        return {32 * word + bit for word in range(self.word())
                for mask in (self.word(),) for bit in range(32)
                if mask >> bit & 1}


# RPC --------------------------------------------------------------------------

class Connection:
    """A connection to the server."""

    def __init__(self, server):
        self._socket = socket.create_connection((server, lab.NFS_PORT),
                                                lab.PATIENCE)
        self._xid = 0

    def close(self):
        self._socket.close()

    def _exchange(self, message):
        record = words(0x80000000 | len(message)) + message
        self._socket.sendall(record)
        answer = Reader(self._record())
        if answer.word() != self._xid or answer.word() != 1:
            raise lab.LabError("the answer is to another call")
        if answer.word() != 0:
            raise lab.LabError("the call was denied")
        answer.word(), answer.opaque()  # the verifier
        if status := answer.word():
            raise lab.LabError(f"the call was not accepted: {status}")
        return answer

    def _record(self):
        data = b""
        while True:
            mark = struct.unpack(">I", self._receive(4))[0]
            data += self._receive(mark & 0x7fffffff)
            if mark >> 31:
                return data

    def _receive(self, count):
        data = b""
        while len(data) < count:
            piece = self._socket.recv(count - len(data))
            if not piece:
                raise lab.LabError("the server has closed the connection")
            data += piece
        return data

    def _header(self, procedure, flavor, body):
        self._xid += 1
        return (words(self._xid, 0, 2, NFS, NFS_V4, procedure, flavor)
                + opaque(body))

    def init(self, context, token):
        """A step of making a context: RPCSEC_GSS_INIT."""
        header = self._header(0, RPCSEC_GSS,
                              words(1, INIT, 0, context.service)
                              + opaque(context.handle))
        answer = self._exchange(header + words(AUTH_NONE, 0) + opaque(token))
        context.handle = answer.opaque()
        major = answer.word()
        answer.word(), answer.word()  # minor status, window
        if major not in (COMPLETE, CONTINUE):
            raise lab.LabError(f"the server refuses the context: {major:#x}")
        return answer.opaque()

    def call(self, context, *ops):
        """Send a COMPOUND; return its Results.

        @context  None: with AUTH_NONE
        """
        args = opaque(b"") + words(1, len(ops)) + b"".join(ops)
        if not context:
            header = self._header(1, AUTH_NONE, b"")
            return Results(self._exchange(header + words(AUTH_NONE, 0) + args))
        context.sequence += 1
        header = self._header(
            1, RPCSEC_GSS,
            words(1, DATA, context.sequence, context.service)
            + opaque(context.handle))
        verifier = words(RPCSEC_GSS) + opaque(context.mic(header))
        body = words(context.sequence) + args
        if context.service == INTEGRITY:
            args = opaque(body) + opaque(context.mic(body))
        elif context.service == PRIVACY:
            args = opaque(context.wrap(body))
        answer = self._exchange(header + verifier + args)
        if context.service == NONE:
            return Results(answer)
        body = answer.opaque()
        if context.service == PRIVACY:
            body = context.unwrap(body)
        return Results(Reader(body[4:]))


class Results:
    """The results of a COMPOUND: each is read in turn."""

    def __init__(self, reader):
        self.status = reader.word()
        reader.opaque()  # the tag
        self.count = reader.word()
        self.reader = reader

    def expect(self, op, status=OK):
        """Raise LabError if the next result is another operation's, or has
        another status; what the operation says follows."""
        found = self.reader.word(), self.reader.word()
        if found != (op, status):
            raise lab.LabError(f"operation and status are {found}, "
                               f"not {(op, status)}")
        return self.reader

    def after_sequence(self):
        """Go past SEQUENCE."""
        self.expect(SEQUENCE).take(16 + 5 * 4)
        return self


# Operations ---------------------------------------------------------------------

def exchange_id(owner, protect, verifier=b"verifier", flags=0):
    """@protect  None, or (what to enforce, what to allow): SP4_MACH_CRED"""
    asked = (words(SP4_MACH_CRED) + bitmap(*protect[0]) + bitmap(*protect[1])
             if protect else words(SP4_NONE))
    return (words(EXCHANGE_ID) + verifier + opaque(owner) + words(flags)
            + asked + words(0))


def create_session(clientid, sequence):
    """Without a back channel."""
    channel = words(0, 65536, 65536, 4096, 16, 4, 0)
    return (words(CREATE_SESSION) + struct.pack(">Q", clientid)
            + words(sequence, 0) + channel + channel
            + words(0x40000000, 1, AUTH_NONE))


def bind(session, channel=FORE):
    return words(BIND_CONN_TO_SESSION) + session + words(channel, 0)


def backchannel_ctl(program):
    """With AUTH_NONE."""
    return words(BACKCHANNEL_CTL, program, 1, AUTH_NONE)


def sequence(session, number):
    """In slot 0."""
    return words(SEQUENCE) + session + words(number, 0, 0, 0)


def destroy_session(session):
    return words(DESTROY_SESSION) + session


def destroy_clientid(clientid):
    return words(DESTROY_CLIENTID) + struct.pack(">Q", clientid)


def lookup(name):
    return words(LOOKUP) + opaque(name)


def putfh(handle):
    return words(PUTFH) + opaque(handle)


def delegreturn(stateid=bytes(16)):
    return words(DELEGRETURN) + stateid


def free_stateid(stateid=bytes(16)):
    return words(FREE_STATEID) + stateid


def test_stateid(stateid=bytes(16)):
    return words(TEST_STATEID, 1) + stateid


def getattr_size():
    return words(GETATTR, 1, 1 << 4)


def read(stateid=bytes(16)):
    return words(READ) + stateid + words(0, 0, 4096)
