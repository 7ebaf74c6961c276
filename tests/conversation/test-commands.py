"""Commands, as people and programs use them: what they print, and how they end."""
import base64
import json
import os
import signal
import subprocess
import threading
import time

import mail
import peers
import postrider
import tap
from postrider import (AUTH, CONFIG, IO_ERROR, LATER, OK, UNAVAILABLE, USAGE,
                       wait_until)
from tap import contains, each, equal


def scene(count=3, replies=None, **account):
    box = peers.Pop3Server([mail.simple(n) for n in range(count)])
    sink = peers.SmtpSink(replies=replies)
    return box, sink, postrider.between(box, sink, **account)


# --- the command line -------------------------------------------------------------


@each((),  ("nonsense",), ("fetch", "--nonsense"), ("--config",),
      ("help", "nonsense"), ("list", "--new-ledger"))
def test_a_wrong_command_line(*args):
    rider = postrider.Postrider()
    result = rider.bare(*args)
    equal(result.status, USAGE)
    assert result.err, "it says nothing"


def test_a_misspelt_command_gets_a_hint():
    result = postrider.Postrider().bare("fecth")
    equal(result.status, USAGE)
    contains(result.err, "fetch")


@each("--help", "-h", "help", "--version", "-V")
def test_help_and_version_go_to_standard_output(option):
    result = postrider.Postrider().bare(option)
    equal((result.status, result.err), (OK, ""))
    contains(result.out, "postrider")


def test_version_names_the_libraries():
    out = postrider.Postrider().bare("--version").out
    for library in ("OpenSSL", "SQLite", "libconfig", "c-ares"):
        contains(out, library)


def test_an_unknown_account_is_a_wrong_command_line():
    box, sink, rider = scene()
    result = rider.run("fetch", "an")
    equal(result.status, USAGE)
    contains(result.err, "ann")
    equal(box.connections, 0)


def test_only_the_named_account_is_polled():
    one, two = (peers.Pop3Server([mail.simple(n)]) for n in (1, 2))
    sink = peers.SmtpSink()
    rider = postrider.Postrider()
    rider.write([one.account("one"), two.account("two")],
                {"home": sink.destination()})
    rider.fetch("two")
    equal((one.connections, two.connections), (0, 1))
    rider.fetch()
    equal(len(sink.accepted), 2)


# --- settings ---------------------------------------------------------------------


def test_no_settings_file_says_where_one_is_looked_for():
    rider = postrider.Postrider()
    result = rider.run("fetch")
    equal(result.status, CONFIG)
    contains(result.err, rider.config)


def test_without_any_settings_it_says_how_to_begin():
    home = tap.folder()
    there = "/etc" if os.geteuid() == 0 else os.path.join(home, ".config")
    folder = os.path.join(there, "postrider")
    if os.path.exists(folder):
        tap.skip(f"there is a {folder}")
    err = postrider.Postrider().bare("fetch", env={"HOME": home}).err
    contains(err, f"mkdir -p {folder}; postrider config example "
                  f">{folder}/postrider.conf")


def test_all_problems_are_told_at_once():
    rider = postrider.Postrider()
    rider.write_text("""
destinations = { home = { smtp = "localhost"; prot = 25; }; };
accounts = (
  { name = "a"; pop3 = "localhost"; usr = "x"; destination = "hom";
    recipient = "x@y"; },
  { name = "a"; pop3 = 12; destination = "home"; timeout = "5"; }
);
""")
    result = rider.run("fetch")
    equal(result.status, CONFIG)
    for words in ("postrider.conf:2", "prot", "port", "usr", "user", "hom",
                  "home", "pop3", "timeout"):
        contains(result.err, words)


def test_an_inline_password_that_others_can_read_is_refused():
    box, sink, rider = scene()
    os.chmod(rider.config, 0o644)
    result = rider.run("fetch")
    equal(result.status, CONFIG)
    contains(result.err, "chmod")
    equal(box.connections, 0)


def test_config_shows_what_is_in_force_and_no_password():
    box, sink, rider = scene(password="hush-hush")
    out = rider.run("config").expect(OK).out
    contains(out, "timeout")
    assert "hush-hush" not in out


def test_cleartext_is_refused_unless_it_is_allowed():
    rider = postrider.Postrider()
    rider.write([{"name": "a", "pop3": "pop.example.org", "tls": "none",
                  "user": "a", "password": "b", "destination": "home",
                  "recipient": "a@b"}], {"home": {"smtp": "localhost"}})
    result = rider.run("fetch")
    equal(result.status, CONFIG)
    contains(result.err, "allow_cleartext")


# --- secrets ----------------------------------------------------------------------


@each("file", "command", "systemd")
def test_a_password_from(source):
    box, sink, rider = scene()
    account = box.account()
    del account["password"]
    env = {}
    if source == "file":
        account["password_file"] = rider.secret("secret", "password")
    elif source == "command":
        account["password_command"] = "echo secret; echo more"
    else:
        env["CREDENTIALS_DIRECTORY"] = rider.folder
        rider.secret("secret", "account.ann")
    rider.write([account], {"home": sink.destination()})
    rider.fetch(env=env)
    equal(len(sink.accepted), 3)


def test_a_password_file_that_others_can_read_is_refused():
    box, sink, rider = scene()
    account = box.account()
    del account["password"]
    account["password_file"] = rider.secret("secret", "password")
    os.chmod(account["password_file"], 0o644)
    rider.write([account], {"home": sink.destination()})
    result = rider.run("fetch")
    assert result.status in (AUTH, CONFIG), result.status
    contains(result.err, "password")
    assert "AUTH" not in box.verbs()


def test_a_password_command_that_fails_is_told():
    box, sink, rider = scene()
    account = box.account()
    del account["password"]
    account["password_command"] = "echo the vault is shut >&2; exit 3"
    rider.write([account], {"home": sink.destination()})
    result = rider.fetch(status=AUTH)
    contains(result.err, "3")
    contains(result.err, "the vault is shut")


@each("plain", "login", "user")
def test_the_trace_shows_both_conversations_and_no_secret(method):
    box = peers.Pop3Server([mail.simple(1, b"private words\r\n")],
                           users={"ann": "hush-hush"})
    sink = peers.SmtpSink(users={"ann": "hush-too"}, tls="implicit",
                          keywords=("AUTH PLAIN LOGIN",))
    smtp_method = "plain" if method == "user" else method
    rider = postrider.between(box, sink, password="hush-hush", auth=method,
                              destination={"user": "ann", "auth": smtp_method,
                                           "password": "hush-too"})
    result = rider.fetch("-vv")
    for secret in ("hush-hush", "hush-too", "private words",
                   base64.b64encode(b"\0ann\0hush-hush").decode(),
                   base64.b64encode(b"hush-hush").decode(),
                   base64.b64encode(b"\0ann\0hush-too").decode(),
                   base64.b64encode(b"hush-too").decode()):
        assert secret not in result.err + result.out, f"{secret!r} is shown"
    for words in ("UIDL", "RETR 1", "MAIL FROM:<", "RCPT TO:<", "DATA", "QUIT"):
        contains(result.err, words)


def repeat_as_sent(session, argument):
    """Refuse a login with the words that came."""
    if argument.upper().startswith(b"LOGIN"):
        session.reply("334 VXNlcm5hbWU6")
        session.line()
        session.reply("334 UGFzc3dvcmQ6")
        argument = b"LOGIN " + session.line().rstrip()
    return "535 5.7.8 wrong: " + argument.decode().partition(" ")[2]


def repeat_decoded(session, argument):
    words = repeat_as_sent(session, argument).rpartition(" ")[2]
    password = base64.b64decode(words).rpartition(b"\0")[2].decode()
    return f"535-5.7.8 you said {password}\n535 5.7.8 is {password} right?"


@each(("as sent", repeat_as_sent), ("decoded", repeat_decoded))
def test_a_password_that_the_destination_repeats_is_not_quoted(_, reply):
    for method in ("plain", "login"):
        box = peers.Pop3Server([mail.simple(1)])
        sink = peers.SmtpSink(users={"ann": "other"}, tls="implicit",
                              keywords=("AUTH PLAIN LOGIN",),
                              replies={"AUTH": reply})
        rider = postrider.between(box, sink, destination={
            "user": "ann", "auth": method, "password": "hush-hush"})
        shown = ""
        for words in (("fetch",), ("fetch", "-vv"), ("check",), ("status",),
                      ("status", "--json")):
            result = rider.run(*words)
            shown += result.out + result.err
        equal(rider.fetch(status=AUTH).status, AUTH)
        shown += str(rider.query("SELECT error_text FROM account"))
        shown += str(rider.query("SELECT reply, intent FROM message"))
        contains(shown, "535")
        for secret in ("hush-hush", base64.b64encode(b"hush-hush").decode(),
                       base64.b64encode(b"\0ann\0hush-hush").decode()):
            assert secret not in shown, f"{secret!r} is shown with {method}"
        for name in os.listdir(rider.state):
            with open(os.path.join(rider.state, name), "rb") as file:
                assert b"hush-hush" not in file.read(), f"it is in {name}"


def refuse_in_the_mailbox(session, argument):
    """As repeat_decoded(), in the words of POP3."""
    mechanism, _, words = argument.partition(b" ")
    if mechanism.upper() == b"LOGIN":
        session.challenge("Username:")
        password = session.challenge("Password:")
    else:
        password = base64.b64decode(words).rpartition(b"\0")[2]
    return f"-ERR [AUTH] is {password.decode()} right?"


@each("plain", "login", "user")
def test_a_password_that_the_mailbox_repeats_is_not_quoted(method):
    box = peers.Pop3Server([], replies={
        "AUTH": refuse_in_the_mailbox,
        "PASS": lambda _, argument: f"-ERR {argument.decode()} is wrong"})
    rider = postrider.between(box, peers.SmtpSink(), auth=method,
                              password="hush-hush")
    shown = ""
    for words in (("fetch",), ("fetch", "-vv"), ("check",), ("list",),
                  ("status",), ("status", "--json")):
        result = rider.run(*words)
        shown += result.out + result.err
    contains(box.verbs(), "PASS" if method == "user" else "AUTH")
    assert "hush-hush" not in shown, "the password is shown"


def test_a_question_for_a_password_is_not_overwritten_by_progress():
    box = peers.Pop3Server([mail.simple(n) for n in range(3)])
    sink = peers.SmtpSink(users={"ann": "secret"}, tls="implicit",
                          keywords=("AUTH PLAIN",))
    rider = postrider.between(box, sink, destination={"user": "ann"})
    running = rider.start("fetch", terminal=True)
    wait_until(lambda: "Password for ann" in running.shown(), what="the question")
    time.sleep(1)  # enough for several ticks of the progress
    asked = running.shown()
    equal(asked[asked.index("Password for ann"):],
          "Password for ann (destination home): ")
    running.type("secret")
    result = running.wait()
    equal((result.status, len(sink.accepted)), (OK, 3))
    assert "secret" not in result.out
    contains(result.out, "3 messages")


def test_words_of_a_peer_cannot_command_the_terminal():
    box, sink, rider = scene(replies={"RCPT": "550 \x1b[2J\x07 go away \x9b"})
    result = rider.fetch("-vv", status=UNAVAILABLE)
    for octet in "\x1b\x07\x9b":
        assert octet not in result.err + result.out
        assert octet not in rider.run("held").out
    contains(rider.run("held").out, "go away")


# --- fetch ------------------------------------------------------------------------


def test_off_a_terminal_only_accounts_with_news_are_named():
    one = peers.Pop3Server([mail.simple(1)])
    two = peers.Pop3Server([])
    sink = peers.SmtpSink()
    rider = postrider.Postrider()
    rider.write([one.account("busybox"), two.account("idle")],
                {"home": sink.destination()})
    out = rider.fetch().out
    contains(out, "busybox")
    assert "idle" not in out


def test_quiet_means_quiet():
    box, sink, rider = scene()
    result = rider.fetch("-q")
    equal((result.out, result.err), ("", ""))


def test_on_a_terminal_progress_is_shown_and_no_news_is_said():
    box, sink, rider = scene(30)
    first = rider.fetch(terminal=True)
    contains(first.out, "30")
    contains(first.out, "ann")
    second = rider.fetch(terminal=True)
    contains(second.out, "no new mail")


def test_one_bad_mailbox_does_not_stop_the_others():
    good = peers.Pop3Server([mail.simple(1)])
    bad = peers.Pop3Server([], users={"ann": "another"})
    sink = peers.SmtpSink()
    rider = postrider.Postrider()
    rider.write([bad.account("bad"), good.account("good")],
                {"home": sink.destination()})
    result = rider.fetch(status=AUTH)
    equal(len(sink.accepted), 1)
    contains(result.err, "bad")


def test_interrupted_in_the_middle_nothing_is_lost_or_in_doubt():
    slow = {"DATA": lambda *_: time.sleep(0.2)}
    box, sink, rider = scene(20, slow, after_delivery="delete")
    running = rider.start("fetch")
    wait_until(lambda: len(sink.accepted) >= 3, what="three messages")
    running.signal(signal.SIGINT)
    result = running.wait()
    equal(result.status, -signal.SIGINT)
    assert len(sink.accepted) < 20
    equal(rider.counts().get("in_doubt", 0), 0)
    rider.fetch()
    equal(len(sink.accepted), 20)
    equal(box.messages, [])


def nothing_is_owed(box, sink, rider, *left):
    """All that was delivered is deleted, and the ledger knows that a QUIT
    followed; `left` messages of the mailbox are as new."""
    equal(sorted(m.uid for m in box.messages), sorted(left))
    equal(box.verbs()[-1], "QUIT")
    accounts = rider.run("status", "--json").json()["accounts"]
    equal((accounts[0]["to_delete"], accounts[0]["deleted"]),
          (0, len(sink.accepted)))
    equal(rider.query("SELECT count(*) FROM message WHERE deletions = 1"),
          [(len(sink.accepted),)])
    equal(rider.counts().get("in_doubt", 0), 0)


def test_the_first_signal_lets_what_was_delivered_be_deleted():
    slow = {"END": lambda *_: time.sleep(0.2)}
    box, sink, rider = scene(20, slow, after_delivery="delete")
    messages = list(box.messages)
    running = rider.start("fetch")
    wait_until(lambda: len(sink.accepted) >= 3, what="three messages")
    running.signal(signal.SIGINT)
    equal(running.wait().status, -signal.SIGINT)
    assert len(sink.accepted) < 20
    nothing_is_owed(box, sink, rider,
                    *(m.uid for m in messages
                      if mail.digest(m.content) not in sink.digests()))


def test_the_first_signal_breaks_a_message_off_and_lets_others_be_deleted():
    arrived, stopped = [], threading.Event()

    def slow(session, argument):
        if argument != b"3":
            return None
        session.send(b"+OK\r\nSubject: slow\r\n\r\n")
        arrived.append(argument)
        stopped.wait(tap.PATIENCE)
        time.sleep(1)
        session.send(b"and the end\r\n.\r\n")
        return True

    box = peers.Pop3Server([mail.simple(n) for n in range(5)],
                           replies={"RETR": slow})
    sink = peers.SmtpSink()
    rider = postrider.between(box, sink, after_delivery="delete")
    uids = [m.uid for m in box.messages]
    running = rider.start("fetch")
    wait_until(lambda: arrived and len(sink.accepted) == 2,
               what="two messages, and a part of the third")
    running.signal(signal.SIGTERM)
    stopped.set()
    result = running.wait()
    equal((result.status, len(sink.accepted)), (-signal.SIGTERM, 2))
    contains(result.out, "2 deleted")
    nothing_is_owed(box, sink, rider, *uids[2:])


def test_the_first_signal_begins_no_deletion_of_the_plan():
    box, sink, rider = scene(4)
    rider.fetch()
    rider.write([box.account(after_delivery="delete")],
                {"home": sink.destination()})
    stopped = threading.Event()

    def slow(*_):
        stopped.wait(tap.PATIENCE)
        time.sleep(0.5)
    box.replies["DELE"] = [slow]
    running = rider.start("fetch")
    wait_until(lambda: "DELE" in box.verbs(), what="DELE")
    running.signal(signal.SIGINT)
    stopped.set()
    equal(running.wait().status, -signal.SIGINT)
    equal((box.verbs().count("DELE"), len(box.messages)), (1, 3))
    equal(rider.query("SELECT count(*) FROM message WHERE deletions = 1"),
          [(1,)])
    box.replies.clear()
    rider.fetch()
    equal(box.messages, [])


def test_a_mailbox_that_does_not_answer_quit_keeps_us_for_a_moment_only():
    slow = {"END": lambda *_: time.sleep(0.2)}
    box, sink, rider = scene(20, slow, after_delivery="delete")
    box.replies["QUIT"] = [peers.SILENCE]
    running = rider.start("fetch")
    wait_until(lambda: len(sink.accepted) >= 2, what="two messages")
    running.signal(signal.SIGINT)
    began = time.monotonic()
    result = running.wait()
    equal(result.status, -signal.SIGINT)
    assert time.monotonic() - began < 40  # and not its timeout
    contains(result.err, "may not have carried out the deletions")
    equal(rider.query("SELECT count(*) FROM message WHERE deletions > 0"),
          [(0,)])


def test_a_second_signal_ends_every_wait_at_once():
    box, sink, rider = scene(2, {"END": peers.SILENCE}, after_delivery="delete")
    running = rider.start("fetch")
    wait_until(lambda: "DATA" in sink.verbs(), what="DATA")
    time.sleep(0.3)
    running.signal(signal.SIGTERM)
    time.sleep(0.5)
    running.signal(signal.SIGTERM)
    before = time.monotonic()
    equal(running.wait().status, -signal.SIGTERM)
    assert time.monotonic() - before < 40  # and not a timeout
    equal(rider.counts()["in_doubt"], 1)


def test_a_second_process_is_told_who_holds_the_ledger():
    box, sink, rider = scene(1, {"DATA": peers.SILENCE})
    running = rider.start("fetch")
    wait_until(lambda: "DATA" in sink.verbs(), what="DATA")
    result = rider.run("fetch")
    equal(result.status, LATER)
    contains(result.err, str(running.process.pid))
    # Readers need no lock. What is on its way is no trouble yet.
    rider.run("status").expect(OK)
    running.signal(signal.SIGINT)
    running.signal(signal.SIGINT)


def test_a_ledger_that_has_gone_is_missed():
    box, sink, rider = scene()
    rider.fetch()
    for name in os.listdir(rider.state):
        if name.startswith("ledger.db"):
            os.unlink(os.path.join(rider.state, name))
    for command in ("fetch", "status", "plan"):
        result = rider.run(command).expect(CONFIG)
        contains(result.err, "--new-ledger")
        equal(result.out, "")
    equal(len(sink.accepted), 3)
    rider.fetch("--new-ledger")
    equal(len(sink.accepted), 6)
    rider.fetch()
    equal(len(sink.accepted), 6)


def test_the_ledger_is_for_its_owner_only():
    box, sink, rider = scene()
    rider.fetch()
    equal(os.stat(rider.state).st_mode & 0o777, 0o700)
    for name in os.listdir(rider.state):
        mode = os.stat(os.path.join(rider.state, name)).st_mode & 0o777
        equal(mode & 0o077, 0, f"mode of {name} for others")


@each(0o770, 0o702, 0o777)
def test_a_state_directory_that_others_may_write_to_is_refused(mode):
    box, sink, rider = scene()
    rider.fetch()
    os.chmod(rider.state, mode)
    result = rider.fetch(status=IO_ERROR)
    contains(result.err, f"chmod 700 {rider.state}")
    equal((box.connections, len(sink.accepted)), (1, 3))
    os.chmod(rider.state, 0o700)
    rider.fetch()


def test_an_account_that_was_renamed_is_asked_about():
    box, sink, rider = scene()
    rider.fetch()
    rider.write([box.account("annie")], {"home": sink.destination()})
    result = rider.fetch(status=CONFIG)
    for words in ("--same-mailbox", "annie", "account ann "):
        contains(result.err, words)
    for command in ("list", "plan"):
        looked = rider.run(command).expect(CONFIG)
        contains(looked.err, "account ann ")
        equal(looked.out, "")
    equal(box.connections, 1)
    rider.fetch("--same-mailbox")
    rider.fetch()
    equal((len(sink.accepted), rider.counts("annie")), (3, {"delivered": 3}))
    equal(rider.counts("ann"), {})


def test_a_mailbox_that_moved_is_asked_about():
    box, sink, rider = scene()
    rider.fetch()
    moved = peers.Pop3Server(box.messages, users={"eve": "secret"})
    rider.write([moved.account(user="eve")], {"home": sink.destination()})
    result = rider.fetch(status=CONFIG)
    contains(result.err, "--same-mailbox")
    for command in ("list", "plan"):
        looked = rider.run(command, "--json").expect(CONFIG)
        contains(looked.err, "postrider fetch --same-mailbox")
        found = looked.json()["accounts"][0]
        equal((found["error"], "messages" in found), ("question", False))
    equal(moved.connections, 0)
    rider.fetch("--same-mailbox")
    rider.run("list").expect(OK)
    rider.fetch()
    equal(len(sink.accepted), 3)


# --- the other commands -----------------------------------------------------------


def test_check_proves_all_and_moves_nothing():
    box, sink, rider = scene()
    result = rider.run("check").expect(OK)
    assert "ann" in result.out and "home" in result.out
    assert "RETR" not in box.verbs() and "DATA" not in sink.verbs()
    equal(sink.accepted, [])
    assert not os.path.exists(os.path.join(rider.state, "ledger.db"))


def test_check_tells_what_the_server_says_of_itself():
    box = peers.Pop3Server([], capabilities=(
        "USER", "TOP", "UIDL", "LOGIN-DELAY 900", "EXPIRE 60",
        "IMPLEMENTATION Some Server"))
    rider = postrider.between(box, peers.SmtpSink())
    contains(rider.run("check").expect(OK).out,
             "UIDL TOP USER LOGIN-DELAY (900 s) EXPIRE (60 days) "
             "IMPLEMENTATION (Some Server)")
    box.capabilities = ("USER", "EXPIRE NEVER")
    contains(rider.run("check").out, "capabilities: USER\n")


def test_check_goes_on_after_a_failure():
    bad = peers.Pop3Server([], users={"ann": "other"})
    good = peers.Pop3Server([])
    sink = peers.SmtpSink(replies={"RCPT": "550 5.1.1 who"})
    rider = postrider.Postrider()
    rider.write([bad.account("bad"), good.account("good")],
                {"home": sink.destination()})
    result = rider.run("check")
    assert result.status in (AUTH, UNAVAILABLE), result.status
    equal(good.connections, 1)
    contains(sink.verbs(), "RCPT")


def test_list_shows_what_is_in_the_mailbox():
    box, sink, rider = scene()
    rider.fetch()
    box.messages.append(peers.Message(mail.simple(9), "fresh"))
    out = rider.run("list").expect(OK).out
    contains(out, "fresh")
    contains(out, "delivered")
    found = rider.run("list", "--json").expect(OK).json()["accounts"][0]
    equal([m["state"] for m in found["messages"]], ["delivered"] * 3 + ["new"])
    equal(found["messages"][3]["uid"], "fresh")
    equal(found["count"], 4)


def test_plan_says_what_and_why_and_does_nothing():
    box, sink, rider = scene()
    plan = rider.run("plan", "--json").expect(OK).json()["accounts"][0]
    equal(plan["counts"]["take"], 3)
    assert all(m["reason"] for m in plan["messages"])
    rider.run("plan").expect(OK)
    equal(sink.accepted, [])
    assert "RETR" not in box.verbs()
    rider.fetch()
    plan = rider.run("plan", "--json").json()["accounts"][0]
    equal(plan["counts"]["take"], 0)


def test_status_before_anything_was_polled():
    box, sink, rider = scene()
    rider.run("status").expect(OK)
    account = rider.run("status", "--json").expect(OK).json()["accounts"][0]
    equal((account["polled"], account["last_success"]), (False, None))


def test_status_tells_of_a_poll_under_way_and_of_one_that_was_killed():
    box, sink, rider = scene(1, {"DATA": [peers.SILENCE, None, peers.SILENCE]})

    def poll_and_kill(under_way, killed):
        running = rider.start("fetch")
        before = sink.verbs().count("DATA")
        wait_until(lambda: sink.verbs().count("DATA") > before, what="DATA")
        result = rider.run("status")
        contains(result.out, under_way)
        account = rider.run("status", "--json").json()["accounts"][0]
        equal((account["polling"], account["interrupted"]), (True, False))
        assert under_way not in rider.run("status", "-q").out
        running.signal(signal.SIGKILL)
        running.wait()
        contains(rider.run("status").expect(LATER).out, killed)
        assert "never polled" not in result.out
        account = rider.run("status", "--json").json()["accounts"][0]
        equal((account["polling"], account["interrupted"]), (False, True))

    poll_and_kill("ann: being polled for the first time, begun ",
                  "ann: the first poll, begun ")
    rider.fetch()
    out = rider.run("status").expect(OK).out
    assert "begun" not in out, out
    time.sleep(1.1)  # the ledger counts seconds
    box.messages.append(peers.Message(mail.simple(7)))
    poll_and_kill("ann: being polled, begun ", "ann: the last poll, begun ")


def test_status_takes_a_poll_of_another_process_for_no_poll_under_way():
    one, two = (peers.Pop3Server([mail.simple(n)]) for n in (1, 2))
    sink = peers.SmtpSink(replies={"DATA": peers.SILENCE})
    rider = postrider.Postrider()
    rider.write([one.account("one"), two.account("two", user="ann",
                                                 pop3="127.0.0.1")],
                {"home": sink.destination()})
    for number, name in enumerate(("one", "two")):
        if number:
            time.sleep(1.1)  # the lock's time is in seconds, too
        running = rider.start("fetch", name)
        wait_until(lambda: sink.verbs().count("DATA") > number, what="DATA")
        if number == 0:
            running.signal(signal.SIGKILL)
            running.wait()
    out = rider.run("status").expect(LATER).out
    contains(out, "one: the first poll, begun ")
    contains(out, "two: being polled for the first time, begun ")
    running.signal(signal.SIGKILL)
    running.wait()


def test_status_tells_what_is_wrong():
    box, sink, rider = scene(password="wrong")
    rider.fetch(status=AUTH)
    account = rider.run("status", "--json").json()["accounts"][0]
    equal(account["error_kind"], "auth")
    equal(account["failures"], 1)
    assert account["last_success"] is None
    contains(rider.run("status").out, "failed")


def test_status_counts():
    box, sink, rider = scene(4, {"RCPT": [None, "450 4.2.0 x", "550 5.1.1 y",
                                          None]})
    rider.run("fetch")
    account = rider.run("status", "--json").json()["accounts"][0]
    equal([account["counts"][s] for s in ("delivered", "deferred", "held")],
          [2, 1, 1])
    equal(account["in_mailbox"], 4)
    equal(account["total_delivered"], 2)


def test_held_messages_can_be_retried_and_dropped():
    box, sink, rider = scene(2, {"RCPT": ["550 5.1.1 who", "550 5.1.1 who",
                                          None]})
    rider.fetch(status=UNAVAILABLE)
    held = rider.run("held", "--json").json()["messages"]
    equal(len(held), 2)
    first, second = (str(m["id"]) for m in held)
    rider.run("held", "retry", first).expect(OK)
    rider.run("held", "drop", second).expect(OK)
    rider.fetch()
    equal(len(sink.accepted), 1)
    equal(len(box.messages), 1)
    equal(rider.run("held", "--json").json()["messages"], [])


def test_held_refuses_what_is_not_held():
    box, sink, rider = scene(1)
    rider.fetch()
    assert rider.run("held", "retry", "1").status != OK
    assert rider.run("held", "drop", "99").status != OK
    assert rider.run("held", "drop", "x").status == USAGE


def test_uids_that_are_no_text_still_make_json():
    box = peers.Pop3Server([peers.Message(mail.simple(1), '\xff"\\x')])
    rider = postrider.between(box, peers.SmtpSink())
    rider.fetch()
    for command in ("list", "plan", "status", "held"):
        json.loads(rider.run(command, "--json").expect(OK).out)


def test_output_that_cannot_be_written_is_an_error():
    box, sink, rider = scene()
    rider.fetch()
    full = os.open("/dev/full", os.O_WRONLY)
    done = subprocess.run([postrider.PROGRAM, "--config", rider.config, "status"],
                          stdout=full, stderr=subprocess.PIPE)
    os.close(full)
    equal(done.returncode, 74)


if __name__ == "__main__":
    tap.main()
