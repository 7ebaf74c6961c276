"""What goes wrong while many messages are on their way over one connection: a cut,
a farewell, silence, a request to stop, a ledger that fails, a server that speaks
before it listens. Each message is in doubt or untouched; none is lost, and none
comes twice in silence."""
import select
import signal
import socket
import sqlite3
import time

import mail
import peers
import postrider
import tap
from postrider import LATER, OK
from tap import each, equal

CHUNKING = ("PIPELINING", "8BITMIME", "SIZE", "CHUNKING")
PIPELINING = ("PIPELINING", "8BITMIME", "SIZE")
HELD = 8
COUNT = 1 + HELD  # the first one shows that the server knows BDAT
SOON, LONG = 0.1, tap.PATIENCE


def some(count=COUNT):
    return [mail.simple(n) for n in range(count)]


class Lines:
    """What has been received, and a look at it that does not wait for more."""

    def __init__(self, connection):
        self.socket, self.buffer = connection, b""

    def fill(self):
        data = self.socket.recv(1 << 16)
        self.buffer += data
        return bool(data)

    def take(self, octets):
        out, self.buffer = self.buffer[:octets], self.buffer[octets:]
        return out

    def readline(self, _limit=None):
        while b"\n" not in self.buffer and self.fill():
            pass
        return self.take(self.buffer.find(b"\n") + 1 or len(self.buffer))

    def read(self, octets):
        while len(self.buffer) < octets and self.fill():
            pass
        return self.take(octets)

    def waiting(self, seconds=SOON):
        """What has come by then, if nothing is there already."""
        if not self.buffer and select.select([self.socket], [], [], seconds)[0]:
            self.fill()
        return self.buffer


class Session(peers.SmtpSession):
    def __init__(self, server, connection):
        super().__init__(server, connection)
        self.file = Lines(connection)


class Holding(Session):
    """Answers the first message, then says nothing until `HELD` others have been
    sent, or nothing more comes: then full() is called."""

    def __init__(self, server, connection):
        super().__init__(server, connection)
        self.kept, self.answers, self.holds = [], [], False

    def send(self, octets):
        if self.holds:
            self.kept.append(octets)
        else:
            super().send(octets)

    def verdict(self, recipient, data):
        super().verdict(recipient, data)
        if not self.server.held_once:
            self.server.held_once = self.holds = True
        elif self.holds:
            self.answers.append(b"".join(self.kept))
            self.kept = []
            if len(self.answers) == self.server.hold or \
                    not self.file.waiting(20 * SOON):
                self.holds = False
                self.server.full(self)

    def release(self, count=None):
        self.holds = False
        self.send(b"".join(self.answers[:count]))


class Sink(peers.SmtpSink):
    session = Holding

    def __init__(self, full, hold=HELD, **how):
        self.full, self.hold, self.held_once = full, hold, False
        super().__init__(**{"keywords": CHUNKING, **how})


def scene(full, count=COUNT, destination=None, **how):
    box = peers.Pop3Server(some(count))
    sink = Sink(full, **how)
    return box, sink, postrider.between(
        box, sink, {"connections": 1, **(destination or {})},
        after_delivery="delete")


def all_arrive(box, sink, rider, doubt, count=COUNT):
    """In the end; and what came twice was in doubt."""
    rider.fetch()
    equal(sorted(set(sink.digests())), sorted(map(mail.digest, some(count))))
    equal(box.messages, [])
    assert len(sink.accepted) <= count + doubt, (len(sink.accepted), doubt)


@each(0, 1, 5, HELD - 1)
def test_of_eight_on_their_way_those_without_a_reply_are_in_doubt(answered):
    def cut(session):
        session.release(answered)
        raise peers.Closed
    box, sink, rider = scene(cut)
    rider.fetch(status=LATER)
    equal(rider.counts().get("in_doubt", 0), HELD - answered)
    equal(len(box.messages), HELD - answered)
    all_arrive(box, sink, rider, HELD - answered)
    equal(len(sink.accepted), COUNT + HELD - answered)


@each("MAIL", "RCPT", "BDAT")
def test_after_421_the_message_is_deferred_and_those_behind_are_untouched(stage):
    """They cannot have been read: RFC 5321 section 3.8."""
    def leave(session):
        third = session.answers[2].split(b"\r\n")
        third = third[:{"MAIL": 1, "RCPT": 2, "BDAT": 3}[stage]]
        session.answers[2] = b"".join(
            a + b"\r\n" for a in [*third, b"421 4.3.2 going down"])
        del session.server.accepted[3:]  # the others have not been read
        session.release(3)
        raise peers.Closed
    box, sink, rider = scene(leave)
    rider.fetch(status=LATER)
    equal(rider.counts(), {"deferred": 1, "delete_owed": COUNT - 1})
    equal(len(sink.accepted), COUNT - 1)
    equal(sink.connections, 2)
    rider.fetch(probe=True, shift=120)
    all_arrive(box, sink, rider, 0)


def test_a_server_that_says_421_and_goes_on_is_heard_out():
    def waver(session):
        lines = session.answers[2].split(b"\r\n")
        lines[3] = b"421 4.3.2 perhaps"
        session.answers[2] = b"\r\n".join(lines)
        del session.server.accepted[3]
        session.release()
    box, sink, rider = scene(waver)
    rider.fetch(status=LATER)
    equal(rider.counts(), {"deferred": 1, "delete_owed": COUNT - 1})
    equal(len(sink.accepted), COUNT - 1)


def test_a_server_that_goes_on_after_421_may_have_read_what_it_does_not_answer():
    def waver(session):
        lines = session.answers[2].split(b"\r\n")
        lines[3] = b"421 4.3.2 perhaps"
        session.answers[2] = b"\r\n".join(lines)
        del session.server.accepted[3]
        session.release(5)
        raise peers.Closed
    box, sink, rider = scene(waver)
    rider.fetch(status=LATER)
    equal(rider.counts(), {"deferred": 1, "in_doubt": HELD - 5,
                           "delete_owed": COUNT - 1 - (HELD - 5)})
    rider.fetch(probe=True, shift=120)
    all_arrive(box, sink, rider, HELD - 5)


@each(("this one", 2), ("a later one", 5), ("this one, for now", 2))
def test_an_answer_too_many_does_not_make_a_refusal_an_acceptance_of(which, at):
    """From the third message on all answers are taken for the ones before them."""
    refusal = b"450 4.3.0 later" if "now" in which else b"550 5.7.1 no"

    def stutter(session):
        lines = session.answers[2].splitlines(True)
        session.answers[2] = b"".join(
            [*lines[:3], b"250 2.0.0 by the way\r\n", *lines[3:]])
        lines = session.answers[at].splitlines(True)
        session.answers[at] = b"".join([*lines[:-1], refusal + b"\r\n"])
        del session.server.accepted[1 + at]
        session.release()
        session.file.waiting(LONG)
        raise peers.Closed
    box, sink, rider = scene(stutter)
    rider.fetch(status=LATER)
    assert 1 <= rider.counts()["in_doubt"] <= HELD - at, rider.counts()
    all_arrive(box, sink, rider, HELD)


@each(0, 3)
def test_a_farewell_in_the_middle_of_lmtp_is_one_recipients_verdict(which):
    """The next recipient's verdict follows. Nothing more is sent there, whether
    the server closes the connection or not."""
    def judge(session, recipient):
        if recipient == "ann@kit.test" and f"sender{which}@" in session.sender:
            return "421 4.3.2 going down"
        return None
    box = peers.Pop3Server(some())
    sink = peers.SmtpSink(lmtp=True, keywords=CHUNKING, replies={"END": judge})
    rider = postrider.between(box, sink, {"connections": 1},
                              after_delivery="delete",
                              recipient=["ann@kit.test", "bob@kit.test"])
    rider.fetch(status=LATER)
    equal(rider.counts(), {"deferred": 1, "delete_owed": COUNT - 1})
    equal(len(sink.accepted), 2 * COUNT - 1)


@each("timeout", "reply_timeout")
def test_silence_with_many_on_their_way_is_given_up_in_time(which):
    def fall_silent(session):
        # The reply that is missing: to RSET, or to the message.
        session.release(2)
        if which == "reply_timeout":
            session.send(b"".join(session.answers[2].splitlines(True)[:3]))
        session.silent = True
        session.server.stopped.wait()
        raise peers.Closed
    other = "reply_timeout" if which == "timeout" else "timeout"
    box, sink, rider = scene(fall_silent, destination={
        which: f"{tap.SHORT_S}s", other: f"{5 * LONG}s"})
    began = time.monotonic()
    rider.fetch(status=LATER)
    assert time.monotonic() - began < LONG
    equal(rider.counts().get("in_doubt", 0), HELD - 2)
    all_arrive(box, sink, rider, HELD - 2)


@each(("soon", 1), ("now", 2))
def test_asked_to_stop_nothing_more_is_sent_and_what_was_is_answered(how, times):
    """At once: not even that, and it is in doubt."""
    def stop(session):
        sent.extend(session.answers)
        session.server.running.signal(signal.SIGTERM)
        time.sleep(10 * SOON)
        if times == 2:
            session.server.running.signal(signal.SIGTERM)
            time.sleep(10 * SOON)
        session.release()
        more.append(session.file.waiting(2 * SOON))
    sent, more = [], []
    box, sink, rider = scene(stop, 3 * COUNT, hold=3 * COUNT)
    sink.running = rider.start("fetch")
    sink.running.wait()
    assert HELD <= len(sent) < 2 * COUNT, len(sent)
    assert b"MAIL" not in b"".join(more), more
    in_doubt = 0 if times == 1 else len(sent)
    equal(rider.counts().get("in_doubt", 0), in_doubt)
    equal(len(sink.accepted), 1 + len(sent))
    all_arrive(box, sink, rider, in_doubt, 3 * COUNT)


def test_asked_to_stop_no_content_is_sent_that_was_only_announced():
    """The envelope behind a message is on its way, and so is the 354 to it."""
    class Stopping(Session):
        kept = None

        def send(self, octets):
            if self.kept is None:
                super().send(octets)
                return
            self.kept += octets
            if octets.startswith(b"354"):
                kept, self.kept = self.kept, None
                super().send(kept)

        def verdict(self, recipient, data):
            if len(sink.accepted) == 3:
                assert self.file.waiting(LONG).startswith(b"MAIL")
                sink.running.signal(signal.SIGTERM)
                time.sleep(10 * SOON)
                self.kept = b""
            super().verdict(recipient, data)
    box = peers.Pop3Server(some())
    sink = peers.SmtpSink(keywords=PIPELINING)
    sink.session = Stopping
    rider = postrider.between(box, sink, {"connections": 1},
                              after_delivery="delete")
    sink.running = rider.start("fetch")
    sink.running.wait()
    equal(len(sink.accepted), 4)
    # Unless its intent was not on disk in time.
    assert sink.verbs().count("DATA") in (4, 5)
    equal(rider.counts().get("in_doubt", 0), 0)
    all_arrive(box, sink, rider, 0)


def states(rider):
    try:
        return rider.states()
    except sqlite3.OperationalError:  # it failed before there were tables
        return {}


def test_no_end_of_data_goes_out_whose_intent_is_not_on_disk():
    """The disk fails under the ledger with many on their way."""
    def gather(session, _):
        if len(session.server.accepted) == 1:
            time.sleep(SOON / 2)
    most = 0
    for write in range(1, 400, 4):
        box = peers.Pop3Server(some())
        sink = peers.SmtpSink(keywords=CHUNKING, replies={"END": gather})
        rider = postrider.between(box, sink, {"connections": 1},
                                  after_delivery="delete")
        uids = {mail.digest(m.content): m.uid for m in box.messages}
        first = rider.run("fetch", fault=f"write:{write}")
        known = states(rider)
        for digest in sink.digests():
            assert known.get(uids[digest]) in (
                "in_doubt", "delivered", "delete_owed"), (write, known)
        if first.status == OK:
            break
        doubt = rider.counts().get("in_doubt", 0) if known else 0
        most = max(most, doubt)
        all_arrive(box, sink, rider, doubt)
        tap.undo()
    assert most > 0, "the disk failed where nothing was sent"


def test_every_message_is_in_the_ledger_before_it_is_sent():
    """Seen from the server."""
    def look(session, _):
        uid = uids[f"sender{session.sender[6:].split('@')[0]}@"]
        if rider.states().get(uid) != "in_doubt":
            early.append(uid)
    early = []
    box = peers.Pop3Server(some())
    sink = peers.SmtpSink(keywords=CHUNKING, replies={"END": look})
    rider = postrider.between(box, sink, {"connections": 1})
    uids = {f"sender{n}@": m.uid for n, m in enumerate(box.messages)}
    rider.fetch()
    equal(len(sink.accepted), COUNT)
    equal(early, [])


class Chatty(Session):
    """Speaks before it reads on, at length, and keeps nothing that is not read."""

    def __init__(self, server, connection):
        super().__init__(server, connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)

    def reply(self, text):
        # RFC 5321 section 4.5.3.1.5: at most 512 octets.
        if text.startswith("250 2.1.5"):
            text += " " + "x" * (500 - len(text))
        super().reply(text)


def test_a_server_that_reads_on_only_when_it_is_heard_is_no_deadlock():
    box = peers.Pop3Server([mail.simple(n, b"x" * 70 + b"\r\n" * 120000)
                            for n in range(5)])
    sink = peers.SmtpSink(lmtp=True, keywords=CHUNKING,
                          path=peers.socket_path())
    sink.session = Chatty
    rider = postrider.between(
        box, sink, {"connections": 1, "timeout": f"{tap.PATIENCE // 2}s"},
        after_delivery="delete",
        recipient=[f"r{n}@kit.test" for n in range(50)])
    rider.fetch()
    equal((len(sink.accepted), sink.connections), (5 * 50, 1))


def test_the_first_chunk_on_each_connection_waits_for_its_verdict():
    class Wary(Session):
        proven = False

        def verdict(self, recipient, data):
            if not self.proven and self.file.waiting(2 * SOON):
                early.append(self.file.buffer)
            self.proven = True
            super().verdict(recipient, data)
    early = []
    box = peers.Pop3Server(some())
    sink = peers.SmtpSink(keywords=CHUNKING)
    sink.session = Wary
    rider = postrider.between(box, sink, {"connections": 1, "max_messages": 4},
                              after_delivery="delete")
    rider.fetch()
    equal((sink.connections, early), (3, []))


class Watched(Session):
    """Notes what has come by the time that it would answer the end of data."""
    wait = 10 * SOON

    def verdict(self, recipient, data):
        self.server.behind.append(self.file.waiting(self.wait))
        super().verdict(recipient, data)


def watched(keywords, session=Watched):
    box = peers.Pop3Server(some())
    sink = peers.SmtpSink(keywords=keywords)
    sink.session, sink.behind = session, []
    rider = postrider.between(box, sink, {"connections": 1},
                              after_delivery="delete")
    rider.fetch()
    equal(len(sink.accepted), COUNT)
    return sink.behind


def are_envelopes(behind):
    for lines in behind:
        equal([line.split(b" ")[0] for line in lines.split(b"\r\n")],
              [b"MAIL", b"RCPT", b"DATA", b""])


def test_the_next_envelope_follows_the_final_dot():
    """RFC 2920 section 3.1; but not until the server has shown how it answers."""
    behind = watched(PIPELINING)
    equal((behind[0], behind[-1]), (b"", b""))
    are_envelopes(behind[1:-1])


class Ignorant(Watched):
    def do_bdat(self, argument):
        self.file.read(int(argument.split()[0]))
        self.reply("502 5.5.1 what is that")
        return True


def test_a_server_without_the_chunking_that_it_offers_still_has_pipelining():
    behind = watched(CHUNKING, Ignorant)
    are_envelopes(behind[1:-1])


class Lesser(Watched):
    """Behind one name are several servers. The first one leaves with messages on
    their way, the others offer nothing."""
    wait = SOON  # for what does not come

    def do_ehlo(self, argument):
        if self.server.connections > 1:
            self.server.keywords = ("SIZE",)
        return super().do_ehlo(argument)

    def do_mail(self, argument):
        if self.server.connections == 1 and self.server.accepted:
            raise peers.Closed
        if self.server.connections > 1:
            self.server.behind.append(self.file.waiting(0))
        return super().do_mail(argument)


@each(("pipelining", PIPELINING), ("chunking", CHUNKING))
def test_nothing_is_sent_ahead_to_the_next_server_that_does_not_offer_it(_, words):
    box = peers.Pop3Server(some())
    sink = peers.SmtpSink(keywords=words)
    sink.session, sink.behind = Lesser, []
    rider = postrider.between(box, sink, {"connections": 1},
                              after_delivery="delete")
    rider.run("fetch")
    assert set(sink.behind) == {b""}, sink.behind
    all_arrive(box, sink, rider, COUNT)


def test_the_next_message_follows_a_chunk_whole():
    behind = watched(CHUNKING)
    equal(behind[0], b"")
    for lines in behind[1:-1]:
        equal([line.split(b" ")[0] for line in lines.split(b"\r\n")[:4]],
              [b"RSET", b"MAIL", b"RCPT", b"BDAT"])


def test_a_message_that_still_comes_holds_no_connection():
    """It fits a transit, so it is handed over only when it is complete; the
    connection is ready and waits for whoever comes first."""
    def drip(session, _):
        message = mail.simple(0, b"x" * 70 + b"\r\n" * 1000)
        session.send(b"+OK\r\n" + message[:-10])
        time.sleep(5 * SOON)
        seen.append(sink.verbs())
        session.send(message[-10:] + b".\r\n")
        return True
    seen = []
    box = peers.Pop3Server(some(1), replies={"RETR": drip})
    sink = peers.SmtpSink(keywords=CHUNKING)
    rider = postrider.between(box, sink)
    rider.fetch()
    equal((seen, len(sink.accepted)), ([["EHLO"]], 1))


if __name__ == "__main__":
    tap.main()
