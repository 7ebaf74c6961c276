"""What the settings of an account make of its mail: first_poll, fetch_limit,
max_size, after_delivery, and the clock."""
import time

import mail
import peers
import postrider
import tap
from peers import Message
from postrider import LATER, UNAVAILABLE
from tap import equal

DAY = 86400


def dated(number, age):
    """A message that came `age` seconds ago."""
    when = time.strftime("%a, %d %b %Y %H:%M:%S +0000",
                         time.gmtime(time.time() - age))
    return mail.simple(number).replace(mail.DATE.encode(), when.encode())


def scene(contents, replies=None, **account):
    box = peers.Pop3Server(contents)
    sink = peers.SmtpSink(replies=replies)
    return box, sink, postrider.between(box, sink, **account)


def some(count, start=0):
    return [mail.simple(n) for n in range(start, start + count)]


def test_first_poll_all_is_the_default():
    box, sink, rider = scene(some(3))
    rider.fetch()
    equal(len(sink.accepted), 3)


def test_first_poll_none_takes_only_what_comes_later():
    box, sink, rider = scene(some(3), first_poll="none", after_delivery="delete")
    rider.fetch()
    equal((len(sink.accepted), rider.counts()), (0, {"seen": 3}))
    box.messages.append(Message(mail.simple(9)))
    rider.fetch()
    equal(sink.digests(), [mail.digest(mail.simple(9))])
    equal(len(box.messages), 3)


def test_first_poll_last_takes_the_newest():
    box, sink, rider = scene(some(5), first_poll="last 2")
    rider.fetch()
    equal(sink.digests(), sorted(map(mail.digest, some(2, 3))))
    rider.fetch()
    equal(len(sink.accepted), 2)


def test_first_poll_since_goes_by_when_a_message_came():
    old, young = dated(1, 30 * DAY), dated(2, 2 * DAY)
    box, sink, rider = scene([old, young], first_poll="since 7d")
    rider.fetch()
    equal(sink.digests(), [mail.digest(young)])
    rider.fetch()
    equal(len(sink.accepted), 1)


def test_a_first_poll_that_was_cut_short_is_finished_by_the_next():
    box, sink, rider = scene(some(4), {"DATA": [None, peers.DROP, None]},
                             first_poll="last 3")
    rider.run("fetch")
    rider.run("fetch")
    equal(sorted(set(sink.digests())), sorted(map(mail.digest, some(3, 1))))


def test_fetch_limit_takes_a_few_at_a_time_the_oldest_first():
    box, sink, rider = scene(some(5), fetch_limit=2)
    for count in (2, 4, 5, 5):
        rider.fetch()
        equal(len(sink.accepted), count)
    equal([a.digest() for a in sink.accepted], [mail.digest(m) for m in some(5)])


def test_new_mail_goes_before_retries():
    box, sink, rider = scene(some(2), {"RCPT": ["450 4.2.0 later",
                                                "450 4.2.0 later", None]},
                             fetch_limit=2)
    rider.fetch(status=LATER)
    box.messages.append(Message(mail.simple(9)))
    rider.run("fetch")
    equal(sink.accepted[0].digest(), mail.digest(mail.simple(9)))


def test_a_message_over_max_size_is_held_and_not_fetched():
    big = mail.simple(1, b"x" * 70 + b"\r\n" * 40000)
    box, sink, rider = scene([big, mail.simple(2)], max_size="10K",
                             after_delivery="delete")
    rider.fetch(status=UNAVAILABLE)
    equal(sink.digests(), [mail.digest(mail.simple(2))])
    equal([m.content for m in box.messages], [big])
    assert b"RETR 1" not in box.commands
    held = rider.run("held", "--json").json()["messages"]
    equal(len(held), 1)
    tap.contains(held[0]["reply"], "max_size")


def test_a_message_larger_than_max_size_that_is_listed_smaller_is_held():
    big = mail.simple(1, (b"x" * 70 + b"\r\n") * 1000)
    box, sink, rider = scene([Message(big, octets=500), mail.simple(2)],
                             max_size="10K", after_delivery="delete")
    result = rider.fetch(status=UNAVAILABLE)
    tap.contains(result.err, "max_size")
    equal(sink.digests(), [mail.digest(mail.simple(2))])
    equal([m.content for m in box.messages], [big])
    equal(rider.states()[Message(big).uid], "held")


def test_a_message_that_comes_round_again_is_held():
    box, sink, rider = scene(some(1))
    rider.fetch()
    # The destination has forwarded it into the mailbox it came from.
    again = b"Received: by elsewhere; x\r\n" + sink.accepted[0].data
    many = mail.simple(2, extra=b"Received: by somebody; x\r\n" * 100)
    box.messages += [Message(again), Message(many)]
    result = rider.fetch(status=UNAVAILABLE)
    tap.contains(result.err, "mail loop")
    equal(len(sink.accepted), 1)
    equal(rider.counts(), {"delivered": 1, "held": 2})


def test_keep_for_a_time_deletes_when_it_is_over():
    box, sink, rider = scene(some(2), after_delivery="keep 14d")
    rider.fetch(probe=True)
    rider.fetch(shift=6 * DAY)
    rider.fetch(shift=12 * DAY)
    equal(len(box.messages), 2)
    rider.fetch(shift=15 * DAY)
    equal(box.messages, [])
    equal(len(sink.accepted), 2)


def test_a_size_that_changed_while_refused_makes_no_new_message_later():
    box, sink, rider = scene([mail.simple(1)],
                             {"RCPT": ["450 4.2.0 later", None]},
                             after_delivery="keep 14d")
    rider.fetch(status=LATER, probe=True)
    box.messages[0].octets += 30  # its server has added a field, say
    rider.fetch(probe=True)
    for days in (6, 12, 15, 16):
        rider.fetch(shift=days * DAY)
    equal((len(sink.accepted), box.messages), (1, []))


def test_a_clock_that_went_back_deletes_nothing_by_age():
    box, sink, rider = scene(some(2), after_delivery="keep 1d")
    rider.fetch(probe=True)
    rider.fetch(shift=-30 * DAY)
    equal(len(box.messages), 2)


def test_a_clock_that_leapt_ahead_deletes_nothing_at_once():
    box, sink, rider = scene(some(2), after_delivery="keep 14d")
    rider.fetch(probe=True)
    rider.run("fetch", shift=400 * DAY)
    equal(len(box.messages), 2)
    # The second poll with that clock believes it.
    rider.run("fetch", shift=400 * DAY + 60)
    equal(box.messages, [])


def test_delete_turned_on_later_deletes_what_was_delivered_before():
    box, sink, rider = scene(some(2))
    rider.fetch()
    rider.write([box.account(after_delivery="delete")],
                {"home": sink.destination()})
    rider.fetch()
    equal(box.messages, [])
    equal(len(sink.accepted), 2)


def test_a_message_refused_for_five_days_is_held():
    box, sink, rider = scene(some(1), {"RCPT": "450 4.2.0 later"})
    for day in range(0, 5):
        rider.fetch(shift=day * DAY + 1, status=LATER)
    rider.fetch(shift=6 * DAY, status=UNAVAILABLE)
    equal(rider.counts(), {"held": 1})


def test_what_the_server_no_longer_lists_is_gone():
    box, sink, rider = scene(some(2))
    rider.fetch()
    box.messages.pop()
    rider.fetch()
    equal(rider.counts(), {"delivered": 1, "gone": 1})


def test_without_the_recipient_who_lacked_it_a_message_is_done_with():
    def not_bob(_, argument):
        return "451 4.3.0 later" if b"bob" in argument else None
    box, sink, rider = scene(some(1), {"RCPT": not_bob},
                             recipient=["ann@kit.test", "bob@kit.test"],
                             after_delivery="delete")
    rider.fetch(status=LATER)
    rider.write([box.account(recipient="ann@kit.test",
                             after_delivery="delete")],
                {"home": sink.destination()})
    rider.fetch()
    equal(rider.counts(), {"delete_owed": 1})
    rider.fetch()
    equal((box.messages, len(sink.accepted)), ([], 1))


if __name__ == "__main__":
    tap.main()
