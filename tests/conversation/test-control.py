"""Speaking to a daemon, for which kit/standin.c stands in: wake, reload, stop,
status, and what fetch and held do where one runs; status as a person sees it, with
a daemon and without."""
import fcntl
import json
import os
import re
import signal
import socket
import struct
import termios
import time

import mail
import peers
import postrider
import tap
from postrider import (CONFIG, LATER, OK, UNAVAILABLE, USAGE, wait_until)
from tap import contains, each, equal

NOW = int(time.time())
DAEMON = f"daemon\t4711\t{NOW - 3 * 86400}\t0.9\t0\n"
REFUSAL = "550 5.1.1 nobody of that name"
STATES = ("idle", "waiting", "polling", "backing_off", "resting", "blocked")


def account(name, state, next_poll=0, since=0, done=0, total=0, words=""):
    """A row of the answer to `status`."""
    return (f"account\t{name}\t{state}\t{next_poll}\t{since}\t{done}\t{total}\t"
            f"{words}\n")


def destination(name, state, connections=0, waiting=0, since=0, words=""):
    return (f"destination\t{name}\t{state}\t{connections}\t{waiting}\t{since}\t"
            f"{words}\n")


def scene(names=("ann",), contents=1, replies=None, **settings):
    """Accounts with a mailbox each that was fetched from once."""
    boxes = [peers.Pop3Server([mail.simple(n) for n in range(contents)])
             for _ in names]
    sink = peers.SmtpSink(replies=replies)
    rider = postrider.Postrider()
    rider.write([box.account(name, **settings)
                 for name, box in zip(names, boxes)],
                {"home": sink.destination()})
    rider.run("fetch")
    return boxes, sink, rider


def line_of(out, word):
    """The words of the line that begins with one."""
    return next(line for line in out.splitlines()
                if line.startswith(word)).split()


# --- without a daemon ---------------------------------------------------------------


@each("wake", "reload", "stop")
def test_without_a_daemon_it_is_told_that_none_runs(command):
    boxes, sink, rider = scene()
    result = rider.run(command).expect(LATER)
    contains(result.err, rider.state)
    contains(result.err, "postrider run")
    equal(result.out, "")


def test_a_socket_that_a_crash_has_left_is_no_daemon():
    boxes, sink, rider = scene(contents=2, replies={"RCPT": REFUSAL})
    left = socket.socket(socket.AF_UNIX)
    left.bind(os.path.join(rider.state, "control"))
    left.listen()
    left.close()
    rider.run("stop").expect(LATER)
    rider.run("status").expect(UNAVAILABLE)
    rider.run("held", "retry", "1").expect(OK)
    equal(rider.counts(), {"new": 1, "held": 1})
    rider.run("fetch").expect(UNAVAILABLE)
    equal(rider.counts(), {"held": 2})


# --- requests -----------------------------------------------------------------------


def test_wake_names_accounts_or_none():
    boxes, sink, rider = scene(("isp", "club"))
    rider.stand_in()
    equal(rider.run("wake").expect(OK).out, "woken:\n")
    equal(rider.run("wake", "club", "isp").expect(OK).out, "woken: club isp\n")
    equal(rider.run("wake", "-q", "club").expect(OK).out, "")
    result = rider.run("wake", "clup").expect(USAGE)
    contains(result.err, "club")


def test_what_is_wrong_with_the_settings_is_told_to_whoever_reloads():
    boxes, sink, rider = scene()
    rider.stand_in()
    equal(rider.run("reload").expect(OK).out, "reloaded\n")
    open(os.path.join(rider.folder, "rows.wrong"), "w").close()
    result = rider.run("reload", "-q").expect(CONFIG)
    equal(result.err, "postrider: postrider.conf:3: what is that?\n")
    rider.run("reload", "ann").expect(USAGE)


def test_stop_returns_when_the_daemon_has_let_go_of_the_ledger():
    boxes, sink, rider = scene()
    running = rider.stand_in()
    before = time.monotonic()
    rider.run("stop").expect(OK)
    assert time.monotonic() - before > 0.25
    rider.fetch()
    equal(running.wait().status, OK)
    rider.run("stop", "ann").expect(USAGE)
    rider.run("stop").expect(LATER)


# --- beside settings that are wrong -----------------------------------------------------


WRONG = ("what is this", "evry = \"5m\";", "@include \"nowhere.conf\"\n")


def broken(rider, wrong=WRONG[0]):
    """The state directory stands before the mistake."""
    rider.write_text(f'state = "{rider.state}";\n{wrong}')


@each(*WRONG)
def test_a_daemon_is_found_though_the_settings_are_wrong(wrong):
    boxes, sink, rider = scene(("isp", "club"))
    rider.stand_in(DAEMON + account("isp", "idle", NOW + 60))
    broken(rider, wrong)
    for command, out in (("wake", "woken: isp\n"),
                         ("fetch", "isp: 1 message (2 kB) delivered\n")):
        result = rider.run(command, "isp").expect(OK)
        equal(result.out, out)
        contains(result.err, "postrider.conf:2: ")
        contains(result.err, f"not used; the state directory is {rider.state}")
    result = rider.run("stop").expect(OK)
    contains(result.err, "postrider.conf:2: ")


def test_without_settings_that_tell_it_the_state_directory_has_to_be_named():
    boxes, sink, rider = scene()
    rider.stand_in()
    rider.write_text(f'what is this; state = "{rider.state}";')
    for command in ("stop", "wake", "reload", "fetch", "status", "held"):
        contains(rider.run(command).expect(CONFIG).err, "--state names")
    equal(rider.run("wake", "--state", rider.state, "ann").expect(OK).out,
          "woken: ann\n")
    rider.run("stop", "--state", rider.state).expect(OK)


def test_settings_that_name_no_state_directory_mean_the_usual_one():
    boxes, sink, rider = scene()
    usual = {"STATE_DIRECTORY": rider.state}
    rider.stand_in()
    rider.write_text('# state = "/nowhere";\nwhat is this')
    equal(rider.run("wake", env=usual).expect(OK).out, "woken:\n")
    os.unlink(rider.config)
    contains(rider.run("wake", env=usual).expect(CONFIG).err, "--state names")
    usual["STATE_DIRECTORY"] = tap.folder()
    rider.write_text("what is this")
    result = rider.run("stop", env=usual).expect(CONFIG)
    contains(result.err, "no daemon is running with the state directory "
             + usual["STATE_DIRECTORY"])


@each("fetch", "status", "held", "wake")
def test_where_there_is_nothing_else_wrong_settings_are_the_end(command):
    rider = postrider.Postrider()
    broken(rider)
    result = rider.run(command).expect(CONFIG)
    contains(result.err, "postrider.conf:2: syntax error")
    equal(result.out, "")


def test_status_has_the_accounts_of_the_daemon_where_the_settings_are_wrong():
    boxes, sink, rider = scene(("isp", "club", "old"))
    rider.stand_in(DAEMON + account("isp", "idle", NOW + 60) +
                   account("new", "resting", 0, NOW - 900, words="refused") +
                   destination("home", "down", 0, 1, NOW - 60, "421 no"))
    broken(rider)
    result = rider.run("status").expect(LATER)
    contains(result.err, "syntax error")
    contains(result.out, "2 accounts: 1 ok, 1 resting")
    assert "club" not in result.out, result.out
    equal(line_of(result.out, "isp")[-5:], ["1", "1", "-", "-", "-"])
    found = rider.run("status", "--json").expect(LATER).json()
    equal([a["account"] for a in found["accounts"]], ["isp", "new"])
    equal(found["destinations"][0]["live"]["state"], "down")
    equal([a["account"] for a in rider.run("status", "--json", "new", "new")
           .json()["accounts"]], ["new"])
    contains(rider.run("status", "nev").expect(USAGE).err,
             'did you mean "new"?')


def test_status_and_held_have_the_ledger_where_the_settings_are_wrong():
    boxes, sink, rider = scene(("isp", "club"), 2, {"RCPT": REFUSAL})
    broken(rider)
    result = rider.run("status").expect(UNAVAILABLE)
    contains(result.err, "syntax error")
    contains(result.out, "2 accounts: ")
    contains(result.out, "no daemon is running")
    for names, count in (((), 4), (("club",), 2), (("club", "club"), 2)):
        found = rider.run("held", "--json", "list", *names).expect(OK).json()
        equal(len(found["messages"]), count)
    contains(rider.run("held", "show", "2").expect(OK).out,
             "the settings are wrong, so its mailbox cannot be asked")
    contains(rider.run("held", "save", "2", os.path.join(rider.folder, "m"))
             .expect(CONFIG).err, "cannot be asked")
    rider.run("held", "retry", "all").expect(OK)
    equal(rider.counts("club"), {"new": 2})


def test_reload_is_the_daemons_to_refuse():
    boxes, sink, rider = scene()
    rider.stand_in()
    broken(rider)
    open(os.path.join(rider.folder, "rows.wrong"), "w").close()
    equal(rider.run("reload").expect(CONFIG).err,
          "postrider: postrider.conf:3: what is that?\n")
    os.unlink(os.path.join(rider.folder, "rows.wrong"))
    result = rider.run("reload").expect(OK)
    contains(result.err, "postrider.conf:2: syntax error")


def test_whoever_asks_need_not_have_the_environment_of_the_daemon():
    boxes, sink, rider = scene()
    rider.stand_in()
    target = os.readlink(os.path.join(rider.state, "control"))
    equal(os.path.dirname(target), os.path.join(rider.runtime, "postrider"))
    for runtime in ("", "/nonexistent", rider.folder):
        rider.run("wake", env={"XDG_RUNTIME_DIR": runtime}).expect(OK)


def test_a_daemon_that_dies_under_a_request_is_told():
    boxes, sink, rider = scene(("endless",))
    standin = rider.stand_in()
    fetching = rider.start("fetch", "endless", "--same-mailbox")
    wait_until(lambda: "as the same mailbox" in fetching.shown())
    standin.signal(signal.SIGKILL)
    result = fetching.wait().expect(LATER)
    contains(result.err, "has ended before it has answered")


# --- fetch and held beside a daemon ---------------------------------------------------


def test_fetch_has_the_daemon_do_it_and_waits():
    boxes, sink, rider = scene(("isp", "bad"))
    rider.stand_in()
    result = rider.run("fetch", "isp", "bad", "--same-mailbox").expect(LATER)
    equal(result.out, "as the same mailbox\n"
          "isp: 1 message (2 kB) delivered\nbad: 1 message (2 kB) delivered\n")
    equal(result.err, "postrider: bad: nobody answers\n")
    equal([box.connections for box in boxes], [1, 1])
    equal(rider.run("fetch", "-q", "isp").expect(OK).out, "")


def test_a_new_ledger_is_not_begun_under_a_daemon():
    boxes, sink, rider = scene()
    running = rider.stand_in()
    result = rider.run("fetch", "--new-ledger").expect(LATER)
    contains(result.err, str(running.process.pid))


def test_held_is_decided_by_way_of_the_daemon():
    boxes, sink, rider = scene(contents=3, replies={"RCPT": REFUSAL})
    rider.stand_in()
    result = rider.run("held", "retry", "1").expect(OK)
    equal(result.out,
          "1 message to be tried again by the next poll\nconcerns ann\n")
    result = rider.run("held", "drop", "2", "2").expect(OK)
    contains(result.out, "1 message to be deleted")
    contains(result.out, "concerns ann\n")
    equal(rider.counts(), {"new": 1, "dropped": 1, "held": 1})
    contains(rider.run("held", "retry", "all").expect(OK).out, "1 message ")
    equal(rider.counts(), {"new": 2, "dropped": 1})
    result = rider.run("held", "retry", "2", "99")
    equal((result.status, result.out), (65, ""))
    contains(result.err, "no message 99; nothing has been changed")
    equal(rider.counts(), {"new": 2, "dropped": 1})


def test_what_has_changed_since_it_was_looked_at_is_refused_by_the_daemon():
    boxes, sink, rider = scene(replies={"RCPT": REFUSAL})
    rider.stand_in()
    rider.run("held", "drop", "1").expect(OK)
    answer = say(rider, b"postrider/1 held-drop 1\n")
    contains(answer, "!message 1 is dropped, not held; nothing has been changed")
    assert answer.endswith(".65\n"), answer


# --- the socket, by hand --------------------------------------------------------------


def connect(rider):
    peer = socket.socket(socket.AF_UNIX)
    tap.cleanup(peer.close)
    peer.settimeout(tap.PATIENCE)
    peer.connect(os.readlink(os.path.join(rider.state, "control")))
    return peer


def say(rider, octets):
    peer = connect(rider)
    peer.sendall(octets)
    heard = b""
    while more := peer.recv(65536):
        heard += more
    return heard.decode()


def test_status_answers_at_once_while_others_are_slow_or_silent():
    boxes, sink, rider = scene()
    rider.stand_in(DAEMON)
    others = [connect(rider) for _ in range(10)]
    for peer in others[:5]:
        peer.sendall(b"postrider/1 sta")
    before = time.monotonic()
    contains(rider.run("status").expect(OK).out, "4711")
    # Each of the others may have five seconds.
    assert time.monotonic() - before < 20


def test_a_daemon_that_has_too_many_callers_says_so():
    boxes, sink, rider = scene()
    rider.stand_in(DAEMON)
    others = [connect(rider) for _ in range(16)]
    result = rider.run("status").expect(LATER)
    contains(result.out, "too many callers")
    contains(result.out, "ann ")
    for peer in others:
        peer.close()


# --- status ---------------------------------------------------------------------------


def test_status_shows_what_the_daemon_does():
    boxes, sink, rider = scene(STATES)
    rider.stand_in(
        DAEMON + "weather\tfine\n" +
        account("idle", "idle", NOW + 7260) +
        account("waiting", "waiting", NOW - 5) +
        account("polling", "polling", 0, NOW - 3, 3, 18) +
        account("backing_off", "backing_off", NOW + 600) +
        account("resting", "resting", 0, NOW - 900, 0, 0, "refused") +
        account("blocked", "blocked", NOW + 60, NOW - 600) +
        account("gone", "idle", NOW + 60) +
        destination("home", "up", 2, 3, NOW - 90) +
        destination("work", "down", 0, 14, NOW - 7200, "421 closing for today"))
    out = rider.run("status").expect(LATER).out
    contains(out, "postrider 0.9 (process 4711) has run for 3 days")
    contains(out, "6 messages today")
    equal(line_of(out, "idle")[1:2] + line_of(out, "idle")[4:],
          ["ok", "2", "h", "1", "1", "-", "-", "-"])
    equal(line_of(out, "waiting")[4:5], ["now"])
    equal(line_of(out, "polling")[1:3], ["polling", "3/18"])
    for name, mood in (("backing_off", "failing"), ("resting", "resting"),
                       ("blocked", "blocked"), ("waiting", "waiting")):
        equal(line_of(out, name)[1], mood)
    equal(line_of(out, "home"), ["home", "up", "2", "3", "1", "min"])
    equal(line_of(out, "work"), ["work", "down", "0", "14", "2", "h"])
    contains(out, "work: down for 2 h: 421 closing for today")
    assert "gone" not in out and "weather" not in out, out


def test_status_json_has_what_the_manual_says():
    boxes, sink, rider = scene(("isp", "club"))
    rider.stand_in(DAEMON +
                   account("isp", "polling", 0, NOW - 3, 3, 18) +
                   destination("home", "down", 1, 2, NOW - 90, "421 \x1b[2J"))
    found = rider.run("status", "--json").expect(LATER).json()
    equal(found["daemon"]["pid"], 4711)
    equal(found["daemon_error"], None)
    isp, club = found["accounts"]
    equal((isp["state"], isp["polling"]), ("polling", True))
    equal(isp["live"]["state"], "polling")
    equal((isp["live"]["done"], isp["live"]["total"]), (3, 18))
    equal(club["live"], None)
    equal((club["today"], club["hours"]), (1, [0] * 23 + [1]))
    equal(found["destinations"][0]["live"]["state"], "down")
    equal(found["destinations"][0]["live"]["words"], "421 ?[2J")
    manual = open(os.path.join(os.environ.get("POSTRIDER_SOURCE", "."),
                               "etc/postrider.1")).read()
    members = set(re.findall(r'"(\w+)":', json.dumps(found)))
    section = manual.split(".Sh STATUS FOR PROGRAMS")[1].split("\n.Sh ")[0]
    documented = set(re.findall(r"\w+", " ".join(
        re.findall(r"Cm (.*)", section)))) | set(found["accounts"][0]["counts"])
    equal(sorted(members - documented), [], "members without a word about them")


def test_without_a_daemon_status_shows_what_the_ledger_knows():
    boxes, sink, rider = scene(("isp", "club"), 3,
                               {"RCPT": [None, "450 4.2.0 later", REFUSAL]})
    out = rider.run("status").expect(UNAVAILABLE).out
    contains(out, "no daemon is running")
    assert "NEXT" not in out and "DESTINATION" not in out, out
    equal(line_of(out, "ACCOUNT"), ["ACCOUNT", "STATE", "LAST", "OK", "TODAY",
                                    "TOTAL", "OWED", "DEFERRED", "HELD"])
    found = rider.run("status", "--json").json()
    equal((found["daemon"], found["accounts"][0]["live"]), (None, None))
    equal(found["destinations"], [{"destination": "home", "live": None}])


def test_of_many_accounts_only_those_with_something_wrong_are_shown():
    names = [f"a{n}" for n in range(60)]
    box = peers.Pop3Server([])
    rider = postrider.Postrider()
    rider.write([box.account(n, user="ann" if n == "a1" else n)
                 for n in names], {"home": peers.SmtpSink().destination()})
    rider.fetch("a1")
    rider.stand_in(DAEMON + "".join(
        account(n, "resting" if n in ("a7", "a9") else "idle") for n in names))
    out = rider.run("status").expect(LATER).out
    contains(out, "60 accounts: ")
    contains(out, "2 resting")
    equal([line.split()[0] for line in out.splitlines()
           if re.match(r"a\d+ ", line)], ["a7", "a9"])
    contains(out, "--all")
    equal(len(re.findall(r"^a\d+ ", rider.run("status", "--all").out, re.M)), 60)
    equal(len(re.findall(r"^a\d+ ", rider.run("status", "a1", "a7").out, re.M)),
          2)


def test_accounts_that_fail_alike_are_told_together():
    sink = peers.SmtpSink()
    rider = postrider.Postrider()
    box = peers.Pop3Server([])
    dead = {**box.account(), "port": 1}
    rider.write([{**dead, "name": f"a{n}", "user": f"u{n}"} for n in range(12)] +
                [box.account("well", user="ann")], {"home": sink.destination()})
    rider.run("fetch")
    out = rider.run("status").expect(LATER).out
    contains(out, "12 accounts: the last poll failed: ")
    contains(out, "(a0, a1, a2, a3, a4, ...)")
    equal(out.count("check `port`"), 1)
    equal(rider.run("status", "--all").out.count("check `port`"), 12)


def on_terminal(rider, *args, env=None):
    """Start a command on a terminal, of 24 lines of 80 columns as it seems."""
    return rider.start(*args, terminal=True,
                       env={"LC_ALL": "", "LC_CTYPE": "", "LANG": "C.UTF-8",
                            **(env or {})})


def test_colours_are_for_terminals_without_NO_COLOR():
    boxes, sink, rider = scene(("ann",), 1, {"RCPT": REFUSAL})
    assert "\x1b" not in rider.run("status").out
    contains(on_terminal(rider, "status").wait().out, "\x1b[1;31m1 held\x1b[0m")
    out = on_terminal(rider, "status", env={"NO_COLOR": "1"}).wait().out
    contains(out, "1 held")
    assert "\x1b" not in out, out


def test_a_spark_line_is_for_locales_that_have_one():
    boxes, sink, rider = scene()
    contains(on_terminal(rider, "status").wait().out, "\u2581" * 23 + "\u2588")
    assert "\u2581" not in rider.run("status", env={"LC_ALL": "C.UTF-8"}).out
    for env in ({"LANG": "C"}, {"LC_ALL": "C"}, {"LC_CTYPE": "POSIX"}):
        out = on_terminal(rider, "status", env=env).wait().out
        contains(out, "ann")
        assert "\u2581" not in out, out


# --- status --watch -------------------------------------------------------------------

ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"


def frames(out):
    return re.split(r"\x1b\[H", out)[1:]


def shown(frame):
    """What a frame shows, line by line, without colours."""
    return [re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", line).rstrip("\r")
            for line in frame.split("\n")]


def watch(rider, frames_wanted=1, **how):
    running = on_terminal(rider, "status", "--watch", **how)
    wait_until(lambda: len(frames(running.shown())) >= frames_wanted,
               what="a frame")
    return running


@each("q", "\x03", "\x04")
def test_watch_ends_with(key):
    boxes, sink, rider = scene()
    running = watch(rider)
    ours = termios.tcgetattr(running.keyboard)
    assert not ours[3] & termios.ECHO and not ours[3] & termios.ICANON
    os.write(running.keyboard, key.encode())
    result = running.wait().expect(OK)
    out = result.out
    assert out.index(ENTER) < out.rindex(LEAVE), out
    assert out.rindex("\x1b[?25h") > out.rindex("\x1b[?25l")


def test_watch_leaves_the_terminal_as_it_was_also_when_it_is_stopped():
    boxes, sink, rider = scene()
    running = watch(rider)
    before = termios.tcgetattr(running.keyboard)
    before[3] |= termios.ECHO | termios.ICANON
    running.signal(signal.SIGTSTP)
    wait_until(lambda: LEAVE in running.shown(), what="the other screen")
    wait_until(lambda: open(f"/proc/{running.process.pid}/stat").read()
               .rsplit(")", 1)[1].split()[0] == "T", what="a stop")
    equal(termios.tcgetattr(running.keyboard)[3], before[3])
    running.signal(signal.SIGCONT)
    wait_until(lambda: running.shown().count(ENTER) == 2, what="a return")
    running.signal(signal.SIGTERM)
    result = running.wait()
    equal(result.status, -signal.SIGTERM)
    equal(result.out.count(LEAVE), 2)


def test_watch_draws_anew_what_has_changed_and_clears_nothing_first():
    boxes, sink, rider = scene()
    running = watch(rider)
    with open(os.path.join(rider.folder, "rows"), "w") as file:
        file.write(DAEMON)
    assert any("no daemon" in line for line in shown(frames(running.shown())[0]))
    rider.stand_in(DAEMON)
    wait_until(lambda: "4711" in running.shown(), what="the daemon")
    out = running.shown()
    # From one frame to the next no screen is empty.
    assert "\x1b[2J" not in out, out
    os.write(running.keyboard, b"q")
    running.wait().expect(OK)


@each((24, 80), (10, 40), (5, 20), (60, 200), (2, 3), (1, 1))
def test_watch_fits_the_window(lines, columns):
    names = [f"account-{n}" for n in range(30)]
    box = peers.Pop3Server([])
    rider = postrider.Postrider()
    rider.write([{**box.account(n), "user": n, "port": 1} for n in names],
                {"home": peers.SmtpSink().destination()})
    rider.run("fetch")
    running = watch(rider)
    fcntl.ioctl(running.keyboard, termios.TIOCSWINSZ,
                struct.pack("HHHH", lines, columns, 0, 0))
    seen = len(frames(running.shown()))
    running.signal(signal.SIGWINCH)
    for more in (1, 2, 3):  # any key has it drawn at once
        os.write(running.keyboard, b" ")
        wait_until(lambda: len(frames(running.shown())) >= seen + more,
                   what="frames")
    os.write(running.keyboard, b"q")
    # The first may still be of the old size, the last may be cut off.
    frame = shown(frames(running.wait().expect(OK).out)[seen + 1])
    assert len(frame) <= lines, frame
    assert all(len(line) <= columns for line in frame), frame
    if columns >= 80:
        assert any("30 accounts" in line for line in frame), frame


def test_watch_is_for_people():
    boxes, sink, rider = scene()
    contains(rider.run("status", "--watch").expect(USAGE).err, "terminal")
    for word in ("--json", "-q"):
        on_terminal(rider, "status", "--watch", word).wait().expect(USAGE)
    rider.run("fetch", "--watch").expect(USAGE)


def test_watch_ends_when_its_terminal_goes():
    boxes, sink, rider = scene()
    running = watch(rider)
    running.signal(signal.SIGHUP)
    equal(running.wait().status, -signal.SIGHUP)


if __name__ == "__main__":
    tap.main()
