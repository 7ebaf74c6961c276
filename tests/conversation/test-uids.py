"""Servers that have no UIDs to list."""
import time

import mail
import peers
import postrider
import tap
from peers import Message
from postrider import OK, UNAVAILABLE
from tap import each, equal

COUNT = 12


def some(count=COUNT, start=0):
    return [mail.simple(n, b"x" * n + b"\r\n")
            for n in range(start, start + count)]


def scene(contents=None, replies=None, capabilities=None, sink=None, **account):
    how = {"capabilities": capabilities} if capabilities else {}
    box = peers.Pop3Server(some() if contents is None else contents,
                           replies=replies, **how)
    sink = peers.SmtpSink(replies=sink)
    return box, sink, postrider.between(box, sink, **account)


# --- no UIDL, no TOP --------------------------------------------------------------


NEITHER = {"replies": {"UIDL": "-ERR unknown", "TOP": "-ERR unknown"},
           "capabilities": ("USER",)}


@each("keep", "delete")
def test_with_neither_uidl_nor_top_everything_moves_once(after):
    box, sink, rider = scene(after_delivery=after, **NEITHER)
    first = rider.fetch()
    tap.contains(first.err, "neither UIDL nor TOP")
    equal(box.verbs().count("TOP"), 1)
    equal(len(box.messages), COUNT if after == "keep" else 0)
    box.messages.append(Message(mail.simple(99)))
    second = rider.fetch()
    equal(second.err, "")
    rider.fetch()
    equal(sink.digests(), sorted(map(mail.digest, some() + [mail.simple(99)])))


def test_with_neither_uidl_nor_top_equal_headers_are_several_messages():
    twins = [mail.simple(1, b"one\r\n"), mail.simple(1, b"two\r\n")]
    box, sink, rider = scene(twins, after_delivery="delete", **NEITHER)
    rider.fetch()
    equal(sink.digests(), sorted(map(mail.digest, twins)))
    rider.fetch()
    equal((len(sink.accepted), box.messages), (2, []))


def test_with_neither_uidl_nor_top_a_large_message_costs_no_memory():
    big = mail.simple(1, (b"x" * 70 + b"\r\n") * 500000)
    box, sink, rider = scene([big, mail.simple(2)], first_poll="none",
                             **NEITHER)
    result = rider.fetch()
    equal(rider.counts(), {"seen": 2})
    if tap.SLOWNESS == 1:
        assert result.peak_kib < 24 << 10, result.peak_kib


@each(("with", {"TOP": "-ERR no"}), ("without", NEITHER["replies"]))
def test_first_poll_since_needs_no_top(_, replies):
    old = mail.simple(1)
    young = mail.simple(2).replace(
        mail.DATE.encode(),
        time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime()).encode())
    box, sink, rider = scene([old, young], replies=replies,
                             capabilities=("USER",), first_poll="since 7d")
    rider.fetch()
    equal(sink.digests(), [mail.digest(young)])
    rider.fetch()
    equal(len(sink.accepted), 1)
    # Read once to be known, if need be, and once to be moved.
    equal(box.verbs()[:box.verbs().index("QUIT")].count("RETR"), 3)


def test_with_neither_uidl_nor_top_one_bad_message_is_left_alone():
    def refuse_second(_, argument):
        return "-ERR broken" if argument == b"2" else None
    box, sink, rider = scene(some(3), after_delivery="delete", replies={
        **NEITHER["replies"], "RETR": refuse_second}, capabilities=("USER",))
    result = rider.fetch()
    tap.contains(result.err, "1 messages")
    equal(len(sink.accepted), 2)
    equal(len(box.messages), 1)


def test_top_that_fails_for_one_message_is_not_given_up():
    def refuse_first(_, argument):
        return "-ERR broken" if argument == b"1 0" else None
    box, sink, rider = scene(replies={"UIDL": "-ERR no", "TOP": refuse_first},
                             capabilities=("USER", "TOP"), first_poll="none")
    rider.fetch()
    equal(rider.counts(), {"seen": COUNT})
    equal((box.verbs().count("TOP"), box.verbs().count("RETR")), (COUNT, 1))


def test_top_that_has_worked_is_not_given_up_where_it_is_not_offered():
    def refuse_second(_, argument):
        return "-ERR broken" if argument == b"2 0" else None
    box, sink, rider = scene(replies={"UIDL": "-ERR no", "TOP": refuse_second},
                             capabilities=("USER",), first_poll="none")
    rider.fetch()
    equal((box.verbs().count("TOP"), box.verbs().count("RETR")), (COUNT, 1))


def test_top_that_is_offered_and_always_refused_is_given_up():
    box, sink, rider = scene(replies={"UIDL": "-ERR no", "TOP": "-ERR no"},
                             capabilities=("USER", "TOP"), first_poll="none")
    rider.fetch()
    equal(rider.counts(), {"seen": COUNT})
    equal((box.verbs().count("TOP"), box.verbs().count("RETR")), (3, COUNT))


def test_held_show_works_without_top():
    box, sink, rider = scene([mail.simple(1)], replies={"TOP": "-ERR no"},
                             capabilities=("USER", "UIDL"),
                             sink={"RCPT": "550 5.1.1 who"})
    rider.fetch(status=UNAVAILABLE)
    number = rider.query("SELECT id FROM message")[0][0]
    tap.contains(rider.run("held", "show", str(number)).expect(OK).out,
                 "Letter 1")


def test_check_knows_servers_with_neither_uidl_nor_top():
    box, sink, rider = scene(**NEITHER)
    result = rider.run("check").expect(OK)
    tap.contains(result.err, "neither UIDL nor TOP")


if __name__ == "__main__":
    tap.main()
