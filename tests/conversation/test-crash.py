"""The process is killed at every harmful place, as a power cut would do it, and
started again: nothing may be lost, nothing deleted early, nothing twice in
silence."""
import sqlite3

import mail
import peers
import postrider
import tap
from postrider import LATER, UNAVAILABLE
from tap import each, equal

POINTS = ("after_intent", "before_end", "after_end", "after_reply",
          "before_commit", "after_commit", "after_dele", "before_quit",
          "after_quit")
KILLED = -9
COUNT = 4
# What the server offers, how many messages a crash may put in doubt (with CHUNKING
# all that are on their way, else the one that is and the next), and what the mailbox
# offers: whether commands are sent ahead there, too.
WAYS = {"alone": (("8BITMIME",), 1, ()),
        "pipelining": (("8BITMIME", "PIPELINING"), 2, ("PIPELINING",)),
        "chunking": (("8BITMIME", "PIPELINING", "CHUNKING"), COUNT,
                     ("PIPELINING",))}


def scene(way="pipelining"):
    box = peers.Pop3Server(
        [mail.simple(n) for n in range(COUNT)],
        capabilities=("USER", "UIDL", "SASL PLAIN", *WAYS[way][2]))
    sink = peers.SmtpSink(keywords=WAYS[way][0])
    # How many may be in doubt is a matter of each connection.
    return box, sink, postrider.between(box, sink, {"connections": 1},
                                        after_delivery="delete")


def delivered_and_not_lost(box, sink):
    """Every message is in the mailbox or has arrived."""
    there = {mail.digest(m.content) for m in box.messages} | set(sink.digests())
    equal(len(there), COUNT, "messages that still exist")


@each(*[(f"{point}:{nth}", way) for point in POINTS for nth in (1, 2)
        for way in WAYS])
def test_a_crash_at(crash, way):
    box, sink, rider = scene(way)
    first = rider.run("fetch", crash=crash)
    if first.status != KILLED:
        # Some places are passed once in a poll only.
        equal((crash[-1], first.status), ("2", 0), "did not crash; status")
    delivered_and_not_lost(box, sink)
    doubt = rider.counts().get("in_doubt", 0) if first.status == KILLED else 0
    assert doubt <= WAYS[way][1], doubt

    second = rider.run("fetch", probe=True)
    delivered_and_not_lost(box, sink)
    if second.status != 0 or box.messages:
        rider.fetch(probe=True)
    equal(sorted(set(sink.digests())),
          sorted(mail.digest(mail.simple(n)) for n in range(COUNT)))
    equal(box.messages, [])
    extra = len(sink.accepted) - COUNT
    assert extra <= doubt, f"{extra} twice, {doubt} in doubt"


def survive(crash, way):
    """Crash there, then run to the end. False when it was not passed at all."""
    box, sink, rider = scene(way)
    first = rider.run("fetch", crash=crash)
    delivered_and_not_lost(box, sink)
    if first.status != KILLED:
        equal(first.status, 0, "exit status")
        return False
    durable = sum(rider.counts().get(state, 0)
                  for state in ("delivered", "delete_owed"))
    assert box.verbs().count("DELE") <= durable, "deleted before it was durable"
    rider.run("fetch", probe=True)
    rider.run("fetch", probe=True)
    delivered_and_not_lost(box, sink)
    equal(set(sink.digests()), {mail.digest(mail.simple(n))
                                for n in range(COUNT)})
    equal(box.messages, [])
    assert len(sink.accepted) <= COUNT + WAYS[way][1], "too many twice"
    return True


@tap.limit(120)
@each(*[(point, way) for point in ("before_commit", "after_commit")
        for way in WAYS])
def test_a_crash_at_each_commit_in_turn_is_survived(point, way):
    nth = 1
    while survive(f"{point}:{nth}", way):
        nth += 1
    assert nth > 3, f"only {nth - 1} commits"


def test_no_dele_before_the_ledger_is_durable():
    # Killed between the reply to the end of data and the commit.
    box, sink, rider = scene()
    equal(rider.run("fetch", crash="after_reply").status, KILLED)
    equal(len(sink.accepted), 1)
    assert "DELE" not in box.verbs(), "deleted before the verdict was durable"
    assert 1 <= rider.counts()["in_doubt"] <= 2, rider.counts()
    equal(len(box.messages), COUNT)


def test_a_message_in_doubt_is_counted_and_shown():
    box, sink, rider = scene("alone")
    equal(rider.run("fetch", crash="after_end").status, KILLED)
    accounts = rider.run("status", "--json").json()["accounts"]
    equal(accounts[0]["counts"]["in_doubt"], 1)
    tap.contains(rider.run("status").out, "in doubt")


def test_a_crash_before_the_end_of_data_repeats_nothing():
    for point in ("after_intent", "before_end"):
        box, sink, rider = scene()
        equal(rider.run("fetch", crash=point).status, KILLED)
        rider.run("fetch", probe=True)
        equal(len(sink.accepted), COUNT)


def run_and_account_for_repeats(rider, sink, *args, **how):
    """What arrives once more must have been in doubt before, or be repeated
    because its owner said so."""
    digest = {peers.Message(m).uid: mail.digest(m)
              for m in (mail.simple(n) for n in range(COUNT))}
    try:
        before = rider.states()
    except sqlite3.OperationalError:  # killed before there were tables
        before = {}
    may = {digest[uid] for uid, state in before.items()
           if state in ("in_doubt", "new")}
    arrived = [a.digest() for a in sink.accepted]
    result = rider.run(*args, **how)
    for accepted in sink.accepted[len(arrived):]:
        assert accepted.digest() not in arrived or accepted.digest() in may, \
            "a message that was not in doubt was repeated"
    return result


def test_twenty_crashes_in_a_row_lose_nothing():
    box, sink, rider = scene()
    for n in range(20):
        run_and_account_for_repeats(
            rider, sink, "fetch",
            crash=f"{POINTS[n % len(POINTS)]}:{n % 3 + 1}")
        delivered_and_not_lost(box, sink)
    rider.run("fetch", probe=True)
    # What was sent again and again being in doubt waits for its owner.
    equal(rider.counts().get("held", 0), len(box.messages))
    if box.messages:
        rider.run("held", "retry", "all").expect(0)
        run_and_account_for_repeats(rider, sink, "fetch", probe=True).expect(0)
    equal(box.messages, [])
    delivered_and_not_lost(box, sink)


def test_a_message_sent_again_three_times_in_doubt_is_held():
    box = peers.Pop3Server([mail.simple(0)])
    sink = peers.SmtpSink(replies={"END": [peers.LOST_REPLY] * 4 + [None]})
    rider = postrider.between(box, sink, after_delivery="delete")
    for times in range(1, 5):
        rider.fetch(status=LATER)
        equal(len(sink.accepted), times)
    result = rider.fetch(status=UNAVAILABLE)
    tap.contains(result.err, "in doubt again and again")
    equal((len(sink.accepted), rider.counts()), (4, {"held": 1}))
    rider.fetch(status=UNAVAILABLE)
    equal(len(sink.accepted), 4)
    rider.run("held", "retry", "all").expect(0)
    rider.fetch()
    equal((len(sink.accepted), box.messages), (5, []))


if __name__ == "__main__":
    tap.main()
