"""LMTP: a verdict for each recipient, over TCP and unix sockets."""
import mail
import peers
import postrider
import tap
from postrider import LATER, UNAVAILABLE
from tap import each, equal

TWO = ["ann@kit.test", "bob@kit.test"]


def scene(replies=None, path=None, **account):
    box = peers.Pop3Server([mail.simple(1)])
    sink = peers.SmtpSink(lmtp=True, replies=replies, path=path)
    return box, sink, postrider.between(box, sink, after_delivery="delete",
                                        **account)


@each("tcp", "unix socket")
def test_mail_arrives_by(kind):
    path = peers.socket_path() if kind == "unix socket" else None
    box, sink, rider = scene(path=path)
    rider.fetch()
    equal(sink.digests(), [mail.digest(mail.simple(1))])
    equal(box.messages, [])
    tap.contains(sink.verbs(), "LHLO")
    assert "EHLO" not in sink.verbs()


def verdict_on_bob(reply):
    return lambda _, recipient: reply if recipient == "bob@kit.test" else None


def test_each_recipient_has_a_verdict():
    box, sink, rider = scene(recipient=TWO)
    rider.fetch()
    equal(sorted(a.recipients[0] for a in sink.accepted), TWO)
    equal(box.messages, [])


def test_one_recipient_later_is_the_only_one_tried_again():
    calls = []

    def once(_, recipient):
        calls.append(recipient)
        return ("452 4.2.2 full" if recipient == "bob@kit.test" and
                calls.count(recipient) == 1 else None)
    box, sink, rider = scene({"END": once}, recipient=TWO)
    rider.fetch(status=LATER)
    equal(len(box.messages), 1)
    rider.fetch()
    equal([a.recipients for a in sink.accepted],
          [["ann@kit.test"], ["bob@kit.test"]])
    equal(box.messages, [])


def test_one_recipient_refused_for_good_holds_the_message():
    box, sink, rider = scene({"END": verdict_on_bob("550 5.1.1 gone")},
                             recipient=TWO)
    rider.fetch(status=UNAVAILABLE)
    equal(rider.counts(), {"held": 1})
    equal(len(box.messages), 1)


def test_a_held_message_tried_again_goes_to_the_one_that_lacks_it():
    answers = ["550 5.1.1 gone", None]

    def first_no(_, recipient):
        return answers.pop(0) if recipient == "bob@kit.test" else None
    box, sink, rider = scene({"END": first_no}, recipient=TWO)
    rider.fetch(status=UNAVAILABLE)
    rider.run("held", "retry", "all").expect(0)
    rider.fetch()
    equal([a.recipients for a in sink.accepted],
          [["ann@kit.test"], ["bob@kit.test"]])
    equal(box.messages, [])


def test_hung_up_between_two_verdicts_leaves_the_message_in_doubt():
    box, sink, rider = scene({"END": verdict_on_bob(peers.DROP)}, recipient=TWO)
    rider.fetch(status=LATER)
    equal(rider.counts(), {"in_doubt": 1})
    equal(len(box.messages), 1)


def test_refused_for_all_at_once():
    box, sink, rider = scene({"END": "554 5.7.1 no"}, recipient=TWO)
    rider.fetch(status=UNAVAILABLE)
    equal(rider.counts(), {"held": 1})


if __name__ == "__main__":
    tap.main()
