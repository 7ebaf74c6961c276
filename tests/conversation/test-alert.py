"""Mail to the owner: when an account needs somebody, once, and once more when it
is well again."""
import contextlib
import email
import email.policy
import os
import signal
import sqlite3
import threading
import time

import mail
import peers
import postrider
import tap
from postrider import wait_until
from tap import contains, each, equal

HOUR = 3600
OWNER = "owner@kit.test"
REFUSED = "-ERR [AUTH] no such password here"


class Scene:
    """Mailboxes, where their mail goes, and where their owner is told."""

    def __init__(self, count=1, replies=None, ears=None, sink=None, **settings):
        self.server = peers.Pop3Server(
            (mail.simple(1),), users={f"u{n}": "secret" for n in range(count)},
            replies=replies or {})
        self.sink = sink or peers.SmtpSink()
        self.ears = ears or peers.SmtpSink()
        self.rider = postrider.Postrider()
        self.shift = os.path.join(self.rider.folder, "shift")
        self.at(0)
        self.settings = settings
        self.accounts = [self.server.account(
            f"u{n}", user=f"u{n}", recipient=f"u{n}@kit.test")
            for n in range(count)]
        self.write(self.accounts)

    def write(self, accounts):
        self.rider.write(
            accounts, {"home": self.sink.destination(),
                       "ears": self.ears.destination()},
            {"every": "1h", "alert": OWNER, "alert_via": "ears",
             **self.settings})

    def at(self, seconds):
        """Move the clock."""
        with open(self.shift + ".new", "w") as file:
            file.write(str(seconds))
        os.rename(self.shift + ".new", self.shift)

    def daemon(self, **how):
        return self.rider.daemon("-v", shift=self.shift, **how)

    def poll(self):
        """Once more, to its end."""
        return self.rider.run("fetch")

    def hears(self, count, seconds=20):
        wait_until(lambda: len(self.ears.accepted) >= count, seconds,
                   f"{count} letters, of {len(self.ears.accepted)}")
        equal(len(self.ears.accepted), count)
        return parsed(self.ears.accepted[-1])


def parsed(accepted):
    return email.message_from_bytes(accepted.data, policy=email.policy.SMTP)


def quiet(ears, count):
    """Long enough for a letter that must not come."""
    time.sleep(1.3 * tap.SLOWNESS)
    equal(len(ears.accepted), count)


def refuse_password(on):
    """A reply to PASS, as long as `on` holds something."""
    return lambda *_: REFUSED if on else None


def test_a_refused_password_is_told_once_and_that_it_is_well_again():
    on = [True]
    scene = Scene(replies={"PASS": refuse_password(on)}, auth="user")
    daemon = scene.daemon()
    letter = scene.hears(1)
    accepted = scene.ears.accepted[0]
    equal((accepted.sender, accepted.recipients), ("", [OWNER]))
    equal(letter["Subject"], "postrider: u0: the password was refused")
    equal(letter["To"], OWNER)
    equal(letter["Auto-Submitted"], "auto-generated")
    contains(letter["Message-ID"], ".postrider@")
    assert letter["Date"].datetime
    text = letter.get_content()
    contains(text, "no such password here")
    contains(text, "postrider wake u0")
    assert "secret" not in accepted.data.decode(), accepted.data
    scene.poll()
    daemon.hears("was told of 1 account by mail")
    daemon.end()

    daemon = scene.daemon()
    scene.poll()
    quiet(scene.ears, 1)
    on.clear()
    daemon.signal(signal.SIGUSR1)
    letter = scene.hears(2)
    equal(letter["Subject"], "postrider: u0: well again")
    contains(letter.get_content(), "takes the password")
    scene.poll()
    quiet(scene.ears, 2)
    daemon.end()


def test_a_failure_is_told_when_it_has_lasted_for_a_day():
    """Also if the daemon was started anew meanwhile."""
    scene = Scene(replies={"UIDL": "-ERR [SYS/TEMP] our disk is ill"})
    daemon = scene.daemon()
    daemon.hears("our disk is ill")
    scene.at(23 * HOUR)
    scene.poll()
    quiet(scene.ears, 0)
    daemon.end()
    daemon = scene.daemon()
    scene.at(25 * HOUR)
    daemon.signal(signal.SIGUSR1)
    letter = scene.hears(1)
    equal(letter["Subject"], "postrider: u0: no mail can be fetched")
    contains(letter.get_content(), "our disk is ill")
    scene.at(50 * HOUR)
    scene.poll()
    quiet(scene.ears, 1)
    del scene.server.replies["UIDL"]
    daemon.signal(signal.SIGUSR1)
    contains(scene.hears(2).get_content(), "mail is fetched")
    daemon.end()


def test_a_held_message_is_told_until_nothing_is_held():
    sink = peers.SmtpSink(replies={"RCPT": "550 5.1.1 no such user"})
    scene = Scene(sink=sink)
    daemon = scene.daemon()
    letter = scene.hears(1)
    equal(letter["Subject"], "postrider: u0: mail is held")
    text = letter.get_content()
    contains(text, "no such user")
    contains(text, "1 message is held")
    contains(text, "postrider held list u0")
    scene.poll()
    quiet(scene.ears, 1)
    number = scene.rider.query("SELECT id FROM message")[0][0]
    scene.rider.run("held", "drop", "-q", str(number)).expect(postrider.OK)
    contains(scene.hears(2).get_content(), "no message is held any more")
    daemon.end()


def test_a_destination_that_is_down_for_a_day_is_told_by_another():
    scene = Scene()
    scene.sink.stop()
    daemon = scene.daemon()
    daemon.hears("no mail is fetched for it")
    scene.at(25 * HOUR)
    letter = scene.hears(1, 30)
    contains(letter.get_content(), "since the destination home takes no mail")
    daemon.end()


def test_many_that_fail_at_once_are_told_by_one_letter():
    scene = Scene(22, replies={"PASS": REFUSED}, auth="user")
    daemon = scene.daemon()
    letter = scene.hears(1, 40)
    equal(letter["Subject"], "postrider: 22 accounts need you")
    text = letter.get_content()
    contains(text, "And 2 more accounts")
    equal(text.count("postrider wake u"), 20)
    quiet(scene.ears, 1)
    daemon.end()
    told = scene.rider.query("SELECT count(*) FROM account WHERE alerted = 2")
    equal(told[0][0], 22)


def test_what_could_not_be_told_is_told_later():
    ears = peers.SmtpSink(replies={"MAIL": ["451 4.3.0 later", None]})
    scene = Scene(replies={"PASS": REFUSED}, ears=ears, auth="user")
    daemon = scene.daemon()
    daemon.hears("cannot be told of 1 account by mail, and will be later")
    contains(daemon.said(), "451 4.3.0 later")
    scene.hears(1)
    daemon.end()


def test_of_an_account_that_is_gone_nobody_is_told():
    on = ["451 4.3.0 later"]
    ears = peers.SmtpSink(replies={"MAIL": lambda *_: on[0]})
    scene = Scene(2, replies={"PASS": REFUSED}, ears=ears, auth="user")
    daemon = scene.daemon()
    daemon.hears("cannot be told of 2 accounts by mail")
    scene.write(scene.accounts[1:])
    daemon.signal(signal.SIGHUP)
    daemon.hears("the settings were read anew")
    on[0] = None
    letter = scene.hears(1)
    equal(letter["Subject"], "postrider: u1: the password was refused")
    daemon.end()


@each("SMTP", "LMTP")
def test_of_several_owners_one_is_enough(kind):
    ears = peers.SmtpSink(
        lmtp=kind == "LMTP",
        replies={"RCPT": ["550 5.1.1 nobody", None] * 3})
    scene = Scene(replies={"PASS": REFUSED}, ears=ears, auth="user",
                  alert=["nobody@kit.test", OWNER])
    daemon = scene.daemon()
    letter = scene.hears(1)
    contains(letter["To"], "nobody@kit.test")
    contains(letter["To"], OWNER)
    daemon.hears("was told")
    daemon.end()


def test_a_silent_destination_of_letters_does_not_keep_the_daemon():
    ears = peers.SmtpSink(replies={"MAIL": peers.SILENCE})
    scene = Scene(replies={"PASS": REFUSED}, ears=ears, auth="user")
    daemon = scene.daemon()
    wait_until(lambda: "MAIL" in ears.verbs())
    scene.poll()
    before = time.monotonic()
    daemon.end()
    assert time.monotonic() - before < 40  # and not as long as it is silent


def test_without_alert_nobody_is_told():
    scene = Scene(replies={"PASS": REFUSED})
    scene.rider.write([scene.server.account("u0", user="u0", auth="user")],
                      {"home": scene.sink.destination()}, {"every": "1h"})
    daemon = scene.daemon()
    daemon.hears("no such password")
    time.sleep(1.5 * tap.SLOWNESS)
    daemon.end()
    equal(scene.sink.connections, 0)


def test_it_is_told_of_also_while_the_ledger_cannot_be_written():
    """One poll hangs, so that nothing else wakes the daemon before it ends."""
    hangs = threading.Event()

    def answer(session, _argument):
        if session.user == "u1":
            hangs.set()
            return peers.SILENCE
        assert hangs.wait(20 * tap.SLOWNESS)
        return REFUSED

    scene = Scene(2, auth="user", timeout="9s")
    scene.rider.fetch()
    with contextlib.closing(sqlite3.connect(
            os.path.join(scene.rider.state, "ledger.db"))) as ledger:
        ledger.execute(
            "CREATE TRIGGER broken BEFORE UPDATE OF error_kind ON account "
            "WHEN new.error_kind <> '' BEGIN "
            "SELECT RAISE(ABORT, 'it is broken'); END")
    scene.server.replies = {"PASS": [answer]}
    daemon = scene.daemon()
    daemon.hears("nothing is fetched until it can be written again")
    scene.hears(1)
    assert "u1: " not in daemon.said(), daemon.said()
    daemon.signal()
    daemon.end()


if __name__ == "__main__":
    tap.main()
