"""Several messages on their way at once, on one connection and on several: what is
refused concerns one of them, what is lost is in doubt, nothing joins another's
transaction."""
import threading
import time

import mail
import peers
import postrider
import tap
from postrider import LATER, UNAVAILABLE, wait_until
from tap import each, equal

WAYS = {"pipelining": ("PIPELINING", "8BITMIME", "SIZE"),
        "chunking": ("PIPELINING", "8BITMIME", "SIZE", "CHUNKING")}
COUNT = 20


def some(count=COUNT):
    return [mail.simple(n) for n in range(count)]


def scene(way="chunking", replies=None, count=COUNT, destination=None,
          sink=None, **account):
    box = peers.Pop3Server(some(count))
    sink = sink or peers.SmtpSink(keywords=WAYS[way], replies=replies)
    return box, sink, postrider.between(
        box, sink, destination, after_delivery="delete", **account)


def all_once(box, sink, count=COUNT):
    equal(sink.digests(), sorted(map(mail.digest, some(count))))
    equal(box.messages, [])


def of_message(n, reply):
    """That reply for the message of sender N, the usual one for others."""
    def judge(session, argument):
        sender = argument if argument and b"FROM:" in argument.upper() \
            else (session.sender or "").encode()
        return reply if f"sender{n}@".encode() in sender else None
    return judge


@each(*WAYS)
def test_many_messages_share_a_connection(way):
    box, sink, rider = scene(way, destination={"connections": 1})
    rider.fetch()
    all_once(box, sink)
    equal(sink.connections, 1)


@each(*[(f"{way}, {stage} {reply}", way, stage, reply)
        for way in WAYS for stage in ("MAIL", "RCPT", "DATA", "END")
        for reply in ("550 5.1.1 no", "451 4.3.0 later")
        if (way, stage) != ("chunking", "DATA")])
def test_a_refusal_in_the_middle_concerns_that_message_only(
        _, way, stage, reply):
    def judge(session, argument):
        return of_message(7, reply)(
            session, argument if stage == "MAIL" else b"")
    box, sink, rider = scene(way, {stage: judge})
    rider.fetch(status=UNAVAILABLE if reply[0] == "5" else LATER)
    equal(sink.digests(),
          sorted(mail.digest(m) for n, m in enumerate(some()) if n != 7))
    equal([m.content for m in box.messages], [mail.simple(7)])


class Lax(peers.SmtpSession):
    """A refused BDAT leaves its transaction open, and MAIL does not close it."""

    def do_mail(self, argument):
        before = getattr(self, "recipients", []) if self.sender else []
        super().do_mail(argument)
        self.recipients = before + self.recipients
        return True

    def do_bdat(self, argument):
        self.open = self.sender, getattr(self, "recipients", [])
        super().do_bdat(argument)
        if self.refused:
            self.sender, self.recipients = self.open
        return True

    def verdict(self, recipient, data):
        self.refused = b"sender7@" in data
        if self.refused:
            self.reply("554 5.6.0 I do not like it")
        else:
            super().verdict(recipient, data)


def test_no_message_joins_the_transaction_of_a_refused_one():
    boxes = [peers.Pop3Server([mail.simple(n) for n in some_numbers])
             for some_numbers in ([6, 7, 8], [9, 10])]
    sink = peers.SmtpSink(keywords=WAYS["chunking"])
    sink.session = Lax
    rider = postrider.Postrider()
    rider.write([box.account(name, recipient=f"{name}@kit.test")
                 for name, box in zip(("ann", "bob"), boxes)],
                {"home": sink.destination(connections=1)})
    rider.fetch(status=UNAVAILABLE)
    equal(sorted(a.recipients[0] for a in sink.accepted),
          ["ann@kit.test"] * 2 + ["bob@kit.test"] * 2)
    assert all(len(a.recipients) == 1 for a in sink.accepted)


def test_no_large_message_joins_the_transaction_of_a_refused_one():
    """It has the connection for itself, after the refused one."""
    boxes = [peers.Pop3Server([mail.simple(n, body)])
             for n, body in ((7, b"x\r\n"), (8, b"y" * 70 + b"\r\n" * 200000))]
    sink = peers.SmtpSink(keywords=WAYS["chunking"])
    sink.session = Lax
    rider = postrider.Postrider()
    rider.write([box.account(name, recipient=f"{name}@kit.test")
                 for name, box in zip(("ann", "bob"), boxes)],
                {"home": sink.destination(connections=1)})
    rider.fetch(status=UNAVAILABLE)
    equal([a.recipients for a in sink.accepted], [["bob@kit.test"]])
    equal(sink.connections, 1)


class Ignorant(peers.SmtpSession):
    """Offers CHUNKING and has none; what follows BDAT is read as commands."""
    code = ""

    def do_bdat(self, _):
        self.reply(f"{Ignorant.code} what is that")
        return True


@each("500 5.5.1", "501 5.5.4", "502 5.5.1", "504 5.5.4")
def test_a_server_that_knows_no_bdat_is_asked_in_another_way(code):
    Ignorant.code = code
    sink = peers.SmtpSink(keywords=WAYS["chunking"])
    sink.session = Ignorant
    box, sink, rider = scene(sink=sink, destination={"connections": 1})
    rider.fetch()
    all_once(box, sink)
    equal((sink.verbs().count("BDAT"), sink.connections), (1, 2))
    # What it said it can, it still can.
    verbs = [v for v in sink.verbs() if v in ("MAIL", "RCPT", "DATA")]
    equal(verbs.count("DATA"), COUNT)


class Blind(peers.SmtpSession):
    """Goes on with DATA though nobody is there to take it (RFC 2920, 3.1)."""

    def do_data(self, argument):
        if self.sender is None or not self.recipients:
            self.reply("354 go on anyway")
            self.server.for_nobody.append(self.content())
            self.reply("250 2.0.0 kept, for nobody")
            return True
        return super().do_data(argument)


@each("MAIL", "RCPT")
def test_what_is_accepted_for_nobody_is_nothing_and_is_not_delivered(stage):
    def judge(session, argument):
        return of_message(7, "550 5.1.1 no")(
            session, argument if stage == "MAIL" else b"")
    sink = peers.SmtpSink(keywords=WAYS["pipelining"], replies={stage: judge})
    sink.session, sink.for_nobody = Blind, []
    box, sink, rider = scene(sink=sink, destination={"connections": 1})
    rider.fetch(status=UNAVAILABLE)
    equal(sink.for_nobody, [b""])
    equal((len(sink.accepted), sink.connections), (COUNT - 1, 1))
    equal([m.content for m in box.messages], [mail.simple(7)])


@each(*WAYS)
def test_a_reply_that_belongs_to_nothing_closes_the_connection(way):
    def twice(session, _):
        seen.append(1)
        if len(seen) == COUNT:
            session.send(b"250 2.0.0 kept, and what is the next one for\r\n")
    seen = []
    box = peers.Pop3Server(some())
    again = peers.Pop3Server([mail.simple(COUNT)])
    sink = peers.SmtpSink(keywords=WAYS[way], replies={"END": twice})
    rider = postrider.Postrider()
    rider.write([box.account("ann"), again.account("bob")],
                {"home": sink.destination(connections=1)}, max_polls=1)
    rider.fetch()
    equal((len(sink.accepted), sink.connections), (COUNT + 1, 2))
    equal(rider.counts(), {"delivered": COUNT + 1})


@each(*WAYS)
def test_a_cut_with_many_on_their_way_is_no_silent_repeat(way):
    """The connection is lost after some verdicts, with the rest on their way."""
    def cut(session, _):
        seen.append(1)
        return peers.LOST_REPLY if len(seen) == 6 else None
    seen = []
    box, sink, rider = scene(way, {"END": cut}, destination={"connections": 1})
    rider.fetch(status=LATER)
    doubt = rider.counts().get("in_doubt", 0)
    assert 1 <= doubt <= (16 if way == "chunking" else 1), doubt
    there = {mail.digest(m.content) for m in box.messages} | set(sink.digests())
    equal(len(there), COUNT)
    rider.fetch()
    equal(len(set(sink.digests())), COUNT)
    assert len(sink.accepted) - COUNT <= doubt, (len(sink.accepted), doubt)
    equal(box.messages, [])


@each(*WAYS)
def test_a_reply_that_never_comes_is_given_up_in_time(way):
    def silent(session, _):
        seen.append(1)
        return peers.SILENCE if len(seen) == 6 else None
    seen = []
    box, sink, rider = scene(way, {"END": silent},
                             destination={"reply_timeout": f"{tap.SHORT_S}s"})
    before = time.monotonic()
    rider.fetch(status=LATER)
    assert time.monotonic() - before < 40 * tap.SLOWNESS
    doubt = rider.counts().get("in_doubt", 0)
    sink.replies = {}
    rider.fetch()
    equal(len(set(sink.digests())), COUNT)
    assert len(sink.accepted) - COUNT <= doubt
    equal(box.messages, [])


class Slow(peers.SmtpSession):
    """Takes its time over each message, as one that writes to a disk."""
    lock = threading.Lock()
    now = most = 0

    def verdict(self, recipient, data):
        with Slow.lock:
            Slow.now += 1
            Slow.most = max(Slow.most, Slow.now)
        time.sleep(0.03)
        with Slow.lock:
            Slow.now -= 1
        super().verdict(recipient, data)


def slow(replies=None, count=200, **destination):
    Slow.now = Slow.most = 0
    sink = peers.SmtpSink(keywords=WAYS["pipelining"], replies=replies)
    sink.session = Slow
    return scene(sink=sink, count=count, destination=destination)


def test_a_slow_server_gets_more_connections_but_no_more_than_allowed():
    box, sink, rider = slow(connections=3)
    rider.fetch()
    all_once(box, sink, 200)
    assert 2 <= sink.connections <= 3, sink.connections
    assert 2 <= Slow.most <= 3, Slow.most


def test_one_connection_is_one():
    box, sink, rider = slow(connections=1, count=COUNT)
    rider.fetch()
    all_once(box, sink)
    equal((sink.connections, Slow.most), (1, 1))


@each("421 4.7.0 too many", peers.DROP)
def test_a_server_that_wants_no_more_connections_loses_nothing_by_it(refusal):
    """And is not asked again for a while."""
    def crowded(session, _):
        return refusal if session.server.connections > 2 else None
    box, sink, rider = slow({"CONNECT": crowded}, connections=8)
    rider.fetch()
    all_once(box, sink, 200)
    assert 3 <= sink.connections <= 4, sink.connections


def test_a_server_that_is_against_us_holds_two_messages_whatever_connections():
    """No more are refused for good before it is asked whether it is them. It is
    against us when all that had been allowed to come have been taken: on several
    connections an earlier answer may be heard after a later one."""
    lock, allowed = threading.Lock(), []

    def refuse(session, _):
        with lock:
            if len(session.server.accepted) < 60:
                allowed.append(session)
                return None
        wait_until(lambda: len(session.server.accepted) == len(allowed))
        return "550 5.1.8 no"
    box, sink, rider = slow({"MAIL": refuse}, connections=4)
    result = rider.run("fetch")
    tap.contains(result.err, "takes no mail from here")
    assert sink.connections > 1, sink.connections
    assert rider.counts().get("held", 0) <= 2, rider.counts()


def test_large_and_small_messages_share_the_only_connection():
    contents = [mail.simple(n, b"z" * 70 + b"\r\n" * (200000 if n % 3 else 1))
                for n in range(9)]
    box = peers.Pop3Server(contents)
    sink = peers.SmtpSink(keywords=WAYS["chunking"])
    rider = postrider.between(box, sink, {"connections": 1},
                              after_delivery="delete")
    rider.fetch()
    equal(sink.digests(), sorted(map(mail.digest, contents)))
    equal((box.messages, sink.connections), ([], 1))


def test_connections_are_kept_for_the_next_mailbox():
    boxes = [peers.Pop3Server([mail.simple(n)]) for n in range(5)]
    sink = peers.SmtpSink(keywords=WAYS["chunking"])
    rider = postrider.Postrider()
    rider.write([box.account(f"a{n}") for n, box in enumerate(boxes)],
                {"home": sink.destination()}, max_polls=1)
    rider.fetch()
    equal((len(sink.accepted), sink.connections), (5, 1))


def test_nobody_waits_for_the_answers_to_quit():
    box, sink, rider = slow({"QUIT": peers.SILENCE}, connections=4)
    began = time.monotonic()
    rider.fetch()
    assert time.monotonic() - began < 50  # and not their timeout
    equal(sink.verbs().count("QUIT"), sink.connections)
    assert sink.connections > 2, sink.connections


def test_a_connection_carries_no_more_messages_than_it_may():
    box, sink, rider = scene(destination={"max_messages": 3, "connections": 1})
    rider.fetch()
    all_once(box, sink)
    equal(sink.connections, (COUNT + 2) // 3)


def test_lmtp_has_a_verdict_for_each_recipient_of_each_message():
    def judge(session, recipient):
        return "550 5.2.1 no" if recipient == "bob@kit.test" and \
            "sender7@" in session.sender else None
    sink = peers.SmtpSink(lmtp=True, keywords=WAYS["chunking"],
                          replies={"END": judge})
    box, sink, rider = scene(
        sink=sink, recipient=["ann@kit.test", "bob@kit.test"])
    rider.fetch(status=UNAVAILABLE)
    equal(len(sink.accepted), 2 * COUNT - 1)
    equal([m.content for m in box.messages], [mail.simple(7)])


@each("RCPT", "MAIL")
def test_a_server_whose_replies_get_out_of_step_is_asked_one_by_one(stage):
    def twice(session, argument):
        seen.append(1)
        if len(seen) == 5:
            session.send(b"250 once more\r\n")
    seen = []
    box, sink, rider = scene("pipelining", {stage: twice})
    rider.fetch()
    equal(len(set(sink.digests())), COUNT)
    assert len(sink.accepted) <= COUNT + 1
    equal(box.messages, [])


def test_a_server_that_is_gone_when_mail_comes_is_found_again():
    """It closed the connection while a mailbox was slow."""
    box, sink, rider = scene("chunking", count=3)
    first = peers.SmtpSession.verdict

    class Hasty(peers.SmtpSession):
        def verdict(self, recipient, data):
            first(self, recipient, data)
            raise peers.Closed
    sink.session = Hasty
    rider.run("fetch")
    doubt = rider.counts().get("in_doubt", 0)
    sink.session = peers.SmtpSession
    rider.fetch()
    equal(len(set(sink.digests())), 3)
    assert len(sink.accepted) - 3 <= doubt
    equal(box.messages, [])


if __name__ == "__main__":
    tap.main()
