"""What counts as seen: by a baseline, here and by a daemon, or since another program
has fetched it; and what is deleted of it."""
import os
import sqlite3
import time

import mail
import peers
import postrider
import tap
from peers import DROP, Message
from postrider import CONFIG, LATER, OK, PROTOCOL, USAGE, wait_until
from tap import contains, each, equal

DAY = 86400
COUNT = 12
LONG_AGO = "Tue, 14 Nov 2023 22:13:20 +0000"  # as kit/mail.py dates its messages
TOUCHING = {"RETR", "DELE"}


def dated(number, date):
    return mail.simple(number).replace(LONG_AGO.encode(), date.encode())


def scene(count=COUNT, box=None, sink=None, **account):
    if box is None:
        box = peers.Pop3Server([mail.simple(n) for n in range(count)])
    sink = peers.SmtpSink(replies=sink)
    return box, sink, postrider.between(box, sink, **account)


def arrive(box, *numbers):
    box.messages += [Message(mail.simple(n), f"late-{n}") for n in numbers]


def untouched(box):
    assert not TOUCHING & set(box.verbs()), box.verbs()


# --- a baseline -----------------------------------------------------------------------


def test_what_is_there_counts_as_seen_and_what_comes_later_is_fetched():
    box, sink, rider = scene(after_delivery="delete")
    result = rider.run("baseline").expect(OK)
    equal((result.out, result.err),
          (f"ann: {COUNT} messages count as seen now\n", ""))
    equal((rider.counts(), sink.connections), ({"seen": COUNT}, 0))
    assert not {"RETR", "DELE", "TOP"} & set(box.verbs()), box.verbs()
    arrive(box, 100)
    contains(rider.fetch().out, "1 message (")
    equal(len(sink.accepted), 1)
    equal(len(box.messages), COUNT)
    equal(rider.fetch().out, "")


def test_a_second_baseline_makes_nothing_seen():
    """Also where the listing is known to leave nothing to do."""
    box, sink, rider = scene()
    rider.run("baseline").expect(OK)
    rider.fetch()
    rider.fetch()
    before = rider.query("SELECT * FROM message")
    contains(rider.run("baseline").expect(OK).out,
             f"ann: no message became seen; {COUNT} were known before")
    equal(rider.query("SELECT * FROM message"), before)


@each(("0", COUNT), ("1", COUNT - 1), ("5", COUNT - 5), ("12", 0), ("400", 0))
def test_all_but_the_last_ones_count_as_seen(last, seen):
    box, sink, rider = scene(first_poll="none")
    contains(rider.run("baseline", "--last", last).expect(OK).out,
             "no message" if seen == 0 else f"{seen} messages")
    equal(rider.counts(), {"seen": seen} if seen else {})
    rider.fetch()
    equal(len(sink.accepted), COUNT - seen)
    equal(sink.digests(), sorted(
        mail.digest(m.content) for m in box.messages[seen:]))


@each(("by its day", lambda: time.strftime(
          "%Y-%m-%d", time.localtime(time.time() - 3 * DAY))),
      ("by its age", lambda: "3d"))
def test_what_is_older_than_a_date_counts_as_seen(_, date):
    recent = time.strftime("%a, %d %b %Y %H:%M:%S +0000",
                           time.gmtime(time.time() - DAY))
    undated = b"Subject: when?\r\n\r\nx\r\n"
    box = peers.Pop3Server(
        [mail.simple(0), dated(1, recent), undated, mail.simple(3)],
        capabilities=("USER", "TOP", "UIDL", "PIPELINING"))
    _, sink, rider = scene(box=box)
    equal(rider.run("baseline", "--before", date()).expect(OK).out,
          "ann: 2 messages count as seen now; 2 stay new\n")
    untouched(box)
    # Of those that are known nobody asks again.
    box.commands.clear()
    arrive(box, 9)
    rider.run("baseline", "--before", date()).expect(OK)
    equal(box.verbs().count("TOP"), 3)
    rider.fetch()
    equal(sink.digests(), sorted(map(mail.digest, (dated(1, recent), undated))))


def test_with_both_what_fits_both_counts_as_seen():
    box, sink, rider = scene()
    contains(rider.run("baseline", "--before", "2024-01-01", "--last", "5")
             .expect(OK).out, f"{COUNT - 5} messages")
    contains(rider.run("baseline", "--before", "2023-11-01").expect(OK).out,
             "no message became seen; 5 stay new")


@each(("--last", "-1"), ("--last", "many"), ("--last", ""),
      ("--before", "yesterday"), ("--before", "2026-02-30"), ("--before", "30"))
def test_what_is_no_number_and_no_date_is_refused(option, word):
    box, sink, rider = scene()
    result = rider.run("baseline", option, word).expect(USAGE)
    contains(result.err, option)
    contains(result.err, word)
    equal(box.connections, 0)


def test_an_option_that_others_do_not_have_is_refused_by_them():
    box, sink, rider = scene()
    for option in (["--last", "3"], ["--before", "3d"], ["--dry-run"]):
        contains(rider.run("fetch", *option).expect(USAGE).err,
                 f"no option {option[0]}")
    rider.run("baseline", "nobody").expect(USAGE)
    equal(box.connections, 0)


def test_dry_only_shows_what_would_be():
    box, sink, rider = scene()
    rider.fetch("-q")
    box.messages[:2] = []
    arrive(box, *range(100, 103))
    before = rider.query("SELECT * FROM message")
    equal(rider.run("baseline", "--dry-run", "--last", "1").expect(OK).out,
          "ann: 2 messages would count as seen; 1 would stay new; "
          f"{COUNT - 2} known before\n")
    equal(rider.query("SELECT * FROM message"), before)
    contains(rider.run("baseline", "--last", "1").expect(OK).out,
             f"2 messages count as seen now; 1 stay new; {COUNT - 2} were known")


def test_where_there_is_no_ledger_dry_makes_none():
    box, sink, rider = scene()
    contains(rider.run("baseline", "--dry-run").expect(OK).out,
             f"{COUNT} messages would")
    assert not os.path.exists(os.path.join(rider.state, "ledger.db"))


@each(("held", "550 5.1.1 who", {}, {"held": 2}),
      ("deferred", "450 4.2.0 later", {}, {"deferred": 2}),
      ("in doubt", peers.LOST_REPLY, {"in_doubt": "hold"}, None),
      ("to be reported", "550 5.1.1 who",
       {"on_reject": "postmaster", "postmaster": "ann@kit.test"}, None))
def test_a_message_that_is_known_stays(_, reply, settings, wanted):
    at = "END" if reply == peers.LOST_REPLY else "RCPT"
    box, sink, rider = scene(2, sink={at: reply}, after_delivery="delete",
                             **settings)
    rider.run("fetch")
    before = rider.query("SELECT * FROM message ORDER BY id")
    equal(wanted is None or rider.counts() == wanted, True, rider.counts())
    arrive(box, 100)
    contains(rider.run("baseline").expect(OK).out,
             "1 message counts as seen now; 2 were known before")
    equal(rider.query("SELECT * FROM message ORDER BY id")[:2], before)
    equal(box.verbs().count("DELE"), 0)


def test_what_is_to_be_deleted_is_deleted_by_the_next_fetch():
    box, sink, rider = scene(2, after_delivery="delete")
    box.replies["QUIT"] = [DROP, None]
    rider.run("fetch")
    rider.run("baseline").expect(OK)
    equal((len(box.messages), rider.counts()), (2, {"delete_owed": 2}))
    rider.fetch()
    equal(len(box.messages), 0)


def test_what_has_gone_is_noted_and_comes_back_as_what_it_was():
    box, sink, rider = scene()
    rider.fetch()
    there = box.messages
    box.messages = []
    rider.run("baseline").expect(OK)
    equal(rider.counts(), {"gone": COUNT})
    box.messages = there
    contains(rider.run("baseline").expect(OK).out, "no message became seen")
    equal(rider.counts(), {"delivered": COUNT})


def test_it_asks_nothing_where_all_unique_ids_have_changed():
    box, sink, rider = scene()
    rider.fetch()
    box.messages = [Message(m.content, f"new-{n}")
                    for n, m in enumerate(box.messages)]
    rider.run("fetch").expect(CONFIG)
    contains(rider.run("baseline").expect(OK).out, f"{COUNT} messages count")
    arrive(box, 100)
    contains(rider.fetch().out, "1 message (")
    equal(len(sink.accepted), COUNT + 1)


@each(("headers", ("USER", "TOP"), {}),
      ("whole messages", ("USER",), {"TOP": "-ERR what?"}))
def test_a_server_without_uidl_has_a_baseline_by(_, capabilities, replies):
    box = peers.Pop3Server([mail.simple(n) for n in range(COUNT)],
                           capabilities=capabilities,
                           replies={"UIDL": "-ERR what?", **replies})
    _, sink, rider = scene(box=box)
    contains(rider.run("baseline", "--before", "2024-01-01", "--last", "2")
             .expect(OK).out, f"{COUNT - 2} messages count as seen now; 2 stay")
    rider.fetch()
    equal(len(sink.accepted), 2)


def test_messages_with_the_same_uid_become_seen_one_by_one():
    box = peers.Pop3Server([Message(mail.simple(n), "same") for n in range(3)])
    _, sink, rider = scene(box=box, after_delivery="delete", delete_seen=True)
    rider.run("baseline", "--last", "1").expect(OK)
    equal(rider.query("SELECT copy, state FROM message ORDER BY copy"),
          [(0, "seen"), (1, "seen")])
    rider.run("fetch")
    equal(sink.digests(), [mail.digest(mail.simple(2))])
    rider.run("fetch")
    equal(box.messages, [])


def test_what_the_server_contradicts_itself_about_stays_new():
    def lie(session, argument):
        session.send(b"+OK\r\n1 a\r\n2 b\r\n2 c\r\n3 d\r\n.\r\n")
        return True
    box, sink, rider = scene(3)
    box.replies["UIDL"] = [lie]
    result = rider.run("baseline").expect(PROTOCOL)
    contains(result.err, "contradicts itself")
    equal(rider.counts(), {"seen": 2})


@each("before_commit", "before_commit:2", "before_commit:3", "after_commit",
      "after_commit:2", "after_commit:3", "before_quit", "after_quit")
def test_killed_it_has_made_all_of_it_seen_or_nothing(point):
    box, sink, rider = scene()
    rider.run("baseline", "--last", "2", crash=point)
    assert rider.counts() in ({}, {"seen": COUNT - 2}), rider.counts()
    rider.run("baseline", "--last", "2").expect(OK)
    equal(rider.counts(), {"seen": COUNT - 2})
    rider.fetch()
    equal(len(sink.accepted), 2)


def test_a_session_that_breaks_leaves_nothing_half_done():
    box, sink, rider = scene()
    box.replies["LIST"] = [DROP, DROP, None]
    assert rider.run("baseline").status != OK
    equal(rider.counts(), {})
    box.replies["LIST"] = [None]
    rider.run("baseline").expect(OK)
    equal(rider.counts(), {"seen": COUNT})


def test_when_the_ledger_has_gone_it_begins_a_new_one_if_told_to():
    box, sink, rider = scene()
    rider.fetch()
    for name in os.listdir(rider.state):
        if name.startswith("ledger.db"):
            os.unlink(os.path.join(rider.state, name))
    contains(rider.run("baseline").expect(CONFIG).err, "--new-ledger")
    rider.run("baseline", "--new-ledger").expect(OK)
    rider.fetch()
    equal((len(sink.accepted), rider.counts()), (COUNT, {"seen": COUNT}))


def test_several_accounts_each_have_their_own():
    boxes = [peers.Pop3Server([mail.simple(n) for n in range(count)])
             for count in (3, 5)]
    sink = peers.SmtpSink()
    rider = postrider.Postrider()
    rider.write([box.account(name) for name, box in zip(("a", "b"), boxes)],
                {"home": sink.destination()})
    rider.run("baseline", "b").expect(OK)
    equal((rider.counts("a"), rider.counts("b")), ({}, {"seen": 5}))
    out = rider.run("baseline").expect(OK).out
    equal(sorted(out.splitlines()), [
        "a: 3 messages count as seen now",
        "b: no message became seen; 5 were known before"])


# --- by a daemon ----------------------------------------------------------------------


def daemon_scene(count=COUNT, sink=None, **account):
    """A daemon that has polled the mailbox while it was empty."""
    box, sink, rider = scene(0, sink=sink, every="1h", **account)
    running = rider.daemon()
    wait_until(lambda: box.verbs().count("QUIT") == 1, what="the first poll")
    box.messages = [Message(mail.simple(n)) for n in range(count)]
    return box, sink, rider, running


def test_beside_a_daemon_the_daemon_does_it():
    box, sink, rider, running = daemon_scene()
    contains(rider.run("baseline", "--last", "3").expect(OK).out,
             f"ann: {COUNT - 3} messages count as seen now; 3 stay new\n")
    contains(running.said(), f"{COUNT - 3} messages count as seen now")
    equal((rider.counts(), sink.accepted), ({"seen": COUNT - 3}, []))
    contains(rider.fetch().out, "3 messages (")
    equal(len(sink.accepted), 3)
    equal(rider.run("baseline", "-q", "--before", "3d").expect(OK).out, "")
    rider.run("baseline", "nobody").expect(USAGE)
    running.end()


def test_the_daemons_is_made_while_a_destination_is_down():
    box, sink, rider, running = daemon_scene(sink={"CONNECT": DROP})
    contains(rider.run("fetch").expect(LATER).err, "home")
    contains(rider.run("baseline").expect(OK).out, f"{COUNT} messages count")
    contains(rider.run("fetch").expect(LATER).err, "not polled")
    running.end()


def test_the_daemons_is_not_made_later_than_it_was_asked_for():
    """The mailbox refuses; whoever asked is told, and what comes later is new."""
    box, sink, rider, running = daemon_scene()
    box.replies["PASS"] = ["-ERR [SYS/TEMP] not now", None]
    box.replies["AUTH"] = ["-ERR [SYS/TEMP] not now", None]
    assert rider.run("baseline").status != OK
    equal(rider.counts(), {})
    rider.run("wake").expect(OK)
    wait_until(lambda: len(sink.accepted) == COUNT, what="all of it")
    running.end()


def asked_meanwhile(box, rider, *requests, until):
    """Have these asked while the daemon is at a listing, which ends when that is
    true of them, or after a while."""
    asked = []

    def slow(session, argument):
        if asked:
            return
        asked.extend(rider.start(*r) for r in requests)
        end = time.monotonic() + 20 * tap.SLOWNESS
        while not until(asked) and time.monotonic() < end:
            time.sleep(0.02)
    box.replies["UIDL"] = [slow]
    rider.run("baseline", "--last", "2").expect(OK)
    return [a.wait() for a in asked]


def test_who_waits_for_a_fetch_is_not_served_by_a_baseline():
    """Whichever of the two comes first."""
    box, sink, rider, running = daemon_scene()
    baseline, fetch = asked_meanwhile(
        box, rider, ("baseline", "--last", "1"), ("fetch",),
        until=lambda asked: time.sleep(0.5) is None)
    contains(baseline.expect(OK).out, "seen")
    assert "seen" not in fetch.expect(OK).out, fetch.out
    equal(rider.counts()["seen"] + len(sink.accepted), COUNT)
    running.end()


def test_of_two_that_disagree_one_is_refused():
    box, sink, rider, running = daemon_scene()

    def one_has_ended(asked):
        return any("try again" in a.said() for a in asked)
    results = asked_meanwhile(
        box, rider, ("baseline", "--last", "1"), ("baseline", "--last", "4"),
        until=one_has_ended)
    equal(sorted(r.status for r in results), [OK, LATER])
    refused, = (r for r in results if r.status == LATER)
    contains(refused.err, "try again")
    running.end()


# --- what another program has fetched -------------------------------------------------


def imported(rider, uids, loose=False, since=None):
    """Put UIDs into the ledger as an import does."""
    rider.run("baseline").expect(OK)
    db = sqlite3.connect(os.path.join(rider.state, "ledger.db"))
    since = int(time.time()) if since is None else since
    with db:
        for uid in uids:
            db.execute(
                "INSERT INTO message (account, uid, copy, octets, state,"
                " first_seen, since, reply, imported)"
                " SELECT id, ?, 0, 0, 'seen', ?, ?, 'imported', ? FROM account",
                (uid.encode(), since, since, 2 if loose else 1))
    db.close()


def import_scene(uids, known, loose=False, since=None, **account):
    """A mailbox with messages of these UIDs, of which some were imported."""
    box, sink, rider = scene(0, **account)
    imported(rider, known, loose, since)
    box.messages = [Message(mail.simple(n), uid) for n, uid in enumerate(uids)]
    return box, sink, rider


def test_what_was_imported_is_not_fetched_and_the_rest_is():
    uids = [f"u{n}" for n in range(COUNT)]
    box, sink, rider = import_scene(uids, uids[:-2] + ["gone"])
    rider.fetch()
    equal(sink.digests(), sorted(map(mail.digest, (
        mail.simple(COUNT - 2), mail.simple(COUNT - 1)))))
    equal(rider.counts(), {"seen": COUNT - 2, "delivered": 2, "gone": 1})
    # Their sizes are known from now on.
    equal(rider.query("SELECT count(*) FROM message WHERE state = 'seen'"
                      " AND octets > 0 AND imported = 0"), [(COUNT - 2,)])
    equal(rider.fetch().out, "")


def test_a_loose_uid_is_matched_and_gets_its_own():
    uids = ["a/b", "c/d-e", "plain", "f/g", "f-g", "h/i"]
    box, sink, rider = import_scene(
        uids, ["a-b", "c-d-e", "plain", "f-g"], loose=True)
    for _ in range(3):
        rider.fetch()
    equal(rider.states(), {"a/b": "seen", "c/d-e": "seen", "plain": "seen",
                           "f-g": "seen", "f/g": "delivered",
                           "h/i": "delivered"})
    equal(len(sink.accepted), 2)


def test_where_nothing_that_was_imported_is_listed_that_is_asked():
    uids = [f"u{n}" for n in range(5)]
    for answer, fetched in ((["baseline"], 0), (["fetch", "--other-mail"], 5)):
        box, sink, rider = import_scene(uids, ["x", "y"])
        for command in ("fetch", "plan", "fetch"):
            result = rider.run(command).expect(CONFIG)
            contains(result.err, "of 2 unique ids that were imported none")
            contains(result.err, "postrider baseline ann")
            contains(result.err, "--other-mail ann")
        rider.run("fetch", "--same-mailbox").expect(CONFIG)
        untouched(box)
        rider.run(*answer).expect(OK)
        equal(len(sink.accepted), fetched)
        arrive(box, *range(100, 106))
        rider.fetch()
        equal(len(sink.accepted), fetched + 6)


def test_a_few_new_messages_are_no_reason_to_ask():
    box, sink, rider = import_scene(["a", "b", "c", "d"], ["x", "y"])
    rider.fetch()
    equal(len(sink.accepted), 4)


# --- what is deleted of it ------------------------------------------------------------


@each(("not", False, "delete", COUNT), ("nor if all is kept", True, "keep", COUNT),
      ("but if its owner says so", True, "delete", 0))
def test_what_counts_as_seen_is_deleted(_, delete_seen, after, left):
    box, sink, rider = scene(after_delivery=after, delete_seen=delete_seen)
    rider.run("baseline").expect(OK)
    rider.fetch()
    equal((len(box.messages), sink.accepted), (left, []))
    equal(rider.fetch().out, "")


def test_delete_seen_takes_effect_when_it_is_set():
    """Also where the listing has left nothing to do before."""
    box, sink, rider = scene(after_delivery="delete")
    rider.run("baseline").expect(OK)
    for _ in range(3):
        rider.fetch()
    equal(len(box.messages), COUNT)
    rider.write([box.account(after_delivery="delete", delete_seen=True)],
                {"home": sink.destination()})
    contains(rider.fetch().out, f"{COUNT} deleted")
    equal(box.messages, [])


def test_what_is_kept_for_a_while_is_kept_so_long_since_it_became_seen():
    box, sink, rider = scene(after_delivery="keep 14d", delete_seen=True)
    rider.run("baseline", probe=True).expect(OK)
    for days in (6, 13):
        rider.fetch(shift=days * DAY)
    equal(len(box.messages), COUNT)
    rider.fetch(shift=15 * DAY)
    equal(box.messages, [])


def test_what_was_imported_is_deleted_when_it_was_listed_twice():
    uids = [f"u{n}" for n in range(COUNT)]
    box, sink, rider = import_scene(
        uids, uids, since=int(time.time()) - 20 * DAY,
        after_delivery="keep 14d", delete_seen=True)
    rider.fetch()
    equal(len(box.messages), COUNT)
    # Another message has that UID meanwhile.
    box.messages[3] = Message(mail.simple(77, b"other\r\n"), "u3")
    rider.fetch()
    equal(sink.digests(), [mail.digest(mail.simple(77, b"other\r\n"))])
    equal([m.uid for m in box.messages], ["u3"])


# --- many -----------------------------------------------------------------------------


# With sanitizers, where memory is not judged, fewer.
MANY = 200_000 if tap.SLOWNESS == 1 else 2_000


class Many(peers.Pop3Session):
    """A mailbox of so many messages that they are not worth making."""

    def do_stat(self, _):
        self.reply(f"+OK {MANY} {MANY * 1000}")
        return True

    def numbered(self, line):
        self.send(b"+OK\r\n" + b"".join(
            line % (n, b"u/%068d" % n) for n in range(1, MANY + 1)) + b".\r\n")
        return True

    def do_uidl(self, _):
        return self.numbered(b"%d %s\r\n")

    def do_list(self, _):
        return self.numbered(b"%d 1000%.0s\r\n")

    def do_retr(self, argument):
        self.send_content(mail.simple(int(argument)))
        return True


class ManyServer(peers.Pop3Server):
    session = Many


@tap.limit(120)
def test_two_hundred_thousand_messages_become_seen_in_bounded_memory():
    box, sink = ManyServer(), peers.SmtpSink()
    rider = postrider.between(box, sink, timeout="60s")
    rider.memory_limit = postrider.MUCH_MEMORY_KIB
    for last, words in ((2, f"{MANY - 2} messages"), (0, "2 messages")):
        result = rider.run("baseline", "--last", str(last)).expect(OK)
        print(f"# most memory: {result.peak_kib} KiB")
        contains(result.out, words)
    equal(rider.counts(), {"seen": MANY})


if __name__ == "__main__":
    tap.main()
