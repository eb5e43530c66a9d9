# SPDX-License-Identifier: LGPL-3.0-or-later
"""A lab of real Linux NFS clients around one ganesha.nfsd.

    10.99.0.1        br0, the server's end; ganesha.nfsd listens here
      |- tap1        10.99.0.11, first guest  (User Mode Linux)
      |- tap2        10.99.0.12, second guest

A scenario is a function that gets a Lab, starts what it needs and returns
its figures; it fails by raising.  Each one runs in a process of its own
(run_scenarios), the first of new network, process, mount and host name
namespaces, with a tmpfs as its folder.  However that process ends, the kernel takes servers,
guests, interfaces and files with it: a scenario only stops what it wants to
see stopped.

    Lab       what a scenario is given: serve(), boot(), network
    Network   the bridge, and the server's view of the connections
    Server    one ganesha.nfsd: start, stop, is it alive
    Guest     one client: mount, file operations by its own clock, its
              kernel's statistics, closing its connections

The environment names BACKCHANNEL_MODULE, the module under test, and may name
UML_XSTATE, what uml-xstate.c was built into.
"""
import collections
import concurrent.futures
import faulthandler
import http.client
import itertools
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

SERVER_ADDRESS = "10.99.0.1"
SERVER_MAC = "02:00:0a:63:00:01"
NFS_PORT = 2049

PATIENCE = 20  # s, for anything that is expected to happen at once
DEADLINE = 60  # s, for a whole scenario
EXIT_SKIPPED = 77

HERE = os.path.dirname(os.path.abspath(__file__))
GANESHA_PLUGINS = f"/usr/lib/{os.uname().machine}-linux-gnu/ganesha"
UML_MODULES = "/usr/lib/uml/modules"


class LabError(Exception):
    """Something in the lab did not do what was expected of it."""


class DataError(LabError):
    """An application on a client saw other data than it should have."""


def wait_until(condition, what, timeout=PATIENCE):
    """Wait until condition() is true and return what it returned."""
    end = time.monotonic() + timeout
    while not (outcome := condition()):
        if time.monotonic() > end:
            raise LabError(f"not within {timeout} s: {what}")
        time.sleep(0.01)
    return outcome


def pause(seconds):
    """Let time pass, where its length is what a scenario is about."""
    time.sleep(seconds)


def run(*argv):
    """Run a command of the host to its end and return its output."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=PATIENCE)
    if done.returncode != 0:
        raise LabError(f"{' '.join(argv)}: {done.stdout.strip()}")
    return done.stdout


def ganesha_major():
    """The major version of the Ganesha that is installed."""
    return int(re.search(r"Release = V(\d+)", run("ganesha.nfsd", "-v"))[1])


def read_text(path, offset=0):
    """What a log holds from an offset on."""
    with open(path, encoding="utf-8", errors="replace") as log:
        log.seek(offset)
        return log.read()


def indent(text, lines=20):
    """The last lines of a log, set off from what surrounds them."""
    return "".join(f"    {line}\n" for line in text.splitlines()[-lines:])


Packet = collections.namedtuple("Packet", "number stream")
Packet.__doc__ = """A packet of a capture: its number, its TCP stream."""


class Capture:
    """A packet capture of what goes over the bridge, while it is entered."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        self.process = subprocess.Popen(
            ["dumpcap", "-q", "-i", "br0", "-P", "-w", self.path,
             "-f", f"tcp port {NFS_PORT}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)
        # It says so once it captures.
        for line in self.process.stderr:
            if line.startswith("File:"):
                return self
        raise LabError("dumpcap does not capture")

    def __exit__(self, *exception):
        self.process.terminate()
        self.process.communicate(timeout=PATIENCE)

    def _first(self, display_filter):
        # The file is still growing: its last packet may be cut short.
        done = subprocess.run(
            ["tshark", "-r", self.path, "-d", f"tcp.port=={NFS_PORT},rpc",
             "-Y", display_filter,
             "-T", "fields", "-e", "frame.number", "-e", "tcp.stream"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, timeout=PATIENCE)
        found = re.search(r"^(\d+)\t(\d+)$", done.stdout, re.MULTILINE)
        return Packet(*map(int, found.groups())) if found else None

    def first(self, display_filter):
        """The first Packet that a display filter lets through; waits for it,
        as dumpcap writes a moment later."""
        return wait_until(lambda: self._first(display_filter),
                          f"a packet: {display_filter}")


class Network:
    """The bridge that guests are plugged into; its own end is the server's."""

    def __init__(self):
        run("ip", "link", "set", "lo", "up")
        # Without an address of its own it would have the least of its ports',
        # and change it when one of them is unplugged.
        run("ip", "link", "add", "br0", "address", SERVER_MAC,
            "type", "bridge")
        run("ip", "address", "add", f"{SERVER_ADDRESS}/24", "dev", "br0")
        run("ip", "link", "set", "br0", "up")
        # A tap loses what is larger than a frame.
        run("ethtool", "-K", "br0", "tso", "off", "gso", "off", "tx", "off")

    def add_tap(self, tap):
        """A port of the bridge, for one guest."""
        run("ip", "tuntap", "add", "dev", tap, "mode", "tap")
        run("ip", "link", "set", tap, "master", "br0", "up")

    @staticmethod
    def _of_client(client):
        return ("dst", client, "sport", "=", f":{NFS_PORT}")

    def connections(self, client):
        """The server's established connections with a client's address.

        Each is named by its socket's cookie: a Linux client reconnects from
        the port it had, so that address and port say nothing.
        """
        out = run("ss", "-Htne", "state", "established",
                  *self._of_client(client))
        return set(re.findall(r"\bsk:(\w+)", out))

    def add_address(self, address):
        """A further address of the server."""
        run("ip", "address", "add", f"{address}/24", "dev", "br0")

    def unplug(self, guest):
        """Take a guest off the network; its own link stays up."""
        run("ip", "link", "set", guest.tap, "nomaster")

    def plug(self, guest):
        """The opposite of unplug()."""
        run("ip", "link", "set", guest.tap, "master", "br0")

    def black_hole(self, client):
        """Swallow what a client sends on its present connections.

        The client is reset at its next segment and reconnects from another
        port; the server never learns.
        """
        peers = run("ss", "-Htn", "state", "established",
                    *self._of_client(client)).split()
        ports = [peer.rpartition(":")[2] for peer in peers
                 if peer.startswith((client + ":", f"[::ffff:{client}]:"))]
        if not ports:
            raise LabError(f"{client} has no connection")
        run("nft", "add", "table", "inet", "lab")
        run("nft", "add", "chain", "inet", "lab", "in",
            "{ type filter hook input priority 0 ; }")
        run("nft", "add", "rule", "inet", "lab", "in", "ip", "saddr", client,
            "tcp", "sport", "{ " + ", ".join(ports) + " }",
            "reject", "with", "tcp", "reset")

    def abort_first(self, client):
        """Reset the oldest of the server's connections with a client."""
        out = run("ss", "-Htn", "state", "established",
                  *self._of_client(client))
        ports = re.findall(re.escape(client) + r"\]?:(\d+)", out)
        if not ports:
            raise LabError(f"{client} has no connection")
        run("ss", "-K", "-Htn", "dst", client, "dport", "=", f":{ports[-1]}",
            "sport", "=", f":{NFS_PORT}")

    def capture(self, path):
        """A Capture, to be used in a with statement."""
        return Capture(path)

    def abort(self, client):
        """Reset the server's connections with a client's address.

        On the wire: RST to the client.  The server sees ECONNABORTED.
        """
        before = self.connections(client)
        run("ss", "-K", "-Htn", *self._of_client(client))
        if before & self.connections(client):
            raise LabError(f"connections of {client} survived ss -K")


class Server:
    """One ganesha.nfsd with one export, /export, in a folder of its own."""

    def __init__(self, folder, module=None, parameters="", lease=20, grace=0,
                 sec="sys", blocks=""):
        """Prepare it; start() is next.

        @module     path of libfsalbackchannel.so; None: plain FSAL_VFS
        @parameters what is in BACKCHANNEL's block
        @lease      s
        @grace      s after a start; 0: none
        @sec        the export's SecType
        @blocks     further blocks of Ganesha's configuration
        """
        self.folder = folder
        self.log = f"{folder}/ganesha.log"
        self.export = f"{folder}/export"
        for name in ("export", "recovery", "plugins"):
            os.makedirs(f"{folder}/{name}", exist_ok=True)
        self._link_plugins(module)
        self._write_config(module, parameters, lease, grace, sec, blocks)
        self.process = None
        self.counted = {}

    def _link_plugins(self, module):
        """Plugins_Dir: the packaged FSALs and the module beside them."""
        files = [entry.path for entry in os.scandir(GANESHA_PLUGINS)]
        for path in files + [module] * bool(module):
            os.symlink(os.path.abspath(path),
                       f"{self.folder}/plugins/{os.path.basename(path)}")

    def _write_config(self, module, parameters, lease, grace, sec, blocks):
        # Known since 5: it starts without CAP_SYS_RESOURCE, too.
        flusher = ("Allow_Set_Io_Flusher_Fail = true;"
                   if ganesha_major() >= 5 else "")
        fsal = "FSAL { Name = VFS; }"
        if module:
            fsal = f"FSAL {{ Name = BACKCHANNEL; {fsal} }}"
        text = f"""
NFS_CORE_PARAM {{
	Protocols = 4;
	NFS_Port = {NFS_PORT};
	Enable_NLM = false;
	Enable_RQUOTA = false;
	Enable_UDP = false;
	Plugins_Dir = "{self.folder}/plugins";
	{flusher}
}}
NFSv4 {{
	Delegations = true;
	{f"Grace_Period = {grace}" if grace else "Graceless = true"};
	Lease_Lifetime = {lease};
	RecoveryRoot = "{self.folder}/recovery";
}}
EXPORT {{
	Export_Id = 1;
	Path = "{self.export}";
	Pseudo = "/export";
	Access_Type = RW;
	Squash = No_Root_Squash;
	SecType = {sec};
	Delegations = RW;
	{fsal}
}}
{blocks}
"""
        if module:
            text += (f'BACKCHANNEL {{ Admin_Socket = "{self.folder}/admin.sock"; '
                     f"{parameters} }}")
        with open(f"{self.folder}/ganesha.conf", "w",
                  encoding="ascii") as config:
            config.write(text)

    def start(self):
        """Start the server and wait until it serves requests."""
        with open(self.log, "a", encoding="ascii") as log:
            start = log.tell()
        self.process = subprocess.Popen(
            ["ganesha.nfsd", "-F", "-f", f"{self.folder}/ganesha.conf",
             "-L", self.log, "-p", f"{self.folder}/ganesha.pid"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, cwd=self.folder,
            preexec_fn=allow_core)

        def serving():
            self.check()
            return "NFS SERVER INITIALIZED" in read_text(self.log, start)
        wait_until(serving, "ganesha.nfsd serves")
        # It serves even if it could not load the export.
        for line in read_text(self.log, start).splitlines():
            if ":CONFIG :CRIT :" in line:
                raise LabError(line.partition(":CRIT :")[2])

    def callbacks(self):
        """How many callbacks the module has (accepted, completed), by what it
        logged at the end of each run; None without such a line."""
        found = re.findall(r"callbacks: (\d+) submitted, (\d+) completed",
                           read_text(self.log))
        if not found:
            return None
        return tuple(sum(int(number) for number in column)
                     for column in zip(*found))

    def counts(self):
        """What the module has counted so far, by name (GET /v1/totals)."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(PATIENCE)
            line.connect(f"{self.folder}/admin.sock")
            line.sendall(b"GET /v1/totals HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: line.recv(65536), b""))
        return json.loads(answer.partition(b"\r\n\r\n")[2])["counts"]

    def check(self):
        """Raise LabError if the server is not running."""
        status = self.process.poll()
        if status is not None:
            raise LabError(f"ganesha.nfsd {describe_exit(status)}")

    def stop(self):
        """Shut it down, and raise LabError unless that goes well.

        What it has counted until then is in .counted."""
        self.check()
        if os.path.exists(f"{self.folder}/admin.sock"):
            self.counted = self.counts()
        self.process.terminate()
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise LabError("ganesha.nfsd did not stop on SIGTERM") from None
        if status != 0:
            raise LabError(f"ganesha.nfsd {describe_exit(status)} at shutdown")
        counts = self.callbacks()
        if counts and counts[0] != counts[1]:
            raise LabError("callbacks: {} submitted, {} completed"
                           .format(*counts))


    def admin(self, url):
        """What the module's administration answers, of JSON."""
        connection = http.client.HTTPConnection("localhost", timeout=PATIENCE)
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.connect(f"{self.folder}/admin.sock")
            connection.request("GET", url)
            return json.load(connection.getresponse())
        finally:
            connection.close()

    def where_it_died(self):
        """The stack of the thread that ended it, if it left a core here."""
        cores = [name for name in os.listdir(self.folder)
                 if name.startswith("core")]
        if not cores or not shutil.which("gdb"):
            return ""
        done = subprocess.run(
            ["gdb", "-q", "-batch", "-ex", "bt 20",
             shutil.which("ganesha.nfsd"), f"{self.folder}/{cores[0]}"],
            stdin=subprocess.DEVNULL, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, timeout=PATIENCE, check=False)
        return f"it died in:\n{indent(done.stdout, 24)}"


def allow_core():
    """For a process that has been forked: it may leave a core."""
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


def describe_exit(status):
    """What a Popen's return code says."""
    if status < 0:
        return f"died of {signal.Signals(-status).name}"
    return f"exited with status {status}"


Reply = collections.namedtuple("Reply", "value seconds")
Reply.__doc__ = """What an operation in a guest returned and how long it took,
by the guest's clock, without the way to the guest and back."""


class Guest:
    """One Linux client; guest-init is what runs in it.

    Operations take the paths of the guest, where the export is on /mnt.
    """

    def __init__(self, name, address, tap, folder):
        """Begin to boot it; wait_ready() before anything else.

        @name  the host name: what the server knows the client by
        """
        self.name = name
        self.address = address
        self.tap = tap
        self.console = f"{folder}/{name}.console"
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._pending = {0: concurrent.futures.Future()}  # [_lock]
        self._ready = self._pending[0]
        line, far_end = socket.socketpair()
        with far_end, open(self.console, "wb") as console:
            self.process = self._boot(tap, folder, far_end.fileno(), console)
        self._line = line.makefile("rwb", buffering=0)
        threading.Thread(target=self._receive, daemon=True).start()

    def wait_ready(self):
        """Wait until the guest can mount."""
        self._result(self._ready, PATIENCE)

    def _boot(self, tap, folder, line, console):
        """Start linux.uml with a socket as its serial line."""
        environment = dict(os.environ, TMPDIR=folder)
        if shim := os.environ.get("UML_XSTATE"):
            environment["LD_PRELOAD"] = shim
        return subprocess.Popen(
            ["linux.uml", "mem=160M", f"umid={self.name}",
             f"uml_dir={folder}/uml", "rootfstype=hostfs", "rootflags=/",
             "ro", f"init={HERE}/guest-init", "quiet",
             f"vec0:transport=tap,ifname={tap},depth=128",
             "con=null", "con0=null,fd:1", "ssl=null",
             f"ssl0=fd:{line},fd:{line}",
             f"lab_name={self.name}", f"lab_address={self.address}/24"],
            stdin=subprocess.DEVNULL, stdout=console, stderr=console,
            pass_fds=[line], env=environment)

    def _receive(self):
        """Hand each answer of the agent to whoever waits for it."""
        for text in self._line:
            answer = json.loads(text)
            with self._lock:
                future = self._pending.pop(answer["id"])
            if "error" in answer:
                future.set_exception(
                    OSError(answer["errno"], f"{self.name}: "
                            + answer["error"]))
            else:
                future.set_result(Reply(answer["value"], answer["seconds"]))
        with self._lock:
            for future in self._pending.values():
                future.set_exception(LabError(f"guest {self.name} is gone"))

    def _result(self, future, timeout):
        try:
            return future.result(timeout)
        except concurrent.futures.TimeoutError:
            raise LabError(f"guest {self.name}: no answer within "
                           f"{timeout} s") from None

    def submit(self, op, **args):
        """Have an operation of guest-init (op_*) begin.

        Returns a Future of its Reply, so that a scenario can act while the
        operation blocks.  Any number may run at once.
        """
        future = concurrent.futures.Future()
        number = next(self._ids)
        with self._lock:
            self._pending[number] = future
        request = {"id": number, "op": op, "args": args}
        self._line.write(json.dumps(request).encode("ascii") + b"\n")
        return future

    def call(self, op, timeout=PATIENCE, **args):
        """Have an operation done and return its Reply.

        Raises the OSError that the guest's kernel answered with.
        """
        return self._result(self.submit(op, **args), timeout)

    def mount(self, options="vers=4.1", server=SERVER_ADDRESS, where="/mnt",
              sec="sys", name=None):
        """Mount the export; on the wire: EXCHANGE_ID, CREATE_SESSION with the
        back channel, the way to the root.

        @name  the server's, which Kerberos knows it by; its address, if None
        """
        options += (f",port={NFS_PORT},sec={sec},addr={server}"
                    f",clientaddr={self.address}")
        self.call("run", argv=["mkdir", "-p", where])
        self.call("run", argv=["mount", "-i", "-t", "nfs4", "-o", options,
                               f"{name or server}:/export", where])

    def open(self, path, flags):
        """open(2).  On the wire: OPEN, unless a delegation serves it, and
        again every 0.1 s and more while the server answers DELAY."""
        return self.call("open", path=path, flags=flags)

    def close(self, handle):
        """close(2).  On the wire: CLOSE, unless a delegation was held."""
        return self.call("close", handle=handle)

    def read(self, handle, count=4096, offset=0):
        """pread(2).  On the wire: READ, unless the cache serves it."""
        return self.call("read", handle=handle, count=count, offset=offset)

    def write(self, handle, data, offset=0):
        """pwrite(2).  On the wire: nothing yet; WRITE and COMMIT at the
        close, or with a write delegation when that is recalled."""
        return self.call("write", handle=handle, data=data, offset=offset)

    def lock(self, handle, kind, timeout=PATIENCE):
        """flock(2) or fcntl(2), which wait.  On the wire: LOCK, and again when
        CB_NOTIFY_LOCK says so, or from time to time."""
        return self.call("lock", timeout, handle=handle, kind=kind)

    def unlock(self, handle, kind):
        """The opposite.  On the wire: LOCKU."""
        return self.call("unlock", handle=handle, kind=kind)

    def touch_server(self, timeout=PATIENCE):
        """A round trip to the server, and a connection if there is none."""
        return self.call("statvfs", timeout, path="/mnt")

    def count(self, *operations):
        """How often the client has sent these NFS operations since boot."""
        stats = self.call("load", path="/proc/self/mountstats").value
        return sum(int(number) for name, number
                   in re.findall(r"^\s*(\w+): (\d+)", stats, re.MULTILINE)
                   if name in operations)

    def close_connections(self):
        """Close the client's connections.  On the wire: FIN; the client
        reconnects with its next request."""
        self.call("run", argv=["sh", "-c", f"""
            for xprt in /sys/kernel/sunrpc/xprt-switches/*/xprt-*tcp*; do
                echo {SERVER_ADDRESS} > $xprt/dstaddr || exit 1
            done"""])


class Lab:
    """What a scenario is given."""

    def __init__(self, folder, parameters):
        self.folder = folder
        self.parameters = parameters  # of BACKCHANNEL
        self.module = os.environ.get("BACKCHANNEL_MODULE")
        self.network = Network()
        self.server = None
        self.guests = []
        self.blocked = None  # s: the worst open() of a second client
        self.blocked_median = None  # s: where there are many

    def serve(self, **options):
        """Start the server, with the module unless module=None is given."""
        folder = f"{self.folder}/server"
        os.mkdir(folder)
        options = {"module": self.module, "parameters": self.parameters,
                   **options}
        self.server = Server(folder, **options)
        self.server.start()
        return self.server

    def boot(self, *names):
        """Boot clients of these names, together; return the Guests."""
        first = len(self.guests)
        for number, name in enumerate(names, first + 1):
            tap = f"tap{number}"
            self.network.add_tap(tap)
            self.guests.append(
                Guest(name, f"10.99.0.{10 + number}", tap, self.folder))
        for guest in self.guests[first:]:
            guest.wait_ready()
        return self.guests[first:]

    def note_blocked(self, seconds):
        """How long a second client's open() took; the worst is recorded."""
        self.blocked = max(self.blocked or 0, seconds)

    def diagnosis(self):
        """What is known when a scenario has failed."""
        text = ""
        if self.server:
            status = self.server.process.poll()
            text += ("ganesha.nfsd is running" if status is None else
                     f"ganesha.nfsd {describe_exit(status)}")
            # Without "date : epoch : host : program-pid".
            log = re.sub(r"(?m)^.*?(?=\[)", "", read_text(self.server.log))
            text += f"; its log ends with:\n{indent(log)}"
            text += self.server.where_it_died()
        for guest in self.guests:
            log = read_text(guest.console)
            text += f"console of {guest.name}:\n{indent(log, 5)}"
        return text


def why_not(more_tools=()):
    """Why the lab cannot run on this machine, or None.

    @more_tools  (tool, package) pairs, which its scenarios need besides
    """
    if os.geteuid() != 0:
        return "not root"
    if not os.path.exists("/dev/net/tun"):
        return "no /dev/net/tun"
    for tool, package in (
            ("linux.uml", "user-mode-linux"), ("ganesha.nfsd", "nfs-ganesha"),
            ("ip", "iproute2"), ("ss", "iproute2"), ("ethtool", "ethtool"),
            ("nft", "nftables"),
            ("insmod", "kmod"), ("unshare", "util-linux"),
            ("setpriv", "util-linux"), *more_tools):
        if not shutil.which(tool):
            return f"no {tool} (package {package})"
    for path, package in ((UML_MODULES, "user-mode-linux"),
                          (f"{GANESHA_PLUGINS}/libfsalvfs.so",
                           "nfs-ganesha-vfs")):
        if not os.path.exists(path):
            return f"no {path} (package {package})"
    try:
        run("unshare", "--net", "--uts", "--pid", "--fork", "--mount-proc",
            "true")
    except LabError as error:
        return f"namespaces cannot be made: {error}"
    return None


def record_outcome(path, scenario, lab, error):
    """Add a line to the record of a run: what reliability.py tabulates."""
    status = lab.server.process.poll() if error and lab.server else None
    if status:
        error = f"ganesha.nfsd {describe_exit(status)}"
    outcome = {
        "scenario": scenario.__name__,
        "what": " ".join(scenario.__doc__.split()),
        "parameters": lab.parameters,
        "blocked": lab.blocked,
        "median": lab.blocked_median,
        "callbacks": lab.server.callbacks() if lab.server else None,
        "data": isinstance(error, DataError),
        "error": str(error) if error else None,
    }
    with open(path, "a", encoding="ascii") as record:
        record.write(json.dumps(outcome) + "\n")


def run_inside(scenario, folder, parameters, record):
    """The first process of the namespaces: run one scenario."""
    deadline = getattr(scenario, "deadline", DEADLINE)
    faulthandler.dump_traceback_later(deadline, exit=True)
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    # Ganesha's files in /run, and the host's D-Bus, stay out of the way; what
    # it exports, too, which since 6 must not be a tmpfs.
    for mount_point in ("/run", folder) if ganesha_major() < 6 else ("/run",):
        run("mount", "-t", "tmpfs", "lab", mount_point)
    lab = Lab(folder, parameters)
    failure = None
    try:
        figures = scenario(lab) or {}
    except Exception as error:
        failure = error
    if record:
        record_outcome(record, scenario, lab, failure)
    if failure:
        print("FAILED")
        traceback.print_exception(failure, file=sys.stdout)
        print(lab.diagnosis(), flush=True)
        return 1
    print("".join(f", {name} {value}" for name, value in figures.items())
          .lstrip(", "), flush=True)
    return 0


def run_apart(name, options):
    """Run this program again in new namespaces, for one scenario.

    The chain of deaths: this process's end kills unshare, its end kills the
    first process of the namespace, and that one's end everything in it.
    """
    with tempfile.TemporaryDirectory(prefix="bc-linux-") as folder:
        inside = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL",
             "unshare", "--net", "--uts", "--pid", "--fork",
             "--kill-child", "--mount-proc", sys.executable, os.path.abspath(sys.argv[0]),
             *options, f"--inside={folder}", name],
            stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            return inside.wait()
        finally:
            inside.kill()
            inside.wait()


def parameters_of(options):
    """What is in BACKCHANNEL's block, by the options of the command line."""
    parameters = {"Multiplex": options.get("--multiplex"),
                  "Hold_Conflicts": options.get("--hold"),
                  "Notify_Locks": options.get("--notify")}
    return " ".join(f"{name} = {value};"
                    for name, value in parameters.items() if value)


def say_left_out(scenarios):
    """What ci/test shows of those that did not run."""
    program = os.path.abspath(sys.argv[0])
    label = os.path.basename(os.path.dirname(program))
    for scenario in scenarios:
        print(f"SKIPPED: {os.path.basename(program)} {scenario.__name__} takes "
              f"long: ci/test --long {label}", flush=True)


def run_scenarios(scenarios, argv, more_tools=(), long=()):
    """The main program of a file of scenarios; returns its exit status.

    @scenarios  functions; a function's name is the scenario's
    @long       further ones, which run if they are named, or with
                BACKCHANNEL_TEST_LONG in the environment
    @more_tools as why_not()'s
    @argv       [--multiplex=false] [--hold=MS] [--notify=false] [--record=FILE]
                [NAME...]; all, if none is named.  MS: Hold_Conflicts; --notify:
                Notify_Locks.  FILE gets a JSON line for each.  --inside=FOLDER NAME is
                run_apart()'s own.
    """
    by_name = {scenario.__name__: scenario for scenario in (*scenarios, *long)}
    options = dict(word.split("=", 1) for word in argv if word[:2] == "--")
    names = [word for word in argv if word[:2] != "--"]
    if unknown := [name for name in names if name not in by_name]:
        print(f"no scenario {', '.join(unknown)}; known are: "
              f"{', '.join(by_name)}", file=sys.stderr)
        return 2
    if "--inside" in options:
        return run_inside(by_name[names[0]], options["--inside"],
                          parameters_of(options), options.get("--record"))

    if reason := why_not(more_tools):
        print(f"SKIPPED: the lab of Linux clients cannot run here: {reason}")
        return EXIT_SKIPPED
    module = os.environ.get("BACKCHANNEL_MODULE", "")
    if not os.path.exists(module):
        print(f"BACKCHANNEL_MODULE={module}: no such file", file=sys.stderr)
        return 1
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    if not names and os.environ.get("BACKCHANNEL_TEST_LONG"):
        names = list(by_name)
    elif not names:
        names = [scenario.__name__ for scenario in scenarios]
        say_left_out(long)
    failed = []
    for name in names:
        print(f"{name}: ", end="", flush=True)
        if run_apart(name, [word for word in argv if word[:2] == "--"]):
            failed.append(name)
    print(f"FAILED: {', '.join(failed)}" if failed else "all passed")
    return 1 if failed else 0
