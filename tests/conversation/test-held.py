"""held show and held save: what can be told of a message that waits for its owner,
and a copy of it, octet for octet. Nothing changes by looking."""
import json
import os
import signal
import stat
import subprocess

import mail
import peers
import postrider
import tap
from cutter import Cutter
from postrider import (AUTH, CONFIG, IO_ERROR, LATER, OK, PROTOCOL,
                       UNAVAILABLE, USAGE, wait_until)
from tap import contains, each, equal

NO_SUCH, CANNOT_CREATE = 65, 73
REFUSAL = "550 5.7.1 not in this house"


def scene(contents=None, replies=None, box=None, status=UNAVAILABLE, **account):
    """A mailbox of which nothing was accepted."""
    box = box or peers.Pop3Server(contents or [mail.simple(1), mail.simple(2)])
    sink = peers.SmtpSink(replies=replies or {"END": REFUSAL})
    rider = postrider.between(box, sink, **account)
    rider.fetch(status=status)
    box.commands.clear()
    return box, rider


def number(rider, uid=None):
    """The number of a message in the ledger, of the first one unless a UID is
    given."""
    rows = rider.query("SELECT id, uid FROM message ORDER BY id")
    return next(str(n) for n, u in rows
                if uid is None or bytes(u) == uid.encode("latin-1"))


def ledger(rider):
    """All of it."""
    return {table: rider.query(f"SELECT * FROM {table} ORDER BY 1, 2")
            for table, in rider.query(
                "SELECT name FROM sqlite_master WHERE type = 'table'")}


def untouched(box, rider, before):
    equal(ledger(rider), before, "the ledger")
    assert not {"DELE", "RSET"} & set(box.verbs()), box.verbs()


def saved(rider, name="saved"):
    return os.path.join(rider.folder, name)


def content(path):
    with open(path, "rb") as file:
        return file.read()


# --- list -------------------------------------------------------------------------


def test_list_shows_those_of_the_accounts_that_are_named():
    box, rider = scene()
    club = peers.Pop3Server([])
    rider.write([box.account("ann"), club.account("club")],
                {"home": peers.SmtpSink().destination()})
    for words, count in (((), 2), (("ann",), 2), (("club",), 0),
                         (("list", "ann", "club"), 2)):
        out = rider.run("held", *words).expect(OK).out
        equal(out.count(REFUSAL), count, words)
    contains(rider.run("held", "club").out, "nothing is held")
    contains(rider.run("held", "list", "anne").expect(USAGE).err, "anne")


# --- show -------------------------------------------------------------------------


def test_show_tells_what_the_ledger_and_the_mailbox_know():
    box, rider = scene()
    before = ledger(rider)
    shown = rider.run("held", "show", number(rider)).expect(OK).out
    for part in ("ann", "held", REFUSAL, box.messages[0].uid,
                 f"({box.messages[0].octets} octets)",
                 "Friend 1 <sender1@friends.example>", "somebody@kit.test",
                 "Letter 1", mail.DATE):
        contains(shown, part)
    equal("Letter 2" in shown, False)
    equal("RETR" in box.verbs(), False)
    untouched(box, rider, before)


def test_one_session_shows_several_messages():
    box, rider = scene()
    ids = [str(row[0]) for row in rider.query("SELECT id FROM message")]
    shown = rider.run("held", "show", *ids).expect(OK).out
    contains(shown, "Letter 1")
    contains(shown, "Letter 2")
    equal(box.verbs().count("UIDL"), 1)
    equal(box.verbs()[-1], "QUIT")


def test_show_as_json():
    box, rider = scene()
    found = rider.run("held", "show", "--json", number(rider)).expect(OK).json()
    equal(len(found["messages"]), 1)
    message = found["messages"][0]
    equal([message[k] for k in ("account", "state", "uid", "octets", "copy",
                                "attempts")],
          ["ann", "held", box.messages[0].uid, box.messages[0].octets, 0, 0])
    contains(message["reply"], REFUSAL)
    equal(message["mailbox"], {
        "error": None, "error_text": None, "listed": True,
        "octets": box.messages[0].octets,
        "from": "Friend 1 <sender1@friends.example>",
        "to": "somebody@kit.test", "subject": "Letter 1", "date": mail.DATE})


def offline(box):
    box.stop()


def login_refused(box):
    box.users = {"ann": "another"}


@each(("nobody answers", offline, "connect"),
      ("the password is refused", login_refused, "auth"))
def test_show_tells_what_the_ledger_knows_when(_, change, kind):
    box, rider = scene()
    change(box)
    shown = rider.run("held", "show", number(rider)).expect(OK)
    contains(shown.out, REFUSAL)
    lines = [x for x in shown.out.splitlines() if "cannot be asked: " in x]
    equal(len(lines), 1, "lines that say why")
    mailbox = rider.run("held", "show", "--json", number(rider)).expect(
        OK).json()["messages"][0]["mailbox"]
    equal((mailbox["error"], mailbox["listed"]), (kind, None))


def test_show_of_a_header_that_is_refused_names_the_reason():
    box, rider = scene()
    box.replies["TOP"] = box.replies["RETR"] = ["-ERR not here"]
    ids = [str(row[0]) for row in rider.query("SELECT id FROM message")]
    shown = rider.run("held", "show", *ids).expect(OK).out
    equal(shown.count("not here"), 2)
    equal(box.verbs()[-1], "QUIT")


def test_a_session_that_breaks_is_not_used_again():
    box, rider = scene()
    box.replies["TOP"] = [peers.DROP]
    ids = [str(row[0]) for row in rider.query("SELECT id FROM message")]
    shown = rider.run("held", "show", *ids).expect(OK).out
    equal(shown.count("cannot be asked"), 2)
    equal(box.verbs().count("TOP"), 1)


def test_show_of_an_account_that_is_no_longer_in_the_settings():
    box, rider = scene()
    rider.write([box.account(name="bob")], {"home": {"smtp": "localhost"}})
    shown = rider.run("held", "show", number(rider)).expect(OK).out
    contains(shown, REFUSAL)
    contains(shown, "the settings have no such account")


def test_show_says_when_the_message_is_no_longer_there():
    box, rider = scene()
    uid = box.messages.pop(0).uid
    shown = rider.run("held", "show", number(rider, uid)).expect(OK).out
    contains(shown, "no longer listed")
    mailbox = rider.run("held", "show", "--json", number(rider, uid)).expect(
        OK).json()["messages"][0]["mailbox"]
    equal((mailbox["listed"], mailbox["error"]), (False, None))


def test_a_listing_with_contradictions_proves_no_absence():
    box, rider = scene()
    uid = box.messages[0].uid
    box.replies["UIDL"] = [f"+OK\n2 {box.messages[1].uid}\n."]
    mailbox = rider.run("held", "show", "--json", number(rider, uid)).expect(
        OK).json()["messages"][0]["mailbox"]
    equal((mailbox["listed"], mailbox["error"]), (None, "protocol"))
    path = saved(rider)
    rider.run("held", "save", number(rider, uid), path).expect(PROTOCOL)
    assert not os.path.exists(path)


def test_show_says_when_the_size_has_changed():
    box, rider = scene()
    box.messages[0].octets += 1
    contains(rider.run("held", "show", number(rider)).out, "another message")


def test_words_of_a_message_cannot_command_the_terminal():
    hostile = (b"From: \x1b[2J\x9b31m evil <e@x>\r\n"
               b"Subject: =?utf-8?q?=1B]0;title=07?= and\x1b[31m\r\n\tred\x7f\r\n"
               b"To: \xff\xfe\x00me\r\n\r\nx\r\n")
    box = peers.Pop3Server([peers.Message(hostile, "\x1b[1m\x80")])
    box, rider = scene(box=box)
    shown = rider.run("held", "show", number(rider)).expect(OK).out
    contains(shown, "title")
    contains(shown, "red")
    assert all(c == "\n" or c.isprintable() for c in shown), repr(shown)
    shown = rider.run("held", "show", "--json", number(rider)).expect(OK).out
    json.loads(shown)
    assert all(c == "\n" or c.isprintable() for c in shown), repr(shown)


def test_of_messages_with_one_uid_the_right_copy_is_shown_and_saved():
    twins = [peers.Message(mail.simple(n), "twin") for n in (1, 2)]
    box, rider = scene(box=peers.Pop3Server(twins))
    ids = rider.query("SELECT id, copy FROM message ORDER BY copy")
    equal([copy for _, copy in ids], [0, 1])
    out = rider.run("held").out
    contains(out, "twin (number 1)")
    contains(out, "twin (number 2)")
    equal([(m["copy"], m["copies"])
           for m in rider.run("held", "--json").json()["messages"]],
          [(0, 1), (1, 1)])
    for message, copy in ids:
        contains(rider.run("held", "show", str(message)).out,
                 f"Letter {copy + 1}")
        contains(rider.run("held", "show", str(message)).out,
                 f"twin (number {copy + 1})")
        path = saved(rider, f"copy{copy}")
        rider.run("held", "save", str(message), path).expect(OK)
        equal(content(path), twins[copy].content)


@each(("kept", "keep", None), ("refused for now", "delete", "450 4.2.0 later"))
def test_a_dropped_message_whose_twin_stays_is_told_of(_, after, second):
    box = peers.Pop3Server([peers.Message(mail.simple(n), "twin")
                            for n in (1, 2)])
    sink = peers.SmtpSink(replies={"END": ["550 5.7.1 no", second, None]})
    rider = postrider.between(box, sink, after_delivery=after)
    rider.fetch(status=UNAVAILABLE)
    waits = "they can only be deleted together"
    contains(rider.run("held", "drop", number(rider)).expect(OK).out, waits)
    contains(rider.run("status").out, waits)
    equal(rider.run("status", "--json").json()["accounts"][0]["bound"], 1)
    contains(rider.run("plan").expect(OK).out,
             "not delivered yet" if second else waits)
    rider.fetch()
    equal(len(box.messages), 2)
    rider.write([box.account(after_delivery="delete")],
                {"home": sink.destination()})
    rider.fetch()
    equal(box.messages, [])


def test_messages_with_one_uid_that_are_all_dropped_are_deleted():
    box, rider = scene(box=peers.Pop3Server(
        [peers.Message(mail.simple(n), "twin") for n in (1, 2)]))
    out = rider.run("held", "drop", "1", "2").expect(OK).out
    assert "together" not in out, out
    rider.fetch()
    equal(box.messages, [])


def test_another_mailbox_is_not_taken_for_that_of_a_held_message():
    box, rider = scene()
    other = peers.Pop3Server([peers.Message(mail.simple(9), m.uid)
                              for m in box.messages], users={"eve": "secret"})
    rider.write([other.account(user="eve")], {"home": {"smtp": "localhost"}})
    out = rider.run("held", "show", "1").expect(OK).out
    contains(out, "cannot be asked: account ann was ann at localhost")
    assert "Letter" not in out, out
    result = rider.run("held", "save", "1", saved(rider)).expect(CONFIG)
    contains(result.err, "--same-mailbox")
    assert not os.path.exists(saved(rider))
    equal(other.connections, 0)


# --- save -------------------------------------------------------------------------

ODD = mail.head(1) + b"\r\n" + b"".join((
    b".\r\n", b"..\r\n", b".dot\r\n", b"\xe4\xf6\xfc \xff\xfe\r\n",
    b"x" * 300000 + b"\r\n", b"nul \0 here\r\n", b"bare\nlf\n.\n and\rcr\r\n",
    b"\r\n", b"From here\r\n", b"\r\n\r\n"))


@each(("held", {"END": REFUSAL}, UNAVAILABLE),
      ("deferred", {"RCPT": "450 4.2.0 later"}, LATER),
      ("in_doubt", {"END": peers.DROP}, LATER))
def test_save_writes_the_octets_of_the_mailbox(state, replies, status):
    box, rider = scene([ODD], replies, status=status)
    equal(rider.counts(), {state: 1})
    before = ledger(rider)
    path = saved(rider)
    done = rider.run("held", "save", number(rider), path).expect(OK)
    assert content(path) == ODD, "the octets differ"
    equal(stat.S_IMODE(os.stat(path).st_mode), 0o600)
    contains(done.out, f"{len(ODD)} octets")
    untouched(box, rider, before)


def test_save_to_standard_output_writes_the_octets_and_nothing_else():
    box, rider = scene([ODD])
    done = rider.run("held", "save", number(rider), "-").expect(OK)
    equal(content(done_path(rider)) == ODD, True, "the octets are the same")
    contains(done.err, f"{len(ODD)} octets")
    equal(rider.run("held", "save", number(rider), "-", "-q").err, "")


def done_path(rider):
    """Where the last run's standard output went, undecoded."""
    return os.path.join(rider.folder, f"out.{rider._runs}")


def test_save_does_not_write_to_a_terminal():
    box, rider = scene()
    done = rider.run("held", "save", number(rider), "-", terminal=True)
    equal(done.status, USAGE)
    contains(done.out, "less")
    equal(box.commands, [])


@each("file", "folder", "dangling link")
def test_save_refuses_what_exists(kind):
    box, rider = scene()
    path = saved(rider)
    if kind == "file":
        with open(path, "w") as file:
            file.write("mine")
    elif kind == "folder":
        os.mkdir(path)
    else:
        os.symlink(saved(rider, "elsewhere"), path)
    done = rider.run("held", "save", number(rider), path).expect(CANNOT_CREATE)
    contains(done.err, "exists already")
    equal(box.commands, [])
    assert os.path.lexists(path)
    if kind == "file":
        equal(content(path), b"mine")
    assert not os.path.exists(saved(rider, "elsewhere"))


def test_save_where_no_file_can_be():
    box, rider = scene()
    rider.run("held", "save", number(rider),
              saved(rider, "no/such/folder")).expect(CANNOT_CREATE)


def test_a_line_cut_in_the_middle_of_retr_leaves_no_file():
    box = peers.Pop3Server([ODD])
    line = Cutter(box.port)
    box, rider = scene(box=box, port=line.port)
    before = ledger(rider)
    line.after = 200000
    path = saved(rider)
    done = rider.run("held", "save", number(rider), path).expect(LATER)
    assert line.cut
    contains(done.err, "ann: ")
    assert not os.path.exists(path)
    untouched(box, rider, before)
    line.after = None
    rider.run("held", "save", number(rider), path).expect(OK)
    assert content(path) == ODD, "the octets differ"


@each(("RETR", "-ERR [SYS/TEMP] not now", UNAVAILABLE),
      ("PASS", "-ERR [AUTH] no", AUTH), ("STAT", peers.DROP, LATER))
def test_save_leaves_no_file_when_the_mailbox_refuses(verb, answer, status):
    box = peers.Pop3Server([mail.simple(1)], capabilities=("USER", "UIDL", "TOP"))
    box, rider = scene(box=box)
    box.replies[verb] = [answer]
    path = saved(rider)
    rider.run("held", "save", number(rider), path).expect(status)
    assert not os.path.exists(path)


def test_save_leaves_no_file_when_it_is_interrupted():
    box, rider = scene([ODD])
    box.replies["RETR"] = [half_and_silence]
    path = saved(rider)
    running = rider.start("held", "save", number(rider), path)
    wait_until(lambda: os.path.exists(path) and os.path.getsize(path) > 0,
               what="the first octets")
    running.signal()
    equal(running.wait().status, -signal.SIGINT)
    assert not os.path.exists(path)


def half_and_silence(session, _):
    session.send(b"+OK\r\n" + mail.simple(1))
    return peers.SILENCE


def test_save_says_when_the_message_is_no_longer_there():
    box, rider = scene()
    uid = box.messages.pop(0).uid
    path = saved(rider)
    done = rider.run("held", "save", number(rider, uid), path).expect(NO_SUCH)
    contains(done.err, "no longer listed")
    assert not os.path.exists(path)


def test_output_that_cannot_be_written_is_an_error():
    box, rider = scene([ODD])
    with open("/dev/full", "wb") as full:
        done = subprocess.run([postrider.PROGRAM, "--config", rider.config,
                               "held", "save", number(rider), "-"],
                              stdout=full, stderr=subprocess.PIPE)
    equal(done.returncode, IO_ERROR)
    contains(done.stderr, b"No space")


# --- the command line -------------------------------------------------------------


@each(("show", "99"), ("save", "99", "file"), ("show", "1", "99"))
def test_an_unknown_number(*words):
    box, rider = scene()
    words = [saved(rider) if w == "file" else w for w in words]
    done = rider.run("held", *words).expect(NO_SUCH)
    contains(done.err, "no message 99")
    equal((done.out, box.commands), ("", []))
    assert not os.path.exists(saved(rider))


@each(("show",), ("show", "x"), ("show", "0"), ("save",), ("save", "1"),
      ("save", "1", "a", "b"), ("save", "x", "-"),
      ("save", "--json", "1", "-"), ("shwo", "1"))
def test_a_wrong_command_line(*words):
    box, rider = scene()
    equal(rider.run("held", *words).status, USAGE)
    equal(box.commands, [])


def test_show_and_save_work_while_another_fetches():
    box, rider = scene()
    box.replies["CONNECT"] = [peers.SILENCE, None]
    running = rider.start("fetch")
    wait_until(lambda: len(box.replies["CONNECT"]) == 1, what="the fetch")
    contains(rider.run("held", "show", number(rider)).expect(OK).out, "Letter 1")
    rider.run("held", "save", number(rider), saved(rider)).expect(OK)
    running.signal()
    running.wait()


def test_save_of_a_message_cut_short_in_the_mailbox_is_no_success():
    box = peers.Pop3Server([peers.Message(mail.simple(1), uid="u",
                                          octets=500000)])
    rider = postrider.between(box, peers.SmtpSink())
    rider.fetch(status=postrider.LATER)
    path = os.path.join(rider.folder, "saved")
    assert rider.run("held", "save", "1", path).status != postrider.OK
    assert not os.path.exists(path)


if __name__ == "__main__":
    tap.main()
