#!/usr/bin/python3
"""crowd - a POP3 server with as many mailboxes as are asked for, some of which
misbehave, and an SMTP server that takes their mail; both in one process.

    crowd.py SECONDS-BETWEEN-MESSAGES [TROUBLE]

prints {"pop": PORT, "smtp": PORT}, and then answers lines of its standard input
with one line of JSON, until that ends:

    count   {"deleted", "accepted", "lost", "twice", "sessions"}: messages;
            lost: deleted in a mailbox without having been accepted
    down    the SMTP server hangs up on everybody and listens no more
    up      it is there again

The name of a user says how his mailbox is. Each gets a message every so many
seconds, and says "+OK" to any password:

    good-…    as it should be
    slow-…    two seconds before each reply
    hang-…    never replies to a password
    refuse-…  refuses it
    busy-…    another session has it
    fickle-…  one of these, or hangs up somewhere, or good, each time by chance

TROUBLE is how many of 100 messages the SMTP server defers, and of how many it
loses the reply or hangs up."""
import asyncio
import json
import random
import sys
import time

HOST = "127.0.0.1"
SLOW = 2
KINDS = "good", "slow", "hang", "refuse", "busy", "drop"
WEIGHTS = 60, 5, 5, 10, 10, 10
BODY = b"All is well here, and the road is dry.\r\n" * 40


class Mailbox:
    """Its messages are made when they are asked for."""

    def __init__(self, crowd, user):
        self.crowd, self.user = crowd, user
        self.began, self.gone = time.monotonic(), set()

    def numbers(self):
        count = int((time.monotonic() - self.began) / self.crowd.pause) + 1
        return [n for n in range(count) if n not in self.gone]

    def message(self, number):
        return (f"From: sender@friends.example\r\nTo: {self.user}@kit.test\r\n"
                f"Message-ID: <{self.user}.{number}@friends.example>\r\n"
                f"Subject: number {number}\r\n\r\n").encode() + BODY


class Crowd:
    def __init__(self, pause, trouble):
        self.pause, self.trouble = pause, trouble
        self.mailboxes, self.accepted = {}, {}
        self.deleted, self.sessions = set(), 0
        self.smtp = self.smtp_port = None
        self.senders = set()

    def count(self):
        lost = [m for m in self.deleted if m not in self.accepted]
        return {"deleted": len(self.deleted), "accepted": len(self.accepted),
                "lost": len(lost), "sessions": self.sessions,
                "twice": sum(n - 1 for n in self.accepted.values())}

    async def up(self):
        self.smtp = await asyncio.start_server(
            self.take_mail, HOST, self.smtp_port or 0, backlog=512)
        self.smtp_port = self.smtp.sockets[0].getsockname()[1]

    def down(self):
        self.smtp.close()
        for writer in list(self.senders):
            writer.transport.abort()

    # --- SMTP ---

    async def take_mail(self, reader, writer):
        self.senders.add(writer)
        try:
            await self.smtp_session(reader, writer)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            pass
        finally:
            self.senders.discard(writer)
            writer.close()

    async def smtp_session(self, reader, writer):
        def say(text):
            writer.write(text.encode() + b"\r\n")

        say("220 crowd.kit.test ESMTP")
        while True:
            line = await reader.readuntil(b"\n")
            verb = line[:4].upper()
            if verb == b"EHLO":
                say("250-crowd.kit.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n"
                    "250 ENHANCEDSTATUSCODES")
            elif verb == b"DATA":
                say("354 go on")
                content = await reader.readuntil(b"\r\n.\r\n")
                chance = random.uniform(0, 100)
                if chance < self.trouble:
                    say("451 4.2.0 later")
                elif chance < 1.5 * self.trouble:
                    return
                else:
                    self.keep(content)
                    if chance < 2 * self.trouble:
                        return
                    say("250 2.0.0 kept")
            elif verb == b"QUIT":
                say("221 2.0.0 bye")
                await writer.drain()
                return
            else:
                say("250 2.0.0 ok")

    def keep(self, content):
        start = content.index(b"Message-ID: <") + len(b"Message-ID: <")
        name = content[start:content.index(b"@", start)].decode()
        self.accepted[name] = self.accepted.get(name, 0) + 1

    # --- POP3 ---

    async def serve(self, reader, writer):
        self.sessions += 1
        try:
            await PopSession(self, reader, writer).talk()
        except (OSError, asyncio.IncompleteReadError, ValueError):
            pass
        finally:
            writer.close()


class PopSession:
    def __init__(self, crowd, reader, writer):
        self.crowd, self.reader, self.writer = crowd, reader, writer
        self.kind, self.mailbox = "good", None
        self.list, self.marked = None, []  # numbers of messages

    async def say(self, text):
        if self.kind == "slow":
            await asyncio.sleep(SLOW)
        self.writer.write(text.encode() + b"\r\n")

    def enter(self, user):
        box = self.crowd.mailboxes.get(user)
        if box is None:
            box = self.crowd.mailboxes[user] = Mailbox(self.crowd, user)
        self.mailbox = box
        self.kind = user.split("-")[0]
        if self.kind == "fickle":
            self.kind = random.choices(KINDS, WEIGHTS)[0]

    async def login(self):
        if self.kind == "hang":
            await asyncio.sleep(3600)
        if self.kind == "refuse":
            await self.say("-ERR [AUTH] no")
            return
        if self.kind == "busy":
            await self.say("-ERR [IN-USE] another session has it")
            return
        self.list = self.mailbox.numbers()
        await self.say("+OK")

    async def talk(self):
        await self.say("+OK crowd")
        while True:
            line = (await self.reader.readuntil(b"\n")).decode().split()
            verb, argument = line[0].upper(), line[1:]
            if verb == "QUIT":
                await self.quit()
                return
            if self.kind == "drop" and random.random() < 0.2:
                return
            await self.perform(verb, argument)

    async def quit(self):
        self.mailbox.gone.update(self.marked)
        self.crowd.deleted.update(
            f"{self.mailbox.user}.{n}" for n in self.marked)
        await self.say("+OK bye")
        await self.writer.drain()

    async def perform(self, verb, argument):
        if verb == "CAPA":
            await self.say("+OK\r\nUSER\r\nUIDL\r\nTOP\r\nRESP-CODES\r\n"
                           "PIPELINING\r\n.")
        elif verb == "USER":
            self.enter(argument[0])
            await self.say("+OK")
        elif verb == "PASS":
            await self.login()
        elif self.list is None:
            await self.say("-ERR log in first")
        elif verb == "STAT":
            size = sum(len(self.mailbox.message(n)) for n in self.list)
            await self.say(f"+OK {len(self.list)} {size}")
        elif verb == "UIDL":
            rows = [f"{i} u{n}" for i, n in enumerate(self.list, 1)]
            await self.say("\r\n".join(["+OK", *rows, "."]))
        elif verb == "LIST":
            rows = [f"{i} {len(self.mailbox.message(n))}"
                    for i, n in enumerate(self.list, 1)]
            await self.say("\r\n".join(["+OK", *rows, "."]))
        elif verb in ("RETR", "TOP"):
            number = self.list[int(argument[0]) - 1]
            await self.say(
                "+OK\r\n" + self.mailbox.message(number).decode() + ".")
        elif verb == "DELE":
            self.marked.append(self.list[int(argument[0]) - 1])
            await self.say("+OK")
        else:
            await self.say("+OK")


async def main(pause, trouble):
    crowd = Crowd(pause, trouble)
    await crowd.up()
    pop = await asyncio.start_server(crowd.serve, HOST, 0, backlog=2048)
    told = {"pop": pop.sockets[0].getsockname()[1], "smtp": crowd.smtp_port}
    print(json.dumps(told), flush=True)
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while order := (await orders.readline()).decode().strip():
        if order == "down":
            crowd.down()
        elif order == "up":
            await crowd.up()
        print(json.dumps(crowd.count()), flush=True)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]),
                     float(sys.argv[2]) if len(sys.argv) > 2 else 0))
