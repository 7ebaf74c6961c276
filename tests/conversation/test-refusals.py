"""What follows from each row of the table of refusals (src/delivery/policy.c): the
state in the ledger, the exit status, what `status` says, and that the next fetch
sends the message to those who lack it, and to nobody else."""
import time

import mail
import peers
import postrider
import tap
from postrider import LATER, OK, UNAVAILABLE
from tap import each, equal

DEFERRED, HELD, LARGE = "deferred", "held", "held as too large"

# Where in the conversation, the server's words, what becomes of the message.
ROWS = [
    ("MAIL", "550 5.7.1 not from you", DEFERRED),
    ("MAIL", "553 5.7.1 not from you", DEFERRED),
    ("MAIL", "550 5.7.2 no", HELD),
    ("MAIL", "550 no", HELD),
    ("MAIL", "452 4.3.1 disk full", DEFERRED),
    ("MAIL", "452 disk full", DEFERRED),
    ("MAIL", "552 5.3.4 too big", LARGE),
    ("MAIL", "552 too big", LARGE),
    ("MAIL", "501 5.1.7 what address", HELD),
    ("RCPT", "550 5.7.1 not you", DEFERRED),
    ("RCPT", "550 4.7.1 a code of the wrong class", HELD),
    ("RCPT", "552 5.2.2 full", DEFERRED),
    ("RCPT", "550 5.2.2 full", DEFERRED),
    ("RCPT", "552 full, or too many", DEFERRED),
    ("RCPT", "552 5.5.3 too many", DEFERRED),
    ("RCPT", "552 5.3.4 too big", LARGE),
    ("RCPT", "552 5.2.3 too big for this one", LARGE),
    ("RCPT", "550 5.2.3 too big for this one", LARGE),
    ("RCPT", "452 4.5.3 too many", DEFERRED),
    ("RCPT", "451 grey", DEFERRED),
    ("RCPT", "550 5.1.1 who", HELD),
    ("RCPT", "550 who", HELD),
    ("DATA", "451 4.3.0 not now", DEFERRED),
    ("DATA", "451 not now", DEFERRED),
    ("DATA", "554 5.7.1 no", HELD),
    ("DATA", "554 no", HELD),
    ("DATA", "552 5.3.4 too big", LARGE),
    ("END", "452 4.2.2 full", DEFERRED),
    ("END", "450 later", DEFERRED),
    ("END", "552 5.2.2 full", DEFERRED),
    ("END", "550 5.2.2 full", DEFERRED),
    ("END", "552 5.3.4 too big", LARGE),
    ("END", "554 5.3.4 too big", LARGE),
    ("END", "550 5.2.3 too big", LARGE),
    ("END", "552 too big", LARGE),
    ("END", "554 5.7.1 spam", HELD),
    ("END", "554 spam", HELD),
]


def scene(replies, messages=1, lmtp=False, destination=None, **account):
    box = peers.Pop3Server([mail.simple(n) for n in range(messages)])
    sink = peers.SmtpSink(replies=replies, lmtp=lmtp)
    return box, sink, postrider.between(box, sink, destination,
                                        after_delivery="delete",
                                        **account)


def check_state(rider, state, reply):
    """What the ledger keeps, the server's words among it."""
    equal(rider.query("SELECT state, reply FROM message"),
          [(DEFERRED if state == DEFERRED else HELD,
            f"too large for home: {reply}" if state == LARGE else reply)])


@each(*[(f"{stage} {reply}", stage, reply, state)
        for stage, reply, state in ROWS])
def test_a_refusal_has_its_consequence(_, stage, reply, state):
    box, sink, rider = scene({stage: reply})
    held = state != DEFERRED
    rider.fetch(status=UNAVAILABLE if held else LATER)
    check_state(rider, state, reply)
    equal((len(box.messages), sink.accepted), (1, []))
    sink.replies = {}
    if held:
        rider.run("held", "retry", "all").expect(OK)
    rider.fetch()
    equal((len(sink.accepted), box.messages), (1, []))


@each((DEFERRED, "451 later", LATER), (HELD, "550 no", UNAVAILABLE))
def test_a_refusal_is_told_until_it_is_settled(state, reply, status):
    box, sink, rider = scene({"RCPT": [reply, None]}, 2)
    tap.contains(rider.fetch(status=status).out, f"1 {state}")
    said = rider.run("status").expect(status).out
    tap.contains(said, "1 refused for now" if state == DEFERRED else "1 held")
    tap.contains(rider.run("held", "show", "1").expect(OK).out, reply)
    if state == HELD:
        equal(rider.fetch(status=status).err, "")
        equal(len(sink.accepted), 1, "accepted before its owner had decided")
        rider.run("held", "retry", "all").expect(OK)
    rider.fetch()
    rider.run("status").expect(OK)


@each(("RCPT", "451 grey", DEFERRED), ("RCPT", "550 5.2.2 full", DEFERRED),
      ("RCPT", "550 5.1.1 who", HELD), ("RCPT", "552 5.3.4 too big", LARGE),
      ("END", "452 4.2.2 full", DEFERRED), ("END", "421 4.3.2 no", DEFERRED),
      ("END", "554 5.7.1 spam", HELD), ("END", "552 5.3.4 too big", LARGE))
def test_only_the_recipient_that_was_refused_is_tried_again(
        stage, reply, state):
    def refuse_bob(_, recipient):
        return reply if "bob@" in str(recipient) else None
    box, sink, rider = scene({stage: refuse_bob}, lmtp=stage == "END",
                             recipient=["ann@kit.test", "bob@kit.test"])
    held = state != DEFERRED
    rider.fetch(status=UNAVAILABLE if held else LATER)
    equal([a.recipients for a in sink.accepted], [["ann@kit.test"]])
    check_state(rider, state,
                reply if "421" not in reply else f"destination home: {reply}")
    equal(len(box.messages), 1)
    sink.replies = {}
    if held:
        rider.run("held", "retry", "all").expect(OK)
    rider.fetch()
    equal([a.recipients for a in sink.accepted],
          [["ann@kit.test"], ["bob@kit.test"]])
    equal(box.messages, [])


@each(*[(f"{stage} {reply}", stage, reply) for stage, reply in (
    ("MAIL", "530 5.7.0 log in first"), ("MAIL", "530 log in first"),
    ("MAIL", "535 5.7.8 who are you"), ("MAIL", "538 5.7.11 TLS first"),
    ("RCPT", "530 5.7.0 log in first"), ("DATA", "530 5.7.0 log in first"))])
def test_what_every_message_would_meet_stops_the_run(_, stage, reply):
    box, sink, rider = scene({stage: reply}, 5, destination={"connections": 1})
    result = rider.fetch(status=UNAVAILABLE)
    tap.contains(result.err, f"home takes no mail from here: {reply}")
    equal(sink.verbs().count("MAIL"), 1)
    equal(set(rider.counts()) - {"new"}, set())
    equal(len(box.messages), 5)
    sink.replies = {}
    rider.fetch()
    equal((len(sink.accepted), box.messages), (5, []))


@each(("CONNECT", "450 4.3.2 not now", LATER), ("CONNECT", "421 busy", LATER),
      ("CONNECT", "554 5.7.1 not you", UNAVAILABLE),
      ("CONNECT", "521 no mail here", UNAVAILABLE),
      ("EHLO", "451 not now", LATER), ("EHLO", "421 busy", LATER),
      ("EHLO", "550 5.7.1 not you", UNAVAILABLE))
def test_a_server_that_refuses_us_has_seen_no_message(stage, reply, status):
    box, sink, rider = scene({stage: reply}, 5)
    result = rider.fetch(status=status)
    tap.contains(result.err, "destination home: localhost refuses")
    tap.contains(result.err, reply)
    equal((sink.connections, set(rider.counts()) - {"new"}), (1, set()))
    rider.run("status").expect(LATER)
    sink.replies = {}
    rider.fetch()
    equal((len(sink.accepted), box.messages), (5, []))


UTF8 = ("Return-Path: <gr\u00fc\u00dfe@friends.example>\r\n"
        "Subject: x\r\n\r\nx\r\n").encode()


@each(("8BITMIME",), ("8BITMIME", "SMTPUTF8"))
def test_a_sender_in_utf8_needs_smtputf8(*keywords):
    box = peers.Pop3Server([UTF8, mail.simple(2)])
    sink = peers.SmtpSink(keywords=keywords)
    rider = postrider.between(box, sink, after_delivery="delete")
    offered = "SMTPUTF8" in keywords
    rider.fetch(status=OK if offered else UNAVAILABLE)
    equal(len(sink.accepted), 2 if offered else 1)
    equal([a.parameters.split().count("SMTPUTF8") for a in sink.accepted],
          [1, 0] if offered else [0])
    if not offered:
        equal([m.content for m in box.messages], [UTF8])
        tap.contains(rider.run("held", "list").out, "SMTPUTF8")


@each(("CONNECT", "554 5.7.1 not you", UNAVAILABLE), ("CONNECT", "421 no", LATER),
      ("EHLO", "550 5.7.1 not you", UNAVAILABLE), ("EHLO", "451 no", LATER),
      ("MAIL", "550 5.1.7 no bounces here", UNAVAILABLE),
      ("MAIL", "421 4.3.2 no", LATER), ("RCPT", "550 5.1.1 who", UNAVAILABLE),
      ("RCPT", "450 4.2.0 later", LATER))
def test_check_tells_what_a_destination_refuses(stage, reply, status):
    box, sink, rider = scene({stage: reply})
    result = rider.run("check").expect(status)
    tap.contains(result.err, "postrider: home: ")
    tap.contains(result.err, reply)
    equal((sink.accepted, len(box.messages)), ([], 1))


def test_check_tells_of_each_recipient_and_of_the_login():
    box = peers.Pop3Server([])
    sink = peers.SmtpSink(
        replies={"RCPT": [None, "450 4.2.0 later", "550 5.1.1 who", None]},
        keywords=("AUTH PLAIN", "SIZE 1000"), users={"ann": "secret"})
    rider = postrider.between(box, sink, {"user": "ann", "password": "secret"},
                              recipient=[f"{n}@kit.test" for n in "abcd"])
    result = rider.run("check").expect(LATER)
    for words in ("home: logged in as ann", "home: offers SIZE 1000",
                  "home: takes mail for a@kit.test",
                  "home: also refuses the recipient c@kit.test: 550 5.1.1 who",
                  "home: takes mail for d@kit.test"):
        tap.contains(result.out, words)
    tap.contains(result.err,
                 "home: refuses the recipient b@kit.test: 450 4.2.0 later")


def test_waits_grow_from_refusal_to_refusal():
    box, sink, rider = scene({"RCPT": "451 4.7.1 grey"})
    for wait in (60, 120, 240, 480, 960):
        before = int(time.time())
        rider.fetch(status=LATER)
        due = rider.query("SELECT next_try FROM message")[0][0]
        assert before + wait <= due <= time.time() + wait, (wait, due - before)


@each(True, False)
def test_larger_than_the_size_that_is_offered_is_never_offered(known):
    """known: by another message before, so that it is not even fetched."""
    large = mail.simple(1, (b"x" * 70 + b"\r\n") * 1400)
    box = peers.Pop3Server([mail.simple(0), large] if known else [large])
    sink = peers.SmtpSink(keywords=("SIZE 50000",))
    if known:  # the first one keeps the second back until it has gone
        sink.replies = {"END": [lambda *_: time.sleep(0.2)]}
    rider = postrider.between(box, sink, after_delivery="delete")
    rider.fetch(status=UNAVAILABLE)
    equal(rider.counts()["held"], 1)
    why = rider.query("SELECT reply FROM message WHERE state = 'held'")[0][0]
    tap.contains(why, "too large for home, which takes up to")
    equal(sum(b"SIZE=10" in c for c in sink.commands), 0)
    equal([m.content for m in box.messages], [large])


def test_a_few_that_are_refused_each_time_do_not_stand_before_the_others():
    good = []

    def only_the_good(session, _):
        return None if session.sender in good else "451 4.3.0 later"

    box, sink, rider = scene({"END": only_the_good}, 4, fetch_limit=2)
    rider.fetch(status=LATER)
    rider.fetch(status=LATER)
    good.append("sender3@friends.example")
    rider.fetch(status=LATER)
    rider.fetch(status=LATER)
    equal([a.sender for a in sink.accepted], good)


def test_a_few_that_break_the_connection_do_not_stand_before_the_others():
    good = []

    def only_the_good(session, _):
        return None if session.sender in good else peers.DROP

    box, sink, rider = scene({"DATA": only_the_good})
    # Each is too large to be under way at the same time as another one.
    box.messages = [peers.Message(mail.simple(n, b"a line of text\r\n" * 70000))
                    for n in range(6)]
    rider.fetch(status=LATER)
    rider.fetch(status=LATER)
    good.append("sender5@friends.example")
    rider.fetch(status=LATER)
    rider.fetch(status=LATER)
    equal([a.sender for a in sink.accepted], good)


if __name__ == "__main__":
    tap.main()
