"""Several mailboxes polled at the same time: as many as the settings allow and no
more, none waiting for another, and each as if it were alone."""
import os
import re
import signal
import threading
import time

import mail
import peers
import postrider
import tap
from postrider import AUTH, IO_ERROR, LATER, OK, wait_until
from tap import contains, each, equal

PATIENCE = tap.PATIENCE
CHUNKING = ("PIPELINING", "8BITMIME", "SIZE", "CHUNKING")


class Meter:
    """How many sessions there are at once, and were at most."""

    def __init__(self):
        self.lock, self.now, self.most, self.all = threading.Lock(), 0, 0, 0

    def enter(self):
        with self.lock:
            self.now, self.all = self.now + 1, self.all + 1
            self.most = max(self.most, self.now)

    def leave(self):
        with self.lock:
            self.now -= 1


class MeteredSession(peers.Pop3Session):
    """Knows its user. Counted from the login until the answer to RETR, which the
    program certainly waits for."""

    def talk(self):
        self.name, self.counted = None, False
        try:
            super().talk()
        finally:
            self.leave()

    def leave(self):
        if self.counted:
            self.counted = False
            for meter in self.server.meters:
                meter.leave()

    def enter(self, user, password):
        self.name, self.counted = user, True
        for meter in self.server.meters:
            meter.enter()
        super().enter(user, password)

    def do_retr(self, argument):
        self.leave()
        return super().do_retr(argument)


class House(peers.Pop3Server):
    """A server with many mailboxes, all with the same mail in them. users: the
    first letter of their names."""

    session = MeteredSession

    def __init__(self, count, contents=(mail.simple(1),), letter="u", meter=None,
                 **how):
        self.count, self.letter = count, letter
        self.meter = Meter()
        self.meters = [m for m in (self.meter, meter) if m]
        super().__init__(contents,
                         users={f"{letter}{n}": "secret" for n in range(count)},
                         **how)

    def accounts(self, **settings):
        return [self.account(f"{self.letter}{n}", user=f"{self.letter}{n}",
                             recipient=f"{self.letter}{n}@kit.test", **settings)
                for n in range(self.count)]


def settled(houses, sink, defaults=None, destinations=None, **settings):
    """A Postrider for all mailboxes of some houses. A server is silent for as long
    as it waits at a gate."""
    rider = postrider.Postrider()
    rider.write([a for house in houses for a in house.accounts()],
                destinations or {"home": sink.destination()},
                {"timeout": f"{2 * PATIENCE}s", **(defaults or {})},
                **settings)
    return rider


def gate(count):
    """A reply that comes when so many sessions wait for it."""
    barrier = threading.Barrier(count)

    def wait(_session, _argument):
        barrier.wait(PATIENCE)
    return wait


def until(event):
    """A reply that comes after something else."""
    def wait(_session, _argument):
        if not event.wait(PATIENCE):
            raise AssertionError("waited in vain")
    return wait


def of_user(user, reply):
    """That reply for one user, the usual one for others."""
    def judge(session, argument):
        if session.name != user:
            return None
        return reply(session, argument) if callable(reply) else reply
    return judge


def recipients(sink):
    return sorted(r for a in sink.accepted for r in a.recipients)


def everybody(*houses):
    return sorted(f"{h.letter}{n}@kit.test" for h in houses
                  for n in range(h.count))


# --- how many at once -------------------------------------------------------------


@each("AUTH", "UIDL", "RETR")
def test_all_are_polled_at_once(command):
    """None goes on before all have come as far."""
    house, sink = House(20, replies={command: gate(20)}), peers.SmtpSink()
    rider = settled([house], sink, max_polls=20, max_polls_per_server=20)
    rider.fetch()
    equal(recipients(sink), everybody(house))
    equal(house.problems, [])


def test_no_more_are_polled_than_allowed():
    both = Meter()
    wait = gate(6)
    houses = [House(12, letter=x, meter=both, replies={"STAT": wait})
              for x in "uv"]
    sink = peers.SmtpSink()
    rider = settled(houses, sink, max_polls=6, max_polls_per_server=6)
    rider.fetch()
    equal(recipients(sink), everybody(*houses))
    equal(both.most, 6)


def test_no_more_are_polled_of_one_server_than_allowed():
    both = Meter()
    wait = gate(6)
    houses = [House(9, letter=x, meter=both, replies={"STAT": wait})
              for x in "uv"]
    sink = peers.SmtpSink()
    rider = settled(houses, sink, max_polls=100, max_polls_per_server=3)
    rider.fetch()
    equal(recipients(sink), everybody(*houses))
    equal([h.meter.most for h in houses] + [both.most], [3, 3, 6])


def test_by_default_four_of_one_server_are_polled_at_once():
    house = House(12, replies={"STAT": gate(4)})
    sink = peers.SmtpSink()
    settled([house], sink).fetch()
    equal(house.meter.most, 4)


def test_a_server_is_the_same_in_whatever_case():
    house = House(6, replies={"STAT": gate(2)})
    sink = peers.SmtpSink()
    accounts = house.accounts()
    for n, account in enumerate(accounts):
        account["pop3"] = ("localhost", "LOCALHOST", "LocalHost")[n % 3]
    rider = postrider.Postrider()
    rider.write(accounts, {"home": sink.destination()}, max_polls_per_server=2)
    rider.fetch()
    equal(recipients(sink), everybody(house))
    equal(house.meter.most, 2)


def test_one_after_the_other_is_still_possible():
    house, sink = House(5), peers.SmtpSink()
    settled([house], sink, max_polls=1).fetch()
    equal((house.meter.most, recipients(sink)), (1, everybody(house)))


def test_few_open_files_mean_fewer_polls_at_once():
    """The system allows 160 files, and 200 polls would need more."""
    house, sink = House(60), peers.SmtpSink()
    rider = settled([house], sink, max_polls=60, max_polls_per_server=60)
    rider.fetch(by=("sh", "-c", 'ulimit -n 160; exec "$@"', "sh"))
    equal(recipients(sink), everybody(house))
    assert house.meter.most < 20, house.meter.most


def test_more_open_files_than_usual_are_asked_for():
    """A thousand is what systems allow at first."""
    count = 120
    house = House(count, replies={"RETR": gate(count)})
    sink = peers.SmtpSink()
    rider = settled([house], sink, max_polls=count, max_polls_per_server=count)
    rider.fetch(by=("sh", "-c", 'ulimit -S -n 256; exec "$@"', "sh"))
    equal(house.meter.most, count)


def test_two_hundred_polls_at_once_need_little_memory():
    house = House(200, [mail.simple(1, b"x" * 4000 + b"\r\n")],
                  replies={"RETR": gate(200)}, tls="implicit")
    house.listener.listen(256)
    sink = peers.SmtpSink(keywords=CHUNKING)
    rider = settled([house], sink, max_polls=200, max_polls_per_server=200)
    rider.memory_limit = 64 << 10
    rider.fetch()
    equal(recipients(sink), everybody(house))
    equal(house.meter.most, 200)


# --- none waits for another -------------------------------------------------------


def test_a_server_that_is_full_keeps_no_other_waiting():
    """The many wait for the one, which comes last in the settings."""
    polled = threading.Event()
    many = House(5, replies={"STAT": until(polled)})
    one = House(1, letter="v",
                replies={"QUIT": lambda *_: polled.set()})
    sink = peers.SmtpSink()
    rider = settled([many, one], sink, max_polls=2, max_polls_per_server=1)
    rider.fetch()
    equal(recipients(sink), everybody(many, one))


def test_a_mailbox_that_hangs_keeps_no_other_waiting():
    others = threading.Event()
    house = House(8, replies={"UIDL": of_user("u0", until(others))})
    sink = peers.SmtpSink()
    rider = settled([house], sink, max_polls_per_server=2)
    running = rider.start("fetch")
    wait_until(lambda: len(sink.accepted) == 7, what="the others")
    equal(recipients(sink), everybody(house)[1:])
    others.set()
    equal(running.wait().status, OK)
    equal(recipients(sink), everybody(house))


def test_a_mailbox_that_falls_silent_fails_alone():
    house = House(6, replies={"UIDL": of_user("u3", peers.SILENCE)})
    sink = peers.SmtpSink()
    rider = settled([house], sink, {"timeout": f"{tap.SHORT_S}s"})
    result = rider.fetch(status=LATER)
    equal(len(sink.accepted), 5)
    equal(len(result.err.splitlines()), 1)
    contains(result.err, "postrider: u3: ")


def test_commands_for_passwords_run_at_the_same_time():
    house = House(6)
    sink = peers.SmtpSink()
    rider = postrider.Postrider()
    there = os.path.join(rider.folder, "there")
    os.mkdir(there)
    accounts = house.accounts()
    for account in accounts:
        del account["password"]
        account["password_command"] = (
            f"touch {there}/{account['name']}; n=0; "
            f"while [ $(ls {there} | wc -l) -lt 6 ] && [ $n -lt 400 ]; "
            "do sleep 0.05; n=$((n + 1)); done; "
            f"[ $(ls {there} | wc -l) -eq 6 ] && echo secret")
    rider.write(accounts, {"home": sink.destination()}, max_polls_per_server=6)
    rider.fetch()
    equal(recipients(sink), everybody(house))


# --- each as if it were alone -----------------------------------------------------


def test_a_wrong_password_concerns_one_mailbox_only():
    house = House(8)
    house.users["u5"] = "another"
    sink = peers.SmtpSink()
    result = settled([house], sink).fetch(status=AUTH)
    equal(recipients(sink), [r for r in everybody(house) if r[:2] != "u5"])
    equal(len(result.err.splitlines()), 1)
    contains(result.err, "postrider: u5: ")


@each("the worst comes first", "the worst comes last")
def test_the_worst_status_counts(order):
    """A refused password is worse than a connection that broke."""
    house = House(3, replies={"UIDL": of_user("u1", peers.DROP)})
    house.users["u0"] = "another"
    sink = peers.SmtpSink()
    accounts = house.accounts()
    if order.endswith("last"):
        accounts.reverse()
    rider = postrider.Postrider()
    rider.write(accounts, {"home": sink.destination()}, max_polls=1)
    result = rider.fetch(status=AUTH)
    equal(recipients(sink), ["u2@kit.test"])
    equal(len(result.err.splitlines()), 2)


def test_mailboxes_of_one_destination_share_its_connections():
    """All messages come at the same moment, and so many connections take them as
    there may be at most: one, or as many as are worth it while mail waits."""
    for most in (1, 4):
        house = House(10, replies={"RETR": gate(10)})
        sink = peers.SmtpSink(keywords=CHUNKING)
        settled([house], sink, max_polls_per_server=10, destinations={
            "home": sink.destination(connections=most)}).fetch()
        equal(recipients(sink), everybody(house))
        assert 1 <= sink.connections <= most, sink.connections


def test_what_many_mailboxes_will_bring_finds_several_connections():
    """No message comes before there are two of them."""
    count, sink = 60, peers.SmtpSink(keywords=CHUNKING)

    def when_two_are_there(_session, _argument):
        wait_until(lambda: sink.connections >= 2)

    house = House(count, replies={"UIDL": gate(count),
                                  "RETR": when_two_are_there})
    settled([house], sink, max_polls=count, max_polls_per_server=count).fetch()
    equal(recipients(sink), everybody(house))


def test_destinations_are_left_at_the_same_time():
    """No server answers QUIT before it has come to all of them."""
    house = House(4)
    wait = gate(4)
    sinks = [peers.SmtpSink(replies={"QUIT": wait}) for _ in range(4)]
    accounts = [{**a, "destination": f"to{n}"}
                for n, a in enumerate(house.accounts())]
    rider = postrider.Postrider()
    rider.write(accounts, {f"to{n}": sink.destination()
                           for n, sink in enumerate(sinks)})
    rider.fetch()
    equal([recipients(sink) for sink in sinks],
          [[f"u{n}@kit.test"] for n in range(4)])
    equal([sink.problems for sink in sinks], [[]] * 4)


def test_a_ledger_that_fails_ends_all_and_is_told_once():
    house = House(40)
    sink = peers.SmtpSink()
    rider = settled([house], sink, max_polls=8, max_polls_per_server=8)
    rider.fetch("u0")
    result = rider.fetch(fault="sync:3", status=IO_ERROR)
    equal(len(result.err.splitlines()), 1)
    contains(result.err, "ledger")
    assert house.meter.all <= 20, f"{house.meter.all} sessions"
    before = len(sink.accepted)
    rider.fetch()
    equal(sorted(set(recipients(sink))), everybody(house))
    assert len(sink.accepted) - before >= 40 - before


def test_the_ledger_syncs_for_many_at_once():
    """A poll of one message writes five times: that it begins, its plan, the
    intent, the verdict, how it ended."""
    count = 50
    house = House(count, replies={"RETR": gate(count)})
    sink = peers.SmtpSink(keywords=CHUNKING)
    rider = settled([house], sink, max_polls=count, max_polls_per_server=count)
    told = os.path.join(rider.folder, "syncs")
    rider.fetch(fault="slow:20", env={"POSTRIDER_LEDGER_SYNCS": told})
    equal(recipients(sink), everybody(house))
    with open(told) as file:
        syncs = int(file.read())
    assert 5 < syncs < 2 * count, f"{syncs} syncs"


# --- what is said -----------------------------------------------------------------


def test_each_mailbox_has_a_line_in_the_order_in_which_they_end():
    count, turn = 6, [threading.Event() for _ in range(7)]

    def wait(session, _):
        until(turn[int(session.name[1:]) + 1])(session, _)
    house = House(count, replies={"RETR": wait})
    sink = peers.SmtpSink()
    rider = settled([house], sink, max_polls_per_server=count)
    running = rider.start("fetch")
    for n in reversed(range(count)):
        turn[n + 1].set()
        wait_until(lambda: f"u{n}: 1 message" in running.shown(), what=f"u{n}")
    result = running.wait().expect(OK)
    equal([line.split(":")[0] for line in result.out.splitlines()],
          [f"u{n}" for n in reversed(range(count))])


def test_lines_of_many_polls_at_once_stay_whole():
    count = 24
    house = House(count, [mail.simple(n) for n in range(5)],
                  replies={"RETR": gate(count)})
    sink = peers.SmtpSink(keywords=CHUNKING)
    rider = settled([house], sink, max_polls=count, max_polls_per_server=count)
    result = rider.fetch("-vv")
    line = re.compile(r"u\d+: 5 messages \(\d+\.\d kB\) delivered to home in "
                      r"\d+\.\d s")
    for said in result.out.splitlines():
        assert line.fullmatch(said), said
    equal(len(result.out.splitlines()), count)
    line = re.compile(r"(u\d+|home) [<>] .*|account=u\d+ .*event=.*")
    for said in result.err.splitlines():
        assert line.fullmatch(said), said
    equal(result.err.count("event=delivered"), 5 * count)


def screen(shown):
    """The lines that a terminal shows in the end."""
    lines = [""]
    for part in re.split(r"(\r\n|\r\x1b\[K|\r|\x1b\[K)", shown):
        if part == "\r\n":
            lines.append("")
        elif part in ("\r\x1b[K", "\r"):
            lines[-1] = ""
        elif part != "\x1b[K":
            lines[-1] += part
    return lines


def test_on_a_terminal_one_line_shows_how_far_all_are():
    count, go = 5, threading.Event()
    house = House(count, replies={"RETR": of_user("u4", until(go))})
    sink = peers.SmtpSink()
    rider = settled([house], sink, max_polls_per_server=count)
    running = rider.start("fetch", terminal=True)
    wait_until(lambda: "4 of 5 mailboxes, 4 of 5 messages" in running.shown(),
               what="the progress")
    assert re.search(r"4 of 5 mailboxes[^\r]*; u4\x1b", running.shown())
    go.set()
    lines = screen(running.wait().expect(OK).out)
    equal(sorted(line.split(":")[0] for line in lines),
          ["", *(f"u{n}" for n in range(count))])


def test_questions_for_passwords_come_one_after_the_other():
    house = House(3)
    sink = peers.SmtpSink()
    accounts = house.accounts()
    for account in accounts:
        del account["password"]
    rider = postrider.Postrider()
    rider.write(accounts, {"home": sink.destination()})
    running = rider.start("fetch", terminal=True)
    for n in range(1, 4):
        wait_until(lambda: running.shown().count("Password for") == n,
                   what="a question")
        equal(running.shown().count("Password for"), n)
        running.type("secret")
    running.wait().expect(OK)
    equal(recipients(sink), everybody(house))


def test_after_an_interrupt_nothing_more_is_asked():
    house = House(3)
    accounts = house.accounts()
    for account in accounts:
        del account["password"]
    rider = postrider.Postrider()
    rider.write(accounts, {"home": peers.SmtpSink().destination()})
    running = rider.start("fetch", terminal=True)
    wait_until(lambda: "Password for" in running.shown(), what="the question")
    running.signal(signal.SIGINT)
    result = running.wait()
    equal(result.status, -signal.SIGINT)
    equal(result.out.count("Password for"), 1)


def test_on_a_terminal_commands_for_passwords_run_one_after_the_other():
    """Each may ask something there."""
    house = House(4)
    sink = peers.SmtpSink()
    rider = postrider.Postrider()
    there = os.path.join(rider.folder, "there")
    accounts = house.accounts()
    for account in accounts:
        del account["password"]
        account["password_command"] = (
            f"mkdir {there} && sleep 0.1 && rmdir {there} && echo secret")
    rider.write(accounts, {"home": sink.destination()})
    rider.fetch(terminal=True)
    equal(recipients(sink), everybody(house))


# --- ^C ---------------------------------------------------------------------------


def test_interrupted_all_that_are_under_way_end_in_order():
    count = 8
    there = threading.Barrier(count + 1)
    go = threading.Event()

    def wait(session, _):
        there.wait(PATIENCE)
        until(go)(session, _)
    house = House(20, replies={"RETR": wait})
    sink = peers.SmtpSink()
    rider = settled([house], sink, max_polls_per_server=count)
    running = rider.start("fetch")
    there.wait(PATIENCE)
    running.signal(signal.SIGINT)
    time.sleep(1)
    go.set()
    equal(running.wait().status, -signal.SIGINT)
    equal(house.meter.all, count)
    wait_until(lambda: house.verbs().count("QUIT") == count, what="QUIT")
    assert "in_doubt" not in rider.counts()
    house.replies = {}
    rider.fetch()
    equal(sorted(set(recipients(sink))), everybody(house))
    equal(len(sink.accepted), 20)


def test_interrupted_twice_all_end_at_once():
    count = 8
    there = threading.Barrier(count + 1)

    def hang(_session, _argument):
        there.wait(PATIENCE)
        return peers.SILENCE
    house = House(count, replies={"RETR": hang})
    rider = settled([house], peers.SmtpSink(), max_polls_per_server=count)
    running = rider.start("fetch")
    there.wait(PATIENCE)
    running.signal(signal.SIGINT)
    time.sleep(0.5)
    running.signal(signal.SIGINT)
    before = time.monotonic()
    equal(running.wait().status, -signal.SIGINT)
    assert time.monotonic() - before < 40  # and not a timeout


if __name__ == "__main__":
    tap.main()
