"""Metrics over HTTP: what polls of scripted peers leave in them, and what a client
may do. The alert rules and the dashboard ask for nothing that is not there."""
import json
import os
import re
import resource
import select
import socket
import subprocess
import threading
import time

import mail
import peers
import postrider
import tap
import watched
from postrider import between, wait_until
from tap import contains, each, equal

SOURCE = os.environ.get("POSTRIDER_SOURCE") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "../..")
CONTRIB = os.path.join(SOURCE, "contrib/prometheus")
SLOW_S = 0.3


def without_mail(**settings):
    """Settings that nothing is polled by."""
    rider = postrider.Postrider()
    rider.write([{"name": "isp", "pop3": "localhost", "user": "ann",
                  "password": "secret", "recipient": "ann"}],
                {"home": {"lmtp": "/nowhere"}}, **settings)
    return rider


def idle():
    return watched.Served(without_mail())


def verdict(metrics, word):
    return metrics.value("postrider_verdicts_total", verdict=word)


# --- what is counted --------------------------------------------------------------


def test_a_poll_leaves_what_it_did_in_the_metrics():
    contents = [mail.simple(1), mail.simple(2)]
    box, sink = peers.Pop3Server(contents), peers.SmtpSink()
    served = watched.Served(between(box, sink, after_delivery="delete"))
    served.do("poll")
    m = served.metrics()
    octets = sum(len(content) for content in contents)
    sent = sum(len(accepted.data) for accepted in sink.accepted)
    equal(len(sink.accepted), 2, "messages accepted")
    equal(m.value("postrider_polls_total", result="ok"), 1)
    equal(m.value("postrider_messages_fetched_total"), 2)
    equal(m.value("postrider_fetched_bytes_total"), octets)
    equal(m.value("postrider_messages_delivered_total"), 2)
    equal(m.value("postrider_delivered_bytes_total"), sent)
    equal(m.value("postrider_messages_deleted_total"), 2)
    equal(verdict(m, "delivered"), 2)
    equal(m.value("postrider_delivery_duration_seconds_count"), 2)
    equal(m.value("postrider_poll_duration_seconds_count"), 1)
    equal(m.value("postrider_account_messages_delivered_total",
                  account="ann"), 2)
    assert m.value("postrider_ledger_commits_total") >= 3


def test_the_ledger_commits_are_those_that_were_made():
    box, sink = peers.Pop3Server([mail.simple(1)]), peers.SmtpSink()
    served = watched.Served(between(box, sink))
    served.do("poll")
    served.do("poll")
    before = served.metrics().value("postrider_ledger_commits_total")
    # A poll that finds nothing new asks for its account, and is recorded.
    served.do("poll")
    after = served.metrics().value("postrider_ledger_commits_total")
    equal(after - before, 2)


def test_the_delivery_latency_begins_when_a_message_is_handed_over():
    def slowly(_session, _argument):
        time.sleep(SLOW_S)
    box = peers.Pop3Server([mail.simple(1)])
    sink = peers.SmtpSink(replies={"END": slowly})
    served = watched.Served(between(box, sink))
    served.do("poll")
    m = served.metrics()
    took = m.value("postrider_delivery_duration_seconds_sum")
    assert SLOW_S - 0.001 <= took < tap.PATIENCE, took
    assert took <= m.value("postrider_poll_duration_seconds_sum")
    equal(m.value("postrider_delivery_duration_seconds_bucket", le="0.25"), 0)
    equal(m.value("postrider_delivery_duration_seconds_bucket", le="+Inf"), 1)


@each(("550 5.1.1 no such user", "held"), ("451 4.3.0 later", "deferred"))
def test_a_refusal_is_counted_by_what_became_of_the_message(reply, word):
    box = peers.Pop3Server([mail.simple(1), mail.simple(2)])
    sink = peers.SmtpSink(replies={"RCPT": [reply, None]})
    served = watched.Served(between(box, sink))
    served.do("poll")
    m = served.metrics()
    equal(verdict(m, word), 1)
    equal(verdict(m, "delivered"), 1)
    equal(m.value("postrider_delivery_duration_seconds_count"), 2)
    equal(m.value("postrider_account_held_messages", account="ann"),
          word == "held")
    # What is held is still held after a poll that found nothing else.
    served.do("poll")
    equal(served.metrics().value("postrider_account_held_messages",
                                 account="ann"), word == "held")


def test_what_is_held_is_told_once_when_a_poll_needs_two_sessions():
    """A refusal in the middle of much ends a session; it is believed when it
    comes again."""
    box = peers.Pop3Server([mail.simple(1, b"large\r\n" * (1 << 20)), mail.simple(2)])
    no = "550 5.1.1 no such user"
    sink = peers.SmtpSink(replies={"RCPT": [no, None, no]})
    served = watched.Served(between(box, sink))
    served.do("poll")
    equal(verdict(served.metrics(), "deferred"), 1)
    served.do("poll")
    m = served.metrics()
    equal(box.connections, 4, "sessions")
    equal(verdict(m, "held"), 1)
    equal(m.value("postrider_account_held_messages", account="ann"), 1)


def test_a_message_in_doubt_is_counted_and_so_is_its_second_way():
    box = peers.Pop3Server([mail.simple(1)])
    sink = peers.SmtpSink(replies={"END": [peers.LOST_REPLY, None]})
    served = watched.Served(between(box, sink))
    served.do("poll")
    m = served.metrics()
    equal(verdict(m, "in_doubt"), 1)
    equal(m.value("postrider_account_in_doubt_messages", account="ann"), 1)
    served.do("poll")
    m = served.metrics()
    equal(m.value("postrider_account_in_doubt_messages", account="ann"), 0)
    equal(verdict(m, "in_doubt"), 1)
    equal(verdict(m, "delivered"), 1)
    equal(m.value("postrider_messages_resent_total"), 1)


def test_a_failed_poll_is_counted_by_its_kind():
    box = peers.Pop3Server(replies={"PASS": "-ERR [AUTH] no"})
    served = watched.Served(between(box, peers.SmtpSink(), auth="user"))
    served.do("poll")
    m = served.metrics()
    equal(m.value("postrider_polls_total", result="failed"), 1)
    equal(m.value("postrider_poll_failures_total", kind="auth"), 1)
    equal(m.value("postrider_poll_failures_total", kind="io"), 0)
    equal(m.value("postrider_account_failed_polls", account="ann"), 1)


def test_every_account_is_told_of_and_a_forgotten_one_is_not():
    served = idle()
    served.do('know a"b\\c 3600')
    served.do("know other 60")
    m = served.metrics()
    since = m.value("postrider_account_since_success_seconds",
                    account='a\\"b\\\\c')
    assert 3600 <= since < 3600 + tap.LIMIT * tap.BUSY * tap.SLOWNESS, since
    equal(m.value("postrider_accounts"), 2)
    served.do("forget other")
    equal({labels for name, labels in served.metrics().samples
           if name == "postrider_account_since_success_seconds"},
          {frozenset([("account", 'a\\"b\\\\c')])})


def test_fifty_thousand_accounts_are_answered_in_a_moment():
    served = idle()
    served.do("know-many 50000")
    used = processor_seconds(served.process.pid)
    status, _, text = served.ask("/metrics")
    used = processor_seconds(served.process.pid) - used
    print(f"# {len(text)} octets in {used:.2f} s of processor time")
    equal(status, 200)
    contains(text, 'account="user49999@mail.kit.test"')
    assert used < 1 or os.environ.get("SANITIZERS"), used


# --- names ------------------------------------------------------------------------


def expressions():
    """(where, PromQL) of all that contrib/prometheus asks for."""
    with open(os.path.join(CONTRIB, "postrider-dashboard.json")) as file:
        board = json.load(file)
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    with open(os.path.join(CONTRIB, "postrider.rules.yml")) as file:
        for expr in re.findall(r"^ *expr: *(.*(?:\n {10,}.*)*)", file.read(),
                               re.M):
            yield "rules", expr


def asked(expression):
    return set(re.findall(r"\b(?:postrider|process)_\w+", expression))


def test_rules_and_dashboard_ask_only_for_what_is_there():
    served = idle()
    served.do("know isp 0")
    served.do("destination home up")
    there = served.metrics().names()
    found = list(expressions())
    assert len(found) > 15, found
    assert sum(where == "rules" for where, _ in found) > 5, found
    missing = {(where, name) for where, expr in found
               for name in asked(expr) - there}
    equal(missing, set(), "not there")


def test_every_metric_is_asked_for_by_the_dashboard_or_a_rule():
    served = idle()
    served.do("know isp 0")
    served.do("destination home up")
    wanted = set().union(*(asked(expr) for _, expr in expressions()))
    m = served.metrics()
    unused = {name for name in m.type
              if not any(w.startswith(name) for w in wanted)}
    equal(unused, set(), "of no use")


def test_every_family_is_named_typed_and_explained_as_prometheus_wants_it():
    served = idle()
    served.do("know isp 0")
    served.do("destination home up")
    m = served.metrics()
    equal(set(m.help), set(m.type))
    for name, kind in m.type.items():
        assert re.match(r"(postrider|process)_[a-z_]+\Z", name), name
        equal(kind == "counter", name.endswith("_total"), name)
        assert m.help[name].endswith("."), name
    for name, kind in m.type.items():
        if kind == "histogram":
            equal(m.value(f"{name}_count"),
                  m.value(f"{name}_bucket", le="+Inf"), name)


# --- what a client may do -------------------------------------------------------


def test_health_is_told_in_words_and_by_the_status():
    served = idle()
    status, headers, text = served.ask("/healthz")
    equal((status, text), (200, "ok\n"))
    contains(headers["Content-Type"], "text/plain")
    served.do("sick the ledger cannot be written: disk full")
    status, _, text = served.ask("/healthz")
    equal((status, text), (503, "the ledger cannot be written: disk full\n"))
    served.do("well")
    equal(served.ask("/healthz")[0], 200)


def test_the_content_type_tells_the_version_of_the_format():
    _, headers, _ = idle().ask("/metrics")
    equal(headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")


@each("/metrics", "/healthz")
def test_head_has_the_length_and_no_content(path):
    status, headers, text = idle().ask(path, "HEAD")
    equal((status, text), (200, ""))
    assert int(headers["Content-Length"]) > 2


@each("POST", "PUT", "DELETE", "OPTIONS", "BREW")
def test_no_other_method_is_taken(method):
    status, headers, _ = idle().ask("/metrics", method)
    equal((status, headers["Allow"]), (405, "GET, HEAD"))


def test_a_body_that_comes_with_a_get_is_not_looked_at():
    served = idle()
    equal(served.ask("/healthz", body=b"x" * 100000)[0], 200)
    equal(served.ask("/healthz", "POST", b"x" * 100)[0], 405)


@each("/", "/metrics/", "/healthz/../metrics", "/METRICS", "/%2e%2e/etc/passwd")
def test_there_is_nothing_else(path):
    status, _, text = idle().ask(path)
    equal(status, 404)
    contains(text, "/metrics")


def connect(served):
    to = socket.create_connection(("127.0.0.1", served.port),
                                  timeout=tap.PATIENCE)
    tap.cleanup(to.close)
    return to


@each(b"\0\xff\r\n\r\n", b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n",
      b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
      b"GET /metrics HTTP/9.9\r\n\r\n", b"\r\n" * 10)
def test_what_is_no_request_does_no_harm(octets):
    served = idle()
    try:
        connect(served).sendall(octets)
    except OSError:
        pass  # it may hang up at once
    equal(served.ask("/healthz")[0], 200)


def test_a_connection_is_for_one_request():
    to = connect(idle())
    to.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
    answer = b""
    try:
        while octets := to.recv(1 << 16):
            answer += octets
    except ConnectionResetError:
        pass
    equal(answer.count(b"HTTP/1.1 200"), 1)
    contains(answer, b"Connection: close")


def test_who_comes_when_all_places_are_taken_waits_for_one():
    served = idle()
    taken = [connect(served) for _ in range(8)]
    for to in taken:
        to.sendall(b"GET /healthz HTTP/1.1\r\n")
    answered = threading.Event()

    def ask():
        served.ask("/healthz")
        answered.set()
    asking = threading.Thread(target=ask)
    asking.start()
    assert not answered.wait(0.3), "a ninth connection was answered"
    taken[0].close()
    # After fifteen seconds the others would be let go.
    assert answered.wait(12), "nobody was let in"
    asking.join()


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_without_a_descriptor_left_it_waits_and_costs_nothing():
    served = idle()
    pid = served.process.pid
    equal(served.ask("/healthz")[0], 200)
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE,
                     (3, before[1]))
    to = connect(served)
    to.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    used = processor_seconds(pid)
    time.sleep(0.5)
    used = processor_seconds(pid) - used
    equal(select.select([to], [], [], 0)[0], [], "answered")
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    contains(to.recv(100), b"200 OK")
    assert used < 0.2, f"{used} s of processor time"


def is_open(connection):
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    finally:
        connection.settimeout(tap.PATIENCE)


def test_who_is_not_done_after_fifteen_seconds_is_let_go():
    served = idle()
    silent, slow = connect(served), connect(served)
    for to in (silent, slow):
        to.sendall(b"GET /healthz HTTP/1.1\r\n")
    # They were there before this one.
    equal(served.ask("/healthz")[0], 200)
    served.do("later 14")
    slow.sendall(b"X: y\r\n")
    equal(served.ask("/healthz")[0], 200)
    assert is_open(silent) and is_open(slow)
    # A moment later nothing but the clock wakes it.
    equal(silent.recv(1), b"")
    equal(slow.recv(1), b"")


def test_who_takes_no_answer_is_let_go_and_the_others_are_answered():
    served = idle()
    served.do("know-many 50000")
    to = connect(served)
    to.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    contains(to.recv(100), b"200 OK")
    equal(served.ask("/healthz")[0], 200)
    served.do("later 15")
    equal(served.ask("/healthz")[0], 200)
    got = 0
    try:
        while octets := to.recv(1 << 16):
            got += len(octets)
    except ConnectionResetError:
        pass
    assert got < 14 << 20, got


def test_the_end_waits_for_no_client():
    served = idle()
    to = connect(served)
    to.sendall(b"GET /healthz HTTP/1.1\r\n")
    wait_until(lambda: served.metrics().value("process_open_fds") > 0)
    began = time.monotonic()
    served.stop()
    assert time.monotonic() - began < 12  # and not fifteen


def test_why_nothing_can_be_served_is_said():
    taken = socket.create_server(("127.0.0.1", 0))
    tap.cleanup(taken.close)
    at = f"127.0.0.1:{taken.getsockname()[1]}"
    rider = without_mail(metrics=at)
    done = subprocess.run([watched.PROGRAM, rider.config], capture_output=True,
                          text=True, timeout=tap.PATIENCE)
    equal(done.returncode, 1, "exit status")
    if watched.is_built(rider):
        contains(done.stderr, f"cannot listen at {at}")
        contains(done.stderr, "Address already in use")
    else:
        contains(done.stderr, f'metrics = "{at}" needs libmicrohttpd')


def test_all_of_them_have_ended_well():
    equal(watched.bad_ends, [])


if __name__ == "__main__":
    tap.main()
