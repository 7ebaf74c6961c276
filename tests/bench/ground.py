"""ground - what the programs run between: a private Dovecot, a private Postfix, a
sink that throws mail away, delay lines in front of all of them; mailboxes that
are as new before each run; and what has become of the mail after it.
"""
import collections
import email.parser
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time

import floors
import scenarios
import servers
import tap

HERE = os.path.dirname(os.path.abspath(__file__))
RECIPIENT = "user0"

# No file is renamed for a flag when it is read, processes stand ready, and there
# is room for many sessions: what differs then is the programs.
DOVECOT = """
disable_plaintext_auth = no
protocol pop3 {
  pop3_no_flag_updates = yes
}
service pop3-login {
  service_count = 0
}
service pop3 {
  process_min_avail = 4
  process_limit = 1000
}
service anvil {
  client_limit = 3000
}
service auth {
  client_limit = 5000
}
"""


def wait_until(true, seconds):
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


class Line:
    """delay.py as a process of its own, and what it has counted."""

    def __init__(self, rtt, ports):
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "delay.py"), str(rtt),
             *map(str, ports)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        tap.at_end(self.stop)
        self.ports = dict(zip(ports, json.loads(self.process.stdout.readline())))

    def count(self):
        """(trips, connections) since it was asked last."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        trips, connections, _ = self.process.stdout.readline().split()
        return float(trips), int(connections)

    def stop(self):
        self.process.kill()
        self.process.wait()


class Sink:
    """smtp-sink(1), which throws mail away and counts it."""

    def __init__(self, folder):
        self.port = servers.free_ports(1)[0]
        self.path = os.path.join(folder, "smtp-sink.out")
        with open(self.path, "wb") as out:
            self.process = subprocess.Popen(
                ["smtp-sink", "-4", "-c", "-u", servers.OWNER, "-m", "1000",
                 f"127.0.0.1:{self.port}", "1000"], stdin=subprocess.DEVNULL,
                stdout=out, stderr=subprocess.STDOUT)
        tap.at_end(self.stop)

    def total(self):
        with open(self.path, "rb") as file:
            file.seek(max(0, os.path.getsize(self.path) - 300))
            found = re.findall(rb"mesg=(\d+)", file.read())
        return int(found[-1]) if found else 0

    def stop(self):
        self.process.kill()
        self.process.wait()


class Mail:
    """What is in the mailboxes of a scenario."""

    def __init__(self, folder):
        self.folder = folder  # a mailbox, to be copied
        self.count = self.octets = 0
        self.digests = {}  # of bodies, by Message-ID


def message_id(head):
    return email.parser.BytesHeaderParser().parsebytes(head)["Message-ID"]


def body_digest(blocks):
    """(Message-ID, SHA-256 of what follows the header, with LF line ends)."""
    found, head, where = hashlib.sha256(), b"", None
    for block in blocks:
        block = block.replace(b"\r\n", b"\n")
        if where is None:
            head += block
            where = head.find(b"\n\n")
            if where < 0:
                where = None
                continue
            block = head[where + 2:]
        found.update(block)
    return message_id(head[:where]), found.hexdigest()


def blocks_of(path):
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            yield block + file.readline()


class Ground:
    def __init__(self, rtt, users):
        self.rtt = rtt
        self.servers = servers.Servers(users=users, dovecot=DOVECOT)
        self.sink = Sink(self.servers.folder)
        self.servers._wait(self.sink.port)
        self.line = None
        self.templates = {}
        self.folder = os.path.join(self.servers.folder, "bench")
        os.makedirs(os.path.join(self.folder, "mail"))
        # fdm's children work here as somebody else.
        os.chmod(self.folder, 0o755)

    # --- mailboxes -----------------------------------------------------------

    def box(self, user):
        return os.path.join(self.servers.folder, "mail", user)

    def mail(self, scenario):
        """Made once, with Dovecot's indexes as they are in use."""
        key = scenario.kind, scenario.count, scenario.size
        if key in self.templates:
            return self.templates[key]
        made = Mail(os.path.join(self.folder, "mail",
                                 "-".join(map(str, key))))
        user = self.servers.names[0]
        shutil.rmtree(self.box(user), True)
        for folder in ("", "/cur", "/new", "/tmp"):
            self.servers._owned(f"mail/{user}{folder}")
        for blocks in scenarios.messages(scenario):
            self.servers.put_blocks(user, blocks)
            made.count += 1
            made.octets += sum(map(len, blocks))
            identity, digest = body_digest(blocks)
            made.digests[identity] = digest
        floors.list_all(self.servers.pop3, None, user, f"pass-{user}")
        self.quiet()
        os.rename(self.box(user), made.folder)
        self.templates[key] = made
        return made

    def fill(self, mail, users):
        """Messages are never written to, and are shared; indexes are not."""
        for user in users:
            shutil.rmtree(self.box(user), True)
            shutil.copytree(mail.folder, self.box(user), copy_function=share)
            for path, _, names in os.walk(self.box(user)):
                os.chown(path, *self.servers.owner)
                for name in names:
                    os.chown(os.path.join(path, name), *self.servers.owner)

    def left(self, users):
        return sum(self.servers.left(user) for user in users)

    def quiet(self):
        """Wait until the servers have nothing left to do."""
        return wait_until(lambda: not self.sessions() and
                          not self.servers.queued(), 60)

    def sessions(self):
        """POP3 sessions that go on (01), or whose client has gone (08): who quits
        need not wait for the server."""
        wanted = {f"{port:04X}" for port in (self.servers.pop3,
                                             self.servers.pop3s)}
        with open("/proc/net/tcp") as file:
            return sum(line.split()[1].split(":")[1] in wanted and
                       line.split()[3] in ("01", "08") for line in list(file)[1:])

    # --- where mail goes -----------------------------------------------------

    def ports(self, scenario):
        """(of POP3, of SMTP) for a scenario."""
        s = self.servers
        pop = s.pop3s if scenario.pop_tls else s.pop3
        smtp = (self.sink.port if not scenario.postfix else
                s.smtp if scenario.smtp_tls else s.smtp_clear)
        if not scenario.delayed:
            return pop, smtp
        if self.line is None:
            self.line = Line(self.rtt, [s.pop3, s.pop3s, self.sink.port, s.smtp,
                                        s.smtp_clear])
        return self.line.ports[pop], self.line.ports[smtp]

    def arrived(self):
        return self.servers.files(
            os.path.join(self.servers.folder, "arrived", RECIPIENT))

    def clear(self):
        """Before a run; returns what check() wants to know."""
        for path in self.arrived():
            os.unlink(path)
        if self.line is not None:
            self.line.count()
        return self.sink.total()

    def check(self, scenario, mail, before, expected):
        """What is wrong with what has arrived, in words."""
        if not scenario.postfix:
            wait_until(lambda: self.sink.total() - before >= expected, 2)
            time.sleep(0.02)  # for one too many
            got = self.sink.total() - before
            return [] if got == expected else [f"{got} of {expected} arrived"]
        if not self.quiet():
            return ["Postfix does not come to an end"]
        return compare(mail.digests if expected else {},
                       map(body_digest, map(blocks_of, self.arrived())))


def share(source, target):
    if os.path.basename(source).startswith("dovecot"):
        return shutil.copy2(source, target)
    os.link(source, target)
    return target


def compare(wanted, found):
    """wanted: {Message-ID: digest}; found: pairs of them."""
    times, changed = collections.Counter(), 0
    for identity, digest in found:
        times[identity] += 1
        changed += wanted.get(identity) != digest
    missing = sum(identity not in times for identity in wanted)
    doubled = sum(count > 1 for count in times.values())
    return [f"{count} {what}" for count, what in (
        (missing, "missing"), (doubled, "more than once"),
        (changed, "changed")) if count]
