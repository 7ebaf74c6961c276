"""A server that was moved lists the same mail under new UIDs: it is recognised, and
its owner is asked. And servers that have no UIDs to list."""
import os
import sqlite3
import time

import mail
import peers
import postrider
import tap
from peers import DROP, Message
from postrider import CONFIG, LATER, OK, PROTOCOL, UNAVAILABLE
from tap import each, equal

DAY = 86400
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


def move(box, start=0):
    """The server has moved: the same messages, all under other UIDs."""
    box.messages = [Message(m.content, f"new-{start + n}", m.octets)
                    for n, m in enumerate(box.messages)]


def question(result):
    """It is asked, with both ways to answer."""
    result.expect(CONFIG)
    for words in ("--same-mailbox", "--other-mail"):
        tap.contains(result.err, words)


def forget_headers(rider):
    """Make the ledger one that knows no header, as of an older version."""
    db = sqlite3.connect(os.path.join(rider.state, "ledger.db"))
    with db:
        db.execute("UPDATE message SET header = NULL")
    db.close()


def asked_and_recognised(box, sink, rider, count=COUNT, **how):
    accepted, before = len(sink.accepted), rider.states()
    box.commands.clear()
    question(rider.run("fetch", **how))
    equal(rider.states(), before, "nothing is recorded")
    assert "RETR" not in box.verbs() and "DELE" not in box.verbs()
    result = rider.fetch("--same-mailbox", **how)
    tap.contains(result.out, f"{count} recognised")
    assert "RETR" not in box.verbs(), "fetched"
    equal(len(sink.accepted), accepted)
    return result


def test_mail_under_new_uids_is_asked_about_and_not_fetched_again():
    box, sink, rider = scene()
    rider.fetch()
    move(box)
    asked_and_recognised(box, sink, rider)
    equal(rider.states(), {m.uid: "delivered" for m in box.messages})
    again = rider.fetch()
    equal((again.out, again.err, len(sink.accepted)), ("", "", COUNT))


@each(("delivered", None), ("held", {"RCPT": "550 5.1.1 who"}))
def test_headers_tell_although_the_new_server_counts_octets_otherwise(
        state, replies):
    box, sink, rider = scene(sink=replies)
    rider.run("fetch")
    for message in box.messages:
        message.octets += 7
    move(box)
    question(rider.run("fetch"))
    rider.run("fetch", "--same-mailbox")
    equal(rider.states(), {m.uid: state for m in box.messages})
    equal(box.verbs().count("RETR"), COUNT)


def test_the_question_is_asked_until_it_is_answered():
    box, sink, rider = scene()
    rider.fetch()
    move(box)
    for _ in range(3):
        question(rider.run("fetch"))
    equal(rider.counts(), {"delivered": COUNT})


@each("plan", "list")
def test_the_question_is_told_by(command):
    box, sink, rider = scene()
    rider.fetch()
    move(box)
    question(rider.run(command))
    account = rider.run(command, "--json").json()["accounts"][0]
    equal(account["error"], "question")
    tap.contains(account["error_text"], "--same-mailbox")
    assert "messages" not in account
    equal(box.verbs().count("QUIT"), 3)


def test_status_tells_the_question():
    box, sink, rider = scene()
    rider.fetch()
    move(box)
    rider.run("fetch")
    tap.contains(rider.run("status").expect(LATER).out, "unique ids")
    account = rider.run("status", "--json").json()["accounts"][0]
    equal(account["error_kind"], "question")


def test_other_mail_is_fetched_and_not_asked_about_again():
    box, sink, rider = scene(fetch_limit=5)
    for _ in range(3):
        rider.fetch()
    move(box)
    question(rider.run("fetch"))
    rider.fetch("--other-mail")
    # What fetch_limit has left is not asked about once more.
    rider.fetch()
    rider.fetch()
    equal(len(sink.accepted), 2 * COUNT)
    equal(rider.counts(), {"gone": COUNT, "delivered": COUNT})
    # The next time is another one.
    move(box, 100)
    question(rider.run("fetch"))


def test_new_mail_among_the_old_is_fetched():
    box, sink, rider = scene()
    rider.fetch()
    move(box)
    fresh = some(2, 50)
    box.messages[3:3] = [Message(m) for m in fresh]
    question(rider.run("fetch"))
    result = rider.fetch("--same-mailbox")
    tap.contains(result.out, f"{COUNT} recognised")
    tap.contains(result.out, "2 not recognised")
    tap.contains(result.out, "2 messages")
    equal([a.digest() for a in sink.accepted[COUNT:]],
          [mail.digest(m) for m in fresh])
    equal(rider.counts(), {"delivered": COUNT + 2})


def test_a_mailbox_that_was_emptied_and_filled_anew_is_not_asked_about():
    box, sink, rider = scene()
    rider.fetch()
    box.messages = [Message(m) for m in some(COUNT, 100)]
    rider.fetch()
    equal(len(sink.accepted), 2 * COUNT)
    equal(rider.counts(), {"gone": COUNT, "delivered": COUNT})


def test_mail_of_the_same_size_that_came_later_is_other_mail():
    # No header is known, and the sizes are the same: but it came later.
    box, sink, rider = scene()
    rider.fetch(probe=True, shift=-5 * 365 * DAY)
    forget_headers(rider)
    assert rider.query("SELECT max(first_seen) < 1700000000 FROM message")[0][0]
    move(box)
    rider.fetch()
    equal(len(sink.accepted), 2 * COUNT)


def test_a_mailbox_that_was_seen_empty_while_it_moved_is_recognised():
    box, sink, rider = scene()
    rider.fetch()
    there, box.messages = box.messages, []
    rider.fetch()
    equal(rider.counts(), {"gone": COUNT})
    box.messages = there
    move(box)
    asked_and_recognised(box, sink, rider)
    equal(rider.counts(), {"delivered": COUNT})


def test_a_few_new_uids_are_no_move():
    box, sink, rider = scene()
    rider.fetch()
    for n in range(4):
        box.messages[n] = Message(box.messages[n].content, f"new-{n}")
    rider.fetch()
    equal(len(sink.accepted), COUNT + 4)
    assert "TOP" not in box.verbs()


def test_a_few_new_uids_are_recognised_if_that_is_asked_for():
    box, sink, rider = scene()
    rider.fetch()
    for n in range(4):
        box.messages[n] = Message(box.messages[n].content, f"new-{n}")
    result = rider.fetch("--same-mailbox")
    tap.contains(result.out, "4 recognised")
    equal(len(sink.accepted), COUNT)


def test_headers_are_looked_at_once_in_a_poll():
    box, sink, rider = scene()
    rider.fetch()
    del box.messages[0]
    move(box)
    box.messages += [Message(m) for m in some(3, 50)]
    box.replies["RETR"] = [DROP, None]
    box.commands.clear()
    rider.run("fetch", "--same-mailbox")
    equal(box.verbs().count("TOP"), COUNT - 1 + 3)
    assert box.verbs().count("STAT") > 1


def test_mail_that_is_deleted_when_delivered_is_never_looked_at_twice():
    box, sink, rider = scene(after_delivery="delete")
    for n in range(4):
        box.messages = [Message(m) for m in some(COUNT, n * COUNT)]
        rider.fetch()
    equal(len(sink.accepted), 4 * COUNT)
    assert "TOP" not in box.verbs()


def test_keep_for_a_time_goes_on_counting_under_new_uids():
    box, sink, rider = scene(after_delivery="keep 14d")
    rider.fetch(probe=True)
    rider.fetch(shift=6 * DAY)
    move(box)
    asked_and_recognised(box, sink, rider, shift=7 * DAY)
    rider.fetch(shift=13 * DAY)
    equal(len(box.messages), COUNT)
    rider.fetch(shift=15 * DAY)
    equal((box.messages, len(sink.accepted)), ([], COUNT))


def test_a_deletion_that_is_owed_is_paid_under_the_new_uid():
    box, sink, rider = scene(after_delivery="delete",
                             replies={"QUIT": [DROP, None]})
    rider.run("fetch")
    equal(rider.counts(), {"delete_owed": COUNT})
    move(box)
    question(rider.run("fetch"))
    equal(len(box.messages), COUNT)
    rider.fetch("--same-mailbox")
    equal((box.messages, len(sink.accepted)), ([], COUNT))


def test_what_is_held_or_refused_for_now_stays_so():
    replies = {"RCPT": ["550 5.1.1 who", "450 4.2.0 later", None]}
    box, sink, rider = scene(sink=replies)
    rider.run("fetch")
    before = [s for _, s in sorted(rider.query(
        "SELECT id, state FROM message"))]
    equal(before[:2], ["held", "deferred"])
    move(box)
    question(rider.run("fetch"))
    rider.fetch("--same-mailbox", status=UNAVAILABLE)
    equal(rider.states()["new-0"], "held")
    equal(rider.states()["new-1"], "delivered")
    equal(len(sink.accepted), COUNT - 1)


def test_new_uids_may_be_old_ones_of_other_messages():
    contents = some()
    box, sink, rider = scene([Message(m, f"{n}") for n, m in
                              enumerate(contents)])
    rider.fetch()
    # What is left has moved up: every UID is one of another message now.
    box.messages = []
    rider.fetch()
    box.messages = [Message(m, f"{n}") for n, m in enumerate(contents[3:])]
    question(rider.run("fetch"))
    rider.fetch("--same-mailbox")
    equal(len(sink.accepted), COUNT)
    equal({u: s for u, s in rider.states().items() if s == "delivered"},
          {f"{n}": "delivered" for n in range(COUNT - 3)})
    rows = dict(rider.query("SELECT CAST(uid AS TEXT), octets FROM message "
                            "WHERE state = 'delivered'"))
    equal(rows, {m.uid: m.octets for m in box.messages})
    rider.fetch()
    equal(len(sink.accepted), COUNT)


def test_messages_with_the_same_header_keep_their_number():
    twins = [mail.simple(1, b"one\r\n"), mail.simple(1, b"two\r\n"),
             mail.simple(1, b"three\r\n")]
    box, sink, rider = scene(some(6, 10) + twins)
    rider.fetch()
    move(box)
    asked_and_recognised(box, sink, rider, 9)
    box.messages.append(Message(twins[0], "another"))
    rider.fetch()
    equal(len(sink.accepted), 10)


def test_mail_that_counts_as_seen_is_known_by_its_octets():
    box, sink, rider = scene(first_poll="none")
    rider.fetch()
    move(box)
    asked_and_recognised(box, sink, rider)
    equal(rider.counts(), {"seen": COUNT})
    # Now its headers are known.
    move(box, 100)
    for message in box.messages:
        message.octets += 7
    asked_and_recognised(box, sink, rider)
    equal(rider.counts(), {"seen": COUNT})


def test_a_ledger_of_an_older_version_recognises_by_octets():
    box, sink, rider = scene()
    rider.fetch()
    forget_headers(rider)
    move(box)
    asked_and_recognised(box, sink, rider)
    equal(rider.counts(), {"delivered": COUNT})


def test_a_ledger_of_version_1_is_brought_up_to_date():
    box, sink, rider = scene()
    rider.fetch()
    db = sqlite3.connect(os.path.join(rider.state, "ledger.db"))
    version = db.execute("PRAGMA user_version").fetchone()[0]
    db.executescript("""
        DROP TRIGGER message_decided;
        DROP TABLE server;
        DROP TABLE hour;
        DROP INDEX account_user;
        ALTER TABLE account DROP COLUMN quiet;
        ALTER TABLE account DROP COLUMN quiet_until;
        ALTER TABLE account DROP COLUMN quiet_held;
        ALTER TABLE account DROP COLUMN failing_since;
        ALTER TABLE account DROP COLUMN due;
        ALTER TABLE account DROP COLUMN setback;
        ALTER TABLE account DROP COLUMN setbacks;
        ALTER TABLE account DROP COLUMN refusals;
        ALTER TABLE account DROP COLUMN refused;
        ALTER TABLE account DROP COLUMN alerted;
        ALTER TABLE account DROP COLUMN rhythm;
        ALTER TABLE account DROP COLUMN moved_to;
        ALTER TABLE message DROP COLUMN header""")
    db.execute("PRAGMA user_version = 1")
    db.commit()
    db.close()
    tap.contains(rider.run("plan").err, "older version")
    rider.fetch()
    equal(rider.query("PRAGMA user_version"), [(version,)])
    move(box)
    asked_and_recognised(box, sink, rider)


def test_a_message_in_doubt_stays_in_doubt():
    box, sink, rider = scene(some(1))
    equal(rider.run("fetch", crash="after_end").status, -9)
    box.messages[0].octets += 7
    move(box)
    result = rider.fetch("--same-mailbox", probe=True)
    tap.contains(result.out, "1 recognised")
    tap.contains(result.out, "in doubt")
    equal(rider.states(), {"new-0": "delivered"})


@each("before_commit", "after_commit")
def test_a_crash_while_rows_get_their_uids_at(point):
    box, sink, rider = scene()
    rider.fetch()
    move(box)
    # The first commit is the account's; the second one gives out the UIDs.
    equal(rider.run("fetch", "--same-mailbox", crash=f"{point}:2").status, -9)
    if point == "before_commit":
        question(rider.run("fetch", probe=True))
        rider.fetch("--same-mailbox", probe=True)
    else:
        equal(rider.states(), {m.uid: "delivered" for m in box.messages})
    rider.fetch(probe=True)
    equal(rider.counts(), {"delivered": COUNT})
    equal(len(sink.accepted), COUNT)


def test_a_moved_server_with_a_new_name_needs_one_answer():
    box, sink, rider = scene()
    rider.fetch()
    moved = peers.Pop3Server([Message(m.content, f"new-{n}") for n, m in
                              enumerate(box.messages)],
                             users={"eve": "secret"})
    rider.write([moved.account(user="eve")], {"home": sink.destination()})
    rider.fetch(status=CONFIG)
    result = rider.fetch("--same-mailbox")
    tap.contains(result.out, f"{COUNT} recognised")
    rider.fetch()
    equal(len(sink.accepted), COUNT)


def test_fetch_limit_does_not_hide_a_move():
    # The ledger knows a part of the mailbox only.
    box, sink, rider = scene(some(200), fetch_limit=10)
    rider.fetch()
    move(box)
    question(rider.run("fetch"))
    rider.fetch("--same-mailbox")
    equal(sorted(set(sink.digests())), sink.digests())


@tap.limit(120)
def test_no_more_than_sixteen_headers_are_asked_for_before_the_question():
    count = 10000
    box, sink, rider = scene(
        [Message(mail.simple(n), f"u{n}") for n in range(count)],
        first_poll="none")
    rider.fetch()
    move(box)
    question(rider.run("fetch"))
    equal(box.verbs().count("TOP"), 16)
    numbers = [int(c.split()[1]) for c in box.commands
               if c.startswith(b"TOP ")]
    assert max(numbers) - min(numbers) > count // 2, numbers
    rider.fetch("--same-mailbox")
    equal((rider.counts(), sink.accepted), ({"seen": count}, []))


def test_a_header_that_is_refused_is_no_sample():
    def broken(session, argument):
        return "-ERR no" if argument.split()[0] in (b"1", b"2", b"3") else None
    box, sink, rider = scene()
    rider.fetch()
    box.replies["TOP"] = box.replies["RETR"] = [broken]
    move(box)
    question(rider.run("fetch"))
    rider.run("fetch", "--same-mailbox")
    equal(rider.counts(), {"delivered": COUNT - 3, "gone": 3, "deferred": 3})


def test_messages_without_a_header_are_not_taken_for_each_other():
    def bodies(first):
        return [b"\r\n" + b"%d\r\n" % n for n in range(first, first + 8)]
    box, sink, rider = scene(bodies(10))
    rider.fetch()
    box.messages = [Message(m) for m in bodies(20)]
    rider.fetch()
    equal(len(sink.accepted), 16)


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
    told = "neither unique ids nor the headers of 1 message, left alone"
    tap.contains(rider.run("list").expect(PROTOCOL).err, told)
    tap.contains(rider.fetch(status=PROTOCOL).err, told)
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
