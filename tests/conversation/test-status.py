"""How accounts stand, while they are polled and after: status beside a daemon that
runs and beside a fetch, what is in doubt and what is only on its way, polls that
were stopped; and what a small window has no room for."""
import contextlib
import fcntl
import os
import re
import signal
import sqlite3
import struct
import termios
import time

import mail
import peers
import postrider
import tap
from postrider import AUTH, LATER, OK, UNAVAILABLE, wait_until
from tap import contains, each, equal

SILENT_AT_END = {"END": peers.SILENCE}


def scene(replies=None, sink_replies=None, **settings):
    box = peers.Pop3Server([mail.simple(1)], replies=replies)
    sink = peers.SmtpSink(replies=sink_replies)
    rider = postrider.Postrider()
    rider.write([box.account(**settings)], {"home": sink.destination()},
                {"every": "1h"})
    return box, sink, rider


def account_of(rider, **how):
    return rider.run("status", "--json", **how).json()["accounts"][0]


def known(rider, sql):
    """What the ledger answers, once it is there."""
    with contextlib.suppress(sqlite3.OperationalError):
        return rider.query(sql)
    return []


# --- in doubt, or on its way ----------------------------------------------------------


@each("run", "fetch")
def test_what_is_being_sent_is_not_in_doubt_until_its_poll_has_died(command):
    box, sink, rider = scene(sink_replies=SILENT_AT_END)
    running = rider.start(command)
    wait_until(lambda: known(rider, "SELECT 1 FROM message WHERE state = "
                                    "'in_doubt'"), what="an intent")
    equal(rider.run("status", "-q").expect(OK).out, "")
    out = rider.run("status").expect(OK).out
    assert "in doubt" not in out, out
    account = account_of(rider)
    equal((account["sending"], account["counts"]["in_doubt"]), (1, 0))
    equal((account["state"], account["polling"]), ("polling", True))
    if command == "fetch":
        contains(out, " ago; 1 being sent\n")
    running.signal(signal.SIGKILL)
    running.wait()
    contains(rider.run("status", "-q").expect(LATER).out,
             "1 in doubt: sent, and the answer was lost\n")
    account = account_of(rider)
    equal((account["sending"], account["counts"]["in_doubt"]), (0, 1))


def test_what_a_poll_before_has_left_in_doubt_is_so_during_the_next_one():
    box, sink, rider = scene(sink_replies=SILENT_AT_END)
    running = rider.start("fetch")
    wait_until(lambda: known(rider, "SELECT 1 FROM message WHERE state = "
                                    "'in_doubt'"), what="an intent")
    running.signal(signal.SIGKILL)
    running.wait()
    time.sleep(1.1)  # the ledger counts seconds
    box.replies = {"UIDL": [peers.SILENCE]}
    daemon = rider.daemon()
    wait_until(lambda: "UIDL" in box.verbs()[3:], what="a second poll")
    contains(rider.run("status", "-q").expect(LATER).out, "1 in doubt: ")
    equal(account_of(rider)["sending"], 0)
    daemon.signal()
    daemon.end()


# --- stopped --------------------------------------------------------------------------


@each("run", "fetch")
def test_a_poll_that_was_stopped_has_not_failed(command):
    box, sink, rider = scene({"UIDL": peers.SILENCE})
    running = rider.start(command)
    wait_until(lambda: "UIDL" in box.verbs(), what="a poll")
    running.signal(signal.SIGINT)
    equal(running.wait().status, OK if command == "run" else -signal.SIGINT)
    equal(rider.run("status", "-q").expect(OK).out, "")
    contains(rider.run("status").expect(OK).out, ", was stopped; the next fetch")
    account = account_of(rider)
    equal((account["state"], account["interrupted"]), ("interrupted", True))
    equal((account["failures"], account["error_kind"], account["error_text"],
           account["failing_since"]), (0, None, None, None))
    box.replies = {}
    before = box.connections
    daemon = rider.daemon()
    wait_until(lambda: len(sink.accepted) == 1, what="the next poll, at once")
    wait_until(lambda: account_of(rider)["state"] == "ok")
    equal(box.connections, before + 1)
    daemon.end()


def test_what_was_wrong_still_is_when_the_next_poll_was_stopped():
    box, sink, rider = scene({"UIDL": "-ERR [SYS/TEMP] later"})
    rider.run("fetch").expect(LATER)
    box.replies = {"UIDL": [peers.SILENCE]}
    running = rider.start("fetch")
    wait_until(lambda: box.verbs().count("UIDL") > 1, what="a poll")
    running.signal(signal.SIGINT)
    running.wait()
    contains(rider.run("status", "-q").expect(LATER).out, "later")
    account = account_of(rider)
    equal((account["state"], account["failures"]), ("failing", 1))


# --- refused --------------------------------------------------------------------------


def test_one_that_rests_is_polled_only_when_it_is_named():
    box, sink, rider = scene({"PASS": "-ERR [AUTH] no"}, auth="user")
    daemon = rider.daemon()
    for refusals in (1, 2, 3):
        wait_until(lambda: rider.query("SELECT refusals FROM account")
                   == [(refusals,)], what=f"{refusals} refusals")
        daemon.signal(signal.SIGUSR1)
    # Asked later, so that the signal has been seen to.
    contains(rider.run("fetch").expect(AUTH).err, "refused too often")
    equal((box.connections, account_of(rider)["state"]), (3, "resting"))
    box.replies = {}
    rider.fetch("ann")
    equal((box.connections, len(sink.accepted)), (4, 1))
    daemon.end()


@each("run", "fetch")
def test_that_there_is_no_password_is_known_after_a_restart(command):
    box, sink, rider = scene()
    described = box.account()
    del described["password"]
    described["password_command"] = "echo no key >&2; exit 1"
    rider.write([described], {"home": sink.destination()}, {"every": "1h"})
    running = rider.start(command)
    wait_until(lambda: known(rider, "SELECT 1 FROM account "
                                    "WHERE error_kind <> ''"), what="a word")
    if command == "run":
        running.signal()
    running.wait()
    first = account_of(rider)
    equal((first["error_kind"], first["failures"], first["state"]),
          ("secret", 1, "failing"))
    contains(first["error_text"], "password_command")
    time.sleep(1.1)  # the ledger counts seconds
    rider.run("fetch").expect(AUTH)
    account = account_of(rider)
    equal((account["failures"], account["failing_since"]),
          (2, first["failing_since"]))
    equal(box.connections, 0)


def test_a_server_that_hangs_up_at_the_password_has_not_refused_it():
    box, sink, rider = scene({"PASS": peers.DROP}, auth="user")
    daemon = rider.daemon()
    for setbacks in (1, 2, 3, 4):
        wait_until(lambda: rider.query("SELECT setback, setbacks, refusals "
                                       "FROM account")
                   == [("temporary", setbacks, 0)], what=f"{setbacks} setbacks")
        equal(box.connections, setbacks)
        daemon.signal(signal.SIGUSR1)
    daemon.end()


def test_a_server_that_wants_a_delay_between_logins_is_told_of_with_the_time():
    box, sink, rider = scene({"PASS": "-ERR [LOGIN-DELAY] too soon"}, auth="user",
                             every="1m")
    box.capabilities = (*box.capabilities, "LOGIN-DELAY 900")
    daemon = rider.daemon()
    daemon.hears("it asks for 15 min between two logins")
    said = daemon.said()
    assert re.search(r"tries again \(next poll in 1[56] min\)\n", said), said
    daemon.end()


def test_a_message_that_was_refused_at_once_was_not_deferred_before():
    box, sink, rider = scene(sink_replies={"END": "550 5.7.1 no"})
    result = rider.fetch(status=UNAVAILABLE)
    equal(result.out, "ann: nothing delivered; 1 held\n")
    shown = rider.run("held", "show", "1").expect(OK).out
    assert "attempts" not in shown and "deferred" not in shown, shown
    box.messages.append(peers.Message(mail.simple(2)))
    sink.replies["END"] = ["451 4.7.1 later"]
    equal(rider.fetch(status=UNAVAILABLE).out,
          "ann: nothing delivered; 1 deferred\n")
    contains(rider.run("held", "show", "2").expect(OK).out,
             "deferred    1 time\n")


# --- the log --------------------------------------------------------------------------


def test_each_line_of_an_event_can_be_parsed_whatever_servers_say():
    words = 'he said \\"no\\" "id=7" \\\\'
    box, sink, rider = scene(sink_replies={"END": [f"550 5.7.1 {words}", None]})
    box.messages.append(peers.Message(mail.simple(2), uid='odd"uid=\\'))
    said = rider.run("fetch", "-v").err
    value = r'(?:"(?:[^"\\]|\\.)*"|[^ "][^ ]*)'
    lines = [line for line in said.splitlines() if line.startswith("account=")]
    assert len(lines) >= 2, said
    for line in lines:
        assert re.fullmatch(rf"\w+={value}(?: \w+={value})*", line), line
    held = next(line for line in lines if "event=held" in line)
    reply = re.search(r'reply="(.*)"$', held)[1]
    contains(re.sub(r"\\(.)", r"\1", reply), words)


# --- what a window has no room for ----------------------------------------------------

NOW = int(time.time())


def crowd(count, failing):
    """So many accounts beside a daemon, of which the last ones fail; and two
    destinations, of which one is down."""
    names = [f"account-{n}" for n in range(count)]
    box = peers.Pop3Server([], users={name: "secret" for name in names})
    rider = postrider.Postrider()
    rider.write([{**box.account(name, user=name),
                  **({"port": 1} if n >= count - failing else {})}
                 for n, name in enumerate(names)],
                {"home": peers.SmtpSink().destination()})
    rider.run("fetch")
    rider.stand_in(
        f"daemon\t4711\t{NOW - 90}\t0.9\t0\n" +
        "".join(f"account\t{name}\tidle\t{NOW + 600}\t0\t0\t0\t\n"
                for name in names) +
        f"destination\thome\tup\t1\t0\t{NOW - 90}\t\n"
        f"destination\twork\tdown\t0\t0\t{NOW - 90}\t421 closing\n")
    return rider


def on_terminal(rider, *args, size):
    """A command on a terminal of that size."""
    running = rider.start(*args, terminal=True,
                          env={"LC_ALL": "", "LC_CTYPE": "", "LANG": "C.UTF-8"})
    fcntl.ioctl(running.keyboard, termios.TIOCSWINSZ,
                struct.pack("HHHH", *size, 0, 0))
    return running


def window(rider, lines, columns):
    """The lines that status --watch shows in one of that size."""
    running = on_terminal(rider, "status", "--watch", size=(lines, columns))
    for frames in (2, 3, 4, 5):  # the first may be of another size
        os.write(running.keyboard, b" ")
        wait_until(lambda: running.shown().count("\x1b[H") >= frames, what="frames")
    os.write(running.keyboard, b"q")
    frame = running.wait().out.split("\x1b[H")[3]
    return [re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", line).rstrip("\r")
            for line in frame.split("\n")]


def left_out(shown):
    """How many of what are not shown, by the window's own word."""
    words = " ".join(line.strip() for line in shown)
    if "\u2026" not in words:
        return {}
    contains(words, "; see postrider status")
    said = words.split("\u2026")[1].split(";")[0]
    return {what: int(n) for n, what in
            re.findall(r"(\d+) more (\w+?)s?\b", said)}


@each((10, 80), (10, 40), (16, 60), (24, 80), (60, 120))
def test_a_window_says_how_much_it_has_no_room_for(lines, columns):
    rider = crowd(12, 3)
    shown = window(rider, lines, columns)
    assert len(shown) <= lines, shown
    assert all(len(line) <= columns for line in shown), shown
    left = left_out(shown)
    rows = [line for line in shown if re.match(r"account\S+ +(ok|failing) ", line)]
    equal(len(rows) + left.get("account", 0), 12, shown)
    assert rows, shown
    there = [line for line in shown if re.match(r"(home|work) +(up|down) ", line)]
    equal(len(there) + left.get("destination", 0), 2, shown)
    told = [line for line in shown if re.match(r"(account-\d+|work): ", line)]
    equal(len(told) + left.get("trouble", 0), 4, shown)
    head = next(line for line in shown if line.startswith("ACCOUNT"))
    for name in ("LAST 24 HOURS", "LAST OK"):
        head = head.replace(name, name.replace(" ", "_"))
    words = [word for word in head.split() if word != "LAST_24_HOURS"]
    equal(len(words) + left.get("column", 0), 9, shown)
    if (lines, columns) == (60, 120):
        equal(left, {}, shown)


def test_where_not_all_accounts_are_shown_those_with_something_wrong_come_first():
    rider = crowd(12, 3)
    rows = [line.split()[0] for line in window(rider, 24, 80)
            if re.match(r"account-\d+ ", line)]
    equal(rows[:4], ["account-9", "account-10", "account-11", "account-0"])
    rows = [line.split()[0] for line in window(rider, 60, 80)
            if re.match(r"account-\d+ ", line)]
    equal(rows, [f"account-{n}" for n in range(12)])


def test_a_narrow_terminal_is_told_what_it_has_no_room_for():
    rider = crowd(3, 0)
    narrow = ("sh", "-c", 'stty cols 40 && exec "$@"', "sh")
    out = rider.start("status", terminal=True, by=narrow).wait().expect(LATER).out
    contains(out, "and 4 more columns, for which the terminal is too narrow")
    rows = [line for line in out.splitlines() if re.match("account[-~]", line)]
    equal(len(rows), 3, out)
    assert all(len(re.sub(r"\x1b\[[\d;]*m", "", row)) <= 40 for row in rows), rows


if __name__ == "__main__":
    tap.main()
