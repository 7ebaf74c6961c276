"""scenarios - what is measured: which mail, over which wires, into what."""
import dataclasses
import random

import mail


@dataclasses.dataclass(frozen=True)
class Scenario:
    what: str
    kind: str = "uniform"  # or "mixed", "big"
    count: int = 200  # messages in each mailbox
    size: int = 4096  # of each; not of mixed ones
    accounts: int = 1
    pop_tls: bool = False
    smtp_tls: bool = False
    postfix: bool = False  # into Postfix, each on disk; else it is thrown away
    delayed: bool = False  # both sides
    idle: bool = False  # all of it has been fetched before
    modes: tuple = ("keep",)


BOTH = "keep", "delete"

SCENARIOS = {
    "plain": Scenario("many small messages, loopback, thrown away",
                      modes=BOTH),
    "pop3s": Scenario("the same by POP3S", pop_tls=True),
    "tls": Scenario("the same by POP3S, into Postfix with STARTTLS",
                    count=100, pop_tls=True, smtp_tls=True, postfix=True),
    "durable": Scenario("the same in clear into Postfix, each on disk",
                        postfix=True, modes=BOTH),
    "mixed": Scenario("mail as people have it, loopback, thrown away",
                      kind="mixed", count=100, size=0),
    "big": Scenario("one large message, loopback, thrown away", kind="big",
                    count=1, size=100 << 20),
    "idle": Scenario("nothing new among many, loopback", count=10000,
                     size=1024, idle=True),
    "delay": Scenario("latency on both sides, thrown away", count=40,
                      delayed=True, modes=BOTH),
    "delay-tls": Scenario("latency on both sides, by POP3S, into Postfix with"
                          " STARTTLS", count=40, delayed=True, pop_tls=True,
                          smtp_tls=True, postfix=True),
    "idle-delay": Scenario("nothing new, latency", count=20, delayed=True,
                           idle=True),
    "idle-delay-tls": Scenario("nothing new, latency, by POP3S", count=20,
                               delayed=True, idle=True, pop_tls=True),
    "accounts": Scenario("many mailboxes with one message each, latency on both"
                         " sides, thrown away", count=1, accounts=20,
                         delayed=True),
}

BLOCK = 1 << 20


def uniform(count, size):
    rng = random.Random(size)
    for number in range(count):
        missing = size - len(mail.simple(number, b""))
        line = b" ".join(rng.choices([w.encode() for w in mail.WORDS], k=9))
        body = (line + b"\r\n") * (missing // (len(line) + 2) + 1)
        yield [mail.simple(number, body[:max(0, missing - 2)] + b"\r\n")]


def big(count, size):
    block = mail.attachment(random.Random(1), BLOCK)
    for number in range(count):
        yield [mail.simple(number, b"")] + [block] * (size // len(block))


def messages(scenario):
    """Each message as a list of blocks of whole lines."""
    if scenario.kind == "mixed":
        return ([message] for message in mail.mixed(scenario.count))
    make = big if scenario.kind == "big" else uniform
    return make(scenario.count, scenario.size)
