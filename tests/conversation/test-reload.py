"""The daemon when something changes under it: settings while polls are under way,
destinations while they are tried, the machine's sleep, a restart; and what those
see who look after it from outside."""
import contextlib
import datetime
import http.client
import os
import pwd
import re
import signal
import socket
import threading
import time

import mail
import peers
import postrider
import tap
import watched
from house import (account, accounts, arrive, house, reloaded, rider_for,
                   until_accepted, write)
from postrider import (CONFIG, LATER, OK, UNAVAILABLE, USAGE, wait_until)
from tap import contains, each, equal


def live(rider, name="u0"):
    """What the daemon says of an account."""
    found = rider.run("status", "--json").json()
    return next(a for a in found["accounts"] if a["account"] == name)["live"]


def until_state(rider, state, name="u0"):
    wait_until(lambda: live(rider, name)["state"] == state, 20,
               f"{name} to be {state}, not {live(rider, name)}")


def seconds_until(when):
    there = datetime.datetime.fromisoformat(when.replace("Z", "+00:00"))
    return there.timestamp() - time.time()


class Gate:
    """Polls that have come to UIDL wait until it is opened."""

    def __init__(self, user="u0"):
        self.user, self.opened = user, threading.Event()
        self.waiting = threading.Event()
        tap.cleanup(self.opened.set)

    def __call__(self, session, _argument):
        if session.user == self.user and not self.opened.is_set():
            self.waiting.set()
            self.opened.wait(2 * tap.PATIENCE)

    def reached(self):
        assert self.waiting.wait(tap.PATIENCE), "nobody has come"

    def open(self):
        self.opened.set()


# --- settings change while polls are under way ------------------------------------


def test_an_account_removed_and_added_again_under_its_poll_is_polled_on():
    gate = Gate()
    server, sink = house(2, replies={"UIDL": gate}), peers.SmtpSink()
    rider = rider_for(accounts(server, 2), sink)
    daemon = rider.daemon()
    gate.reached()
    write(rider, [account(server, 1)], sink)
    reloaded(daemon)
    write(rider, accounts(server, 2), sink)
    reloaded(daemon)
    gate.open()
    until_accepted(sink, 2)
    arrive(server, 2)
    daemon.signal(signal.SIGUSR1)
    until_accepted(sink, 4)
    daemon.end()


def test_a_maildrop_is_not_polled_under_two_names_at_once():
    gate = Gate()
    server, sink = house(replies={"UIDL": gate}), peers.SmtpSink()
    rider = rider_for(accounts(server, 1), sink)
    daemon = rider.daemon()
    gate.reached()
    write(rider, [account(server, 0, name="renamed")], sink)
    reloaded(daemon)
    fetch = rider.start("fetch", "--same-mailbox", "renamed")
    time.sleep(1.5)
    equal(server.connections, 1)
    arrive(server, 2)
    gate.open()
    fetch.wait().expect(OK)
    equal(server.connections, 2)
    until_accepted(sink, 2)
    daemon.end()
    equal(rider.query("SELECT name FROM account"), [("renamed",)])
    equal(len(sink.accepted), 2)


def test_a_poll_under_way_is_followed_by_one_with_the_new_settings():
    gate = Gate()
    server, sink = house(replies={"UIDL": gate}), peers.SmtpSink()
    rider = rider_for(accounts(server, 1), sink)
    daemon = rider.daemon()
    gate.reached()
    write(rider, [account(server, 0, recipient="new@kit.test")], sink)
    reloaded(daemon)
    arrive(server, 2)
    gate.open()
    wait_until(lambda: server.connections == 2)
    until_accepted(sink, 2)
    daemon.end()


def test_the_destination_of_before_is_not_taken_for_the_one_of_its_name():
    """A poll finds it closed, and the settings have sent the mail elsewhere."""
    gate = Gate()
    server, sink, other = house(replies={"UIDL": gate}), *(
        peers.SmtpSink() for _ in range(2))
    rider = rider_for(accounts(server, 1), sink)
    daemon = rider.daemon()
    gate.reached()
    sink.stop()
    write(rider, accounts(server, 1), other)
    reloaded(daemon)
    gate.open()
    until_accepted(other, 1)
    result = daemon.end()
    assert "no mail is fetched" not in result.err, result.err


def test_who_waits_for_a_destination_goes_on_when_the_settings_name_another():
    server, sink, other = house(3), peers.SmtpSink(), peers.SmtpSink()
    rider = rider_for(accounts(server, 3), sink)
    sink.stop()
    daemon = rider.daemon()
    daemon.hears("no mail is fetched for it")
    until_state(rider, "blocked")
    write(rider, accounts(server, 3), other)
    reloaded(daemon)
    until_accepted(other, 3)
    daemon.end()


def deaf():
    """The port of a server that accepts connections and says nothing."""
    listener = socket.create_server(("127.0.0.1", 0))
    tap.cleanup(listener.close)
    return listener


def test_the_end_does_not_wait_long_for_a_probe_nor_leave_it_behind():
    server, listener = house(), deaf()
    to = {"smtp": "localhost", "port": listener.getsockname()[1], "tls": "none",
          "timeout": "1s", "reply_timeout": "2s"}
    rider = rider_for(accounts(server, 1), {"home": to}, stop_timeout="1s")
    daemon = rider.daemon()
    daemon.hears("no mail is fetched for it")
    listener.setblocking(True)
    listener.settimeout(tap.PATIENCE)
    for _ in range(2):  # the poll's, and that of a probe
        connection, _ = listener.accept()
        tap.cleanup(connection.close)
    daemon.end()


def test_many_changes_at_once_lose_nobody():
    """Destinations and accounts come and go while polls begin and end."""
    server, sinks = house(12), [peers.SmtpSink() for _ in range(2)]
    settings = [
        ([account(server, n, destination=f"home{n % 2}") for n in range(12)],
         {f"home{n}": sinks[n].destination() for n in range(2)}),
        ([account(server, n, destination="away") for n in range(6)],
         {"away": sinks[0].destination()}),
        (accounts(server, 12, destination="away"),
         {"away": sinks[1].destination()}),
    ]
    rider = rider_for(*settings[0], max_polls=4)
    daemon = rider.daemon()
    for turn in range(1, 30):
        some, to = settings[turn % 3]
        write(rider, some, to, max_polls=1 + turn % 4,
              max_polls_per_server=1 + turn % 3)
        daemon.signal(signal.SIGUSR1)
        reloaded(daemon)
    write(rider, *settings[0])
    reloaded(daemon)
    arrive(server, 2)
    daemon.signal(signal.SIGUSR1)
    wait_until(lambda: sum(len(s.accepted) for s in sinks) >= 24)
    daemon.end()
    equal(sorted(a.recipients[0] for s in sinks for a in s.accepted),
          sorted(2 * [f"u{n}@kit.test" for n in range(12)]))


# --- those who wait ------------------------------------------------------------------


def callers(rider):
    """How many are connected to the daemon."""
    place = os.readlink(os.path.join(rider.state, "control"))
    with open("/proc/net/unix") as file:
        return sum(line.split()[-1] == place for line in file)


def test_whoever_waits_for_an_account_that_goes_is_told():
    gate = Gate()
    server, sink = house(2, replies={"UIDL": gate}), peers.SmtpSink()
    rider = rider_for(accounts(server, 2), sink)
    daemon = rider.daemon()
    gate.reached()
    before = callers(rider)
    fetch = rider.start("fetch", "u0")
    wait_until(lambda: callers(rider) > before)
    time.sleep(0.3)
    write(rider, [account(server, 1)], sink)
    reloaded(daemon)
    gate.open()
    contains(fetch.wait().expect(CONFIG).err, "no such account any more")
    daemon.end()


def test_whoever_waits_when_the_daemon_stops_is_told():
    gate = Gate()
    server, sink = house(replies={"UIDL": gate}), peers.SmtpSink()
    rider = rider_for(accounts(server, 1), sink)
    daemon = rider.daemon()
    gate.reached()
    before = callers(rider)
    fetch = rider.start("fetch")
    wait_until(lambda: callers(rider) > before)
    time.sleep(0.3)
    daemon.signal()
    contains(fetch.wait().expect(LATER).err, "stopping")
    gate.open()
    daemon.wait().expect(OK)


def test_thousands_of_wishes_are_two_polls():
    gate = Gate()
    server, sink = house(replies={"UIDL": gate}), peers.SmtpSink()
    rider = rider_for(accounts(server, 1), sink)
    daemon = rider.daemon()
    gate.reached()
    for _ in range(2000):
        daemon.signal(signal.SIGUSR1)
    for _ in range(3):
        rider.run("wake").expect(OK)
    gate.open()
    wait_until(lambda: server.connections == 2)
    time.sleep(0.5)
    equal(server.connections, 2)
    daemon.end()


# --- questions ------------------------------------------------------------------------


def until_asked(rider, name="u0"):
    wait_until(lambda: name in
               {a["account"] for a in rider.run("status", "--json").json()["accounts"]
                if a["state"] == "asks"}, 20, f"{name} to ask")


def about(out, name="u0"):
    """What is said to be wrong with an account."""
    return [line for line in out.splitlines() if line.startswith(f"{name}: ")]


def asked(rider, words):
    """The question is shown where people and programs look, with what to do."""
    for out in (rider.run("status", *options).expect(LATER).out
                for options in ((), ("-q",))):
        line, = about(out)
        for word in (words, "asks, first ", "--same-mailbox u0"):
            contains(line, word)
    found, = rider.run("status", "--json").json()["accounts"]
    equal((found["state"], found["error_kind"]), ("asks", "question"))
    contains(found["error_text"], words)
    assert found["failures"] > 0 and found["failing_since"], found


@each("failing", "well")
def test_a_question_after_a_reload_is_what_is_wrong(before):
    """Not what was wrong with the mailbox that the settings had before."""
    server, other, sink = house(), house(contents=()), peers.SmtpSink()
    rider = rider_for(accounts(server, 1), sink)
    daemon = rider.daemon()
    until_accepted(sink, 1)
    until_state(rider, "idle")
    if before == "failing":
        server.users["u0"] = "another"
        daemon.signal(signal.SIGUSR1)
        until_state(rider, "backing_off")
        contains(*about(rider.run("status").out), "the last poll failed")
    write(rider, accounts(other, 1, pop3="127.0.0.1"), sink)
    reloaded(daemon)
    until_asked(rider)
    asked(rider, "account u0 was u0 at localhost")
    row = re.search(r"^u0 +(\w+) +\d+ \w+ +(\S+)", rider.run("status").out,
                    re.M)
    equal(row.groups(), ("asks", "-"), "the state and the next poll")
    daemon.end()
    daemon = rider.daemon()
    until_asked(rider)
    asked(rider, "account u0 was u0 at localhost")
    rider.run("fetch", "--same-mailbox").expect(OK)
    equal(rider.run("status", "-q").expect(OK).out, "")
    daemon.end()


def test_a_question_about_a_new_name_is_shown():
    server, sink = house(), peers.SmtpSink()
    rider = rider_for(accounts(server, 1), sink)
    daemon = rider.daemon()
    until_accepted(sink, 1)
    until_state(rider, "idle")
    write(rider, [account(server, 0, name="renamed")], sink)
    reloaded(daemon)
    until_asked(rider, "renamed")
    line, = about(rider.run("status", "-q").expect(LATER).out, "renamed")
    contains(line, "that of account u0 before")
    contains(line, "--same-mailbox renamed")
    contains(rider.run("status").out, "1 account: 1 asks")
    rider.run("fetch", "--same-mailbox").expect(OK)
    equal(rider.run("status", "-q").expect(OK).out, "")
    daemon.end()
    equal(len(sink.accepted), 1)


def test_a_login_that_never_went_well_is_corrected_without_a_question():
    server, sink = house(), peers.SmtpSink()
    rider = rider_for([account(server, 0, user="uO")], sink)
    daemon = rider.daemon()
    until_state(rider, "backing_off")
    write(rider, accounts(server, 1), sink)
    reloaded(daemon)
    until_accepted(sink, 1)
    until_state(rider, "idle")
    equal(rider.run("status", "-q").expect(OK).out, "")
    daemon.end()


def test_a_password_that_cannot_be_had_is_what_is_wrong():
    server, sink = house(), peers.SmtpSink()
    described = without_password(server, 0)
    rider = rider_for([{**described, "password_command": "echo no; exit 3"}],
                      sink)
    daemon = rider.daemon()
    until_state(rider, "backing_off")
    line, = about(rider.run("status", "-q").expect(LATER).out)
    contains(line, "the last poll failed ")
    contains(line, "password_command")
    found, = rider.run("status", "--json").json()["accounts"]
    equal(found["error_kind"], "secret")
    equal(found["failures"], 1)
    daemon.end()


# --- passwords --------------------------------------------------------------------------


def without_password(server, n):
    described = account(server, n)
    del described["password"]
    return described


def test_a_daemon_asks_nobody_for_a_password():
    server, sink = house(), peers.SmtpSink()
    rider = rider_for([without_password(server, 0)], sink)
    result = rider.start("run", terminal=True).wait().expect(CONFIG)
    contains(result.out, "account u0 has no password")
    contains(result.out, "password_file")


def test_settings_without_a_password_are_refused_as_a_whole():
    server, sink = house(2), peers.SmtpSink()
    rider = rider_for(accounts(server, 1), sink)
    daemon = rider.daemon()
    until_accepted(sink, 1)
    write(rider, [account(server, 0), without_password(server, 1)], sink)
    daemon.signal(signal.SIGHUP)
    daemon.hears("account u1 has no password")
    daemon.hears("stay in force")
    daemon.end()


def refused(rider, server, daemon):
    """Three polls, after which the account rests."""
    for count in range(1, 4):
        wait_until(lambda: server.connections == count)
        until_state(rider, "backing_off" if count < 3 else "resting")
        if count < 3:
            daemon.signal(signal.SIGUSR1)


def resting():
    server, sink = house(), peers.SmtpSink()
    server.users["u0"] = "another"
    rider = postrider.Postrider()
    path = rider.secret("secret", "password")
    described = without_password(server, 0)
    described["password_file"] = path
    write(rider, [described], sink)
    daemon = rider.daemon()
    refused(rider, server, daemon)
    return server, sink, rider, daemon


def test_after_three_refusals_it_rests_also_over_a_restart_until_it_is_woken():
    server, sink, rider, daemon = resting()
    daemon.end()
    daemon = rider.daemon()
    equal(live(rider)["state"], "resting")
    reloaded(daemon)
    time.sleep(1.2)
    equal(server.connections, 3)
    server.users["u0"] = "secret"
    rider.run("wake", "u0").expect(OK)
    until_accepted(sink, 1)
    daemon.end()


def test_another_password_in_its_file_is_tried_when_the_settings_are_read():
    server, sink, rider, daemon = resting()
    rider.secret("another", "password")
    reloaded(daemon)
    until_accepted(sink, 1)
    daemon.end()


# --- when -----------------------------------------------------------------------------


def test_due_times_survive_a_restart():
    server, sink = house(3), peers.SmtpSink()
    rider = rider_for(accounts(server, 3), sink)
    daemon = rider.daemon()
    until_accepted(sink, 3)
    until_state(rider, "idle")
    before = live(rider)["next_poll"]
    assert 50 * 60 < seconds_until(before) < 70 * 60, before
    daemon.end()
    daemon = rider.daemon()
    assert abs(seconds_until(live(rider)["next_poll"]) -
               seconds_until(before)) <= 2, (before, live(rider))
    time.sleep(1)
    daemon.end()
    equal(server.connections, 3)


def test_a_maildrop_in_use_is_tried_again_shortly():
    server = house(replies={"PASS": "-ERR [IN-USE] busy", "AUTH": "-ERR no"})
    rider = rider_for(accounts(server, 1, auth="user"), peers.SmtpSink(),
                      every="10s")
    daemon = rider.daemon()
    daemon.hears("u0: ")
    until_state(rider, "backing_off")
    assert 20 < seconds_until(live(rider)["next_poll"]) < 35, live(rider)
    daemon.end()


class Crowd:
    """How many are at UIDL at once. Until so many are, none goes on."""

    def __init__(self, wanted):
        self.lock, self.there, self.most = threading.Lock(), 0, 0
        self.wanted, self.full = wanted, threading.Event()

    def __call__(self, _session, _argument):
        with self.lock:
            self.there += 1
            self.most = max(self.most, self.there)
            if self.most >= self.wanted:
                self.full.set()
        self.full.wait(tap.PATIENCE)
        time.sleep(0.1)
        with self.lock:
            self.there -= 1


@each((3, 9), (9, 2))
def test_max_polls_and_max_polls_per_server_hold_across_rounds(polls, per_server):
    most = min(polls, 2 * per_server)
    crowd, sink = Crowd(most), peers.SmtpSink()
    servers = [house(5, replies={"UIDL": crowd}) for _ in range(2)]
    some = [account(servers[n % 2], n // 2, name=f"a{n}") for n in range(10)]
    rider = rider_for(some, sink, max_polls=polls,
                      max_polls_per_server=per_server)
    daemon = rider.daemon()
    for _ in range(4):
        daemon.signal(signal.SIGUSR1)
        time.sleep(0.3)
    until_accepted(sink, 10)
    rider.run("fetch").expect(OK)
    daemon.end()
    equal(crowd.most, most)


def test_a_machine_that_has_slept_does_all_in_one_round_and_not_at_once():
    seen = []
    server = house(20, contents=(), replies={
        "CONNECT": lambda *_: seen.append(time.monotonic())})
    rider = rider_for(accounts(server, 20), peers.SmtpSink())
    slept = rider.secret("0", "slept")
    daemon = rider.daemon(probe=True, env={"POSTRIDER_SLEPT": slept})
    wait_until(lambda: server.connections == 20)
    until_state(rider, "idle", "u19")
    with open(slept + ".new", "w") as file:
        file.write(str(5 * 3600))
    os.rename(slept + ".new", slept)
    # The kernel's timer has not slept: whoever asks has the daemon look up.
    wait_until(lambda: live(rider) and len(seen) >= 40)
    later = seen[20:]
    at_first = sum(when < later[0] + 0.2 for when in later)
    assert at_first <= 10, f"{at_first} at once"
    assert later[-1] - later[0] > 2, "all within two seconds"
    equal(len(seen), 40)
    daemon.end()


@each(7, 8, 9)
def test_what_could_not_be_written_is_written_when_it_can_be(sync):
    """Of a poll, and of what is kept for a restart."""
    server = house(contents=())
    rider = rider_for(accounts(server, 1), peers.SmtpSink())
    daemon = rider.daemon("--new-ledger", fault=f"sync:{sync}:once")
    daemon.hears("nothing is fetched until it can be written again")
    result = rider.run("fetch").expect(LATER)
    contains(result.err, "the ledger cannot be written")
    daemon.hears("the ledger can be written again")
    wait_until(lambda: rider.query("SELECT count(*) FROM account WHERE due > ?",
                                   time.time() + 3000) == [(1,)])
    daemon.end()


# --- seen from outside ---------------------------------------------------------------------


def test_the_supervisor_hears_what_it_has_to():
    server, sink = house(), peers.SmtpSink()
    rider = rider_for(accounts(server, 1), sink)
    place = os.path.join(tap.folder(), "notify")
    supervisor = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    tap.cleanup(supervisor.close)
    supervisor.bind(place)
    supervisor.settimeout(tap.PATIENCE)
    began = time.monotonic()
    daemon = rider.daemon(env={"NOTIFY_SOCKET": place,
                               "WATCHDOG_USEC": "600000"})
    heard = []

    def until(*words):
        for word in words:
            while not any(word in line for line in heard):
                heard.append(supervisor.recv(4096).decode())

    until("READY=1", "STATUS=1 account, ")
    while heard.count("WATCHDOG=1") < 4:
        heard.append(supervisor.recv(4096).decode())
    assert 0.6 < time.monotonic() - began < 40, heard
    daemon.signal(signal.SIGHUP)
    heard.clear()
    until("RELOADING=1\nMONOTONIC_USEC=", "READY=1")
    daemon.signal()
    until("STOPPING=1")
    daemon.wait().expect(OK)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with contextlib.closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def test_it_serves_metrics_and_says_whether_it_is_well():
    port, server, sink = free_port(), house(2), peers.SmtpSink()
    server.users["u1"] = "another"
    rider = rider_for(accounts(server, 2), sink, metrics=f"127.0.0.1:{port}")
    if not watched.is_built(rider):
        tap.skip("built without libmicrohttpd")
    daemon = rider.daemon()
    until_accepted(sink, 1)
    daemon.hears("u1: ")
    until_state(rider, "idle")
    equal(get(port, "/healthz")[0], 200)
    status, text = get(port, "/metrics")
    equal(status, 200)
    samples = [line for line in text.splitlines() if 'account="u1"' in line]
    assert samples, text
    write(rider, accounts(server, 1), sink, metrics=f"127.0.0.1:{port}")
    reloaded(daemon)
    wait_until(lambda: 'account="u1"' not in get(port, "/metrics")[1])
    contains(get(port, "/metrics")[1], 'account="u0"')
    daemon.end()


def test_a_log_that_was_renamed_is_begun_anew_at_hup():
    server, sink = house(), peers.SmtpSink()
    rider = postrider.Postrider()
    log = os.path.join(rider.folder, "log")
    write(rider, accounts(server, 1), sink, log=log)
    daemon = rider.start("run")
    until_accepted(sink, 1)
    wait_until(lambda: "u0: 1 message" in open(log).read())
    os.rename(log, log + ".1")
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: os.path.exists(log) and
               "the settings were read anew" in open(log).read())
    arrive(server, 2)
    daemon.signal(signal.SIGUSR1)
    wait_until(lambda: "u0: 1 message" in open(log).read())
    daemon.end()
    assert "read anew" not in open(log + ".1").read()


def test_what_takes_a_restart_is_told():
    server, sink = house(), peers.SmtpSink()
    rider = postrider.Postrider()
    write(rider, accounts(server, 1), sink)
    daemon = rider.daemon()
    until_accepted(sink, 1)
    write(rider, accounts(server, 1), sink, confine=False,
          log=os.path.join(rider.folder, "log"))
    reloaded(daemon)
    result = daemon.end()
    for what in ("log", "confine"):
        contains(result.err, f"{what} has changed: that takes effect when")
    assert "metrics has changed" not in result.err


def test_whoever_reloads_is_told_what_takes_a_restart():
    """By what it has begun with: settings put back have not changed."""
    server, sink = house(), peers.SmtpSink()
    rider = rider_for(accounts(server, 1), sink)
    daemon = rider.daemon()
    until_accepted(sink, 1)
    changed = {"log": os.path.join(rider.folder, "log"), "confine": False,
               "metrics": "127.0.0.1:1", "run_as": "nobody"}
    for _ in range(2):
        write(rider, accounts(server, 1), sink, **changed)
        result = rider.run("reload").expect(OK)
        equal(result.out, "the settings were read: 1 account\n")
        equal(result.err, "".join(
            f"postrider: warning: {what} has changed: that takes effect when "
            "postrider is started again\n"
            for what in ("log", "metrics", "run_as", "confine")))
        write(rider, accounts(server, 1), sink)
        equal(rider.run("reload").expect(OK).err, "")
    equal(daemon.end().err.count("log has changed"), 2)


@each("evry = \"5m\";", "what is this")
def test_wrong_settings_are_refused_by_the_daemon_which_logs_and_tells_why(wrong):
    server, sink = house(), peers.SmtpSink()
    rider = rider_for(accounts(server, 1), sink)
    daemon = rider.daemon()
    until_accepted(sink, 1)
    with open(rider.config, "a") as file:
        file.write(wrong)
    result = rider.run("reload").expect(CONFIG)
    contains(result.err, "postrider.conf:5: ")
    contains(result.err, "stay in force")
    contains(daemon.said(), result.err)
    arrive(server, 2)
    rider.run("wake").expect(OK)
    until_accepted(sink, 2)
    daemon.end()


def test_beside_broken_settings_the_daemon_goes_on_by_those_it_has():
    server, sink = house(2), peers.SmtpSink()
    rider = rider_for(accounts(server, 2), sink)
    daemon = rider.daemon()
    until_accepted(sink, 2)
    with open(rider.config, "a") as file:
        file.write("what is this")
    arrive(server, 2)
    result = rider.run("fetch", "u1").expect(OK)
    contains(result.out, "u1: 1 message (")
    contains(result.err, "postrider.conf:5: syntax error")
    rider.run("fetch").expect(OK)
    equal(len(sink.accepted), 4)
    result = rider.run("status").expect(OK)
    contains(result.out, "2 accounts: 2 ok; 4 messages today")
    contains(result.err, "postrider.conf:5: syntax error")
    contains(rider.run("fetch", "u2").expect(USAGE).err, "no such account")
    rider.run("stop").expect(OK)
    daemon.wait().expect(OK)


def rider_of(somebody, some, sink, **settings):
    """A Postrider whose folders and settings belong to that user."""
    if os.getuid() != 0:
        tap.skip("only root can become somebody else")
    rider = postrider.Postrider()
    parent = os.path.dirname(rider.folder)
    if not os.stat(parent).st_mode & 0o001:
        tap.skip(f"nobody cannot enter {parent}")
    os.mkdir(rider.state, 0o700)
    write(rider, some(rider), sink, **settings)
    for path in (rider.folder, rider.state, rider.runtime, rider.config):
        give(path, somebody)
    return rider


def give(path, somebody):
    os.chown(path, somebody.pw_uid, somebody.pw_gid)


def test_started_as_root_it_becomes_run_as():
    somebody = pwd.getpwnam("nobody")
    server, sink = house(), peers.SmtpSink()

    def some(rider):
        path = rider.secret("secret", "password")
        give(path, somebody)
        return [{**without_password(server, 0), "password_file": path}]

    rider = rider_of(somebody, some, sink, run_as="nobody")
    os.chown(rider.config, 0, 0)
    os.chmod(rider.config, 0o644)
    daemon = rider.daemon()
    until_accepted(sink, 1)
    with open(f"/proc/{daemon.process.pid}/status") as file:
        status = file.read()
    for what, number in (("Uid", somebody.pw_uid), ("Gid", somebody.pw_gid)):
        equal(re.search(rf"^{what}:\s+(.*)$", status, re.M)[1].split(),
              4 * [str(number)])
    reloaded(daemon)
    daemon.end()


def test_settings_of_run_as_with_a_password_are_read_by_root_too():
    somebody = pwd.getpwnam("nobody")
    server, sink = house(), peers.SmtpSink()
    rider = rider_of(somebody, lambda _: accounts(server, 1), sink,
                     run_as="nobody")
    daemon = rider.daemon()
    until_accepted(sink, 1)
    for command in ("status", "reload", "wake", "fetch", "held", "config"):
        equal(rider.run(command).expect(OK).err, "")
    os.chown(rider.config, 0, 0)
    contains(rider.run("reload").expect(CONFIG).err, "Permission denied")
    give(rider.config, somebody)
    rider.run("stop").expect(OK)
    daemon.wait().expect(OK)


def test_what_root_does_without_a_daemon_is_done_as_run_as():
    """Commands of the settings, too; and the ledger is that user's."""
    somebody = pwd.getpwnam("nobody")
    server = house()
    sink = peers.SmtpSink(replies={"RCPT": "550 5.1.1 nobody of that name"})

    def some(rider):
        return [{**without_password(server, 0), "password_command":
                 f"id -u >>{rider.folder}/who; echo secret"}]

    rider = rider_of(somebody, some, sink, run_as="nobody")
    rider.run("fetch").expect(UNAVAILABLE)
    for command in (("list",), ("plan",), ("held", "show", "1"),
                    ("held", "save", "1", os.path.join(rider.folder, "saved"))):
        rider.run(*command).expect(OK)
    rider.run("check").expect(UNAVAILABLE)
    with open(os.path.join(rider.folder, "who")) as file:
        equal(file.read().split(), 6 * [str(somebody.pw_uid)])
    rider.run("held", "retry", "1").expect(OK)
    equal({os.stat(os.path.join(rider.state, name)).st_uid
           for name in os.listdir(rider.state)}, {somebody.pw_uid})


@each("the file of a third", "the include of a third", "run_as by a third")
def test_root_believes_no_third_user(case):
    """A password stands in a file that is neither root's nor that of run_as."""
    somebody, third = pwd.getpwnam("nobody"), pwd.getpwnam("daemon")
    server, sink = house(), peers.SmtpSink()
    rider = rider_of(somebody, lambda _: accounts(server, 1), sink,
                     **({} if case.startswith("run_as") else
                        {"run_as": "nobody"}))
    if case.startswith("the file"):
        named = rider.config
    else:
        named = os.path.join(rider.folder, "more.conf")
        with open(rider.config, "a") as file:
            file.write('@include "more.conf"\n')
        with open(named, "w") as file:
            file.write('run_as = "nobody";\n' if case.startswith("run_as") else
                       'defaults = { password = "secret"; };\n')
        os.chmod(named, 0o600)
    if case.startswith("the include"):
        with open(rider.config) as file:
            text = file.read()
        rider.write_text(re.sub("defaults = .*\n", "", text))
        give(rider.config, somebody)
    give(named, third)
    for command in ("run", "fetch", "check", "config"):
        result = rider.run(command).expect(CONFIG)
        contains(result.err, "the file belongs to another user; run: chown ")
    equal(server.connections, 0)


def landlock_is_there(rider):
    found = rider.daemon("-v")
    found.hears("event=confined")
    there = "landlock=0" not in found.said()
    found.end()
    return there


def test_what_the_settings_do_not_need_is_out_of_reach():
    """A password file that leads somewhere else is not followed."""
    server, sink = house(), peers.SmtpSink()
    rider = postrider.Postrider()
    elsewhere = os.path.join(tap.folder(), "treasure")
    with open(os.open(elsewhere, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write("secret\n")
    described = without_password(server, 0)
    described["password_file"] = rider.secret("secret", "password")
    write(rider, [described], sink)
    if not landlock_is_there(rider):
        tap.skip("this kernel has no Landlock")
    daemon = rider.daemon()
    until_accepted(sink, 1)
    os.unlink(described["password_file"])
    os.symlink(elsewhere, described["password_file"])
    daemon.signal(signal.SIGUSR1)
    daemon.hears("Permission denied")
    described["password_file"] = elsewhere
    write(rider, [described], sink)
    daemon.signal(signal.SIGHUP)
    daemon.hears("stay in force")
    contains(daemon.said(), elsewhere)
    daemon.end()


if __name__ == "__main__":
    tap.main()
