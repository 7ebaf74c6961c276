"""The daemon: who is polled when, what new settings change, and how it ends."""
import contextlib
import os
import signal
import subprocess
import threading

import mail
import peers
import postrider
import tap
from house import (HOUR, account, accounts, arrive, house, reloaded, rider_for,
                   until_accepted)
from postrider import LATER, USAGE, wait_until
from tap import contains, each, equal


def recipients(sink):
    return sorted(r for a in sink.accepted for r in a.recipients)


# --- rounds ----------------------------------------------------------------------


def test_after_the_start_every_account_is_polled():
    server, sink = house(5), peers.SmtpSink()
    daemon = rider_for(accounts(server, 5), sink).daemon()
    until_accepted(sink, 5)
    result = daemon.end()
    equal(recipients(sink), [f"u{n}@kit.test" for n in range(5)])
    contains(result.err, "u0: 1 message (")
    contains(result.err, "delivered to home")


def test_it_takes_no_names():
    server, sink = house(), peers.SmtpSink()
    result = rider_for(accounts(server, 1), sink).run("run", "u0").expect(USAGE)
    contains(result.err, "takes no names")


def test_thousands_of_accounts_need_little_memory_also_when_they_are_read_anew():
    """The kit looks at the most that was used: two readings at once."""
    server, sink, count = house(), peers.SmtpSink(), 3000
    rider = rider_for(accounts(server, count), sink)
    daemon = rider.daemon()
    contains(daemon.said(), f"{count} accounts")
    rider.write([account(server, 0, ordered=True),
                 *accounts(server, count)[1:]],
                {"home": sink.destination()}, {"every": HOUR})
    reloaded(daemon)
    daemon.end()


def test_an_account_is_polled_again_when_it_is_due():
    server, sink = house(), peers.SmtpSink()
    daemon = rider_for(accounts(server, 1), sink, every="10s").daemon()
    until_accepted(sink, 1)
    arrive(server, 2)
    until_accepted(sink, 2, 30)
    daemon.end()


def test_a_poll_without_news_is_not_told_of():
    server, sink = house(contents=()), peers.SmtpSink()
    daemon = rider_for(accounts(server, 1), sink).daemon()
    wait_until(lambda: server.connections >= 1)
    result = daemon.end()
    equal([line for line in result.err.splitlines() if "u0" in line], [])


def test_with_v_it_is_told_of():
    server, sink = house(contents=()), peers.SmtpSink()
    daemon = rider_for(accounts(server, 1), sink).daemon("-v")
    daemon.hears("account=u0 event=polled")
    daemon.end()


def test_at_sigusr1_all_are_polled_at_once():
    server, sink = house(3), peers.SmtpSink()
    daemon = rider_for(accounts(server, 3), sink).daemon()
    until_accepted(sink, 3)
    arrive(server, 2)
    daemon.signal(signal.SIGUSR1)
    until_accepted(sink, 6)
    daemon.end()


def test_a_mailbox_that_hangs_delays_no_other():
    server = house(3, replies={"UIDL": lambda session, _:
                               peers.SILENCE if session.user == "u0" else None})
    sink = peers.SmtpSink()
    daemon = rider_for(accounts(server, 3), sink).daemon()
    until_accepted(sink, 2)
    arrive(server, 2)
    daemon.signal(signal.SIGUSR1)
    until_accepted(sink, 4)
    equal(sorted(set(recipients(sink))), ["u1@kit.test", "u2@kit.test"])
    daemon.signal()
    daemon.end()


def test_the_same_failure_is_told_once_and_that_it_is_over():
    server = house(replies={"UIDL": ["-ERR [SYS/TEMP] later"] * 3 + [None]})
    sink = peers.SmtpSink()
    daemon = rider_for(accounts(server, 1), sink).daemon()
    daemon.hears("u0: ")
    for failures in (2, 3):
        before = server.connections
        daemon.signal(signal.SIGUSR1)
        wait_until(lambda: server.connections > before)
    daemon.signal(signal.SIGUSR1)
    daemon.hears("well again")
    until_accepted(sink, 1)
    result = daemon.end()
    equal(result.err.count("refused UIDL"), 1, result.err)


# --- destinations ----------------------------------------------------------------


def test_polls_wait_for_a_destination_that_is_down():
    """Nothing is downloaded for it, and the first one that finds it down tells."""
    server, sink = house(3), peers.SmtpSink()
    rider = rider_for(accounts(server, 3), sink)
    port = sink.port
    sink.stop()
    daemon = rider.daemon()
    daemon.hears("no mail is fetched for it")
    before = server.connections
    daemon.signal(signal.SIGUSR1)
    again = peers.SmtpSink(port=port)
    daemon.hears("home: takes mail again", 40)
    until_accepted(again, 3)
    assert server.connections <= before + 3, "it was polled meanwhile"
    result = daemon.end()
    equal(result.err.count("no mail is fetched"), 1, result.err)


# --- new settings ----------------------------------------------------------------


def test_an_account_that_is_new_is_polled():
    server, sink = house(2), peers.SmtpSink()
    rider = rider_for(accounts(server, 1), sink)
    daemon = rider.daemon()
    until_accepted(sink, 1)
    rider.write(accounts(server, 2), {"home": sink.destination()},
                {"every": HOUR})
    reloaded(daemon)
    until_accepted(sink, 2)
    daemon.end()
    equal(recipients(sink), ["u0@kit.test", "u1@kit.test"])


def test_an_account_that_is_gone_is_polled_no_more():
    server, sink = house(2), peers.SmtpSink()
    rider = rider_for(accounts(server, 2), sink)
    daemon = rider.daemon()
    until_accepted(sink, 2)
    rider.write(accounts(server, 1), {"home": sink.destination()},
                {"every": HOUR})
    reloaded(daemon)
    arrive(server, 2)
    daemon.signal(signal.SIGUSR1)
    until_accepted(sink, 3)
    daemon.end()
    equal(recipients(sink), ["u0@kit.test", "u0@kit.test", "u1@kit.test"])


def test_an_account_that_moves_to_another_server_is_polled_there():
    one, other = house(), house(contents=(mail.simple(1), mail.simple(2)))
    sink = peers.SmtpSink()
    rider = rider_for(accounts(one, 1), sink)
    daemon = rider.daemon()
    until_accepted(sink, 1)
    rider.write(accounts(other, 1), {"home": sink.destination()},
                {"every": HOUR})
    reloaded(daemon)
    until_accepted(sink, 2)
    daemon.end()


def test_mail_goes_to_a_destination_as_it_is_now():
    server, sink, other = house(), peers.SmtpSink(), peers.SmtpSink()
    rider = rider_for(accounts(server, 1), sink)
    daemon = rider.daemon()
    until_accepted(sink, 1)
    rider.write(accounts(server, 1), {"home": other.destination()},
                {"every": HOUR})
    reloaded(daemon)
    arrive(server, 2)
    daemon.signal(signal.SIGUSR1)
    until_accepted(other, 1)
    daemon.end()
    equal(len(sink.accepted), 1)


def test_settings_that_are_wrong_change_nothing():
    server, sink = house(2), peers.SmtpSink()
    rider = rider_for(accounts(server, 2), sink)
    daemon = rider.daemon()
    until_accepted(sink, 2)
    rider.write([account(server, 0), account(server, 1, evry="5m")],
                {"home": sink.destination()})
    daemon.signal(signal.SIGHUP)
    daemon.hears("stay in force")
    contains(daemon.said(), "evry")
    arrive(server, 2)
    daemon.signal(signal.SIGUSR1)
    until_accepted(sink, 4)
    daemon.end()


def test_a_poll_under_way_is_not_disturbed():
    """Its own account is gone in the settings, and still it ends well."""
    gate, there = threading.Event(), threading.Event()

    def wait(session, _argument):
        if session.user == "u1":
            there.set()
            gate.wait(tap.PATIENCE)

    server, sink = house(2, replies={"UIDL": wait}), peers.SmtpSink()
    rider = rider_for(accounts(server, 2), sink)
    daemon = rider.daemon()
    assert there.wait(tap.PATIENCE)
    rider.write(accounts(server, 1), {"home": sink.destination()},
                {"every": HOUR})
    reloaded(daemon)
    gate.set()
    until_accepted(sink, 2)
    daemon.end()
    equal(recipients(sink), ["u0@kit.test", "u1@kit.test"])


# --- commands of its own ----------------------------------------------------------


def noted(path, seconds=20):
    """What a command has written, once it is there, as a dict."""
    wait_until(lambda: os.path.exists(path), seconds, path)
    with open(path) as file:
        return dict(line.rstrip("\n").split("=", 1) for line in file
                    if line.startswith("POSTRIDER_"))


def note_to(path):
    """A command that writes its environment, all at once."""
    return f"env >{path}.new && mv {path}.new {path}"


def test_on_mail_is_run_when_mail_has_come_and_only_then():
    server, sink = house(), peers.SmtpSink()
    rider = rider_for(accounts(server, 1), sink)
    path = os.path.join(rider.folder, "noted")
    rider.write(accounts(server, 1, on_mail=note_to(path),
                         on_error=f"touch {path}"),
                {"home": sink.destination()}, {"every": HOUR})
    daemon = rider.daemon("-v")
    told = noted(path)
    equal(told["POSTRIDER_ACCOUNT"], "u0")
    equal(told["POSTRIDER_DELIVERED"], "1")
    daemon.hears("account=u0 event=on_mail")
    os.unlink(path)
    daemon.signal(signal.SIGUSR1)
    daemon.hears("account=u0 event=polled")
    daemon.end()
    assert not os.path.exists(path), "it was run for an empty poll"


def test_on_error_is_run_when_a_poll_has_failed():
    server, sink = house(replies={"PASS": "-ERR [AUTH] go away"}), peers.SmtpSink()
    rider = rider_for(accounts(server, 1), sink)
    path = os.path.join(rider.folder, "noted")
    rider.write(accounts(server, 1, auth="user", on_mail=f"touch {path}",
                         on_error=note_to(path)),
                {"home": sink.destination()}, {"every": HOUR})
    daemon = rider.daemon()
    told = noted(path)
    equal(told["POSTRIDER_ERROR_KIND"], "auth")
    contains(told["POSTRIDER_ERROR"], "go away")
    daemon.end()


def test_a_command_that_hangs_delays_no_poll_and_not_the_end():
    server, sink = house(), peers.SmtpSink()
    rider = rider_for(accounts(server, 1, on_mail="sleep 1000"), sink)
    daemon = rider.daemon()
    until_accepted(sink, 1)
    arrive(server, 2)
    daemon.signal(signal.SIGUSR1)
    until_accepted(sink, 2)
    result = daemon.end()
    contains(result.err, "on_mail was ended, since postrider ends")


# --- the end ---------------------------------------------------------------------


@each(signal.SIGTERM, signal.SIGINT)
def test_asked_to_stop_it_ends_well(number):
    server, sink = house(2), peers.SmtpSink()
    daemon = rider_for(accounts(server, 2), sink).daemon()
    until_accepted(sink, 2)
    result = daemon.end(number)
    contains(result.err, "stopping")
    equal(sink.problems, [])


def test_what_hangs_is_broken_off_after_stop_timeout():
    server = house(replies={"UIDL": peers.SILENCE})
    sink = peers.SmtpSink()
    daemon = rider_for(accounts(server, 1), sink, stop_timeout="1s").daemon()
    wait_until(lambda: server.connections >= 1)
    daemon.end()


def test_a_second_one_is_told_who_runs():
    server, sink = house(), peers.SmtpSink()
    rider = rider_for(accounts(server, 1), sink)
    daemon = rider.daemon()
    result = rider.run("run").expect(LATER)
    contains(result.err, str(daemon.process.pid))
    daemon.end()


def count(rider, state):
    return rider.query("SELECT count(*) FROM message WHERE state = ?",
                       state)[0][0]


def test_killed_and_started_again_nothing_comes_twice():
    server, sink = house(5, contents=[mail.simple(n) for n in range(20)]), peers.SmtpSink()
    rider = rider_for(accounts(server, 5), sink)
    daemon = rider.daemon()
    until_accepted(sink, 10)
    daemon.signal(signal.SIGKILL)
    daemon.wait()
    in_doubt = count(rider, "in_doubt")
    daemon = rider.daemon()
    wait_until(lambda: count(rider, "delivered") == 100 - in_doubt)
    daemon.end()
    assert 100 - in_doubt <= len(sink.accepted) <= 100, len(sink.accepted)


# --- a ledger that cannot be written ----------------------------------------------


def test_when_there_is_room_on_the_disk_again_it_goes_on():
    server, sink = house(3), peers.SmtpSink()
    rider = rider_for(accounts(server, 3), sink)
    small_disk(rider.state, 16384)
    daemon = rider.daemon()
    until_accepted(sink, 3)
    filler = os.path.join(rider.state, "filler")
    with open(filler, "wb", buffering=0) as file, \
            contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    for number in range(2, 200):
        arrive(server, number)
    daemon.signal(signal.SIGUSR1)
    daemon.hears("nothing is fetched until it can be written again")
    os.unlink(filler)
    daemon.hears("the ledger can be written again", 30)
    wait_until(lambda: count(rider, "delivered") + count(rider, "in_doubt")
               == 3 * 199)
    daemon.end()
    # What is in doubt the daemon would send again later.
    rider.fetch()
    equal(count(rider, "delivered"), 3 * 199)
    equal(len({(a.recipients[0], a.digest()) for a in sink.accepted}), 3 * 199)


def small_disk(folder, kib):
    os.makedirs(folder, 0o700, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"mode=700,size={kib}k",
             "postrider-test", folder]
    if os.getuid() != 0 or subprocess.run(
            mount, capture_output=True, check=False).returncode != 0:
        tap.skip("only root, and where it may, can mount a file system")
    tap.cleanup(lambda: subprocess.run(["umount", folder], check=True))


if __name__ == "__main__":
    tap.main()
