"""Commands that are sent ahead of their answers to a mailbox, and what is remembered
of it from one poll to the next."""
import io
import select
import signal
import threading
import time

import mail
import peers
import postrider
import tap
from peers import DROP, SILENCE, Message
from postrider import AUTH, LATER, UNAVAILABLE, wait_until
from tap import each, equal

OFFERED = ("USER", "TOP", "UIDL", "RESP-CODES", "SASL PLAIN LOGIN", "PIPELINING")
DAY = 86400
SHORT = f"{tap.SHORT_S}s"


def some(count, start=0):
    return [mail.simple(n) for n in range(start, start + count)]


def scene(contents, session=None, capabilities=OFFERED, sink=None, replies=None,
          destination=None, **account):
    box = peers.Pop3Server(contents, capabilities=capabilities, replies=replies)
    if session:
        box.session = session
    sink = sink or peers.SmtpSink()
    return box, sink, postrider.between(box, sink, destination, **account)


def all_once(sink, contents):
    equal(sink.digests(), sorted(map(mail.digest, contents)))


class Hoarder(peers.Pop3Session):
    """Answers no command of a kind before so many of it have come."""
    verb, wanted = b"RETR", 10

    def line(self):
        lines = self.__dict__.setdefault("lines", [])
        if not lines:
            lines.append(super().line())
        hoard = self.__dict__.setdefault("hoard", [])
        while lines[0].startswith(self.verb) and len(hoard) < self.wanted:
            if len(lines) == 1:
                hoard.append(lines[0])
            lines.append(super().line())
            if lines[-1].startswith(self.verb):
                hoard.append(lines[-1])
        return lines.pop(0)


def more_has_come(session, wait):
    """Behind the command that is being answered: read already, or to be read."""
    session.socket.setblocking(False)
    try:
        if session.file.peek(1) == b"":
            select.select([session.socket], [], [], wait)
        return session.file.peek(1) != b""
    finally:
        session.socket.setblocking(True)


class Strict(peers.Pop3Session):
    """Notices what comes while something is unanswered."""

    def perform(self, what, argument):
        self.server.early = more_has_come(self, 0.02) or self.server.early
        return super().perform(what, argument)


class Loser(peers.Pop3Session):
    """Offers PIPELINING, and drops what has come with the command it reads."""

    def line(self):
        data = self.socket.recv(4096)
        if not data:
            raise peers.Closed
        return data.partition(b"\n")[0] + b"\n"


class Hasty(Loser):
    """The same, and hangs up where anything has come with a command."""

    def line(self):
        data = self.socket.recv(4096)
        if not data or data.count(b"\n") > 1:
            raise peers.Closed
        return data


class Refuser(peers.Pop3Session):
    """The same, and refuses what came with the command before."""
    first = b""

    def line(self):
        rest = self.__dict__.setdefault("rest", [])
        if rest:
            rest.pop(0)
            return b"WHAT\r\n"
        data = self.socket.recv(4096)
        if not data:
            raise peers.Closed
        first, *more = data.splitlines(True)
        if first.startswith(self.first):
            rest.extend(more)
            return first
        self.file = io.BytesIO(data)
        self.line = self.rest_of
        return self.line()

    def rest_of(self):
        line = self.file.readline()
        if line:
            return line
        del self.line
        return self.line()


# --- what is sent ahead -------------------------------------------------------------


def test_messages_are_asked_for_ahead():
    contents = some(30)
    box, sink, rider = scene(contents, Hoarder)
    rider.fetch()
    all_once(sink, contents)


def test_headers_are_asked_for_ahead():
    class TopHoarder(Hoarder):
        verb = b"TOP"
    contents = some(150)
    box, sink, rider = scene(contents, capabilities=("TOP", "PIPELINING", "USER"),
                             replies={"UIDL": "-ERR no", "TOP": [None]})
    rider.fetch()
    TopHoarder.wanted = 12
    # The first one goes alone, to see whether TOP is known at all.

    class AfterFirst(TopHoarder):
        def line(self):
            if not self.__dict__.get("warm"):
                line = peers.Pop3Session.line(self)
                self.warm = line.startswith(b"TOP")
                equal(self.warm and more_has_come(self, 0.1), False)
                return line
            return super().line()
    box.session = AfterFirst
    rider.fetch()
    all_once(sink, contents)
    equal(box.connections, 2)


def test_sizes_of_messages_known_by_their_headers_ask_no_question():
    contents = some(3)
    box, sink, rider = scene([Message(c, octets=len(c) + 7) for c in contents],
                             capabilities=("TOP", "PIPELINING", "USER"),
                             replies={"UIDL": "-ERR no"})
    rider.fetch()
    all_once(sink, contents)
    equal([c for c in box.commands if c.startswith(b"UIDL ")], [])


def test_sizes_that_nobody_tells_ask_no_question():
    contents = some(3)
    box, sink, rider = scene(contents, replies={"LIST": "-ERR no"})
    rider.fetch()
    all_once(sink, contents)
    equal([c for c in box.commands if c.startswith(b"UIDL ")], [])


def test_a_header_that_is_refused_among_those_asked_ahead_is_had_by_retr():
    contents = some(12)
    no = [None] * 4 + ["-ERR no"] + [None]
    box, sink, rider = scene(contents, capabilities=("TOP", "PIPELINING", "USER"),
                             replies={"UIDL": "-ERR no", "TOP": no})
    rider.fetch()
    all_once(sink, contents)
    equal(box.connections, 1)
    box.replies["TOP"] = [None]
    rider.fetch()
    all_once(sink, contents)


@each(("not offered", OFFERED[:-1], "auto", {}),
      ("switched off", OFFERED, "no", {}),
      ("not offered, and headers are asked for", ("TOP",), "auto",
       {"UIDL": "-ERR no"}))
def test_nothing_is_sent_ahead_where_that_is(_, capabilities, setting, replies):
    contents = some(5)
    box, sink, rider = scene(contents, Strict, capabilities, pipelining=setting,
                             after_delivery="delete", replies=replies)
    box.early = False
    rider.fetch()
    all_once(sink, contents)
    equal((box.early, box.messages), (False, []))


def test_commands_are_sent_ahead_to_who_does_not_offer_it_when_told_so():
    contents = some(30)
    box, sink, rider = scene(contents, Hoarder, OFFERED[:-1], pipelining="yes")
    rider.fetch()
    all_once(sink, contents)


def test_nothing_is_asked_for_behind_a_large_message():
    large = mail.simple(1, b"x" * 70 + b"\r\n" + b"large\r\n" * 60000)
    contents = [mail.simple(0), large, mail.simple(2)]

    class Careful(peers.Pop3Session):
        def do_retr(self, argument):
            if argument == b"2" and more_has_come(self, 0.3):
                self.server.early = True
            return super().do_retr(argument)
    box, sink, rider = scene(contents, Careful)
    box.early = False
    rider.fetch()
    all_once(sink, contents)
    equal(box.early, False)


def test_messages_are_asked_for_ahead_after_many_octets_too():
    contents = [mail.simple(n, (b"x" * 70 + b"\r\n") * 2000) for n in range(50)]

    class Watcher(peers.Pop3Session):
        def do_retr(self, argument):
            if int(argument) > 40 and more_has_come(self, 0.05):
                self.server.ahead += 1
            return super().do_retr(argument)
    box, sink, rider = scene(contents, Watcher)
    box.ahead = 0
    rider.fetch()
    all_once(sink, contents)
    assert box.ahead > 0


@each(("by number", 300, 100, 128), ("by octets", 60, 140000, 31))
def test_while_no_verdict_comes_what_is_asked_for_is_bounded(_, count, size, most):
    contents = [mail.simple(n, b"x" * 70 + b"\r\n" + b"body\r\n" * (size // 6))
                for n in range(count)]
    asked = []

    def slow(session, _):
        if not asked:
            wait_until(lambda: box.verbs().count("RETR") > 1)
            time.sleep(1)
            asked.append(box.verbs().count("RETR"))
    sink = peers.SmtpSink(replies={"END": slow})
    box, sink, rider = scene(contents, sink=sink, ordered=True)
    rider.fetch()
    all_once(sink, contents)
    assert 1 < asked[0] <= most, asked


def test_deletions_are_asked_for_while_messages_come():
    contents = some(400)
    box, sink, rider = scene(contents, after_delivery="delete")
    rider.fetch()
    all_once(sink, contents)
    verbs = box.verbs()
    last_retr = len(verbs) - 1 - verbs[::-1].index("RETR")
    assert verbs.index("DELE") < last_retr
    equal((box.messages, verbs[-1]), ([], "QUIT"))


def test_more_deletions_than_may_be_outstanding_wait_for_their_turn():
    contents = some(300)

    class Halting(peers.Pop3Session):
        """Answers nothing for a while, and many verdicts come meanwhile."""
        def do_retr(self, argument):
            if argument in (b"64", b"100", b"140"):
                time.sleep(0.7)
            return super().do_retr(argument)
    box, sink, rider = scene(contents, Halting, after_delivery="delete")
    rider.fetch()
    all_once(sink, contents)
    equal((box.messages, box.connections), ([], 1))


def test_a_deletion_is_asked_for_while_a_verdict_is_awaited():
    contents = some(3)

    def slow(session, _):
        until = time.monotonic() + tap.PATIENCE
        while sink.accepted and "DELE" not in box.verbs():
            assert time.monotonic() < until
            time.sleep(0.01)
    sink = peers.SmtpSink(replies={"END": slow}, keywords=("CHUNKING",))
    box, sink, rider = scene(contents, sink=sink, after_delivery="delete")
    rider.fetch()
    equal((box.messages, len(sink.accepted)), ([], 3))


def test_quit_is_sent_with_the_last_deletions():
    class Last(peers.Pop3Session):
        def do_dele(self, argument):
            if argument == b"3":
                self.server.followed = more_has_come(self, 2)
            return super().do_dele(argument)
    box, sink, rider = scene(some(3))
    rider.fetch()
    box.session = Last
    rider.write([box.account("ann", recipient="ann@kit.test",
                             after_delivery="delete")],
                {"home": sink.destination()})
    rider.fetch()
    equal((box.messages, box.followed), ([], True))


def test_a_deletion_that_is_refused_among_others_stays_owed():
    contents = some(20)
    replies = {"DELE": [None] * 5 + ["-ERR not this one"] + [None]}
    box, sink, rider = scene(contents, replies=replies, after_delivery="delete")
    rider.fetch(status=UNAVAILABLE)
    all_once(sink, contents)
    equal(len(box.messages), 1)
    rider.fetch()
    equal((box.messages, len(sink.accepted)), ([], 20))


def test_many_owed_deletions_are_paid_in_few_steps():
    contents = some(400)
    box, sink, rider = scene(contents)
    rider.fetch()

    class DeleHoarder(Hoarder):
        verb, wanted = b"DELE", 100
    box.session = DeleHoarder
    rider.write([box.account("ann", recipient="ann@kit.test",
                             after_delivery="delete")],
                {"home": sink.destination()})
    rider.fetch()
    equal((box.messages, len(sink.accepted)), ([], 400))


# --- servers that break under it ------------------------------------------------------


@each(("drops it", Loser), ("hangs up", Hasty), ("refuses it", Refuser))
def test_a_server_that_breaks_under_it_is_spared_it_from_then_on(_, session):
    contents = some(8)
    box, sink, rider = scene(contents, session, timeout=SHORT,
                             after_delivery="delete")
    rider.fetch()
    all_once(sink, contents)
    equal(box.messages, [])
    equal(rider.query("SELECT pipelining FROM server"), [("broken",)])
    box.messages = [Message(c) for c in some(5, 100)]
    connections = box.connections
    rider.fetch()
    equal((len(sink.accepted), box.connections - connections), (13, 1))
    # After a month it is given another chance.
    box.messages = [Message(c) for c in some(5, 200)]
    connections = box.connections
    rider.fetch(shift=31 * DAY)
    equal((len(sink.accepted), box.connections - connections), (18, 2))
    connections = box.connections
    rider.fetch(shift=32 * DAY)
    equal(box.connections - connections, 1)


def test_a_server_that_refuses_messages_asked_for_ahead_is_spared_it():
    class Particular(Refuser):
        first = b"RETR"
    contents = some(8)
    box, sink, rider = scene(contents, Particular, after_delivery="delete")
    rider.fetch()
    all_once(sink, contents)
    equal((box.messages, box.connections), ([], 2))
    equal(rider.query("SELECT pipelining FROM server"), [("broken",)])


@each(("the first of many", b"1", 10, 2), ("in the middle", b"7", 10, 1),
      ("the only one", b"1", 1, 1))
def test_a_message_that_is_refused_keeps_no_other(_, which, count, connections):
    contents = some(count)
    box, sink, rider = scene(contents, replies={"RETR": (
        lambda session, argument: "-ERR no" if argument == which else None)})
    rider.fetch(status=LATER)
    wanted = {"delivered": count - 1, "deferred": 1}
    equal(rider.counts(), {k: n for k, n in wanted.items() if n})
    equal(box.connections, connections)
    pipelining = rider.query("SELECT pipelining FROM server")
    assert pipelining in ([("",)], [("proven",)]), pipelining


def test_a_message_that_must_not_be_sent_is_no_fault_of_the_session():
    contents = some(6)
    contents[0] = b"X: y\r\n" * 3000 + contents[0]
    box, sink, rider = scene(
        [Message(c, octets=100 if n == 0 else None)
         for n, c in enumerate(contents)], max_size="10K")
    rider.fetch(status=UNAVAILABLE)
    equal((rider.counts(), box.connections), ({"held": 1, "delivered": 5}, 1))


def test_a_server_that_is_told_to_take_it_and_does_not_is_spared_it_at_once():
    contents = some(8)
    box, sink, rider = scene(contents, Loser, timeout=SHORT, pipelining="yes")
    rider.fetch()
    all_once(sink, contents)


@each(("without a reason", "-ERR no", 2), ("for good", "-ERR [SYS/PERM] no", 1))
def test_a_listing_that_is_refused(_, words, connections):
    box, sink, rider = scene(some(2), replies={"STAT": words})
    assert rider.run("fetch").status != 0
    equal(box.connections, connections)
    assert rider.query("SELECT * FROM server WHERE pipelining = 'broken'") == []


def test_what_breaks_where_nothing_was_sent_ahead_is_no_reason_against_it():
    box, sink, rider = scene(some(2), capabilities=OFFERED[:-1])
    rider.fetch()
    box.replies["STAT"] = [DROP, None]
    box.messages.append(Message(mail.simple(7)))
    rider.fetch()
    equal(len(sink.accepted), 3)
    equal(rider.query("SELECT pipelining FROM server"), [("",)])


def test_a_cut_after_the_listing_is_no_reason_to_doubt_what_is_known():
    box, sink, rider = scene(some(2), capabilities=OFFERED[:-1])
    rider.fetch()
    seen = []

    def cut(session, argument):
        seen.append(argument)
        return DROP
    box.replies["RETR"] = [cut]
    box.messages.append(Message(mail.simple(7)))
    rider.fetch(status=LATER)
    equal(seen, [b"3"])


def test_who_insists_on_what_breaks_a_server_is_told_what_to_do():
    contents = some(8)
    box, sink, rider = scene(contents, Loser, OFFERED[:-1], timeout=SHORT,
                             pipelining="yes")
    result = rider.fetch()
    all_once(sink, contents)
    tap.contains(result.err, 'set it to "no"')
    assert "30 days" not in result.err


def test_a_cut_with_many_asked_for_loses_nothing_and_blames_none():
    contents = some(40)
    seen = []

    def cut(session, argument):
        seen.append(argument)
        return DROP if len(seen) == 12 else None
    box, sink, rider = scene(contents, replies={"RETR": cut},
                             after_delivery="delete")
    rider.fetch()
    all_once(sink, contents)
    equal((box.messages, box.connections), ([], 2))
    equal(rider.query("SELECT pipelining FROM server"), [("proven",)])


def test_cuts_at_several_messages_blame_none():
    contents = some(40)
    seen = []

    def cut(session, argument):
        seen.append(argument)
        return DROP if len(seen) in (12, 25, 31) else None
    box, sink, rider = scene(contents, replies={"RETR": cut})
    rider.fetch()
    all_once(sink, contents)
    equal(box.connections, 4)


@each(("hangs up", DROP, 2), ("stays silent", SILENCE, 2))
def test_a_message_that_breaks_every_session_keeps_no_other(_, how, times):
    contents = some(10)
    seen = []

    def broken(session, argument):
        seen.append(argument)
        return how if argument == b"4" else None
    box, sink, rider = scene(contents, replies={"RETR": broken}, timeout=SHORT,
                             after_delivery="delete")
    rider.fetch(status=LATER)
    equal(rider.counts(), {"delete_owed": 9, "deferred": 1})
    all_once(sink, contents[:3] + contents[4:])
    equal(len(box.messages), 1)
    equal(seen.count(b"4"), times)


def test_an_answer_too_many_does_not_get_into_a_message():
    contents = some(10)

    class Chatty(peers.Pop3Session):
        def do_retr(self, argument):
            if argument == b"3" and not self.server.said:
                self.server.said = True
                self.reply("+OK by the way")
            return super().do_retr(argument)
    box, sink, rider = scene(contents, Chatty, after_delivery="delete")
    box.said = False
    rider.fetch()
    all_once(sink, contents)


def test_an_answer_too_many_does_not_get_into_a_header():
    contents = some(10)

    class Chatty(peers.Pop3Session):
        def do_top(self, argument):
            if argument.startswith(b"3 ") and not self.server.said:
                self.server.said = True
                self.reply("+OK by the way")
            return super().do_top(argument)
    box, sink, rider = scene(contents, Chatty, ("TOP", "PIPELINING", "USER"),
                             replies={"UIDL": "-ERR no"})
    box.said = False
    for _ in range(2):
        rider.fetch()
    all_once(sink, contents)


@each(("when others are asked for", 12), ("when it is the last one", 5))
def test_a_refusal_too_many_makes_no_header_another(_, count):
    contents = some(count)

    class Stutterer(peers.Pop3Session):
        def do_top(self, argument):
            if argument == b"5 0":
                self.reply("-ERR no")
                time.sleep(0.2)
                if not self.server.stuttered:
                    self.server.stuttered = True
                    self.reply("-ERR I said no")
                return True
            if argument == b"12 0":
                time.sleep(0.2)
            return super().do_top(argument)

        def do_retr(self, argument):
            time.sleep(0.1)
            return super().do_retr(argument)
    box, sink, rider = scene(contents, Stutterer, ("TOP", "PIPELINING", "USER"),
                             replies={"UIDL": "-ERR no"}, after_delivery="delete")
    box.stuttered = False
    for _ in range(2):
        rider.run("fetch")
    all_once(sink, contents)
    equal(box.messages, [])


@each(("ahead", "auto"), ("one by one", "no"))
def test_a_message_may_begin_like_an_answer_when_asked_for(_, setting):
    contents = [b"+OK by the way\r\n" + c for c in some(4)]
    box, sink, rider = scene(contents, pipelining=setting)
    rider.fetch()
    all_once(sink, contents)


def refused_early(session, _):
    session.reply("354 go on")
    time.sleep(0.3)
    session.reply("550 5.7.1 no")
    raise peers.Closed


@each(("is refused", refused_early), ("is lost", lambda session, _: (
    session.reply("354 go on"), time.sleep(0.3), DROP)[-1]))
def test_a_large_message_whose_size_is_asked_about_when_its_transaction(_, end):
    large = mail.simple(1, b"x" * 70 + b"\r\n" + b"large\r\n" * 60000)
    contents = [large, *some(4, 10)]

    def uid(session, argument):
        if argument:
            time.sleep(1)
    sink = peers.SmtpSink(replies={"DATA": [end, None]}, keywords=())
    box, sink, rider = scene([Message(c, octets=len(c) + 7) for c in contents],
                             sink=sink, replies={"UIDL": uid})
    rider.run("fetch")
    counts = rider.counts()
    equal(counts.pop("held", 0) + counts.pop("deferred", 0), 1)
    equal(counts, {"delivered": 4})
    all_once(sink, contents[1:])


def test_in_order_a_message_far_larger_than_listed_keeps_none_waiting():
    large = mail.simple(1, b"x" * 70 + b"\r\n" + b"large\r\n" * 90000)
    contents = [*some(3), large, *some(3, 10)]

    def slow(session, _):
        time.sleep(0.2)
    sink = peers.SmtpSink(replies={"END": slow})
    box, sink, rider = scene([Message(c, octets=300) for c in contents],
                             sink=sink, ordered=True)
    rider.fetch()
    all_once(sink, contents)


@each(("there", "UIDL", b"1"), ("before its answer", "RETR", b"3"))
def test_a_cut_does_not_keep_the_question_of_sizes_from_being_asked_again(
        _, verb, where):
    contents = some(5)
    cuts = []

    def cut(session, argument):
        if argument == where and not cuts:
            cuts.append(argument)
            return DROP
    box, sink, rider = scene([Message(c, octets=len(c) + 7) for c in contents],
                             replies={verb: cut})
    rider.fetch()
    all_once(sink, contents)
    equal(box.connections, 2)


def test_a_refusal_too_many_makes_no_message_another():
    messages = [Message(mail.simple(n)) for n in range(10, 30)]
    equal(len({m.octets for m in messages}), 1)

    class Stutterer(peers.Pop3Session):
        def do_retr(self, argument):
            if argument == b"12" and not self.server.stuttered:
                self.server.stuttered = True
                self.reply("-ERR no")
                self.reply("-ERR I said no")
                return True
            return super().do_retr(argument)
    box, sink, rider = scene(messages, Stutterer, after_delivery="delete")
    box.stuttered = False
    rider.fetch(status=LATER)
    # The second refusal is taken for the answer to the command behind.
    all_once(sink, [m.content for m in messages[:11] + messages[13:]])
    equal(box.messages, messages[11:13])
    rider.fetch()
    all_once(sink, [m.content for m in messages])
    equal(box.messages, [])


@each(("with UIDL", OFFERED, {}),
      ("without UIDL", ("TOP", "PIPELINING", "USER"), {"UIDL": "-ERR no"}))
def test_a_refusal_too_many_makes_no_message_another_if_the_last_is_refused(
        _, capabilities, replies):
    """… too: it is not the refusal of what is asked then."""
    messages = [Message(mail.simple(n)) for n in range(10, 30)]

    class Stutterer(peers.Pop3Session):
        def do_retr(self, argument):
            if argument == b"20" and self.server.times < 2:
                self.reply("-ERR no")
            elif argument == b"12" and not self.server.times:
                self.server.times = 1
                self.reply("-ERR no")
                self.reply("-ERR I said no")
            else:
                return super().do_retr(argument)
            return True
    box, sink, rider = scene(messages, Stutterer, capabilities, replies=replies,
                             after_delivery="delete")
    box.times = 0
    rider.run("fetch")
    box.times = 2
    rider.run("fetch")
    all_once(sink, [m.content for m in messages])
    equal(box.messages, [])


def test_after_a_refusal_the_others_come_in_the_same_session():
    contents = some(20)
    box, sink, rider = scene(contents, replies={
        "RETR": [None] * 11 + ["-ERR no", None]})
    rider.fetch(status=LATER)
    all_once(sink, contents[:11] + contents[12:])
    equal(box.connections, 1)


def test_sizes_that_are_estimates_are_believed_after_one_question():
    contents = some(20)
    box, sink, rider = scene([Message(c, octets=len(c) + 7) for c in contents],
                             after_delivery="delete")
    rider.fetch()
    all_once(sink, contents)
    equal(sum(c.startswith(b"UIDL ") for c in box.commands), 1)


def test_a_mailbox_numbered_anew_with_many_asked_for_delivers_no_wrong_message():
    contents = [mail.simple(n, b"x" * n + b"\r\n") for n in range(20)]

    class Shifty(peers.Pop3Session):
        def do_retr(self, argument):
            if argument == b"6" and not self.server.shifted:
                self.server.shifted = True
                self.maildrop.pop(0)
            return super().do_retr(argument)
    box, sink, rider = scene(contents, Shifty, after_delivery="delete")
    box.shifted = False
    rider.run("fetch")
    rider.fetch()
    all_once(sink, contents)
    equal(box.messages, [])


@each(("all are there", b""), ("one is refused", b"30"))
def test_stopped_with_many_asked_for_the_session_ends_in_order_when(_, refused):
    contents = some(40)

    class Slow(peers.Pop3Session):
        def do_retr(self, argument):
            time.sleep(0.03)
            if argument == refused:
                self.reply("-ERR no")
                return True
            return super().do_retr(argument)
    box, sink, rider = scene(contents, Slow, after_delivery="delete")
    running = rider.start("fetch")
    while not sink.accepted:
        time.sleep(0.01)
    running.signal()
    running.wait()
    equal(box.verbs()[-1], "QUIT")
    delivered = len(sink.accepted)
    assert 0 < delivered < 40
    equal(len(box.messages), 40 - delivered)
    box.session = peers.Pop3Session
    rider.fetch()
    all_once(sink, contents)


def test_stopped_while_it_is_asked_whether_sizes_are_estimates():
    contents = some(40)

    class Slow(peers.Pop3Session):
        def do_retr(self, argument):
            time.sleep(0.03)
            return super().do_retr(argument)
    box, sink, rider = scene(
        [Message(c, octets=len(c) + 7) for c in contents], Slow, replies={
            "UIDL": lambda session, argument: "-ERR no" if argument else None})
    running = rider.start("fetch")
    while b"RETR 5" not in box.commands:
        time.sleep(0.01)
    running.signal()
    running.wait()
    equal((box.verbs()[-1], sink.accepted), ("QUIT", []))


# --- what is remembered ---------------------------------------------------------------


class AllAtOnce(peers.Pop3Session):
    """Answers the login only when STAT and UIDL have come as well."""
    all = [b"STAT\r\n", b"UIDL\r\n"]

    def line(self):
        lines = self.__dict__.setdefault("lines", [])
        if not lines:
            lines.append(super().line())
            if lines[0].startswith(b"AUTH "):
                for _ in self.all:
                    lines.append(super().line())
                equal(lines[1:], self.all)
        return lines.pop(0)


class AllWithSizes(AllAtOnce):
    """And LIST."""
    all = AllAtOnce.all + [b"LIST\r\n"]


def test_the_second_poll_logs_in_and_lists_in_one_step():
    box, sink, rider = scene(some(3))
    rider.fetch()
    # It has delivered something, so the listing is to be looked at again.
    box.session = AllWithSizes
    rider.fetch()
    box.session, box.commands = AllAtOnce, []
    rider.fetch()
    equal(box.verbs(), ["AUTH", "STAT", "UIDL", "QUIT"])
    box.messages.append(Message(mail.simple(7)))
    rider.fetch()
    equal(len(sink.accepted), 4)


def test_without_pipelining_the_second_poll_is_spared_questions():
    box, sink, rider = scene(some(3), Strict, OFFERED[:-1])
    box.early = False
    rider.fetch()
    rider.fetch()
    box.commands, box.early = [], False
    rider.fetch()
    equal((box.verbs(), box.early), (["AUTH", "STAT", "UIDL", "QUIT"], False))


def test_what_a_server_can_do_is_asked_again_after_a_week():
    box, sink, rider = scene([])
    rider.fetch()
    equal(rider.query("SELECT name FROM server"),
          [(f"localhost:{box.port} none",)])
    box.commands = []
    rider.fetch(shift=6 * DAY)
    assert "CAPA" not in box.verbs()
    rider.fetch(shift=8 * DAY)
    assert "CAPA" in box.verbs()
    box.commands = []
    rider.fetch(shift=9 * DAY)
    assert "CAPA" not in box.verbs()


@each(("-ERR [AUTH] no", AUTH), ("-ERR [IN-USE] wait", LATER),
      ("-ERR [SYS/PERM] no", UNAVAILABLE), ("-ERR no", AUTH), (DROP, LATER))
def test_what_a_server_can_do_is_not_forgotten_for_a_login_in_vain(words, status):
    box, sink, rider = scene([])
    rider.fetch()
    box.replies["AUTH"] = [words, None]
    rider.fetch(status=status)
    box.commands = []
    rider.fetch()
    assert "CAPA" not in box.verbs()


def test_what_a_server_can_do_is_forgotten_when_its_mechanisms_have_changed():
    box, sink, rider = scene([])
    rider.fetch()
    box.capabilities = ("SASL LOGIN", "UIDL", "TOP", "PIPELINING")
    box.replies["AUTH"] = ["-ERR unknown", None]
    box.users = {"ann": "another"}
    rider.fetch(status=AUTH)
    box.commands, box.users = [], {"ann": "secret"}
    rider.fetch()
    equal(box.verbs()[0], "CAPA")


def test_a_mechanism_that_is_asked_for_may_be_offered_since_the_last_poll():
    box, sink, rider = scene([])
    rider.fetch()
    box.capabilities = ("SASL LOGIN", "UIDL", "TOP")
    rider.write([box.account("ann", recipient="ann@kit.test", auth="login")],
                {"home": sink.destination()})
    rider.fetch()


def test_what_was_learnt_at_a_time_yet_to_come_is_asked_again():
    box, sink, rider = scene([])
    rider.fetch(shift=100 * DAY)
    box.commands = []
    rider.fetch()
    assert "CAPA" in box.verbs()


@each(("is gone", ("USER", "UIDL", "TOP", "PIPELINING"), "-ERR unknown"),
      ("is another", ("SASL LOGIN", "UIDL", "TOP", "PIPELINING"),
       "-ERR no such mechanism"))
def test_a_mechanism_that(_, capabilities, words):
    """… since the last poll costs one question, and no poll."""
    box, sink, rider = scene(some(2))
    rider.fetch()
    box.messages.append(Message(mail.simple(7)))
    box.capabilities, box.commands = capabilities, []

    def auth(session, argument):
        return words if argument.startswith(b"PLAIN") else None
    box.replies["AUTH"] = [auth]
    rider.fetch()
    equal(len(sink.accepted), 3)
    box.commands = []
    rider.fetch()
    assert b"AUTH PLAIN" not in b"\n".join(box.commands)


@each("-ERR [AUTH] no", "-ERR no")
def test_a_refused_password_is_told_once(words):
    box, sink, rider = scene(some(2))
    rider.fetch()
    box.replies["AUTH"], box.commands = [words], []
    tap.contains(rider.fetch(status=AUTH).err, "refused the login")
    equal(sum(c.startswith(b"AUTH") for c in box.commands), 1)


def times_told(box):
    """The password."""
    return sum(c.startswith((b"AUTH PLAIN ", b"PASS ")) for c in box.commands)


@each(*((f"{how} {when}, {which}", answer, polls, capabilities)
        for how, answer in (("hangs up", DROP), ("falls silent", SILENCE))
        for when, polls in (("at once", 0), ("in a later poll", 1))
        for which, capabilities in (
            ("ahead", OFFERED), ("one by one", OFFERED[:-1]),
            ("without SASL", ("USER", "UIDL", "TOP", "PIPELINING")))))
def test_a_server_that_lets_nobody_in_is_told_a_password_once_when_it(
        _, answer, polls, capabilities):
    """… instead of refusing it: it may count."""
    box, sink, rider = scene(some(2), capabilities=capabilities, timeout=SHORT)
    for _ in range(polls):
        rider.fetch()
    box.replies["AUTH"] = box.replies["PASS"] = [answer]
    for _ in range(3):
        box.commands = []
        run = rider.fetch(status=LATER)
        tap.contains(run.err, "not told again by this poll")
        equal(times_told(box), 1)
    box.replies = {}
    rider.fetch()
    equal(len(sink.accepted), 2)
    box.commands = []
    rider.fetch()
    assert "CAPA" not in box.verbs()


@each(("takes another mechanism only", ("SASL LOGIN", "UIDL", "TOP")),
      ("does not offer to take what is sent ahead", OFFERED[:-1]))
def test_a_server_that_hangs_up_at_a_login_and_by_now(_, capabilities):
    """… costs one repeat, and no poll."""
    class Changed(peers.Pop3Session):
        def do_auth(self, argument):
            if argument.startswith(b"PLAIN") and more_has_come(self, 0.2):
                raise peers.Closed
            return super().do_auth(argument)
    box, sink, rider = scene(some(2))
    rider.fetch()
    box.messages.append(Message(mail.simple(7)))
    box.capabilities, box.session = capabilities, Changed
    rider.fetch()
    equal((len(sink.accepted), box.connections), (3, 3))


def test_a_server_that_hangs_up_at_what_goes_with_a_login_costs_one_poll():
    class Touchy(peers.Pop3Session):
        def do_auth(self, argument):
            if more_has_come(self, 0.1):
                raise peers.Closed
            return super().do_auth(argument)
    box, sink, rider = scene(some(2), Touchy)
    rider.fetch()
    rider.fetch(status=LATER)
    for n in range(3):
        box.messages.append(Message(mail.simple(10 + n)))
        rider.fetch()
    equal(len(sink.accepted), 5)


def test_a_server_that_has_taken_it_for_a_week_is_not_suspected_for_a_password():
    box, sink, rider = scene(some(2))
    rider.fetch()
    rider.fetch()
    rider.fetch(shift=8 * DAY)
    box.replies["AUTH"] = [DROP, None]
    rider.fetch(shift=9 * DAY, status=LATER)
    equal(rider.query("SELECT pipelining FROM server"), [("proven",)])


def test_pipelining_that_is_not_offered_any_more_costs_no_poll():
    box, sink, rider = scene(some(2))
    rider.fetch()
    box.messages += [Message(c) for c in some(6, 10)]
    box.capabilities, box.session = OFFERED[:-1], Loser
    rider.write([box.account("ann", recipient="ann@kit.test", timeout=SHORT)],
                {"home": sink.destination()})
    rider.fetch()
    equal(len(sink.accepted), 8)


def test_an_unchanged_listing_is_not_looked_at_again():
    box, sink, rider = scene(some(3))
    for _ in range(2):
        rider.fetch()
    box.commands = []
    rider.fetch()
    assert "LIST" not in box.verbs()
    equal(rider.run("status", "--json").json()["accounts"][0]["in_mailbox"], 3)


def test_held_messages_of_an_unchanged_listing_are_told_of_still():
    box, sink, rider = scene(some(3), sink=peers.SmtpSink(
        replies={"RCPT": ["550 5.1.1 no", None]}))
    for _ in range(3):
        rider.fetch(status=UNAVAILABLE)
    assert "LIST" not in box.verbs()[box.verbs().index("QUIT") + 1:][-4:]
    held = rider.run("held", "--json").json()["messages"]
    rider.run("held", "retry", str(held[0]["id"])).expect(0)
    rider.fetch()
    equal(len(sink.accepted), 3)


def test_a_message_of_an_unchanged_listing_is_deleted_when_its_time_has_come():
    box, sink, rider = scene(some(3), after_delivery="keep 14d")
    for _ in range(2):
        rider.fetch()
    box.commands = []
    rider.fetch(shift=3600)
    assert "LIST" not in box.verbs()
    for day in (5, 10, 13):
        rider.fetch(shift=day * DAY)
    equal(len(box.messages), 3)
    rider.fetch(shift=14 * DAY + 60)
    equal(box.messages, [])


@each(("keep", "delete"), ("keep 14d", "keep 1h"))
def test_new_settings_are_heeded_with_an_unchanged_listing(before, after):
    box, sink, rider = scene(some(3), after_delivery=before)
    for _ in range(2):
        rider.fetch()
    rider.write([box.account("ann", recipient="ann@kit.test",
                             after_delivery=after)],
                {"home": sink.destination()})
    rider.fetch(shift=2 * 3600)
    equal(box.messages, [])


@each(("nothing was deleted", "keep", 0), ("something was deleted", "delete", 2))
def test_the_answer_to_quit_is_awaited_only_if(_, after, deleted):
    timeout = tap.SHORT_S if deleted else 10 * tap.PATIENCE
    box, sink, rider = scene(some(2), replies={"QUIT": SILENCE},
                             timeout=f"{timeout}s", after_delivery=after)
    before = time.monotonic()
    rider.run("fetch")
    took = time.monotonic() - before
    equal(took > 0.9 * timeout, deleted > 0)


# --- messages that are handed over before they are whole --------------------------------

LONG = (b"x" * 70 + b"\r\n") * 5000


def long_ones(count, octets=100_000):
    """None fits a transit, and all are listed as if they did."""
    return [Message(mail.simple(n, LONG), octets=octets) for n in range(count)]


@each(("in order, ahead", True, "auto"), ("in order, one by one", True, "no"),
      ("in any order, ahead", False, "auto"),
      ("in any order, one by one", False, "no"))
def test_long_messages_that_are_listed_as_short_come_through_one_connection(
        _, ordered, pipelining):
    messages = [Message(mail.simple(9)), *long_ones(4), Message(mail.simple(8))]
    box, sink, rider = scene(messages, destination={"connections": 1},
                             ordered=ordered, pipelining=pipelining)
    rider.fetch()
    arrived = [a.digest() for a in sink.accepted]
    sent = [mail.digest(m.content) for m in messages]
    equal(arrived if ordered else sorted(arrived),
          sent if ordered else sorted(sent))


@each(("ahead", "auto"), ("one by one", "no"))
def test_in_order_a_long_message_comes_through(_, pipelining):
    contents = [mail.simple(0), mail.simple(1, LONG), mail.simple(2)]
    box, sink, rider = scene(contents, ordered=True, pipelining=pipelining)
    rider.fetch()
    equal([a.digest() for a in sink.accepted], list(map(mail.digest, contents)))


@each(("ahead", "auto"), ("one by one", "no"))
def test_a_session_that_ends_at_the_question_which_message_that_was_keeps_no_other(
        _, pipelining):
    messages = [Message(mail.simple(0)), *long_ones(1), Message(mail.simple(2))]

    class Secretive(peers.Pop3Session):
        def do_uidl(self, argument):
            if argument:
                raise peers.Closed
            return super().do_uidl(argument)
    box, sink, rider = scene(messages, Secretive, pipelining=pipelining)
    rider.fetch(status=LATER)
    all_once(sink, [messages[0].content, messages[2].content])
    equal(rider.states()[messages[1].uid], "deferred")


def test_a_verdict_before_it_is_known_which_message_that_was_is_heeded():
    messages = long_ones(1) + [Message(mail.simple(n)) for n in range(1, 30)]

    class Slow(peers.Pop3Session):
        def do_retr(self, argument):
            if int(argument) > 10:
                time.sleep(0.03)
            return super().do_retr(argument)

    class Tired(peers.SmtpSession):
        def content(self):
            if not self.server.tired:
                self.server.tired = True
                self.file.read(200_000)
                self.reply("451 4.3.0 tired")
                raise peers.Closed
            return super().content()
    sink = peers.SmtpSink()
    sink.session, sink.tired = Tired, False
    box, sink, rider = scene(messages, Slow, sink=sink, after_delivery="delete")
    rider.fetch(status=LATER)
    all_once(sink, [m.content for m in messages[1:]])
    equal((box.messages, rider.states()[messages[0].uid], box.connections),
          ([messages[0]], "deferred", 1))
    rider.fetch()
    all_once(sink, [m.content for m in messages])


# --- order ----------------------------------------------------------------------------


def test_in_order_a_message_waits_for_the_one_before():
    contents = some(12)

    def slow(session, _):
        equal(more_has_come(session, 0.05), False)
    sink = peers.SmtpSink(keywords=("PIPELINING",), replies={"END": slow})
    box, sink, rider = scene(contents, Hoarder, sink=sink, ordered=True)
    rider.fetch()
    equal(sink.connections, 1)
    equal([a.digest() for a in sink.accepted], list(map(mail.digest, contents)))


def test_in_order_a_large_message_waits_too():
    large = mail.simple(1, b"x" * 70 + b"\r\n" + b"large\r\n" * 90000)
    contents = [mail.simple(0), large, mail.simple(2)]

    def slow(session, _):
        equal(more_has_come(session, 0.3), False)
        equal(sink.connections, 1)
    sink = peers.SmtpSink(keywords=("PIPELINING",), replies={"END": slow})
    box, sink, rider = scene(contents, sink=sink, ordered=True)
    rider.fetch()
    equal([a.digest() for a in sink.accepted], list(map(mail.digest, contents)))


def test_in_order_one_that_is_refused_for_now_keeps_none_behind_it():
    contents = some(6)
    sink = peers.SmtpSink(replies={"RCPT": [None, "450 4.2.0 later", None]})
    box, sink, rider = scene(contents, sink=sink, ordered=True)
    rider.fetch(status=LATER)
    equal([a.digest() for a in sink.accepted],
          [mail.digest(c) for n, c in enumerate(contents) if n != 1])


def test_in_order_none_waits_for_ever_when_the_last_ones_are_refused():
    contents = some(8)

    def slow(session, _):
        time.sleep(0.3)
    sink = peers.SmtpSink(replies={"END": [slow, None]})
    box, sink, rider = scene(contents, sink=sink, ordered=True, replies={
        "RETR": lambda session, number: "-ERR no" if int(number) > 6 else None})
    running = rider.start("fetch")
    patience = threading.Timer(tap.PATIENCE, running.signal, (signal.SIGKILL,))
    patience.start()
    result = running.wait()
    patience.cancel()
    result.expect(LATER)
    all_once(sink, contents[:6])


def test_in_order_the_message_that_has_become_another_is_the_one_to_blame():
    contents = [mail.simple(n, b"x" * 60 * n + b"\r\n") for n in range(5)]

    class Shifty(peers.Pop3Session):
        def do_retr(self, argument):
            if argument == b"3" and not self.server.shifted:
                self.server.shifted = True
                self.maildrop.pop(0)
            return super().do_retr(argument)

    def slow(session, _):
        if not sink.accepted:
            time.sleep(1)
    sink = peers.SmtpSink(replies={"END": slow})
    box, sink, rider = scene(contents, Shifty, sink=sink, ordered=True,
                             pipelining="no")
    box.shifted = False
    third = box.messages[2].uid.encode()
    rider.run("fetch")
    equal(rider.query("SELECT uid FROM message WHERE state = 'deferred'"),
          [(third,)])
    rider.fetch()
    all_once(sink, contents)


if __name__ == "__main__":
    tap.main()
