"""Several recipients, with several messages on their way at once: each of them has
what the server said of it, and of nobody else."""
import mail
import peers
import postrider
import tap
from postrider import LATER, UNAVAILABLE
from tap import each, equal

WAYS = {"lockstep": ("8BITMIME", "SIZE"),
        "pipelining": ("PIPELINING", "8BITMIME", "SIZE"),
        "chunking": ("PIPELINING", "8BITMIME", "SIZE", "CHUNKING")}
ANN, BOB = TWO = ["ann@kit.test", "bob@kit.test"]
COUNT = 6


class Sink(peers.SmtpSink):
    """Answers the first message as any server does."""

    def planned(self, command):
        return super().planned(command) if self.accepted else None


def scene(way, replies, lmtp=False, session=peers.SmtpSession):
    box = peers.Pop3Server([mail.simple(n) for n in range(COUNT)])
    sink = Sink(keywords=WAYS[way], replies=replies, lmtp=lmtp)
    sink.session = session
    return box, sink, postrider.between(box, sink, {"connections": 1},
                                        after_delivery="delete", recipient=TWO)


def taken(sink):
    """Who has got what, each as often as it came."""
    return sorted((recipient, message.digest())
                  for message in sink.accepted
                  for recipient in message.recipients)


def everything():
    return sorted((recipient, mail.digest(mail.simple(n)))
                  for recipient in TWO for n in range(COUNT))


def of(recipient, reply):
    return lambda _, argument: reply if recipient.encode() in argument else None


@each(*[(f"{way}, {who} {reply}", way, who, reply)
        for way in WAYS for who in TWO
        for reply in ("530 5.7.0 log in first", "421 4.7.0 not now",
                      "450 4.2.1 later")])
def test_whom_the_server_would_not_have_is_asked_for_again_and_nobody_else(
        _, way, who, reply):
    box, sink, rider = scene(way, {"RCPT": of(who, reply)})
    rider.fetch(status=LATER)
    equal(len(box.messages), COUNT - 1)
    sink.replies = {}
    rider.fetch()
    equal(taken(sink), everything())
    equal(box.messages, [])


@each("500 5.5.2", "501 5.6.0", "502 5.7.1", "504 5.6.3")
def test_a_server_that_has_shown_its_bdat_refuses_a_message_with_any_code(code):
    def judge(session, _):
        return f"{code} not this one" if "sender3@" in session.sender else None
    box, sink, rider = scene("chunking", {"END": judge})
    rider.fetch(status=UNAVAILABLE)
    equal((rider.counts().get("in_doubt"), rider.counts()["held"]), (None, 1))
    equal(taken(sink), [of_one for of_one in everything()
                        if of_one[1] != mail.digest(mail.simple(3))])
    equal(sink.verbs().count("DATA"), 0)
    equal([m.content for m in box.messages], [mail.simple(3)])


@each(*TWO)
def test_in_lmtp_one_recipients_verdict_is_none_of_the_others(who):
    """Even if it could be that of a server which knows no BDAT after all: then
    whoever has accepted the message gets it again, but not in silence."""
    def judge(_, recipient):
        return "501 5.5.4 not for me" if recipient == who else None
    box, sink, rider = scene("chunking", {"END": judge}, lmtp=True)
    sink.accepted.append(None)  # from the first message on
    rider.run("fetch")
    del sink.accepted[0]
    doubt = rider.counts().get("in_doubt", 0)
    assert doubt <= (1 if who == ANN else 0), doubt
    assert all(recipient != who for recipient, _ in taken(sink))
    sink.replies = {}
    rider.run("fetch")
    equal(len(taken(sink)) - len(set(taken(sink))), doubt)


if __name__ == "__main__":
    tap.main()
