"""The promise under fire: the program killed at any moment, and either line cut
at any octet. Nothing is lost, nothing is deleted early, and what comes twice was
in doubt, by the ledger's own word, when it was sent again.

POSTRIDER_FIRE in the environment is how many kills and cuts there are to be in
all; thousands take minutes.
"""
import collections
import os
import random
import signal
import time

import mail
import peers
import postrider
import tap
from cutter import Cutter
from tap import each, equal

FIRE = int(os.environ.get("POSTRIDER_FIRE", "200")) // tap.SLOWNESS
COUNT = 6
RUNS_TO_PEACE = 10
# What the mailbox offers, what the server does, and how many connections may be had
# to it.
MAILBOXES = [("USER", "UIDL", "TOP", "SASL PLAIN", *more)
             for more in ((), ("PIPELINING",))]
WAYS = [(capabilities, keywords, connections)
        for capabilities in MAILBOXES
        for keywords in (("8BITMIME", "SIZE"),
                         ("8BITMIME", "SIZE", "PIPELINING"),
                         ("8BITMIME", "SIZE", "PIPELINING", "CHUNKING"))
        for connections in (1, 4)]


class Slow(peers.SmtpSession):
    """Gives us time to think of another connection."""

    def verdict(self, recipient, data):
        time.sleep(0.005)
        super().verdict(recipient, data)


class Field:
    """A mailbox to be emptied into a sink, over lines that can be cut."""

    def __init__(self, seed):
        rng = random.Random(seed)
        capabilities, keywords, connections = WAYS[seed % len(WAYS)]
        self.rng = rng
        self.box = peers.Pop3Server([
            mail.simple(n, b"x" * rng.choice((10, 900, 30000)) + b"\r\n")
            for n in range(COUNT)], capabilities=capabilities)
        self.sink = peers.SmtpSink(keywords=keywords)
        if connections > 1:
            self.sink.session = Slow
        self.pop3, self.smtp = Cutter(self.box.port), Cutter(self.sink.port)
        self.rider = postrider.between(
            self.box, self.sink,
            {"port": self.smtp.port, "connections": connections},
            port=self.pop3.port, after_delivery="delete")
        self.wanted = {m.uid: mail.digest(m.content) for m in self.box.messages}
        self.doubts = collections.Counter()  # UID: times it was in doubt

    def look(self):
        """Between two runs: nothing is lost; note what is in doubt."""
        there = {mail.digest(m.content) for m in self.box.messages}
        equal(sorted(there | set(self.sink.digests())),
              sorted(self.wanted.values()), "what still exists")
        if os.path.exists(os.path.join(self.rider.state, "ledger.marker")):
            for uid, state in self.rider.states().items():
                if state == "in_doubt":
                    self.doubts[uid] += 1

    def peace(self):
        """No more fire: all of it arrives, and the mailbox is emptied."""
        self.pop3.after = self.smtp.after = None
        for _ in range(RUNS_TO_PEACE):
            self.rider.run("fetch")
            self.look()
            if not self.box.messages:
                break
            # Sent again three times, a message in doubt waits for its owner.
            self.rider.run("held", "retry", "all")
        equal(self.box.messages, [])
        self.rider.proves(a.data for a in self.sink.accepted)
        arrived = collections.Counter(self.sink.digests())
        for uid, digest in self.wanted.items():
            assert 1 <= arrived[digest] <= 1 + self.doubts[uid], \
                f"{uid} came {arrived[digest]} times, in doubt {self.doubts[uid]}"
        return sum(arrived.values()) - COUNT


def kill_somewhere(field):
    running = field.rider.start("fetch")
    time.sleep(field.rng.random() * 0.1 * tap.SLOWNESS)
    os.kill(running.process.pid, signal.SIGKILL)
    running.wait()


def cut_somewhere(field):
    line = field.rng.choice((field.pop3, field.smtp))
    line.direction = field.rng.choice(("from", "to"))
    line.after = field.rng.randrange(1, 40000 if field.rng.random() < .5 else 900)
    field.rider.run("fetch")
    line.after = None


def under_fire(how):
    shots = repeats = fields = 0
    began = time.monotonic()
    while shots < FIRE // 4:
        field = Field(fields)
        fields += 1
        for _ in range(8):
            if not field.box.messages:
                break
            how(field)
            shots += 1
            field.look()
        repeats += field.peace()
        tap.undo()
    print(f"# {shots} times in {fields} mailboxes: 0 lost, {repeats} "
          f"repeats, each of them in doubt before, {time.monotonic() - began:.0f} s")


@tap.limit(3600)
def test_killed_at_any_moment_nothing_is_lost_and_no_repeat_is_silent():
    under_fire(kill_somewhere)


@tap.limit(3600)
def test_with_lines_cut_anywhere_nothing_is_lost_and_no_repeat_is_silent():
    under_fire(cut_somewhere)


@tap.limit(3600)
@each(("pop3 from", "pop3", "from"), ("pop3 to", "pop3", "to"),
      ("smtp from", "smtp", "from"), ("smtp to", "smtp", "to"))
def test_a_cut_at_octet_after_octet_loses_nothing(_, side, direction):
    """Of one conversation with two messages, from its beginning to its end."""
    octet, step, uncut = 1, max(1, 1600 // FIRE), 0
    while uncut < len(WAYS):
        box = peers.Pop3Server([mail.simple(n) for n in range(2)])
        sink = peers.SmtpSink(keywords=WAYS[octet % len(WAYS)][0])
        lines = {"pop3": Cutter(box.port), "smtp": Cutter(sink.port)}
        rider = postrider.between(
            box, sink, {"port": lines["smtp"].port},
            port=lines["pop3"].port, after_delivery="delete")
        wanted = sorted(mail.digest(m.content) for m in box.messages)
        line = lines[side]
        line.after, line.direction = octet, direction
        rider.run("fetch")
        there = {mail.digest(m.content) for m in box.messages}
        equal(sorted(there | set(sink.digests())), wanted, f"cut at {octet}")
        doubt = rider.counts().get("in_doubt", 0) if os.path.exists(
            os.path.join(rider.state, "ledger.db")) else 0
        line.after = None
        rider.run("fetch")
        rider.run("fetch")
        equal(box.messages, [], f"cut at {octet}, mailbox")
        equal(sorted(set(sink.digests())), wanted, f"cut at {octet}, arrived")
        assert len(sink.accepted) <= 2 + doubt, f"cut at {octet}: a repeat"
        tap.undo()
        uncut = 0 if line.cut else uncut + 1
        octet += step
    assert octet > 50, "the conversation was hardly begun"


if __name__ == "__main__":
    tap.main()
