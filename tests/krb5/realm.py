# SPDX-License-Identifier: LGPL-3.0-or-later
"""A Kerberos realm in the lab of Linux clients (tests/linux/lab.py).

    LAB.TEST   the realm; its KDC (MIT's) runs beside the server
    server.lab.test, c1.lab.test, c2.lab.test   the server and the guests

Nothing of the machine's own Kerberos is read or written: the realm's files are
in the scenario's folder, which the guests see through their root.

    Realm      the KDC, principals, keytabs; starts the server and the guests
    as_user()  what somebody runs who has a ticket in a guest
"""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "linux"))
import lab  # pylint: disable=wrong-import-position

NAME = "LAB.TEST"
DOMAIN = "lab.test"
SERVER = f"server.{DOMAIN}"
FLAVOURS = ("krb5", "krb5i", "krb5p")

TOOLS = (("krb5kdc", "krb5-kdc"), ("kdb5_util", "krb5-kdc"),
         ("kadmin.local", "krb5-admin-server"), ("kinit", "krb5-user"),
         ("rpc.gssd", "nfs-common"))

# What the kernel asks for by names that nobody resolves in a guest; in the
# order in which they depend on each other.
MODULES = ("lib/oid_registry", "crypto/hmac", "crypto/ecb", "crypto/cbc",
           "crypto/cts", "net/sunrpc/auth_gss/auth_rpcgss",
           "net/sunrpc/auth_gss/rpcsec_gss_krb5")

CACHES = "/run/cc"  # of tickets, in a guest
LOG = "/run/gssd.log"

# The permitted enctypes are those that Linux 6.1 knows.
KRB5_CONF = f"""\
[libdefaults]
 default_realm = {NAME}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 rdns = false
 dns_canonicalize_hostname = false
 permitted_enctypes = aes256-cts-hmac-sha1-96 aes128-cts-hmac-sha1-96
[realms]
 {NAME} = {{
  kdc = {lab.SERVER_ADDRESS}
 }}
[domain_realm]
 .{DOMAIN} = {NAME}
"""

KDC_CONF = """\
[kdcdefaults]
 kdc_ports = 88
 kdc_tcp_ports = 88
[realms]
 {name} = {{
  database_name = {folder}/principal
  key_stash_file = {folder}/stash
  acl_file = {folder}/acl
  max_life = {life}
  supported_enctypes = aes256-cts-hmac-sha1-96:normal
 }}
[logging]
 kdc = FILE:{folder}/kdc.log
"""

# Of each host; without DNS a name that is not in a file takes seconds.
ETC = {
    "hosts": f"127.0.0.1 localhost\n{lab.SERVER_ADDRESS} {SERVER} server\n"
             f"10.99.0.11 c1.{DOMAIN} c1\n10.99.0.12 c2.{DOMAIN} c2\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "idmapd.conf": f"[General]\nDomain = {DOMAIN}\nLocal-Realms = {NAME}\n"
                   "[Translation]\nMethod = nsswitch\n",
}


class Realm:
    """The KDC, and what the hosts of the scenario know of the realm."""

    def __init__(self, world, life="10h"):
        """Make the realm, and start its KDC.

        @world  the scenario's Lab
        @life   how long a ticket lasts at most
        """
        self.world = world
        self.folder = f"{world.folder}/krb5"
        os.makedirs(f"{self.folder}/cc")
        self._write_files(life)
        # The server's and the tools'; guests are given it with each command.
        os.environ["KRB5_CONFIG"] = f"{self.folder}/krb5.conf"
        os.environ["KRB5_KDC_PROFILE"] = f"{self.folder}/kdc.conf"
        # One server, one host: what a replay cache says of other runs is wrong.
        os.environ["KRB5RCACHENAME"] = "none:"
        lab.run("hostname", SERVER)
        # A machine of Active Directory is nobody to the server: files are
        # everybody's.
        os.umask(0)
        # What a user's ticket is looked for with is read as that user.
        os.chmod(world.folder, 0o755)
        lab.run("kdb5_util", "create", "-s", "-r", NAME, "-P", "master")
        self.add(f"nfs/{SERVER}", "server.keytab")
        self.kdc = None
        self.start_kdc()

    def _write_files(self, life):
        files = {"krb5.conf": KRB5_CONF, "acl": "", **ETC,
                 "kdc.conf": KDC_CONF.format(name=NAME, folder=self.folder,
                                             life=life)}
        for name, text in files.items():
            with open(f"{self.folder}/{name}", "w", encoding="ascii") as file:
                file.write(text)
        # Seen by the server and the guests alone: the namespace is the
        # scenario's.
        for name in ETC:
            lab.run("mount", "--bind", f"{self.folder}/{name}", f"/etc/{name}")

    def start_kdc(self):
        """Start the KDC and wait until it answers."""
        self.kdc = subprocess.Popen(["krb5kdc", "-n", "-r", NAME],
                                    stdin=subprocess.DEVNULL,
                                    stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL)
        lab.wait_until(lambda: lab.run("ss", "-Htln", "sport", "=", ":88"),
                       "the KDC listens")

    def stop_kdc(self):
        """Nobody is given a ticket any more."""
        self.kdc.terminate()
        self.kdc.wait(lab.PATIENCE)

    def keytab(self, name):
        """A keytab's path, on every host."""
        return f"{self.folder}/{name}"

    def add(self, principal, keytab):
        """Make a principal, and add its keys to a keytab."""
        for query in (f"addprinc -randkey {principal}",
                      f"ktadd -k {self.keytab(keytab)} {principal}"):
            lab.run("kadmin.local", "-r", NAME, "-q", query)

    def serve(self, sec="krb5,krb5i,krb5p,sys", **options):
        """Start the server, as Lab.serve(); with its keytab."""
        blocks = f"""
NFS_KRB5 {{
	PrincipalName = nfs;
	KeytabPath = "{self.keytab("server.keytab")}";
	CCacheDir = "{self.folder}/cc";
	Active_krb5 = true;
}}"""
        return self.world.serve(sec=sec, blocks=blocks, **options)

    def boot(self, *principals):
        """Boot guests whose machines are these principals; return them.

        @principals  each guest's: "nfs", "host" (with its name), "ad" (C1$ and
                     so on, as Active Directory's members have), or None: the
                     machine has no keytab
        """
        names = [f"c{number}" for number in range(1, len(principals) + 1)]
        guests = self.world.boot(*(f"{name}.{DOMAIN}" for name in names))
        for name, guest, principal in zip(names, guests, principals):
            join(guest)
            if principal:
                self.add_machine(name, principal)
            self.start_gssd(guest, f"{name}-{principal}.keytab"
                            if principal else None)
        return guests

    @staticmethod
    def mount(guest, flavour, options="vers=4.1", where="/mnt"):
        """Mount the export; a flavor of Kerberos, or "sys"."""
        guest.mount(options, sec=flavour, name=SERVER, where=where)
        mounts = guest.call("load", path="/proc/self/mounts").value
        if not re.search(rf"{where} nfs4 .*\bsec={flavour},", mounts):
            raise lab.LabError(f"{where} is not mounted with {flavour}")

    def pair(self, flavours=("krb5", "krb5"), principals=("nfs", "nfs"),
             **options):
        """A server, as serve(), and two clients that have mounted it."""
        self.serve(**options)
        guests = self.boot(*principals)
        for guest, flavour in zip(guests, flavours):
            self.mount(guest, flavour)
        return guests

    def add_machine(self, name, kind):
        """A machine's principal, in the keytab NAME-KIND.keytab."""
        self.add(machine_principal(name, kind), f"{name}-{kind}.keytab")

    def start_gssd(self, guest, keytab, *options):
        """Have a guest's kernel served with contexts.

        @keytab   of the machine; None: root uses a ticket of its own
        @options  of rpc.gssd(8); -t: how long a context lasts, s
        """
        machine = ["-k", self.keytab(keytab)] if keytab else ["-n"]
        command = " ".join(["rpc.gssd", "-f", "-vv", *machine, "-d", CACHES,
                            *options])
        guest.call("run", argv=["sh", "-c", f"KRB5_CONFIG={self.folder}/"
                                f"krb5.conf {command} >>{LOG} 2>&1 "
                                "</dev/null & echo $! >/run/gssd.pid"])
        # The kernel takes it to be there while it has a pipe open; which of
        # its descriptors come and go meanwhile does not matter.
        lab.wait_until(lambda: "/rpc_pipefs/gssd/" in guest.call(
            "run", argv=["sh", "-c", "ls -l /proc/$(cat /run/gssd.pid)/fd "
                         "2>&1 || true"]).value, "rpc.gssd serves")

    @staticmethod
    def stop_gssd(guest):
        """The opposite of start_gssd()."""
        guest.call("run", argv=["sh", "-c", "kill $(cat /run/gssd.pid)"])

    @staticmethod
    def as_whom(guest):
        """The principal that a guest's machine last got a ticket for."""
        shown = guest.call("run", argv=[
            "sh", "-c", f"klist -c {CACHES}/krb5ccmachine_{NAME}"]).value
        return re.search(rf"principal: (.*)@{NAME}", shown)[1]

    def cache(self, principal):
        """A ticket of a new principal, for a client on the server's own host;
        the cache's path."""
        name = principal.replace("/", "-")
        path = f"{self.folder}/{name}.cache"
        self.add(principal, f"{name}.keytab")
        lab.run("kinit", "-c", f"FILE:{path}", "-k", "-t",
                self.keytab(f"{name}.keytab"), principal)
        return path

    def ticket(self, guest, name, uid, life=None):
        """Give a user of a guest a ticket; a keytab NAME.keytab has the key.

        @life  s; None: as long as the KDC allows
        """
        cache = f"{CACHES}/krb5cc_{uid}"
        lasting = f"-l {life}" if life else ""
        guest.call("run", argv=["sh", "-c", f"""
            export KRB5_CONFIG={self.folder}/krb5.conf
            export KRB5CCNAME=FILE:{cache}
            kinit {lasting} -k -t {self.keytab(name + ".keytab")} {name} &&
            chown {uid} {cache}"""])


def machine_principal(name, kind):
    """What a machine is called in the realm; @kind as in Realm.boot()."""
    return f"{name.upper()}$" if kind == "ad" else f"{kind}/{name}.{DOMAIN}"


def join(guest):
    """Make a guest's kernel know Kerberos."""
    release = guest.call("run", argv=["uname", "-r"]).value.strip()
    for module in MODULES:
        guest.call("run", argv=["insmod", f"{lab.UML_MODULES}/{release}/kernel/"
                                f"{module}.ko"])
    guest.call("run", argv=["mkdir", "-p", "/run/rpc_pipefs", CACHES])
    guest.call("run", argv=["mount", "-t", "rpc_pipefs", "sunrpc",
                            "/run/rpc_pipefs"])


def as_user(uid, *command):
    """A command line that a user of a guest runs."""
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups",
            *command]
