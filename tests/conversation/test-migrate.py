"""Whole mailboxes are moved: from the settings, the command line or a list, to
their end, whatever happens on the way."""
import os
import re
import signal
import socket
import time

import mail
import peers
import postrider
import tap
from postrider import (AUTH, CONFIG, IO_ERROR, LATER, OK, PROTOCOL, UNAVAILABLE,
                       USAGE, wait_until)
from tap import contains, each, equal


DIFFERENT = 65  # EX_DATAERR: something is missing or changed


def url(server, scheme="pop3", user="ann"):
    if isinstance(server, peers.Pop3Server):
        return f"{scheme}://{user}@localhost:{server.port}?tls=none"
    return f"{'lmtp' if server.lmtp else 'smtp'}://localhost:{server.port}"


class Mover(postrider.Postrider):
    """Moves what stands on the command line."""

    def __init__(self):
        super().__init__()
        self.password = self.secret("secret", "password")

    def start(self, *args, **how):
        return super().start(*args, "--state", self.state, **how)

    def migrate(self, *args, status=OK, **how):
        return self.run("migrate", *args, **how).expect(status)

    def one(self, source, sink, *more, to="ann@kit.test", **how):
        return self.migrate("--password-file", self.password, url(source),
                            url(sink), to, *more, **how)

    def list(self, lines, mode=0o600):
        path = os.path.join(self.folder, "boxes.csv")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode),
                  "w") as file:
            file.write("".join(line + "\n" for line in lines))
        os.chmod(path, mode)
        return path

    def ledger(self):
        """The ledger of what stands in no settings, as query() wants it."""
        rider = postrider.Postrider.__new__(postrider.Postrider)
        rider.state = os.path.join(self.state, "migrate")
        return rider


def letters(count, first=0, octets=0):
    return [mail.simple(first + n, b"x" * 70 + b"\r\n" * (octets > 0)
                        + (b"y" * 70 + b"\r\n") * (octets // 72))
            for n in range(count)]


def scene(count=10, **how):
    messages = letters(count)
    return peers.Pop3Server(messages, **how), peers.SmtpSink(), messages


def digests(messages):
    return sorted(map(mail.digest, messages))


# --- what is moved, and from where -----------------------------------------------


def test_a_mailbox_named_on_the_command_line_is_moved_once():
    source, sink, messages = scene()
    mover = Mover()
    first = mover.one(source, sink)
    contains(first.out, "10 messages")
    contains(first.out, f"ann@localhost:{source.port}: ")
    equal(first.err, "")
    second = mover.one(source, sink)
    contains(second.out, "0 messages moved")
    contains(second.out, "10 moved before")
    equal((sink.digests(), len(source.messages)), (digests(messages), 10))
    equal({r for a in sink.accepted for r in a.recipients}, {"ann@kit.test"})


def test_accounts_of_the_settings_use_their_ledger_and_keep_everything():
    source, sink, messages = scene()
    rider = postrider.between(source, sink, after_delivery="delete",
                              first_poll="none", fetch_limit=3)
    rider.run("migrate").expect(OK)
    equal(sink.digests(), digests(messages))
    equal(len(source.messages), 10)
    equal(rider.counts(), {"delivered": 10})
    # What fetch is asked to do with it, it still does.
    rider.fetch()
    equal((len(source.messages), len(sink.accepted)), (0, 10))


def test_what_counts_as_seen_is_moved_only_when_asked():
    source, sink, messages = scene()
    rider = postrider.between(source, sink, first_poll="none")
    rider.fetch()
    first = rider.run("migrate").expect(OK)
    contains(first.out, "10 not moved, seen before")
    equal(len(sink.accepted), 0)
    second = rider.run("migrate", "--all").expect(OK)
    contains(second.out, "10 messages")
    equal(sink.digests(), digests(messages))
    third = rider.run("migrate", "--all").expect(OK)
    contains(third.out, "10 moved before")
    equal(len(sink.accepted), 10)


def test_advice_about_a_setting_is_told_in_the_way_of_a_URL():
    source, sink, _ = scene(2)
    mover = Mover()
    starttls = f"pop3://ann@localhost:{source.port}"
    way = "; in a URL that is pop3s:// instead of pop3://"
    report = os.path.join(mover.folder, "report.txt")
    result = mover.migrate("--password-file", mover.password, starttls, url(sink),
                           "ann@kit.test", "--report", report, status=PROTOCOL)
    contains(result.err, f'tls = "implicit" (port 995){way}\n')
    with open(report, encoding="utf-8") as file:
        contains(file.read(), way)
    result = mover.migrate("--password-file", mover.password, url(source),
                           url(sink) + "?tls=starttls", "ann@kit.test",
                           status=PROTOCOL)
    contains(result.err, 'tls = "implicit"; in a URL that is smtps:// instead of')
    mover.one(source, sink)
    result = mover.one(source, sink, "--verify", "--at", starttls,
                       "--at-password-file", mover.password, status=PROTOCOL)
    contains(result.out + result.err, way)
    # The settings have that word.
    rider = postrider.Postrider()
    rider.write([source.account(tls="starttls")], {"home": sink.destination()})
    result = rider.run("migrate").expect(PROTOCOL)
    contains(result.err, 'tls = "implicit" (port 995)\n')


def test_a_list_moves_many_to_where_each_says():
    sources = [peers.Pop3Server(letters(5, 10 * n)) for n in range(3)]
    one, two = peers.SmtpSink(), peers.SmtpSink(lmtp=True)
    mover = Mover()
    path = mover.list([
        "source;recipient;destination;password;name",
        f"{url(sources[0])};ann@kit.test;{url(one)};secret;",
        f"{url(sources[1])};bob@kit.test, carl@kit.test;;secret;bob",
        "",
        f"pop3://ann:secret@localhost:{sources[2].port}?tls=none;"
        "dora@kit.test;;;",
    ])
    result = mover.migrate("--list", path, url(two))
    contains(result.out, "bob: 5 messages")
    contains(result.out, "3 mailboxes: 15 messages")
    equal(one.digests(), digests(letters(5)))
    equal(sorted(r for a in two.accepted for r in a.recipients),
          sorted(["bob@kit.test", "carl@kit.test"] * 5 + ["dora@kit.test"] * 5))
    again = mover.migrate("--list", path, url(two))
    contains(again.out, "3 mailboxes: 0 messages")
    equal(len(one.accepted) + len(two.accepted), 20)


def test_a_list_that_is_wrong_moves_nothing_and_is_told_by_line():
    source, sink, _ = scene()
    mover = Mover()
    path = mover.list([
        "source,recipient,password",
        f"{url(source)},ann@kit.test,secret",
        "pop3://nobody,x@kit.test,word-of-mine",
        "pop3s://a:word-of-mine@b.example,x@kit.test,",
        "pop3s://c@b.example,no address@,word-of-mine",
    ])
    result = mover.migrate("--list", path, url(sink), status=CONFIG)
    contains(result.err, f"{path}:3: source names no user")
    assert "word-of-mine" not in result.err, result.err
    path = mover.list([
        "source,recipient,password",
        f"{url(source)},ann@kit.test,secret",
        "pop3s://c@b.example,no address@,word-of-mine",
        "pop3s://d@b.example?timeout=ages,x@kit.test,word-of-mine",
    ])
    result = mover.migrate("--list", path, url(sink), status=CONFIG)
    contains(result.err, f"{path}:3: ")
    contains(result.err, f"{path}:4: ")
    assert "word-of-mine" not in result.err, result.err
    equal((len(sink.accepted), source.connections), (0, 0))


def test_a_list_with_passwords_that_others_can_read_is_refused():
    source, sink, _ = scene()
    mover = Mover()
    path = mover.list(["source,recipient,password",
                       f"{url(source)},ann@kit.test,secret"], mode=0o644)
    result = mover.migrate("--list", path, url(sink), status=CONFIG)
    contains(result.err, f"chmod 600 {path}")
    equal(source.connections, 0)


def test_a_password_in_a_url_on_the_command_line_is_refused_and_not_shown():
    source, sink, _ = scene()
    mover = Mover()
    result = mover.migrate(
        f"pop3://ann:word-of-mine@localhost:{source.port}?tls=none", url(sink),
        "ann@kit.test", status=CONFIG)
    contains(result.err, "--password-file")
    assert "word-of-mine" not in result.err, result.err
    equal(source.connections, 0)


def test_no_secret_is_ever_shown():
    source, sink = peers.Pop3Server(letters(2)), peers.SmtpSink(
        users={"bob": "sesame"}, keywords=("8BITMIME", "AUTH PLAIN"))
    mover = Mover()
    command = "echo secret #abracadabra"
    out = ""
    for more in (("-vv",), ("--json",), ("-vv", "--retry-held")):
        result = mover.migrate(
            "--password-command", command, "--destination-password-file",
            mover.secret("sesame", "other"), url(source),
            f"smtp://bob@localhost:{sink.port}", "ann@kit.test", *more)
        out += result.out + result.err
    for word in ("secret", "sesame", "abracadabra", "c2Vz", "AGJvYg"):
        assert word not in out, out
    equal(len(sink.accepted), 2)


def test_secrets_are_asked_for_on_a_terminal():
    source, sink, messages = scene()
    mover = Mover()
    running = mover.start("migrate", url(source), url(sink), "ann@kit.test",
                          "--verify", terminal=True)
    wait_until(lambda: "Password for ann" in running.shown())
    running.type("secret")
    result = running.wait().expect(OK)
    assert "secret" not in result.out, result.out
    # Once, though its mailbox is read twice.
    equal(result.out.count("Password for"), 1)
    contains(result.out, "all 10 messages verified")
    contains(result.out, "10 messages")
    equal(sink.digests(), digests(messages))


@each((["pop3s://a@b.example"], "its destination"),
      (["pop3s://a@b.example", "smtp://x"], "recipient"),
      (["--list", "x", "a"], "a URL"), (["--list", "x", "smtp://a", "b"], "room"),
      (["--rate", "0"], "--rate"), (["--rate", "2Q"], "--rate"),
      (["--patience", "5"], "--patience"), (["--yes"], "--delete-source"),
      (["--at", "/tmp"], "--verify"), (["--delete-source"], "terminal"),
      (["--password-file", "x"], "settings"),
      (["--json", "--report", "-"], "standard output"),
      (["--report=x"] * 9, "reports"), (["--watch"], "no option --watch"))
def test_a_command_line_that_says_too_little_or_too_much(words, part):
    mover = Mover()
    contains(mover.migrate(*words, status=USAGE).err, part)


def test_options_of_migrate_are_of_no_other_command():
    rider = postrider.Postrider()
    contains(rider.run("fetch", "--rate", "1M").expect(USAGE).err,
             "no option --rate")
    contains(rider.run("fetch", "--yes").expect(USAGE).err, "no option --yes")


# --- in which order, and how fast ------------------------------------------------


def numbers(sink):
    return [int(re.search(rb"Subject: Letter (\d+)", a.data)[1])
            for a in sink.accepted]


def test_in_order_each_message_waits_for_the_one_before():
    source = peers.Pop3Server(letters(30), capabilities=(
        "USER", "TOP", "UIDL", "PIPELINING", "SASL PLAIN"))
    # The others could overtake one that takes long, on other connections.
    sink = peers.SmtpSink(keywords=("8BITMIME",), replies={
        "END": [slow] * 20 + [lambda *_: time.sleep(0.5)] + [slow]})
    Mover().one(source, sink, "--ordered")
    equal(numbers(sink), list(range(30)))


def test_the_oldest_come_first():
    source, sink = peers.Pop3Server(letters(30)), peers.SmtpSink()
    mover = Mover()
    mover.migrate("--password-file", mover.password, url(source),
                  url(sink) + "?connections=1", "ann@kit.test")
    equal(numbers(sink), list(range(30)))


def test_the_rate_is_kept_by_all_mailboxes_together():
    octets = 40_000
    sources = [peers.Pop3Server(letters(4, 10 * n, octets)) for n in range(2)]
    sink = peers.SmtpSink()
    mover = Mover()
    path = mover.list(["source,recipient,password", *(
        f"{url(s)},ann@kit.test,secret" for s in sources)])
    began = time.monotonic()
    mover.migrate("--list", path, url(sink), "--rate", "200K")
    took = time.monotonic() - began
    # The last message need not be waited for, and a second may be had at once.
    least = (7 * octets - 200 * 1024) / (200 * 1024)
    assert took > least, (took, least)
    equal(len(sink.accepted), 8)


def test_a_low_rate_loses_no_session_and_no_message():
    # Far less than one may send without being taken for one that has stopped;
    # one message is larger than what is kept of it on the way.
    messages = [*letters(2, 0, 200), *letters(1, 2, 300_000), *letters(2, 3, 200)]
    source, sink = peers.Pop3Server(messages), peers.SmtpSink()
    mover = Mover()
    mover.migrate("--password-file", mover.password,
                  url(source) + "&timeout=4s", url(sink) + "?timeout=4s",
                  "ann@kit.test", "--rate", "200K")
    equal((sink.digests(), source.connections), (digests(messages), 1))


def test_who_waits_for_the_rate_is_heard_of_and_can_be_stopped():
    messages = letters(3, 0, 6_000)
    source, sink = peers.Pop3Server(messages), peers.SmtpSink()
    mover = Mover()
    running = mover.start("migrate", "--password-file", mover.password,
                          url(source), url(sink), "ann@kit.test", "--rate", "1")
    wait_until(lambda: len(sink.accepted) > 0)
    # As much as that was is paid for in hours; the others would take 2 s.
    time.sleep(3)
    equal(len(sink.accepted), 1)
    running.signal(signal.SIGINT)
    running.wait().expect(-signal.SIGINT)
    contains(source.verbs(), "QUIT")
    mover.one(source, sink)
    equal(sink.digests(), digests(messages))


# --- what goes wrong -------------------------------------------------------------


def test_killed_again_and_again_it_goes_on_where_it_was():
    # One octet of a repeat would be found: what is in doubt is marked as such.
    messages = letters(120, 0, 2000)
    source = peers.Pop3Server(messages)
    sink = peers.SmtpSink(replies={"END": slow})
    mover = Mover()
    for kill in range(3):
        running = mover.start("migrate", "--password-file", mover.password,
                              url(source), url(sink) + "?connections=2",
                              "ann@kit.test")
        wanted = len(sink.accepted) + 20
        wait_until(lambda: len(sink.accepted) >= wanted)
        running.signal(signal.SIGKILL)
        running.wait().expect(-signal.SIGKILL)
    result = mover.one(source, sink, "--json").json()
    equal((result["complete"], result["mailboxes"][0]["counts"]["delivered"]),
          (1, 120))
    found = {}
    for a in sink.accepted:
        found.setdefault(a.digest(), []).append(trace(a.data))
    equal(sorted(found), digests(messages))
    # Only what was under way when it was killed may have come twice, and a
    # destination can tell.
    extra = sum(len(ids) - 1 for ids in found.values())
    assert all(len(set(ids)) == 1 for ids in found.values()), found
    assert extra <= 3 * 2 * 16, extra


def slow(_session, _recipient):
    time.sleep(0.005)


def trace(data):
    field, _ = mail.split_trace(data)
    return re.search(rb"with POP3S?\s+id (\S+)", field)[1]


def test_of_two_mailboxes_the_one_that_refuses_keeps_the_other_from_nothing():
    good, bad = peers.Pop3Server(letters(5)), peers.Pop3Server(
        letters(5, 10), users={"ann": "another"})
    sink, mover = peers.SmtpSink(), Mover()
    path = mover.list(["source,recipient,password,name",
                       f"{url(bad)},ann@kit.test,secret,bad",
                       f"{url(good)},ann@kit.test,secret,good"])
    result = mover.migrate("--list", path, url(sink), status=AUTH)
    contains(result.out, "good: 5 messages")
    contains(result.out, "bad: 0 messages moved")
    contains(result.out, "1 not complete")
    contains(result.err, "bad: ")
    # Whose password is refused is not locked out.
    equal(bad.verbs().count("AUTH") + bad.verbs().count("PASS"), 1)
    equal(sink.digests(), digests(letters(5)))


def test_what_fails_for_now_is_tried_again_until_it_works():
    source, sink, messages = scene(
        replies={"CONNECT": ["-ERR [SYS/TEMP] later", peers.DROP, None]})
    mover = Mover()
    result = mover.one(source, sink, "-v")
    equal(result.err.count("event=again"), 2)
    equal(result.err.count("it is tried again"), 1)
    contains(result.out, "10 messages")
    equal(sink.digests(), digests(messages))


def test_what_is_refused_for_now_is_tried_again():
    source, messages = peers.Pop3Server(letters(3)), letters(3)
    sink = peers.SmtpSink(replies={"RCPT": ["450 4.2.0 greylisted", None]})
    result = Mover().one(source, sink)
    contains(result.out, "3 messages")
    equal(sink.digests(), digests(messages))


def test_a_destination_that_is_gone_is_given_up_after_a_while():
    source = peers.Pop3Server(letters(3))
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    mover = Mover()
    args = ("--password-file", mover.password, "--patience", "2s", url(source),
            f"smtp://localhost:{port}", "ann@kit.test")
    result = mover.migrate(*args, status=LATER)
    contains(result.err, "given up for now")
    contains(result.out, "not complete")
    assert source.connections >= 2, source.connections
    sink = peers.SmtpSink(port=port)
    contains(mover.migrate(*args).out, "3 messages")
    equal(sink.digests(), digests(letters(3)))


def test_without_patience_nothing_is_tried_again():
    source = peers.Pop3Server(letters(3), replies={"CONNECT": peers.DROP})
    Mover().one(source, peers.SmtpSink(), "--patience", "0", status=LATER)
    equal(source.connections, 1)


def test_what_is_in_doubt_is_not_sent_again_at_once():
    source = peers.Pop3Server(letters(1))
    sink = peers.SmtpSink(replies={"END": [peers.LOST_REPLY, None]})
    result = Mover().one(source, sink, "--patience", "3s", status=LATER)
    contains(result.out, "1 in doubt")
    equal(len(sink.accepted), 1)


def test_what_was_in_doubt_before_something_else_is_not_forgotten():
    source = peers.Pop3Server(letters(2))
    sink = peers.SmtpSink(replies={"END": [peers.LOST_REPLY,
                                           "450 4.2.0 later", None]})
    mover = Mover()
    result = mover.migrate(
        "--password-file", mover.password, url(source),
        url(sink) + "?connections=1", "ann@kit.test", "--ordered", "--json",
        status=LATER)
    counts = result.json()["mailboxes"][0]["counts"]
    equal((counts["in_doubt"], result.json()["complete"]), (1, 0))
    # Only now, since somebody says so.
    mover.one(source, sink)
    equal(sorted(set(sink.digests())), digests(letters(2)))


def test_what_is_held_is_tried_again_only_when_asked():
    source = peers.Pop3Server(letters(4))
    sink = peers.SmtpSink(replies={"END": ["550 5.7.1 no"] * 4 + [None]})
    mover = Mover()
    result = mover.one(source, sink, status=UNAVAILABLE)
    contains(result.out, "4 held; not complete")
    contains(result.err, "5.7.1 no")
    contains(result.err, "--retry-held")
    mover.one(source, sink, status=UNAVAILABLE)
    equal(len(sink.accepted), 0)
    contains(mover.one(source, sink, "--retry-held").out, "4 messages")
    equal(sink.digests(), digests(letters(4)))


def test_what_is_larger_than_max_size_is_held():
    source, sink = peers.Pop3Server(
        [*letters(2), *letters(1, 5, 50_000)]), peers.SmtpSink()
    mover = Mover()
    result = mover.migrate("--password-file", mover.password,
                           url(source) + "&max_size=10K", url(sink),
                           "ann@kit.test", status=UNAVAILABLE)
    contains(result.out, "2 messages")
    contains(result.out, "1 held")


def test_a_full_disk_stops_it_before_anything_is_sent_unrecorded():
    source, sink, messages = scene(40)
    mover = Mover()
    mover.one(source, sink, fault="write:40", status=IO_ERROR)
    before = len(sink.accepted)
    assert before < 40, before
    mover.one(source, sink)
    equal(sorted(set(sink.digests())), digests(messages))


def test_stopped_it_ends_in_order_and_can_be_gone_on_with():
    messages = letters(60, 0, 5000)
    source = peers.Pop3Server(messages)
    sink = peers.SmtpSink(replies={"END": slow})
    mover = Mover()
    running = mover.start("migrate", "--password-file", mover.password,
                          url(source), url(sink) + "?connections=1",
                          "ann@kit.test")
    wait_until(lambda: len(sink.accepted) > 5)
    running.signal(signal.SIGINT)
    running.wait().expect(-signal.SIGINT)
    contains(source.verbs(), "QUIT")
    result = mover.one(source, sink, "--json").json()
    equal(result["mailboxes"][0]["resent"], 0)
    # Nothing was in doubt, so nothing came twice.
    equal(sink.digests(), digests(messages))


def test_beside_another_one_it_says_who_is_at_work():
    source, sink, _ = scene()
    silent = peers.Pop3Server(letters(1), replies={"CAPA": peers.SILENCE})
    mover = Mover()
    running = mover.start("migrate", "--password-file", mover.password,
                          url(silent), url(sink), "ann@kit.test")
    wait_until(lambda: silent.connections > 0)
    contains(mover.one(source, sink, status=LATER).err,
             str(running.process.pid))
    running.signal(signal.SIGKILL)
    running.wait()


def test_beside_a_fetch_it_has_a_ledger_of_its_own():
    source, sink, messages = scene()
    silent = peers.Pop3Server(letters(1), replies={"CAPA": peers.SILENCE})
    mover = Mover()
    mover.write([silent.account()], {"home": sink.destination()})
    running = mover.start("fetch")
    wait_until(lambda: silent.connections > 0)
    mover.one(source, sink)
    equal(sink.digests(), digests(messages))
    running.signal(signal.SIGKILL)
    running.wait()


# --- what is shown ---------------------------------------------------------------


def test_a_summary_for_programs():
    source, sink, _ = scene(3)
    mover = Mover()
    found = mover.one(source, sink, "--json").json()
    box, = found["mailboxes"]
    equal((found["complete"], found["moved"], found["deleted"]), (1, 3, 0))
    equal((box["account"], box["complete"], box["moved"], box["error_kind"]),
          (f"ann@localhost:{source.port}", True, 3, None))
    equal(box["counts"]["delivered"], 3)
    equal(box["destination"], "ann@kit.test at localhost")
    source.users = {"ann": "other"}
    result = mover.one(source, sink, "--json", status=AUTH)
    box, = result.json()["mailboxes"]
    equal((box["complete"], box["error_kind"]), (False, "auth"))


def test_quiet_says_errors_only():
    source, sink, _ = scene(3)
    result = Mover().one(source, sink, "-q")
    equal((result.out, result.err), ("", ""))


def test_on_a_terminal_each_mailbox_under_way_has_a_line():
    sources = [peers.Pop3Server(letters(30, 100 * n, 3000)) for n in range(3)]
    sink = peers.SmtpSink(replies={"END": slow})
    mover = Mover()
    path = mover.list(["source,recipient,password,name", *(
        f"{url(s)},ann@kit.test,secret,box{n}" for n, s in enumerate(sources))])
    running = mover.start("migrate", "--list", path, url(sink) +
                          "?connections=1", "--rate", "100K", terminal=True)
    frame = re.compile(
        r"box\d: \d+ of 30 messages[^\n]*\r\n(?:box\d: [^\n]*\r\n)*"
        r"\d of 3 mailboxes done, \d+ of \d+ messages")
    wait_until(lambda: frame.search(running.shown()), what="a frame")
    result = running.wait().expect(OK)
    # However late the first one is drawn: 270 kB do not take an hour.
    rates = re.findall(r"mailboxes done[^\n]*, ([\d.]+ k?B)/s", result.out)
    assert rates and all(r.endswith("kB") for r in rates), rates
    # In the end the lines are gone.
    rest = result.out[result.out.rindex("\033[J"):]
    contains(rest, "3 mailboxes: 90 messages")
    equal(len(sink.accepted), 90)


# --- proof, and deletion ---------------------------------------------------------


def test_what_is_verified_and_the_same_is_deleted_when_asked():
    source, sink, _ = scene(6)
    mover = Mover()
    result = mover.one(source, sink, "--delete-source", "--yes")
    contains(result.out, "6 messages deleted")
    contains(result.err, "its server's replies vouch")
    equal(source.messages, [])
    counts = mover.ledger().counts()
    equal(counts, {"delete_owed": 6})


def test_what_was_changed_or_held_stays_at_the_source():
    source = peers.Pop3Server(letters(6))
    sink = peers.SmtpSink(replies={"END": ["550 5.7.1 no", None]})
    mover = Mover()
    mover.one(source, sink, status=UNAVAILABLE)
    changed = source.messages[3]
    changed.content = changed.content.replace(b"xxx", b"xyx")
    held = {u for u, s in mover.ledger().states().items() if s == "held"}
    result = mover.one(source, sink, "--delete-source", "--yes", "--json",
                       status=DIFFERENT)
    equal(result.json()["deleted"], 4)
    equal({m.uid for m in source.messages}, held | {changed.uid})
    contains(result.err, "changed")


def test_deletion_is_asked_for_with_the_number_shown():
    source, sink, _ = scene(6)
    mover = Mover()
    for answer, left in (("n", 6), ("", 6), ("y", 0)):
        running = mover.start(
            "migrate", "--password-file", mover.password, url(source),
            url(sink), "ann@kit.test", "--delete-source", terminal=True)
        wait_until(lambda: "[y/N]" in running.shown())
        contains(running.shown(), "delete 6 messages from 1 mailbox")
        running.type(answer)
        result = running.wait().expect(OK)
        equal(len(source.messages), left, f"left after {answer!r}")
        if left:
            contains(result.out, "nothing has been deleted")


def test_what_arrives_before_the_deletion_is_neither_moved_nor_deleted_by_it():
    source, sink, _ = scene(6)
    mover = Mover()
    running = mover.start(
        "migrate", "--password-file", mover.password, url(source), url(sink),
        "ann@kit.test", "--delete-source", terminal=True)
    wait_until(lambda: "[y/N]" in running.shown())
    late = peers.Message(mail.simple(77))
    source.messages.append(late)
    running.type("y")
    running.wait().expect(OK)
    equal((source.messages, len(sink.accepted)), ([late], 6))
    contains(mover.one(source, sink).out, ": 1 message ")


def test_asked_whether_to_delete_one_can_leave():
    source, sink, _ = scene(6)
    mover = Mover()
    running = mover.start(
        "migrate", "--password-file", mover.password, url(source), url(sink),
        "ann@kit.test", "--delete-source", terminal=True)
    wait_until(lambda: "[y/N]" in running.shown())
    running.signal(signal.SIGINT)
    running.wait().expect(-signal.SIGINT)
    equal(len(source.messages), 6)


def test_a_deletion_that_was_cut_off_is_paid_only_when_asked_for_again():
    source, sink, _ = scene(6, replies={"QUIT": [None, None, peers.DROP, None]})
    mover = Mover()
    cut = mover.one(source, sink, "--delete-source", "--yes", status=LATER)
    assert "asked for again" not in cut.err, cut.err
    equal(mover.ledger().counts(), {"delete_owed": 6})
    for more in ((), ("--verify",)):
        result = mover.one(source, sink, *more)
        contains(result.out, "0 messages moved")
        contains(result.out, "6 still there that were to be deleted (only "
                 "--delete-source")
        equal(len(source.messages), 6)
    mover.one(source, sink, "--delete-source", "--yes")
    equal((source.messages, len(sink.accepted)), ([], 6))


def test_a_deletion_that_was_refused_is_not_made_up_for_later():
    source, sink, _ = scene(4, replies={"DELE": "-ERR no"})
    mover = Mover()
    mover.migrate("--password-file", mover.password, url(source), url(sink),
                  "ann@kit.test", "--delete-source", "--yes",
                  status=UNAVAILABLE)
    source.replies = {}
    mover.one(source, sink)
    mover.one(source, sink, "--verify")
    equal(len(source.messages), 4)
    # What is no longer proven is owed no more.
    changed = source.messages[1]
    changed.content = changed.content.replace(b"xxx", b"xyx")
    mover.one(source, sink, "--verify", status=DIFFERENT)
    equal(mover.ledger().counts(), {"delete_owed": 3, "delivered": 1})
    mover.one(source, sink, "--delete-source", "--yes", status=DIFFERENT)
    equal(source.messages, [changed])


def test_who_says_no_takes_back_what_was_owed():
    source, sink, _ = scene(4, replies={"DELE": "-ERR no"})
    mover = Mover()
    mover.one(source, sink, "--delete-source", "--yes", status=UNAVAILABLE)
    source.replies = {}
    running = mover.start(
        "migrate", "--password-file", mover.password, url(source), url(sink),
        "ann@kit.test", "--delete-source", terminal=True)
    wait_until(lambda: "[y/N]" in running.shown())
    running.type("n")
    running.wait().expect(OK)
    equal(mover.ledger().counts(), {"delivered": 4})
    equal(len(source.messages), 4)


def test_what_is_owed_and_not_proven_again_is_owed_no_more():
    source, sink, _ = scene(4, replies={"DELE": "-ERR no"})
    mover = Mover()
    mover.one(source, sink, "--delete-source", "--yes", status=UNAVAILABLE)
    equal(mover.ledger().counts(), {"delete_owed": 4})
    source.replies = {"RETR": [None, "-ERR not that one", None]}
    mover.one(source, sink, "--delete-source", "--yes", status=DIFFERENT)
    equal(mover.ledger().counts(), {"delete_owed": 3, "delivered": 1})
    equal(len(source.messages), 1)


def test_accounts_of_the_settings_delete_nothing_by_being_moved():
    source, sink, _ = scene(4, replies={"QUIT": [None, None, peers.DROP, None]})
    rider = postrider.between(source, sink, after_delivery="keep")
    rider.run("migrate", "--delete-source", "--yes").expect(LATER)
    contains(rider.run("migrate", "--verify").expect(OK).out,
             "4 still there that were to be deleted")
    equal(len(source.messages), 4)
    # They are proven, and their owner has confirmed it.
    rider.fetch()
    equal(source.messages, [])


def test_what_was_missing_is_kept_until_the_destination_is_read_again():
    source, sink, _ = scene(6)
    mover = Mover()
    mover.one(source, sink)
    box = maildir(sink)
    away = os.path.join(box, "new", "2.kit")
    os.rename(away, os.path.join(box, "kept"))
    mover.one(source, sink, "--verify", "--at", box, status=DIFFERENT)
    for _ in range(2):
        result = mover.one(source, sink, "--delete-source", "--yes",
                           status=DIFFERENT)
        contains(result.err, "1 message is kept at the source")
        contains(result.out, "not at the destination, as it was read last")
        equal(len(source.messages), 1)
    mover.one(source, sink, "--verify", status=DIFFERENT)
    os.rename(os.path.join(box, "kept"), away)
    mover.one(source, sink, "--delete-source", "--yes", "--at", box)
    equal(source.messages, [])


def test_what_the_destination_still_queues_is_waited_for():
    source, sink, _ = scene(3)
    mover = Mover()
    box = maildir(sink)
    running = mover.start(
        "migrate", "--password-file", mover.password, url(source), url(sink),
        "ann@kit.test", "--verify", "--at", box, "-vv")
    # Its session to read the source comes after the destination was well.
    wait_until(lambda: len(sink.accepted) == 3)
    time.sleep(1)
    equal(source.connections, 1)
    filed = maildir(sink)
    for name in os.listdir(os.path.join(filed, "new")):
        os.rename(os.path.join(filed, "new", name),
                  os.path.join(box, "new", name))
    contains(running.wait().expect(OK).out, "all 3 messages verified")


def test_what_stays_missing_may_be_queued_at_the_destination():
    source, sink, _ = scene(3)
    mover = Mover()
    box = maildir(sink)
    args = ("--verify", "--at", box, "--patience", "1s")
    result = mover.one(source, sink, *args, status=DIFFERENT)
    contains(result.out, "3 of the missing moved just now")
    contains(result.out, "run --verify again later")
    result = mover.one(source, sink, *args, status=DIFFERENT)
    assert "just now" not in result.out, result.out


def test_messages_with_the_same_uid_are_deleted_together_or_not_at_all():
    source, sink, _ = scene(4)
    source.messages[1].uid = source.messages[0].uid
    mover = Mover()
    mover.one(source, sink)
    box = maildir(sink)
    first = next(n for n, a in enumerate(sink.accepted)
                 if a.digest() == mail.digest(source.messages[0].content))
    os.unlink(os.path.join(box, "new", f"{first}.kit"))
    result = mover.one(source, sink, "--delete-source", "--yes", "--at", box,
                       status=DIFFERENT)
    contains(result.out, "2 messages deleted")
    contains(result.err, "1 proven message is kept at the source")
    assert "still there" not in result.err, result.err
    equal(len(source.messages), 2)
    # Both with that UID, which counts() takes for one.
    equal(mover.ledger().counts(), {"delivered": 1, "delete_owed": 2})


def test_what_is_missing_or_changed_is_sent_again_when_asked():
    source, sink, messages = scene(6)
    mover = Mover()
    mover.one(source, sink)
    box = maildir(sink)
    os.unlink(os.path.join(box, "new", "1.kit"))
    with open(os.path.join(box, "new", "4.kit"), "r+b") as file:
        file.seek(-5, os.SEEK_END)
        file.write(b"?")
    # Nothing stands against any of them yet.
    contains(mover.one(source, sink, "--resend").out, ": 0 messages moved")
    mover.one(source, sink, "--verify", "--at", box, status=DIFFERENT)
    contains(mover.one(source, sink).out, ": 0 messages moved")
    contains(mover.one(source, sink, "--resend").out, ": 2 messages ")
    equal([a.digest() for a in sink.accepted[6:]],
          [sink.accepted[n].digest() for n in (1, 4)])
    contains(mover.one(source, sink, "--resend").out, ": 0 messages moved")
    mover.one(source, sink, "--verify", "--at", maildir(sink))


def test_what_is_missing_and_gone_at_the_source_cannot_be_sent_again():
    source, sink, _ = scene(3)
    mover = Mover()
    mover.one(source, sink)
    box = maildir(sink)
    os.unlink(os.path.join(box, "new", "1.kit"))
    mover.one(source, sink, "--verify", "--at", box, status=DIFFERENT)
    source.messages.clear()
    mover.one(source, sink)
    contains(mover.one(source, sink, "--resend").err,
             "1 that is missing or changed at the destination cannot be sent")


def test_a_mailbox_that_went_to_one_place_goes_to_another_only_when_asked():
    source, sink, _ = scene(4)
    other, mover = peers.SmtpSink(), Mover()
    mover.one(source, sink)
    mover.one(source, sink)
    late = peers.Message(mail.simple(77))
    source.messages.append(late)
    polled = source.connections
    for target, to in ((other, "ann@kit.test"), (sink, "bob@kit.test")):
        result = mover.one(source, target, "--delete-source", "--yes", to=to,
                           status=CONFIG)
        contains(result.err, f"moved to ann@kit.test at localhost:{sink.port}")
        contains(result.err, f"{to} at localhost:{target.port}")
        contains(result.err, "--elsewhere")
    equal((source.connections, len(source.messages)), (polled, 5))
    result = mover.one(source, other, "--elsewhere", "--report", "-")
    equal((other.digests(), len(sink.accepted)), (digests([late.content]), 4))
    contains(result.out, f"ann@kit.test at localhost:{sink.port}, then "
             f"ann@kit.test at localhost:{other.port}")
    # Both are known from now on.
    mover.one(source, other)
    mover.one(source, sink)
    # With a ledger of its own, all of it goes there.
    again = Mover()
    contains(again.one(source, other).out, ": 5 messages")


def test_a_destination_that_has_taken_nothing_is_not_held_to():
    source, sink, messages = scene(3)
    down = peers.SmtpSink(replies={"MAIL": "550 5.7.1 not from you"})
    mover = Mover()
    mover.one(source, down, status=UNAVAILABLE)
    mover.one(source, sink, "--retry-held")
    equal(sink.digests(), digests(messages))
    contains(mover.one(source, down, status=CONFIG).err, f":{sink.port}")


def test_of_a_list_one_that_goes_elsewhere_keeps_all_from_being_moved():
    sources = [peers.Pop3Server(letters(2, 10 * n)) for n in range(2)]
    sink, mover = peers.SmtpSink(), Mover()
    mover.one(sources[0], sink)
    path = mover.list(["source,recipient,password", *(
        f"{url(s)},bob@kit.test,secret" for s in sources)])
    mover.migrate("--list", path, url(sink), status=CONFIG)
    equal((len(sink.accepted), sources[1].connections), (2, 0))


def test_a_question_names_the_command_that_asks_it():
    source, sink, _ = scene(3)
    mover = Mover()
    mover.one(source, sink)
    path = mover.list(["source,recipient,password,name",
                       f"{url(source)},ann@kit.test,secret,box"])
    args = ("--list", path, url(sink))
    result = mover.migrate(*args, status=CONFIG)
    contains(result.err, '"postrider migrate --same-mailbox …" once')
    assert "fetch" not in result.err, result.err
    contains(mover.migrate(*args, "--same-mailbox").out, "3 moved before")


def maildir(sink):
    """A maildir of what has been accepted."""
    box = tap.folder()
    for name in ("cur", "new", "tmp"):
        os.mkdir(os.path.join(box, name))
    for n, accepted in enumerate(sink.accepted):
        with open(os.path.join(box, "new", f"{n}.kit"), "wb") as file:
            file.write(accepted.data.replace(b"\r\n", b"\n"))
    return box


def test_a_destination_that_can_be_read_is_read():
    source, sink, _ = scene(6)
    mover = Mover()
    mover.one(source, sink)
    box = maildir(sink)
    result = mover.one(source, sink, "--verify", "--at", box)
    contains(result.out, "6 messages verified")
    os.unlink(os.path.join(box, "new", "2.kit"))
    result = mover.one(source, sink, "--delete-source", "--yes", "--at", box,
                       "--json", status=DIFFERENT)
    equal(result.json()["mailboxes"][0]["verified"]["missing"], 1)
    equal((result.json()["deleted"], len(source.messages)), (5, 1))


def test_a_mailbox_at_the_destination_is_read_by_pop3():
    source, sink, _ = scene(6)
    mover = Mover()
    mover.one(source, sink)
    there = peers.Pop3Server([a.data for a in sink.accepted],
                             users={"ann@kit.test": "other"})
    place = f"pop3://%r@localhost:{there.port}?tls=none"
    word = mover.secret("other", "there")
    mover.one(source, sink, "--verify", "--at", place, "--at-password-file", word)
    there.messages.pop()
    mover.one(source, sink, "--verify", "--at", place, "--at-password-file", word,
              status=DIFFERENT)


if __name__ == "__main__":
    tap.main()
