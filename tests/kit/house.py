"""house - many mailboxes u0, u1, … on one server, and a daemon that fetches from
them into one sink."""
import signal

import mail
import peers
import postrider
from postrider import wait_until

HOUR = "1h"


def house(count=1, **how):
    """A server with mailboxes u0, u1, …, each with one message."""
    how.setdefault("contents", (mail.simple(1),))
    return peers.Pop3Server(users={f"u{n}": "secret" for n in range(count)}, **how)


def account(server, n, **settings):
    settings = {"name": f"u{n}", "user": f"u{n}", "recipient": f"u{n}@kit.test",
                **settings}
    return server.account(settings.pop("name"), **settings)


def accounts(server, count, **settings):
    return [account(server, n, **settings) for n in range(count)]


def arrive(server, number):
    server.messages.append(peers.Message(mail.simple(number), uid=f"uid{number}"))


def write(rider, some, sink, every=HOUR, **settings):
    to = sink if isinstance(sink, dict) else {"home": sink.destination()}
    rider.write(some, to, {"every": every}, **settings)


def rider_for(some, sink, **settings):
    rider = postrider.Postrider()
    write(rider, some, sink, **settings)
    return rider


def until_accepted(sink, count, seconds=20):
    wait_until(lambda: len(sink.accepted) >= count, seconds,
               f"{count} messages, of {len(sink.accepted)}")


def reloaded(daemon):
    before = daemon.said().count("the settings were read anew")
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: daemon.said().count("the settings were read anew")
               > before, what="new settings")
