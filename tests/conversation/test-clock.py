"""The clock jumps by a year, forth and back: nothing is deleted, given up, forgotten
or sent again because of it."""
import os
import re

import mail
import peers
import postrider
import tap
from postrider import LATER, OK, UNAVAILABLE
from tap import contains, each, equal

DAY = 86400
YEAR = 365 * DAY
JUMPED = "the clock has jumped"


def scene(count=2, sink_replies=None, **account):
    box = peers.Pop3Server([mail.simple(n) for n in range(count)])
    sink = peers.SmtpSink(replies=sink_replies)
    return box, sink, postrider.between(box, sink, **account)


def test_a_clock_that_is_a_year_ahead_for_one_poll_deletes_nothing():
    box, sink, rider = scene(after_delivery="keep 14d")
    rider.fetch()
    for shift in (YEAR, 1):
        contains(rider.fetch(shift=shift).err, JUMPED)
        equal((len(box.messages), len(sink.accepted)), (2, 2))
    for day in (5, 10, 13):
        equal(rider.fetch(shift=day * DAY).err, "")
        equal(len(box.messages), 2)
    rider.fetch(shift=15 * DAY)
    equal((box.messages, len(sink.accepted)), ([], 2))


def test_a_clock_that_is_a_year_behind_for_one_poll_deletes_nothing():
    box, sink, rider = scene(after_delivery="keep 14d")
    rider.fetch()
    box.messages.append(peers.Message(mail.simple(7)))
    contains(rider.fetch(shift=-YEAR).err, JUMPED)
    contains(rider.fetch().err, JUMPED)
    equal((len(box.messages), len(sink.accepted)), (3, 3))
    # By its own word the third has been there for a year.
    equal(rider.fetch().err, "")
    equal((len(box.messages), len(sink.accepted)), (2, 3))


def test_what_came_while_the_clock_was_ahead_is_not_deleted_early():
    box, sink, rider = scene(after_delivery="keep 14d")
    rider.fetch(shift=YEAR)
    rider.fetch()
    for day in (5, 10, 15, 20):
        rider.fetch(shift=day * DAY)
    equal((len(box.messages), len(sink.accepted)), (2, 2))


@each(("back", -YEAR), ("forth", YEAR))
def test_a_poll_that_failed_leaves_the_jump_to_be_noticed_by_the_next(_, shift):
    box, sink, rider = scene(after_delivery="keep 14d")
    rider.fetch()
    box.replies["UIDL"] = ["-ERR [SYS/TEMP] later", "-ERR [SYS/TEMP] later",
                           None]
    box.replies["TOP"] = ["-ERR later", None]
    assert rider.run("fetch", shift=shift).status != OK
    box.replies.clear()
    contains(rider.fetch(shift=shift).err, JUMPED)
    equal((len(box.messages), len(sink.accepted)), (2, 2))


def test_a_clock_that_goes_forward_gives_up_no_message_that_was_refused():
    box, sink, rider = scene(1, {"RCPT": "450 4.2.0 later"})
    rider.fetch(status=LATER)
    for day in (0, 1, 4):
        rider.fetch(shift=YEAR + day * DAY, status=LATER)
    result = rider.fetch(shift=YEAR + 6 * DAY, status=UNAVAILABLE)
    contains(result.err, "given up after 5 days")


def test_nor_one_that_cannot_be_read():
    box, sink, rider = scene(1)
    box.replies["RETR"] = ["-ERR broken"]
    rider.fetch(status=LATER)
    for day in (0, 1, 4):
        rider.fetch(shift=YEAR + day * DAY, status=LATER)
    rider.fetch(shift=YEAR + 6 * DAY, status=UNAVAILABLE)


def test_a_clock_that_goes_back_has_refused_messages_tried_for_5_days_only():
    box, sink, rider = scene(1, {"RCPT": "450 4.2.0 later"})
    rider.fetch(status=LATER)
    for day in (0, 1, 4):
        rider.fetch(shift=-YEAR + day * DAY, status=LATER)
    equal(sink.verbs().count("RCPT"), 4)
    rider.fetch(shift=-YEAR + 6 * DAY, status=UNAVAILABLE)


@each(("back", -YEAR), ("forth", YEAR))
def test_a_message_in_doubt_is_sent_again_once_whatever_the_clock(_, shift):
    box, sink, rider = scene(1, {"END": [peers.LOST_REPLY, None]},
                             after_delivery="delete")
    rider.fetch(status=LATER)
    equal(rider.counts(), {"in_doubt": 1})
    contains(rider.fetch(shift=shift).out, "sent again after being in doubt")
    rider.fetch()
    equal((len(sink.accepted), box.messages), (2, []))


@each(("back", -YEAR), ("forth", YEAR), ("forth, and back", YEAR, 1))
def test_messages_that_were_not_listed_for_a_while_do_not_come_again(
        _, *shifts):
    box, sink, rider = scene(3)
    rider.fetch()
    away, box.messages = box.messages, []
    rider.fetch()
    equal(rider.counts(), {"gone": 3})
    for shift in shifts:
        rider.fetch(shift=shift)
        rider.fetch(shift=shift + 60)
    box.messages = away
    rider.fetch(shift=shifts[-1] + 120)
    equal((len(sink.accepted), rider.counts()), (3, {"delivered": 3}))


@each(("deferred", "450 4.2.0 later"), ("in_doubt", peers.LOST_REPLY))
def test_a_clock_set_back_during_a_poll_makes_it_try_nothing_twice(
        state, end):
    box, sink, rider = scene(3)
    clock = os.path.join(rider.folder, "clock")
    retrieved = []

    def set_clock(seconds):
        with open(clock + ".new", "w") as file:
            file.write(str(seconds))
        os.rename(clock + ".new", clock)

    def retr(_, argument):
        set_clock(-YEAR)
        retrieved.append(argument)
        # The session breaks, and the poll goes on in another one.
        return peers.DROP if argument == b"2" else None

    set_clock(0)
    box.replies["RETR"] = [retr]
    sink.replies["END"] = [end, None]
    rider.fetch(status=LATER, shift=clock)
    equal(retrieved, [b"1", b"2", b"3"], "RETR")
    equal(rider.counts(), {state: 1, "delivered": 1, "deferred": 1}
          if state != "deferred" else {"deferred": 2, "delivered": 1})


@each(("back", -YEAR), ("forth", YEAR))
def test_what_is_shown_makes_sense_whatever_the_clock(_, shift):
    box, sink, rider = scene(2, {"RCPT": ["550 5.1.1 no", "450 4.2.0 later"]})
    rider.run("fetch")
    for command in (("status",), ("status", "--json"), ("held",),
                    ("plan", "ann")):
        result = rider.run(*command, shift=shift)
        assert result.status in (OK, LATER, UNAVAILABLE), result.err
        assert not re.search(r" -\d", result.out), result.out
    equal(len(sink.accepted), 0)


if __name__ == "__main__":
    tap.main()
