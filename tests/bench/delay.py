#!/usr/bin/python3
"""delay - a delay line: TCP on loopback as if each octet took half a round trip.

    delay.py RTT-MILLISECONDS PORT...

listens for each PORT of 127.0.0.1 on a port of its own, prints those as a JSON
list, and from then on answers each line of its standard input with "TRIPS
CONNECTIONS OCTETS" of the time since the answer before, until that input ends.

A connection costs what it would cost on such a wire: what the client says first
arrives 1.5 round trips after its connect(2), the server's greeting after 2. There
is no limit to the octets under way but one that protects the memory. Not there:
slow start, loss, a narrow wire, and acknowledgements that travel (Nagle's
algorithm and delayed ACKs play between each side and this line).

TRIPS are counted, not measured. Every octet carries a number: the client's clock
when it was sent, the server's when it was. Arriving half a round trip later it
sets the clock of who gets it to at least that number and a half. The client's
clock is one for all of its connections. So TRIPS is the longest chain of octets
each of which left after the one before it had arrived: what a program can have
waited for, however slow the servers were. A program whose questions do not wait
for answers is not charged for them. What arrives when the client has closed the
connection is not counted.
"""
import collections
import heapq
import itertools
import json
import os
import select
import socket
import sys
import time

HOST = "127.0.0.1"
CHUNK = 1 << 18
HELD = 64 << 20  # octets under way in one direction, before no more are read


class Side:
    """One of the two sockets of a link, and what waits to be written to it."""

    def __init__(self, sock):
        self.sock = sock
        self.other = None
        self.waiting = collections.deque()  # (data, stamp)
        self.under_way = 0  # read here, and not written to the other side yet
        self.at_end = False  # all of it was read
        self.closing = False  # shut down once nothing waits
        self.mask = None  # what epoll is asked for


class Link:
    def __init__(self, client, opens, base):
        self.client, self.server = Side(client), Side(None)
        self.client.other, self.server.other = self.server, self.client
        self.opens = opens  # when the handshake is over
        self.base = base  # the client's clock at connect(2)
        self.clock = base + 1.5  # the server's
        self.sides = {self.client, self.server}  # those that are not closed


class Line:
    def __init__(self, rtt, ports):
        self.half = rtt / 2
        self.events, self.order = [], itertools.count()
        self.sides, self.listeners = {}, {}  # by descriptor
        self.clock, self.connections, self.octets = 0.0, 0, 0
        self.epoll = select.epoll()
        for port in ports:
            sock = socket.create_server((HOST, 0), backlog=1000)
            sock.setblocking(False)
            self.listeners[sock.fileno()] = sock, port
            self.epoll.register(sock, select.EPOLLIN)

    def ports(self):
        return [sock.getsockname()[1] for sock, _ in self.listeners.values()]

    def count(self):
        counted = self.clock, self.connections, self.octets
        self.clock, self.connections, self.octets = 0.0, 0, 0
        return counted

    def at(self, due, function, *args):
        heapq.heappush(self.events, (due, next(self.order), function, args))

    # --- connections ---------------------------------------------------------

    def accept(self, listener, port):
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        self.connections += 1
        link = Link(sock, time.monotonic() + 3 * self.half, self.clock)
        self.adopt(link, link.client)
        self.at(link.opens, self.open, link, port)

    def adopt(self, link, side):
        side.sock.setblocking(False)
        side.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sides[side.sock.fileno()] = link, side
        self.watch(link, side)

    def open(self, link, port):
        if not link.sides:
            return
        try:
            link.server.sock = socket.create_connection((HOST, port), 10)
        except OSError:
            self.drop(link)
            return
        self.adopt(link, link.server)

    def watch(self, link, side):
        """Have epoll look for what this side is good for now."""
        if side not in link.sides or side.sock is None:
            return
        mask = select.EPOLLOUT if side.waiting else 0
        if not side.at_end and side.under_way < HELD:
            mask |= select.EPOLLIN
        if mask == side.mask:
            return
        if side.mask is not None:
            self.epoll.unregister(side.sock)
        side.mask = mask or None  # else it would tell of hang-ups for ever
        if mask:
            self.epoll.register(side.sock, mask)

    def close(self, link, side):
        if side not in link.sides:
            return
        link.sides.discard(side)
        if side.sock is not None:
            if side.mask is not None:
                self.epoll.unregister(side.sock)
            del self.sides[side.sock.fileno()]
            side.sock.close()

    def drop(self, link):
        self.close(link, link.client)
        self.close(link, link.server)

    # --- octets --------------------------------------------------------------

    def read(self, link, side):
        try:
            data = side.sock.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            self.drop(link)
            return
        due = max(time.monotonic() + self.half, link.opens)
        if not data:
            side.at_end = True
            self.at(due, self.end, link, side.other)
        else:
            stamp = (max(self.clock, link.base + 1) if side is link.client
                     else link.clock)
            side.under_way += len(data)
            self.octets += len(data)
            self.at(due, self.arrive, link, side.other, data, stamp)
        self.watch(link, side)

    def arrive(self, link, side, data, stamp):
        side.waiting.append((memoryview(data), stamp))
        self.write(link, side)

    def write(self, link, side):
        while side.waiting and side in link.sides and side.sock is not None:
            data, stamp = side.waiting[0]
            # The clock first: an answer may be there before we are back.
            self.advance(link, side, stamp + 0.5)
            try:
                sent = side.sock.send(data)
            except BlockingIOError:
                break
            except OSError:
                self.drop(link)
                return
            side.other.under_way -= sent
            side.waiting.popleft()
            if sent < len(data):
                side.waiting.appendleft((data[sent:], stamp))
        if side.closing and not side.waiting:
            self.finish(link, side)
        self.watch(link, side)
        self.watch(link, side.other)

    def advance(self, link, side, clock):
        if side is link.server:
            link.clock = max(link.clock, clock)
        elif not side.at_end:
            self.clock = max(self.clock, clock)

    def end(self, link, side):
        side.closing = True
        if side.sock is not None and not side.waiting:
            self.finish(link, side)

    def finish(self, link, side):
        if side not in link.sides:
            return
        try:
            side.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        if link.client.closing and link.server.closing and \
                not side.other.waiting:
            self.drop(link)

    # --- the loop ------------------------------------------------------------

    def answer(self):
        asked = os.read(0, 4096)
        for _ in range(asked.count(b"\n")):
            print(*self.count(), flush=True)
        return bool(asked)

    def turn(self, ready):
        """Do what is due and what is ready; False: we are to end."""
        for descriptor, mask in ready:
            if descriptor == 0:
                if not self.answer():
                    return False
            elif descriptor in self.listeners:
                self.accept(*self.listeners[descriptor])
            elif descriptor in self.sides:
                link, side = self.sides[descriptor]
                if mask & select.EPOLLOUT:
                    self.write(link, side)
                if mask & ~select.EPOLLOUT and side in link.sides:
                    self.read(link, side)
        while self.events and self.events[0][0] <= time.monotonic():
            _, _, function, args = heapq.heappop(self.events)
            function(*args)
        return True

    def run(self):
        self.epoll.register(0, select.EPOLLIN)
        ready = []
        while self.turn(ready):
            wait = None
            if self.events:
                wait = max(0, self.events[0][0] - time.monotonic())
            # epoll(2) counts in milliseconds, select(2) does not.
            select.select([self.epoll], [], [], wait)
            ready = self.epoll.poll(0)


def main():
    line = Line(float(sys.argv[1]) / 1000, [int(port) for port in sys.argv[2:]])
    print(json.dumps(line.ports()), flush=True)
    line.run()


if __name__ == "__main__":
    main()
