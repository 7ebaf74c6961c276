"""servers - a private Dovecot (POP3, POP3S, LMTP) and a private Postfix (STARTTLS,
implicit TLS, SMTP AUTH by Dovecot) on free ports of 127.0.0.1. started() begins
them once for a test program and ends them with it; without root, or without the
packages, the test is skipped.

user() hands out a fresh mailbox: name NAME, password "pass-NAME", address
NAME@kit.test. What Postfix delivers for it is in arrived(NAME), what LMTP
delivers in its own mailbox.
"""
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import certificates
import tap

USERS = 80
OWNER = "nobody"
DAEMONS = "/usr/lib/postfix/sbin"

DOVECOT = """
base_dir = {d}/run
state_dir = {d}/state
log_path = {d}/dovecot.log
protocols = pop3 lmtp
listen = 127.0.0.1
mail_location = maildir:~
first_valid_uid = 1
ssl = yes
ssl_cert = <{cert}
ssl_key = <{key}
disable_plaintext_auth = yes
auth_mechanisms = plain login
auth_failure_delay = 0
mail_max_userip_connections = 0
passdb {{
  driver = passwd-file
  args = {d}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={d}/mail/%n
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
}}
service lmtp {{
  unix_listener {d}/lmtp {{
    mode = 0666
  }}
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
service auth {{
  unix_listener {d}/auth-client {{
    mode = 0666
  }}
}}
protocol lmtp {{
  auth_username_format = %n
}}
"""

POSTFIX_MAIN = """
compatibility_level = 3.6
queue_directory = {d}/queue
data_directory = {d}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
maillog_file = {d}/postfix.log
maillog_file_prefixes = {d}
myhostname = localhost
mydomain = kit.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
local_recipient_maps =
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
smtpd_tls_security_level = encrypt
smtpd_tls_chain_files = {key}, {cert}

smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {d}/auth-client
smtpd_tls_auth_only = yes

virtual_mailbox_domains = kit.test
virtual_mailbox_base = {d}/arrived
virtual_mailbox_maps = texthash:{d}/recipients
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1

message_drop_headers =
local_header_rewrite_clients =
message_size_limit = 0
mailbox_size_limit = 0
virtual_mailbox_limit = 0

in_flow_delay = 0
smtpd_error_sleep_time = 0
smtpd_client_connection_count_limit = 0
"""

# The second port wants a login, and TLS from the first octet; the third takes
# mail in clear.
POSTFIX_MASTER = """
127.0.0.1:{smtp} inet n - n - - smtpd
127.0.0.1:{smtps} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject
  -o smtpd_relay_restrictions=
127.0.0.1:{clear} inet n - n - - smtpd
  -o smtpd_tls_security_level=none
  -o smtpd_sasl_auth_enable=no
cleanup   unix n - n -   0 cleanup
qmgr      unix n - n 300 1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
proxymap  unix - - n - - proxymap
error     unix - - n - - error
retry     unix - - n - - error
discard   unix - - n - - discard
virtual   unix - n n - - virtual
anvil     unix - - n - 1 anvil
postlog   unix-dgram n - n - 1 postlogd
"""


def why_not():
    """What keeps the servers from starting here, or None."""
    if os.getuid() != 0:
        return "private mail servers need root"
    missing = [package for package, file in (
        ("dovecot-pop3d", "/usr/lib/dovecot/pop3"),
        ("dovecot-lmtpd", "/usr/lib/dovecot/lmtp"),
        ("postfix", DAEMONS + "/smtpd")) if not os.path.exists(file)]
    return f"not installed: {' '.join(missing)}" if missing else None


def free_ports(count):
    """Ports below those that the system hands out by itself."""
    ports, port = [], 20000 + os.getpid() * 7 % 10000
    while len(ports) < count:
        port += 1
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        ports.append(port)
    return ports


class Servers:
    def __init__(self, users=USERS, dovecot=""):
        """dovecot: settings of it that override those above."""
        self.folder = d = tempfile.mkdtemp(prefix="postrider-kit.")
        tap.at_end(shutil.rmtree, d, True)
        os.chmod(d, 0o755)
        owner = pwd.getpwnam(OWNER)
        self.owner = owner.pw_uid, owner.pw_gid
        tls = certificates.shared()
        self.ca = tls.ca
        (self.pop3, self.pop3s, self.lmtp, self.smtp,
         self.smtps, self.smtp_clear) = free_ports(6)
        self.lmtp_socket = os.path.join(d, "lmtp")
        self.names = [f"user{n}" for n in range(users)]
        self.used = 0
        self.words = {"d": d, "cert": tls.good, "key": tls.key, "uid": owner.pw_uid,
                      "gid": owner.pw_gid, "pop3": self.pop3, "pop3s": self.pop3s,
                      "lmtp": self.lmtp, "smtp": self.smtp, "smtps": self.smtps,
                      "clear": self.smtp_clear,
                      "daemons": DAEMONS}
        self._start_dovecot(dovecot)
        tap.at_end(self.stop_dovecot)
        self._start_postfix()
        tap.at_end(self.stop_postfix)
        for port in (self.pop3, self.pop3s, self.lmtp, self.smtp, self.smtps,
                     self.smtp_clear):
            self._wait(port)

    def _write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path

    def _owned(self, name):
        path = os.path.join(self.folder, name)
        os.makedirs(path, exist_ok=True)
        os.chown(path, *self.owner)

    def _start_dovecot(self, more):
        self._owned("mail")
        self._write("users", "".join(
            f"{n}:{{PLAIN}}pass-{n}::::::\n" for n in self.names))
        config = self._write("dovecot.conf", DOVECOT.format(**self.words) + more)
        self.dovecot = subprocess.Popen(
            ["dovecot", "-F", "-c", config], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop_dovecot(self):
        self.dovecot.terminate()
        self.dovecot.wait(20)

    def _start_postfix(self):
        self._owned("arrived")
        for name in ("queue", "data"):
            os.makedirs(os.path.join(self.folder, name))
        shutil.chown(os.path.join(self.folder, "data"), "postfix")
        self._write("recipients", "".join(
            f"{n}@kit.test {n}/\n" for n in self.names))
        self._write("postfix/main.cf", POSTFIX_MAIN.format(**self.words))
        self._write("postfix/master.cf", POSTFIX_MASTER.format(**self.words))
        self._postfix("start", check=True)
        with open(os.path.join(self.folder, "queue/pid/master.pid")) as file:
            self.postfix_pid = int(file.read())

    def _postfix(self, command, check=False):
        with open(os.path.join(self.folder, "postfix.out"), "ab") as out:
            subprocess.run(["postfix", "-c", os.path.join(self.folder, "postfix"),
                            command], stdin=subprocess.DEVNULL, stdout=out,
                           stderr=out, check=check)

    def stop_postfix(self):
        self._postfix("stop")
        for _ in range(100):
            try:
                os.kill(self.postfix_pid, 0)
            except ProcessLookupError:
                return
            time.sleep(0.1)
        os.kill(self.postfix_pid, signal.SIGKILL)

    def _wait(self, port):
        for _ in range(150):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"nothing answers on port {port}")

    # --- mailboxes -----------------------------------------------------------

    def user(self):
        """The name of a mailbox nobody has used yet."""
        name = self.names[self.used]
        self.used += 1
        for folder in ("", "/cur", "/new", "/tmp"):
            self._owned(f"mail/{name}{folder}")
        return name

    def put(self, user, messages):
        """Put messages (with CRLF line ends) into a mailbox."""
        for message in messages:
            self.put_blocks(user, [message])

    def put_blocks(self, user, blocks):
        """One message that is never whole in memory; blocks of whole lines."""
        self.serial = getattr(self, "serial", 0) + 1
        box = os.path.join(self.folder, "mail", user)
        temporary = os.path.join(box, "tmp", str(self.serial))
        size = lines = 0
        with open(temporary, "wb") as file:
            for block in blocks:
                block = block.replace(b"\r\n", b"\n")
                lines += block.count(b"\n")
                size += len(block)
                file.write(block)
        os.chown(temporary, *self.owner)
        os.rename(temporary, os.path.join(
            box, "cur", f"{1700000000 + self.serial}.M{self.serial}P1.kit,"
            f"S={size},W={size + lines}:2,"))

    def left(self, user):
        """How many messages are in a mailbox."""
        return len(self.files(os.path.join(self.folder, "mail", user)))

    def forget_uids(self, user):
        """Make Dovecot give all messages of a mailbox new UIDs, as a server
        that was moved or has lost its index does. It keeps the last UIDVALIDITY,
        so that the next one is another."""
        box = os.path.join(self.folder, "mail", user)
        for name in os.listdir(box):
            if name.startswith(("dovecot-uidlist", "dovecot.")):
                os.unlink(os.path.join(box, name))

    @staticmethod
    def files(box):
        return [os.path.join(box, sub, name) for sub in ("new", "cur")
                if os.path.isdir(os.path.join(box, sub))
                for name in sorted(os.listdir(os.path.join(box, sub)))]

    def arrived(self, user, count, seconds=60):
        """Files that Postfix delivered, once there are `count` (or time is up);
        a little patience would show one too many."""
        box = os.path.join(self.folder, "arrived", user)
        end = time.monotonic() + seconds * tap.BUSY
        while len(self.files(box)) < count and time.monotonic() < end:
            time.sleep(0.05)
        while self.queued() and time.monotonic() < end:
            time.sleep(0.05)
        return self.files(box)

    def queued(self):
        return sum(len(names) for queue in ("incoming", "active", "maildrop")
                   for _, _, names in os.walk(
                       os.path.join(self.folder, "queue", queue)))

    # --- settings that lead here ---------------------------------------------

    def account(self, user, **settings):
        account = {"name": user, "pop3": "localhost", "port": self.pop3s,
                   "ca_file": self.ca, "user": user, "password": f"pass-{user}",
                   "recipient": f"{user}@kit.test", "destination": "home",
                   **settings}
        if account.get("tls") == "starttls" and "port" not in settings:
            account["port"] = self.pop3
        return account

    def destination(self, **settings):
        return {"smtp": "localhost", "port": self.smtp, "tls": "starttls",
                "ca_file": self.ca, **settings}


_started = None


def started():
    """The servers, running; the test is skipped where that cannot be."""
    global _started
    reason = why_not()
    if reason:
        tap.skip(reason)
    if _started is None:
        _started = Servers()
    return _started
