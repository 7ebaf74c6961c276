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
from postrider import CONFIG, LATER, OK, wait_until
from tap import contains, each, equal

HOUR = "1h"


def house(count=1, **how):
    """A server with mailboxes u0, u1, …, each with one message."""
    how.setdefault("contents", (mail.simple(1),))
    return peers.Pop3Server(users={f"u{n}": "secret" for n in range(count)}, **how)


def account(server, n, **settings):
    settings = {"name": f"u{n}", "user": f"u{n}", "recipient": f"u{n}@kit.test",
                **settings}
    return server.account(settings.pop("name"), **settings)


def accounts(server, count, **settings):
    return [account(server, n, **settings) for n in range(count)]


def arrive(server, number):
    server.messages.append(peers.Message(mail.simple(number), uid=f"uid{number}"))


def write(rider, some, sink, every=HOUR, **settings):
    to = sink if isinstance(sink, dict) else {"home": sink.destination()}
    rider.write(some, to, {"every": every}, **settings)


def rider_for(some, sink, **settings):
    rider = postrider.Postrider()
    write(rider, some, sink, **settings)
    return rider


def until_accepted(sink, count, seconds=20):
    wait_until(lambda: len(sink.accepted) >= count, seconds,
               f"{count} messages, of {len(sink.accepted)}")


def reloaded(daemon):
    before = daemon.said().count("the settings were read anew")
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: daemon.said().count("the settings were read anew")
               > before, what="new settings")


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


def test_started_as_root_it_becomes_run_as():
    if os.getuid() != 0:
        tap.skip("only root can become somebody else")
    somebody = pwd.getpwnam("nobody")
    server, sink = house(), peers.SmtpSink()
    rider = postrider.Postrider()
    described = without_password(server, 0)
    described["password_file"] = rider.secret("secret", "password")
    write(rider, [described], sink, run_as="nobody")
    os.mkdir(rider.state, 0o700)
    os.chmod(rider.config, 0o644)
    for path in (rider.folder, rider.state, rider.runtime,
                 described["password_file"]):
        os.chown(path, somebody.pw_uid, somebody.pw_gid)
    parent = os.path.dirname(rider.folder)
    if not os.stat(parent).st_mode & 0o001:
        tap.skip(f"nobody cannot enter {parent}")
    daemon = rider.daemon()
    until_accepted(sink, 1)
    with open(f"/proc/{daemon.process.pid}/status") as file:
        status = file.read()
    for what, number in (("Uid", somebody.pw_uid), ("Gid", somebody.pw_gid)):
        equal(re.search(rf"^{what}:\s+(.*)$", status, re.M)[1].split(),
              4 * [str(number)])
    reloaded(daemon)
    daemon.end()


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
