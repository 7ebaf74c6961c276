"""Mailboxes are moved from a real Dovecot, through a real Postfix and by LMTP into
a Dovecot, killed three times on the way, and are complete: by what postrider says
and by a comparison that does not use it.

POSTRIDER_MOVE=MAILBOXES:MESSAGES:MEGABYTES moves so much, all mailboxes together;
tests/README says how much was tried."""
import collections
import html.parser
import os
import random
import re
import signal
import time

import mail
import postrider
import servers
import tap
from postrider import OK, wait_until
from tap import contains, equal

BOXES, MESSAGES, MEGABYTES = map(
    int, os.environ.get("POSTRIDER_MOVE", "4:160:3").split(":"))
LARGE = MEGABYTES > 50
DIFFERENT = 65  # EX_DATAERR


def letters(box):
    """The messages of a mailbox, the same each time."""
    rng = random.Random(box)
    average = MEGABYTES * 1_000_000 // MESSAGES
    for n in range(box, MESSAGES, BOXES):
        octets = int(min(rng.expovariate(1 / average), 20 * average))
        yield mail.simple(n, mail.text(rng, min(octets, 2000)) +
                          mail.attachment(rng, max(octets - 2000, 0)))


class Box:
    """One that is moved by SMTP has its mail where Postfix puts it; the others
    by LMTP, into a mailbox that can be read by POP3."""

    def __init__(self, s, number):
        self.servers, self.by_smtp = s, number % 2 == 0
        self.user, self.target = s.user(), s.user()
        self.wanted = []
        for letter in letters(number):
            self.wanted.append(mail.digest(letter))
            s.put(self.user, [letter])
        self.wanted.sort()

    def folder(self):
        place = "arrived" if self.by_smtp else "mail"
        return os.path.join(self.servers.folder, place, self.target)

    def row(self):
        s = self.servers
        tls = f"?ca_file={s.ca}"
        smtp = f"smtp://localhost:{s.smtp}{tls}&tls=starttls"
        return ",".join((
            f"pop3s://{self.user}@localhost:{s.pop3s}{tls}",
            f"pass-{self.user}", f"{self.target}@kit.test",
            smtp if self.by_smtp else f"lmtp://{s.lmtp_socket}",
            s.folder + "/arrived/%l" if self.by_smtp
            else f"pop3s://%l@localhost:{s.pop3s}{tls}",
            "" if self.by_smtp else f"pass-{self.target}"))

    def files(self):
        return self.servers.files(self.folder())

    def arrived(self):
        """{digest: [trace id of each copy]}."""
        found = collections.defaultdict(list)
        for path in self.files():
            with open(path, "rb") as file:
                data = file.read()
            ours, _ = mail.split_trace(data)
            found[mail.arrived_digest(data)].append(
                re.search(rb"with POP3S?\s+id (\S+)", ours)[1])
        return found


class Mover(postrider.Postrider):
    def __init__(self, boxes):
        super().__init__()
        if LARGE:
            self.memory_limit = 64 << 10
        self.csv = os.path.join(self.folder, "boxes.csv")
        with open(os.open(self.csv, os.O_WRONLY | os.O_CREAT, 0o600),
                  "w") as file:
            file.write("source,password,recipient,destination,at,at_password\n")
            file.write("".join(box.row() + "\n" for box in boxes))

    def start(self, *args, **how):
        return super().start("migrate", "--list", self.csv, "--state",
                             self.state, *args, **how)

    def delivered(self):
        rider = postrider.Postrider.__new__(postrider.Postrider)
        rider.state = os.path.join(self.state, "migrate")
        try:
            return rider.query("SELECT count(*) FROM message "
                               "WHERE state = 'delivered'")[0][0]
        except Exception:  # it is not there yet
            return 0


def kill_at(mover, messages):
    """Kill it when so many are delivered."""
    slow = () if LARGE else ("--rate", f"{MEGABYTES * 200}K")
    running = mover.start(*slow)
    wait_until(lambda: mover.delivered() >= messages or
               running.process.poll() is not None, 3600, "so many messages")
    running.signal(signal.SIGKILL)
    running.wait().expect(-signal.SIGKILL)


def figures(what, seconds, octets=None):
    if not LARGE:
        return
    rate = f", {octets / seconds / 1e6:.1f} MB/s" if octets else ""
    print(f"# {what}: {seconds:.1f} s{rate}", flush=True)


@tap.limit(7200 if LARGE else 120)
def test_everything_is_moved_once_though_it_is_killed_three_times():
    s = servers.started()
    boxes = [Box(s, n) for n in range(BOXES)]
    mover = Mover(boxes)
    began = time.monotonic()
    for part in (1, 2, 3):
        kill_at(mover, part * MESSAGES // 5)
    done = mover.start("--json").wait().expect(OK)
    took = time.monotonic() - began
    found = done.json()
    figures("moved, and killed three times", took, MEGABYTES * 1e6)
    figures(f"peak memory {done.peak_kib} KiB, last run", took)
    equal(found["complete"], BOXES)
    equal(sum(b["counts"]["delivered"] for b in found["mailboxes"]), MESSAGES)
    for box in boxes:
        wait_until(lambda: len(box.files()) >= len(box.wanted), 600,
                   box.target)
    wait_until(lambda: s.queued() == 0, 600, "the queue of Postfix")

    # Without postrider: every octet, and nothing twice but what was in doubt,
    # which has the same id.
    twice = 0
    for box in boxes:
        arrived = box.arrived()
        equal(sorted(arrived), box.wanted, f"what {box.target} has")
        for ids in arrived.values():
            equal(len(set(ids)), 1, "ids of one message")
            twice += len(ids) - 1
    assert twice <= 3 * BOXES * 128, twice
    figures(f"{twice} came twice; all compared", time.monotonic() - began)

    began = time.monotonic()
    page = os.path.join(mover.folder, "report.html")
    result = mover.start("--verify", "--report", page).wait().expect(OK)
    figures("verified at both ends", time.monotonic() - began,
            2 * MEGABYTES * 1e6)
    equal(len(re.findall(r"all [\d,]+ messages verified", result.out)), BOXES)
    with open(page, encoding="utf-8") as file:
        text = file.read()
    html.parser.HTMLParser().feed(text)
    assert "<script" not in text and "http://" not in text.replace(
        "http://www.w3.org", ""), "it loads something"

    # What somebody has spoilt is named, and nothing else.
    spoilt = spoil(boxes)
    result = mover.start("--verify").wait().expect(DIFFERENT)
    told = {m for m in re.findall(r'"(Letter \d+)"', result.out + result.err)}
    equal(told, spoilt)


def subject(path):
    with open(path, "rb") as file:
        return re.search(rb"Subject: (Letter \d+)", file.read())[1].decode()


def spoil(boxes):
    """Take three messages away and change an octet of a fourth."""
    copies = collections.Counter(subject(f) for b in boxes for f in b.files())
    once = [f for b in boxes for f in b.files() if copies[subject(f)] == 1]
    gone, changed = once[:3], once[-1]
    names = {subject(f) for f in (*gone, changed)}
    for path in gone:
        os.unlink(path)
    with open(changed, "rb+") as file:
        data = file.read()
        file.seek(len(data) - 2)
        file.write(bytes([data[-2] ^ 1]))
    return names


if __name__ == "__main__":
    tap.main()
