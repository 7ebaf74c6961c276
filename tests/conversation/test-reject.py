"""What on_reject makes of messages that are refused for good: reports to senders
and to the owner, what is dropped, and when the original may be deleted."""
import email
import email.policy
import os
import signal
import sqlite3
import threading
import time

import mail
import peers
import postrider
import tap
from postrider import CONFIG, LATER, UNAVAILABLE
from tap import each, equal

NO = "550 5.7.1 we do not like this"
OWNER = "owner@kit.test"


def letter(number=1, sender="carl@far.test", extra=b""):
    """A message, with the Return-Path that its mailbox server wrote."""
    head, _, rest = mail.simple(number).partition(b"\r\n")
    assert head.startswith(b"Return-Path:"), head
    path = b"" if sender is None else b"Return-Path: <%s>\r\n" % sender.encode()
    return path + extra + rest


def refused_as_message(session, _):
    """At the end of data: no to mail, yes to reports, which come from <>."""
    return None if session.sender == "" else NO


def scene(contents, replies=None, sink=None, **account):
    box = peers.Pop3Server(contents)
    sink = sink or peers.SmtpSink(
        replies={"END": refused_as_message, **(replies or {})})
    return box, sink, postrider.between(box, sink, **account)


def only(sink):
    equal(len(sink.accepted), 1)
    return sink.accepted[0]


def parsed(accepted):
    return email.message_from_bytes(accepted.data, policy=email.policy.SMTP)


def test_a_bounce_is_a_delivery_status_notification_to_the_sender():
    box, sink, rider = scene([letter(1)], on_reject="bounce",
                             after_delivery="delete")
    run = rider.fetch()
    accepted = only(sink)
    equal((accepted.sender, accepted.recipients), ("", ["carl@far.test"]))
    report = parsed(accepted)
    equal(report.get_content_type(), "multipart/report")
    equal(report.get_param("report-type"), "delivery-status")
    equal(report["To"], "carl@far.test")
    equal(report["Auto-Submitted"], "auto-replied")
    equal(list(report.defects), [])
    text, status, header = report.iter_parts()
    assert NO in text.get_content(), text.get_content()
    whole, per_recipient = status.get_payload()
    assert whole["Reporting-MTA"].startswith("dns; "), whole
    equal(per_recipient["Final-Recipient"], "rfc822; ann@kit.test")
    equal(per_recipient["Action"], "failed")
    equal(per_recipient["Status"], "5.7.1")
    equal(per_recipient["Diagnostic-Code"], "smtp; " + NO)
    equal(header.get_content_type(), "text/rfc822-headers")
    original = letter(1).partition(b"\r\n\r\n")[0]
    assert original in header.get_payload(decode=True), header
    assert "refused and reported" in run.out, run.out
    equal((box.messages, rider.counts()), ([], {"delete_owed": 1}))


def test_of_several_reports_each_goes_to_its_own_sender():
    def slowly(session, _):
        time.sleep(0.05)

    senders = [f"{'x' * n}{n}@far.test" for n in range(8)]
    box, sink, rider = scene([letter(n, s) for n, s in enumerate(senders)],
                             {"MAIL": slowly}, on_reject="bounce",
                             after_delivery="delete")
    rider.fetch()
    equal(sorted(a.recipients for a in sink.accepted),
          sorted([s] for s in senders))
    equal([[parsed(a)["To"]] for a in sink.accepted],
          [a.recipients for a in sink.accepted])
    equal(box.messages, [])


def test_after_a_report_the_message_is_kept_where_delivered_ones_are():
    box, sink, rider = scene([letter(1)], on_reject="bounce")
    rider.fetch()
    equal((len(box.messages), rider.counts()), (1, {"rejected": 1}))
    rider.fetch()
    equal(len(sink.accepted), 1)
    equal(sink.verbs().count("DATA"), 2)


def test_what_was_reported_is_deleted_when_its_time_has_come():
    box, sink, rider = scene([letter(1)], on_reject="bounce",
                             after_delivery="keep 2d")
    rider.fetch()
    rider.fetch(shift=86400)
    equal(len(box.messages), 1)
    rider.fetch(shift=3 * 86400)
    equal((len(box.messages), len(sink.accepted)), (0, 1))


def check_held(content):
    box, sink, rider = scene([content], {"END": NO}, on_reject="bounce",
                             after_delivery="delete")
    run = rider.fetch(status=UNAVAILABLE)
    equal((sink.accepted, len(box.messages), rider.counts()),
          ([], 1, {"held": 1}))
    equal(sink.verbs().count("DATA"), 1)
    assert NO in run.err and "not told" in run.err, run.err


def test_nobody_is_told_of_a_bounce():
    check_held(letter(1, sender=""))


def test_nobody_is_told_when_the_sender_is_not_known():
    check_held(letter(1, sender=None))


def test_a_list_is_not_told():
    check_held(letter(1, extra=b"List-Id: <talk.far.test>\r\n"))
    check_held(letter(1, extra=b"Precedence: bulk\r\n"))
    check_held(letter(1, sender="talk-bounces+ann=kit.test@far.test"))


def test_a_program_is_not_told():
    check_held(letter(1, extra=b"Auto-Submitted: auto-generated\r\n"))
    check_held(letter(1, sender="MAILER-DAEMON@far.test"))


def test_addresses_in_utf8_are_told_by_a_server_that_can():
    def told(keywords, **how):
        sink = peers.SmtpSink(keywords=keywords, replies={
            "END": refused_as_message})
        box, sink, rider = scene([letter(1, sender="jörg@far.test")],
                                 sink=sink, on_reject="bounce",
                                 recipient="änne@kit.test")
        return sink, rider.fetch(**how)

    sink, _ = told(("SMTPUTF8", "8BITMIME"))
    accepted = only(sink)
    equal([r.encode("latin-1").decode() for r in accepted.recipients],
          ["jörg@far.test"])
    assert "SMTPUTF8" in accepted.parameters, accepted.parameters
    assert "\r\nTo: <jörg@far.test>\r\n".encode() in accepted.data
    assert b"Final-Recipient: utf-8; \\x{E4}nne@kit.test" in accepted.data
    sink, run = told(("8BITMIME",), status=UNAVAILABLE)
    equal(sink.accepted, [])
    assert "SMTPUTF8" in run.err, run.err


def test_the_postmaster_gets_the_message_whole():
    content = letter(1)
    box, sink, rider = scene([content], on_reject="postmaster",
                             postmaster=OWNER, after_delivery="delete")
    rider.fetch()
    accepted = only(sink)
    equal((accepted.sender, accepted.recipients), ("", [OWNER]))
    report = parsed(accepted)
    equal(report.get_content_type(), "multipart/mixed")
    text, original = report.iter_parts()
    assert NO in text.get_content() and "ann" in text.get_content()
    equal(original.get_content_type(), "message/rfc822")
    assert content in accepted.data
    equal(box.messages, [])


def test_a_large_message_reaches_the_postmaster_whole():
    content = letter(1) + b"line of content\r\n" * 60000
    box, sink, rider = scene([content], on_reject="postmaster",
                             postmaster=OWNER)
    rider.fetch()
    assert content in only(sink).data


def test_what_is_too_large_reaches_the_postmaster_as_a_header():
    big = letter(1) + b"line of content\r\n" * 60000
    sink = peers.SmtpSink(keywords=("SIZE 100000", "8BITMIME"))
    box, sink, rider = scene([mail.simple(2), big], sink=sink,
                             on_reject="postmaster", postmaster=OWNER,
                             after_delivery="delete")
    rider.fetch()
    report = parsed(sink.accepted[-1])
    text, header = report.iter_parts()
    equal(header.get_content_type(), "text/rfc822-headers")
    assert "too large for home" in text.get_content(), text
    equal((sink.verbs().count("DATA"), box.messages), (2, []))


def test_a_report_that_comes_back_and_is_refused_is_not_reported():
    def not_to_ann(session, _):
        return NO if session.recipients == ["ann@kit.test"] else None

    box, sink, rider = scene([letter(1)], {"END": not_to_ann},
                             on_reject="postmaster", postmaster=OWNER,
                             after_delivery="delete")
    rider.fetch()
    report = b"Return-Path: <>\r\n" + only(sink).data
    box.messages = [peers.Message(report)]
    run = rider.fetch(status=UNAVAILABLE)
    assert "not told" in run.err, run.err
    equal((len(sink.accepted), len(box.messages)), (1, 1))


def test_several_owners_are_told():
    box, sink, rider = scene([letter(1)], on_reject="postmaster",
                             postmaster=[OWNER, "second@kit.test"])
    rider.fetch()
    equal(only(sink).recipients, [OWNER, "second@kit.test"])


def test_a_report_that_one_owner_has_is_not_sent_again_for_the_other():
    for words in ("451 4.3.0 later", "550 5.1.1 who is that"):
        def no_second(_, argument):
            return words if b"second" in argument else None

        box, sink, rider = scene([letter(1)], {"RCPT": no_second},
                                 on_reject="postmaster", after_delivery="delete",
                                 postmaster=[OWNER, "second@kit.test"])
        run = rider.fetch()
        assert "not reached second@kit.test" in run.err, run.err
        assert words in run.err, run.err
        rider.fetch()
        equal((only(sink).recipients, box.messages), ([OWNER], []))


def test_drop_must_be_asked_for_and_tells_nobody():
    box, sink, rider = scene([letter(1)], on_reject="drop",
                             after_delivery="delete")
    run = rider.fetch()
    equal((sink.accepted, box.messages), ([], []))
    assert "refused and dropped" in run.out, run.out


def test_what_is_dropped_is_kept_where_delivered_ones_are():
    box, sink, rider = scene([letter(1)], on_reject="drop")
    rider.fetch()
    rider.fetch()
    equal((len(box.messages), rider.counts()), (1, {"rejected": 1}))
    equal(sink.verbs().count("DATA"), 1)


def test_what_was_only_refused_for_now_is_not_dropped():
    box, sink, rider = scene([letter(1)], {"END": "452 4.3.1 disk full"},
                             on_reject="drop", after_delivery="delete")
    rider.fetch(status=LATER)
    rider.fetch(status=LATER, shift=3 * 86400)
    run = rider.fetch(status=UNAVAILABLE, shift=6 * 86400)
    assert "given up after 5 days: 452 4.3.1 disk full" in run.err, run.err
    equal((len(box.messages), rider.counts()), (1, {"held": 1}))


def test_the_original_waits_for_its_report():
    def later(session, _):
        return "451 4.3.0 later" if session.sender == "" else NO

    box, sink, rider = scene([letter(1)], {"END": later}, on_reject="bounce",
                             after_delivery="delete")
    rider.fetch(status=LATER)
    equal((len(box.messages), rider.counts()), (1, {"report_owed": 1}))
    status = rider.run("status").expect(LATER)
    assert "still to be told" in status.out, status.out
    plan = rider.run("plan", "--json").expect(0).json()
    equal(plan["accounts"][0]["messages"][0]["action"], "report")
    held = rider.run("held", "--json").expect(0).json()["messages"]
    equal([m["state"] for m in held], ["report_owed"])
    sink.replies["END"] = [refused_as_message]
    rider.fetch()
    equal(only(sink).recipients, ["carl@far.test"])
    # Neither was the message itself sent again.
    equal(sink.verbs().count("DATA"), 3)
    equal(box.messages, [])


def test_another_message_with_the_uid_of_one_to_be_reported_is_delivered():
    def later(session, _):
        return "451 4.3.0 later" if session.sender == "" else NO

    def lost(session, _):
        return peers.LOST_REPLY if session.sender == "" else NO

    for reply in (later, lost):
        box, sink, rider = scene([peers.Message(letter(1), uid="u")],
                                 {"END": reply}, on_reject="bounce",
                                 after_delivery="delete")
        rider.fetch(status=LATER)
        other = letter(2, sender="dora@far.test") + b"and another line\r\n"
        box.messages = [peers.Message(other, uid="u")]
        sink.replies["END"], sink.accepted = [None], []
        rider.fetch()
        equal(only(sink).digest(), mail.digest(other))
        equal(box.messages, [])


def test_without_sizes_a_report_is_sent_only_if_the_header_is_the_same():
    def later(session, _):
        return "451 4.3.0 later" if session.sender == "" else NO

    for second, counts in ((letter(1), {"delete_owed": 1}),
                           (letter(2), {"held": 1})):
        box, sink, rider = scene([peers.Message(letter(1), uid="u")],
                                 {"END": later}, on_reject="bounce",
                                 after_delivery="delete")
        box.replies["LIST"] = ["-ERR what is that"]
        rider.fetch(status=LATER)
        box.messages = [peers.Message(second, uid="u")]
        sink.replies["END"] = [refused_as_message]
        run = rider.run("fetch")
        equal(rider.counts(), counts)
        if "held" in counts:
            assert "another message has its UID" in run.err, run.err
            equal((sink.accepted, len(box.messages)), ([], 1))


def test_nobody_is_told_of_a_refusal_that_is_not_on_record():
    def later(session, _):
        return "451 4.3.0 later" if session.sender == "" else NO

    box, sink, rider = scene([letter(1)], {"END": later}, on_reject="bounce",
                             after_delivery="delete")
    rider.fetch(status=LATER)
    with sqlite3.connect(os.path.join(rider.state, "ledger.db")) as db:
        db.execute("DELETE FROM outcome")
    db.close()
    run = rider.fetch(status=UNAVAILABLE)
    assert "who refused it is not on record" in run.err, run.err
    equal((sink.accepted, len(box.messages)), ([], 1))


def test_a_report_that_is_refused_leaves_the_message_held():
    box, sink, rider = scene([letter(1)], {"END": NO}, on_reject="bounce",
                             after_delivery="delete")
    run = rider.fetch(status=UNAVAILABLE)
    equal((len(box.messages), rider.counts()), (1, {"held": 1}))
    assert "the report of its refusal: " + NO in run.err, run.err
    sink.replies["END"] = [None]
    rider.run("held", "retry", "all").expect(0)
    rider.fetch()
    equal(only(sink).digest(), mail.digest(letter(1)))


def test_a_report_whose_reply_is_lost_is_in_doubt_and_sent_again():
    def lost(session, _):
        return peers.LOST_REPLY if session.sender == "" else NO

    box, sink, rider = scene([letter(1)], {"END": lost}, on_reject="bounce",
                             after_delivery="delete")
    rider.fetch(status=LATER)
    equal((len(box.messages), rider.counts()), (1, {"in_doubt": 1}))
    sink.replies["END"] = [refused_as_message]
    rider.fetch()
    # The report twice, the message never again.
    equal([a.recipients for a in sink.accepted], [["carl@far.test"]] * 2)
    for report in sink.accepted:
        assert b"Final-Recipient: rfc822; ann@kit.test" in report.data, report
        assert NO.encode() in report.data, report.data
    equal((sink.verbs().count("DATA"), box.messages), (3, []))


def test_a_report_in_doubt_is_held_where_that_is_asked_for():
    def lost(session, _):
        return peers.LOST_REPLY if session.sender == "" else NO

    box, sink, rider = scene([letter(1)], {"END": lost}, on_reject="bounce",
                             in_doubt="hold", after_delivery="delete")
    rider.fetch(status=LATER)
    run = rider.fetch(status=UNAVAILABLE)
    assert "in doubt whether that has been reported" in run.err, run.err
    equal((len(sink.accepted), len(box.messages)), (1, 1))


def test_a_crash_at_any_point_of_a_report_loses_nothing():
    points = ("after_intent", "before_end", "after_end", "after_reply",
              "before_commit", "after_commit")
    for point in points:
        for nth in (1, 2, 3, 4):
            box, sink, rider = scene([letter(1)], on_reject="bounce",
                                     after_delivery="delete")
            rider.run("fetch", crash=f"{point}:{nth}")
            doubts = rider.counts().get("in_doubt", 0)
            rider.fetch()
            assert 1 <= len(sink.accepted) <= 1 + doubts, (point, nth)
            equal(box.messages, [])


def test_only_those_who_refused_are_reported():
    def one_refuses(_, argument):
        return "550 5.1.1 who is bob" if b"bob" in argument else None

    sink = peers.SmtpSink(replies={"RCPT": one_refuses})
    box, sink, rider = scene([letter(1)], sink=sink, on_reject="bounce",
                             recipient=["ann@kit.test", "bob@kit.test"],
                             after_delivery="delete")
    rider.fetch()
    message, report = sink.accepted
    equal(message.recipients, ["ann@kit.test"])
    equal(report.recipients, ["carl@far.test"])
    assert b"bob@kit.test" in report.data
    assert b"Final-Recipient: rfc822; ann@kit.test" not in report.data
    equal(box.messages, [])


def test_a_mailbox_without_top_is_read_for_its_header():
    box, sink, rider = scene([letter(1)], on_reject="bounce")
    box.replies["TOP"] = ["-ERR what is that"]
    rider.fetch()
    equal(only(sink).recipients, ["carl@far.test"])


def test_a_mail_loop_is_held_whatever_is_asked_for():
    loop = b"".join(b"Received: from a by b; %d\r\n" % n for n in range(101))
    box, sink, rider = scene([letter(1, extra=loop)], on_reject="drop",
                             after_delivery="delete")
    rider.fetch(status=UNAVAILABLE)
    equal((len(box.messages), rider.counts()), (1, {"held": 1}))


def test_a_report_goes_by_the_destination_that_is_named_for_it():
    box = peers.Pop3Server([letter(1)])
    local = peers.SmtpSink(lmtp=True, replies={"END": NO})
    relay = peers.SmtpSink()
    rider = postrider.Postrider()
    rider.write([box.account(on_reject="bounce", report_via="relay",
                             after_delivery="delete")],
                {"home": local.destination(), "relay": relay.destination()})
    rider.fetch()
    equal((local.accepted, only(relay).recipients, box.messages),
          ([], ["carl@far.test"], []))


def breaks_off(session, _):
    session.send(b"+OK\r\nSubject: half\r\n")
    return peers.DROP


def ends_early(session, _):
    session.send(b"+OK\r\nSubject: less\r\n\r\n.\r\n")
    return True


@each(("-ERR [SYS/TEMP] not now", 1), (peers.DROP, 2), (breaks_off, 2),
      (ends_early, 1))
def test_a_mailbox_that_fails_in_a_report_still_owes_it(answer, sessions):
    large = letter(1) + b"line of content\r\n" * 600
    box, sink, rider = scene([large, letter(2)], {"END": [NO, None, NO]},
                             on_reject="postmaster", postmaster=OWNER,
                             after_delivery="delete")
    box.replies["RETR"] = [None, None, answer]
    result = rider.fetch(status=LATER)
    equal((len(sink.accepted), len(box.messages)), (1, 1))
    equal((rider.counts()["report_owed"], box.connections), (1, sessions))
    assert "report deferred" in result.err, result.err
    box.replies.clear()
    sink.replies.clear()
    rider.fetch()
    equal((box.messages, sink.accepted[-1].recipients), ([], [OWNER]))
    assert large in sink.accepted[-1].data
    rider.run("status").expect(0)


def test_a_report_that_cannot_be_made_for_five_days_leaves_the_message_held():
    box, sink, rider = scene([letter(1)], {"END": NO}, on_reject="postmaster",
                             postmaster=OWNER)
    box.replies["RETR"] = [None, "-ERR no"]
    rider.fetch(status=LATER)
    rider.fetch(status=LATER, shift=4 * 86400)
    rider.fetch(status=UNAVAILABLE, shift=6 * 86400)
    equal(rider.counts(), {"held": 1})


def test_stopped_in_a_report_the_session_still_ends_in_order():
    """What was delivered before is deleted; the report is still owed."""
    arrived, stopped = [], threading.Event()

    def slowly(session, _):
        session.send(b"+OK\r\n" + letter(2))
        arrived.append(True)
        stopped.wait(tap.PATIENCE)
        time.sleep(1)
        session.send(b"and the end\r\n.\r\n")
        return True

    box, sink, rider = scene(
        [letter(1), letter(2)], {"END": [None, NO]}, on_reject="postmaster",
        postmaster=OWNER, after_delivery="delete")
    box.replies["RETR"] = [None, None, slowly]
    running = rider.start("fetch")
    postrider.wait_until(lambda: arrived, what="a part of the message")
    running.signal(signal.SIGTERM)
    stopped.set()
    equal(running.wait().status, -signal.SIGTERM)
    equal((len(box.messages), box.verbs()[-1]), (1, "QUIT"))
    equal(rider.counts()["report_owed"], 1)
    box.replies.clear()
    sink.replies.clear()
    rider.fetch()
    equal((box.messages, sink.accepted[-1].recipients), ([], [OWNER]))


def test_settings_that_cannot_work_are_refused():
    box, sink, rider = scene([letter(1)], on_reject="postmaster")
    run = rider.fetch(status=CONFIG)
    assert "needs to know who that is" in run.err, run.err
    lmtp = peers.SmtpSink(lmtp=True)
    box, sink, rider = scene([letter(1)], sink=lmtp, on_reject="bounce")
    run = rider.fetch(status=CONFIG)
    assert "report_via" in run.err, run.err
    box, sink, rider = scene([letter(1)], on_reject="bounce",
                             report_via="hone")
    run = rider.fetch(status=CONFIG)
    assert 'did you mean "home"' in run.err, run.err


def test_who_no_longer_asks_for_reports_decides_himself():
    def later(session, _):
        return "451 4.3.0 later" if session.sender == "" else NO

    box, sink, rider = scene([letter(1)], {"END": later}, on_reject="bounce")
    rider.fetch(status=LATER)
    rider.write([box.account()], {"home": sink.destination()})
    rider.fetch(status=UNAVAILABLE)
    equal((sink.accepted, rider.counts()), ([], {"held": 1}))


# --- which message was refused -------------------------------------------------------


NOBODY = "550 5.1.1 nobody of that name"


def long_letter(number, octets):
    return letter(number) + b"line of content\r\n" * (octets // 17)


class Renumbered(peers.Pop3Session):
    """Once, when the first message is asked for, it is the last one, and what was
    behind the second has moved up."""

    def do_retr(self, argument):
        if not self.server.renumbered:
            self.server.renumbered = True
            self.maildrop = self.maildrop[-1:] + self.maildrop[2:-1]
        elif self.server.slow:
            time.sleep(0.05)
        return super().do_retr(argument)


def refuses_early(session, _):
    """Only the second letter: when a part of it has come."""
    session.reply("354 go on")
    if session.sender == "bob@far.test":
        time.sleep(0.3)
        session.reply(NO)
        raise peers.Closed
    data = session.content()
    session.verdict(None, data)
    session.sender = None
    return True


def refuses_sender(session, _):
    return NOBODY if session.sender == "bob@far.test" else None


@each(("when most of it has come", {"RCPT": refuses_sender}, 700_000, 0),
      ("when little of it has come", {"RCPT": refuses_sender}, 3_000_000, 0),
      ("before it is known which it is", {"DATA": refuses_early}, 420_000, 20),
      ("with others behind it", {"RCPT": refuses_sender}, 700_000, 20))
def test_another_message_is_not_dropped_for_one_that_is_refused(
        _, replies, octets, others):
    """Those behind it, if any, are asked for at the same time, and each comes for
    the one before it, whose size is the same."""
    good = long_letter(1, 100_000 if others else 360_000)
    bad = letter(2, "bob@far.test") + b"line of content\r\n" * (octets // 17)
    behind = [letter(n) for n in range(10, 10 + others)]
    size = len(behind[0]) if others else None
    box, sink, rider = scene(
        [good, *behind, peers.Message(bad, octets=size)],
        {"END": None, **replies}, on_reject="drop", after_delivery="delete")
    box.session, box.renumbered, box.slow = Renumbered, False, bool(others)
    box.capabilities += ("PIPELINING",)
    for _ in range(4):
        rider.run("fetch")
    equal(sink.digests(), sorted(map(mail.digest, [good, *behind])))
    equal(box.messages, [])


@each(("hold", {"held": 1}, 69), ("drop", {}, 0))
def test_what_is_refused_before_it_has_come_is_tried_again_to_be_sure(
        how, counts, status):
    box, sink, rider = scene([long_letter(1, 3_000_000)], {"RCPT": NOBODY},
                             on_reject=how, after_delivery="delete")
    run = rider.fetch(status=LATER)
    equal((rider.counts(), len(box.messages)), ({"deferred": 1}, 1))
    tap.contains(run.err, "tried again to be sure: " + NOBODY)
    rider.fetch(status=status)
    rider.run("fetch")
    equal((rider.counts(), len(box.messages)),
          (counts or {"gone": 1}, len(counts)))


@each(("is as listed", 0, {"held": 1}), ("is not as listed", 9, {"deferred": 1}))
def test_what_is_refused_when_most_of_it_has_come_is_known_if_its_size(
        _, more, counts):
    content = long_letter(1, 700_000)
    box, sink, rider = scene([peers.Message(content, octets=len(content) + more)],
                             {"RCPT": NOBODY})
    rider.run("fetch")
    equal(rider.counts(), counts)
    rider.run("fetch")
    equal(rider.counts(), {"held": 1})


@each(("by its header", 1), ("by RETR alone", 2))
def test_without_uidl_a_large_message_that_is_refused_is_known(_, polls):
    content = long_letter(1, 3_000_000)
    rewritten = content.replace(b"Subject: ", b"Subject: [seen] ")

    def retr(session, _):
        session.send_content(content if polls == 1 else rewritten)
        return True
    box, sink, rider = scene([content], {"RCPT": NOBODY})
    box.replies = {"UIDL": ["-ERR no"], "RETR": [retr]}
    box.capabilities = ("TOP", "USER")
    for poll in range(polls):
        rider.run("fetch")
        equal(rider.counts(),
              {"held": 1} if poll + 1 == polls else {"deferred": 1})


@each("after a message", "after MAIL")
def test_a_refusal_that_was_for_nothing_refuses_no_message(when):
    """What follows tells that the answers do not match."""
    class Grumbler(peers.SmtpSession):
        def grumble(self, now):
            if now and len(self.server.accepted) == 3 and not self.server.said:
                self.server.said = True
                self.reply("550 5.5.0 what was that")

        def do_data(self, argument):
            done = super().do_data(argument)
            self.grumble(when == "after a message")
            return done

        def do_mail(self, argument):
            done = super().do_mail(argument)
            self.grumble(when == "after MAIL")
            return done
    letters = [letter(n) for n in range(10, 20)]
    box, sink, rider = scene(letters, {"END": None}, on_reject="drop",
                             after_delivery="delete")
    sink.session, sink.said = Grumbler, False
    for _ in range(2):
        rider.run("fetch")
    equal(sorted(set(sink.digests())), sorted(map(mail.digest, letters)))
    assert len(sink.accepted) <= len(letters) + 1, len(sink.accepted)
    equal(box.messages, [])


def test_a_report_goes_to_the_sender_of_what_was_refused():
    """… though the mailbox is numbered anew meanwhile."""
    class Shifty(peers.Pop3Session):
        def do_top(self, argument):
            if not self.server.shifted:
                self.server.shifted = True
                self.maildrop.pop(0)
            return super().do_top(argument)
    box, sink, rider = scene([letter(1), letter(2, "dora@far.test")],
                             {"END": lambda session, _: (
                                 NO if session.sender == "carl@far.test"
                                 else None)}, on_reject="bounce")
    box.session, box.shifted = Shifty, False
    for _ in range(3):
        rider.run("fetch")
    reports = [a for a in sink.accepted if a.sender == ""]
    equal([a.recipients for a in reports], [["carl@far.test"]])
    equal(len(sink.accepted), 2)


if __name__ == "__main__":
    tap.main()
