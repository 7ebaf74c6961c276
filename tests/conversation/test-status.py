"""How accounts stand, while they are polled and after: status beside a daemon that
runs and beside a fetch, what is in doubt and what is only on its way, polls that
were stopped; and what a small window has no room for."""
import fcntl
import os
import re
import signal
import struct
import termios
import time

import mail
import peers
import postrider
import tap
from postrider import LATER, OK, wait_until
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


# --- in doubt, or on its way ----------------------------------------------------------


@each("run", "fetch")
def test_what_is_being_sent_is_not_in_doubt_until_its_poll_has_died(command):
    box, sink, rider = scene(sink_replies=SILENT_AT_END)
    running = rider.start(command)
    wait_until(lambda: os.path.exists(os.path.join(rider.state, "ledger.db"))
               and rider.counts().get("in_doubt"), what="an intent")
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
    wait_until(lambda: os.path.exists(os.path.join(rider.state, "ledger.db"))
               and rider.counts().get("in_doubt"), what="an intent")
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


if __name__ == "__main__":
    tap.main()
