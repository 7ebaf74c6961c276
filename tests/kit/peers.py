"""peers - POP3, SMTP and LMTP servers for tests: real sockets, real TLS, one
thread for each connection. Left alone they are well-behaved; a table of replies
makes them refuse, fall silent, or hang up at any command.

What may stand in a table of replies, by command:
    "450 4.2.0 later"   that reply (several lines with \\n), nothing else done
    DROP                hang up without a reply
    SILENCE             never reply
    a function          called with (session, argument): may do all itself and
                        return True, or return one of these, or None: as usual
    a list              one of these for each time, the last one from then on
None among them means: as usual.
"""
import base64
import functools
import hashlib
import os
import re
import socket
import ssl
import threading
import time

import certificates
import mail
import tap

DROP, SILENCE = "DROP", "SILENCE"
LOST_REPLY = "LOST-REPLY"  # at the end of data: keep the message, then hang up


class Closed(Exception):
    """The conversation is over."""


class Session:
    """One connection: lines in, octets out."""

    def __init__(self, server, connection):
        self.server, self.socket = server, connection
        self.file = connection.makefile("rb", 1 << 16)
        self.tls = self.silent = False

    def line(self):
        line = self.file.readline(1 << 20)
        if not line.endswith(b"\n"):
            raise Closed
        return line

    def send(self, octets):
        if self.server.drip:
            for octet in octets:
                self.socket.sendall(bytes([octet]))
        else:
            self.socket.sendall(octets)

    def start_tls(self):
        self.socket = self.server.tls_context.wrap_socket(
            self.socket, server_side=True)
        self.server.sockets.append(self.socket)
        self.server.resumed.append(self.socket.session_reused)
        self.file = self.socket.makefile("rb", 1 << 16)
        self.tls = True

    def perform(self, what, argument):
        """Do what a table says. True when that was all."""
        if callable(what):
            what = what(self, argument)
        if what is None or what is True:
            return bool(what)
        if what == DROP:
            raise Closed
        if what == SILENCE:
            self.silent = True
            self.server.stopped.wait()
            raise Closed
        self.reply(what)
        return True

    def reply(self, text):
        """Overridden by SMTP, whose replies of several lines carry codes."""
        self.send(text.encode("latin-1").replace(b"\n", b"\r\n") + b"\r\n")


class Server:
    """A listening socket, and a thread for each connection."""

    session = None  # class of its sessions
    there = set()    # all servers of the running test

    def __init__(self, replies=None, tls=None, certificate=None, drip=False,
                 path=None, port=0):
        """tls: None, "implicit" or "starttls". certificate: PEM file.
        port: 0 for one that is free."""
        self.replies = {k: list(v) if isinstance(v, (list, tuple)) else [v]
                        for k, v in (replies or {}).items()}
        self.tls, self.certificate, self.drip = tls, certificate, drip
        self.commands = []       # every line that came, b"" where one hung up
        self.connections = 0
        self.resumed = []        # of each TLS handshake: did a session go on?
        self.problems = []       # what went wrong in a thread of ours
        self.sockets, self.threads, self.talking = [], [], set()
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        if path is not None:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
            self.listener.listen(64)
        else:
            self.listener = socket.create_server(("127.0.0.1", port), backlog=64)
            self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        Server.there.add(self)
        tap.cleanup(self.stop)

    @functools.cached_property
    def tls_context(self):
        pki = certificates.shared()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate or pki.good, pki.key)
        return context

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            if connection.family != socket.AF_UNIX:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections += 1
                self.sockets.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,),
                                      daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve(self, connection):
        session = self.session(self, connection)
        self.talking.add(session)
        try:
            if self.tls == "implicit":
                session.start_tls()
            session.talk()
        except (Closed, OSError):
            pass
        except Exception as problem:
            self.problems.append(problem)
        finally:
            hang_up(session.socket)
            hang_up(connection)
            self.talking.discard(session)

    def stop(self):
        Server.there.discard(self)
        self.stopped.set()
        hang_up(self.listener)
        for connection in self.sockets:
            hang_up(connection)
        for thread in self.threads:
            thread.join(10)
        if self.problems:
            raise self.problems[0]

    def note(self, line):
        with self.lock:
            self.commands.append(line.rstrip(b"\r\n"))

    def verbs(self):
        return [c.split(b" ")[0].upper().decode("latin-1")
                for c in self.commands]

    def planned(self, command):
        """What the table has for this command now."""
        with self.lock:
            answers = self.replies.get(command)
            if not answers:
                return None
            return answers.pop(0) if len(answers) > 1 else answers[0]


def hear_the_end(seconds=5):
    """Nobody is connected any more: until all have heard what was said last, but
    for those that do not listen."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(
            not session.silent for server in list(Server.there)
            for session in list(server.talking)):
        time.sleep(0.002)


def hang_up(connection):
    for what in (lambda: connection.shutdown(socket.SHUT_RDWR),
                 connection.close):
        try:
            what()
        except OSError:
            pass


# --- POP3 ------------------------------------------------------------------------


class Message:
    """What a mailbox holds: octets, and a UID (made from them if not given)."""

    def __init__(self, content, uid=None, octets=None):
        self.content = content
        self.uid = uid or hashlib.md5(content).hexdigest()
        self.octets = len(content) if octets is None else octets


class Pop3Session(Session):
    def talk(self):
        self.user, self.in_transaction = None, False
        if not self.perform(self.server.planned("CONNECT"), b""):
            self.reply("+OK ready")
        while True:
            line = self.line()
            self.server.note(line)
            verb, _, argument = line.rstrip(b"\r\n").partition(b" ")
            verb = verb.upper().decode("latin-1")
            if self.perform(self.server.planned(verb), argument):
                continue
            do = getattr(self, "do_" + verb.lower(), None)
            if do is None:
                self.reply("-ERR unknown command")
            elif not self.in_transaction and verb not in self.anytime:
                self.reply("-ERR log in first")
            elif not do(argument):
                return

    anytime = ("CAPA", "STLS", "USER", "PASS", "AUTH", "QUIT")

    def do_capa(self, _):
        lines = [c for c in self.server.capabilities
                 if not (c == "STLS" and self.tls)]
        if self.server.tls == "starttls" and not self.tls:
            lines.append("STLS")
        self.reply("\n".join(["+OK", *lines, "."]))
        return True

    def do_stls(self, _):
        self.reply("+OK go ahead")
        self.start_tls()
        return True

    def enter(self, user, password):
        if self.server.users.get(user) != password:
            self.reply("-ERR [AUTH] no")
            return
        self.user, self.in_transaction = user, True
        self.maildrop = list(self.server.messages)
        self.marked = set()
        self.reply("+OK welcome")

    def do_user(self, argument):
        self.user = argument.decode("latin-1")
        self.reply("+OK")
        return True

    def do_pass(self, argument):
        self.enter(self.user, argument.decode("latin-1"))
        return True

    def challenge(self, text=""):
        self.reply("+ " + base64.b64encode(text.encode()).decode())
        line = self.line()
        self.server.note(line)
        return base64.b64decode(line)

    def do_auth(self, argument):
        mechanism, _, initial = argument.partition(b" ")
        if mechanism.upper() == b"PLAIN":
            data = base64.b64decode(initial) if initial else self.challenge()
            _, user, password = data.split(b"\0")
        elif mechanism.upper() == b"LOGIN":
            user = (base64.b64decode(initial) if initial
                    else self.challenge("Username:"))
            password = self.challenge("Password:")
        else:
            self.reply("-ERR unknown mechanism")
            return True
        self.enter(user.decode("latin-1"), password.decode("latin-1"))
        return True

    def present(self):
        return [(n + 1, m) for n, m in enumerate(self.maildrop)
                if m not in self.marked]

    def do_stat(self, _):
        there = self.present()
        self.reply(f"+OK {len(there)} {sum(m.octets for _, m in there)}")
        return True

    def listing(self, argument, show):
        if argument:
            message = self.find(argument)
            if message:
                self.reply(f"+OK {argument.decode()} {show(message)}")
            return True
        self.send(b"+OK\r\n" + b"".join(
            f"{n} {show(m)}\r\n".encode("latin-1") for n, m in self.present())
            + b".\r\n")
        return True

    def do_list(self, argument):
        return self.listing(argument, lambda m: m.octets)

    def do_uidl(self, argument):
        return self.listing(argument, lambda m: m.uid)

    def find(self, argument):
        number = int(argument.split()[0])
        if 1 <= number <= len(self.maildrop):
            message = self.maildrop[number - 1]
            if message not in self.marked:
                return message
        self.reply("-ERR no such message")
        return None

    def send_content(self, content):
        # Only CRLF begins a line; a bare LF is content like any other. Not by
        # an expression: all other sessions would wait for it.
        content = content.replace(b"\r\n.", b"\r\n..")
        if content.startswith(b"."):
            content = b"." + content
        if content and not content.endswith(b"\r\n"):
            content += b"\r\n"
        self.send(b"+OK\r\n" + content + b".\r\n")

    def do_retr(self, argument):
        message = self.find(argument)
        if message:
            self.send_content(message.content)
        return True

    def do_top(self, argument):
        message = self.find(argument)
        if message:
            header, _, body = message.content.partition(b"\r\n\r\n")
            lines = body.split(b"\r\n")[:int(argument.split()[1])]
            self.send_content(header + b"\r\n\r\n" + b"\r\n".join(lines))
        return True

    def do_dele(self, argument):
        message = self.find(argument)
        if message:
            self.marked.add(message)
            self.reply("+OK")
        return True

    def do_rset(self, _):
        self.marked.clear()
        self.reply("+OK")
        return True

    def do_noop(self, _):
        self.reply("+OK")
        return True

    def do_quit(self, _):
        if self.in_transaction:
            with self.server.lock:
                self.server.messages = [m for m in self.server.messages
                                        if m not in self.marked]
        self.reply("+OK bye")
        return False


class Pop3Server(Server):
    session = Pop3Session

    def __init__(self, contents=(), capabilities=("USER", "TOP", "UIDL",
                 "RESP-CODES", "SASL PLAIN LOGIN"), users=None, **how):
        self.messages = [c if isinstance(c, Message) else Message(c)
                         for c in contents]
        self.capabilities = capabilities
        self.users = users or {"ann": "secret"}
        super().__init__(**how)

    def account(self, name="ann", **settings):
        """Settings of an account that is polled here."""
        tls = {"implicit": "implicit", "starttls": "starttls"}.get(self.tls,
                                                                   "none")
        return {"name": name, "pop3": "localhost", "port": self.port,
                "tls": tls, "user": "ann", "password": "secret",
                **({"allow_cleartext": True} if tls == "none" else
                   {"ca_file": certificates.shared().ca}),
                "recipient": "ann@kit.test", "destination": "home",
                **settings}


# --- SMTP and LMTP ---------------------------------------------------------------


class Accepted:
    """A message that was accepted, octet for octet as it came."""

    def __init__(self, sender, recipients, parameters, data):
        self.sender, self.recipients = sender, recipients
        self.parameters, self.data = parameters, data

    def digest(self):
        return mail.arrived_digest(self.data)


class SmtpSession(Session):
    def reply(self, text):
        lines = text.split("\n")
        out = []
        for i, line in enumerate(lines):
            if i < len(lines) - 1 and line[:3].isdigit():
                line = line[:3] + "-" + line[4:]
            out.append(line)
        self.send("".join(line + "\r\n" for line in out).encode("latin-1"))

    def talk(self):
        self.sender = None
        if not self.perform(self.server.planned("CONNECT"), b""):
            self.reply("220 sink.kit.test ESMTP")
        while True:
            line = self.line()
            self.server.note(line)
            verb, _, argument = line.rstrip(b"\r\n").partition(b" ")
            verb = verb.upper().decode("latin-1")
            if self.perform(self.server.planned(verb), argument):
                continue
            do = getattr(self, "do_" + verb.lower(), None)
            if do is None:
                self.reply("500 5.5.1 unknown command")
            elif not do(argument):
                return

    def do_ehlo(self, _):
        self.sender = None
        words = list(self.server.keywords)
        if self.server.tls == "starttls" and not self.tls:
            words.append("STARTTLS")
        self.reply("\n".join("250 " + w for w in ["sink.kit.test", *words]))
        return True

    do_lhlo = do_ehlo

    def do_helo(self, _):
        self.reply("250 sink.kit.test")
        return True

    def do_starttls(self, _):
        self.reply("220 2.0.0 go ahead")
        self.start_tls()
        return True

    def challenge(self, text=""):
        self.reply("334 " + base64.b64encode(text.encode()).decode())
        line = self.line()
        self.server.note(line)
        return base64.b64decode(line)

    def do_auth(self, argument):
        mechanism, _, initial = argument.partition(b" ")
        if mechanism.upper() == b"PLAIN":
            data = base64.b64decode(initial) if initial else self.challenge()
            _, user, password = data.split(b"\0")
        else:
            user = (base64.b64decode(initial) if initial
                    else self.challenge("Username:"))
            password = self.challenge("Password:")
        if self.server.users.get(user.decode()) == password.decode():
            self.reply("235 2.7.0 welcome")
        else:
            self.reply("535 5.7.8 no")
        return True

    def do_mail(self, argument):
        found = re.match(rb"(?i)FROM:<([^>]*)>\s*(.*)", argument)
        if not found:
            self.reply("501 5.5.4 what is that")
            return True
        self.sender = found[1].decode("latin-1")
        self.parameters = found[2].decode("latin-1")
        self.recipients = []
        self.reply("250 2.1.0 ok")
        return True

    def do_rcpt(self, argument):
        if self.sender is None:
            self.reply("503 5.5.1 MAIL first")
            return True
        found = re.match(rb"(?i)TO:<([^>]*)>", argument)
        self.recipients.append(found[1].decode("latin-1"))
        self.reply("250 2.1.5 ok")
        return True

    def content(self):
        lines = []
        while True:
            line = self.file.readline()
            if line == b".\r\n" and (not lines or lines[-1].endswith(b"\r\n")):
                return b"".join(lines)
            if not line:
                self.server.note(b"")
                raise Closed
            at_start = not lines or lines[-1].endswith(b"\r\n")
            lines.append(line[1:] if at_start and line[:1] == b"." else line)

    def do_data(self, _):
        if self.sender is None or not self.recipients:
            self.reply("503 5.5.1 no recipients")
            return True
        self.reply("354 go on")
        data = self.content()
        verdicts = self.recipients if self.server.lmtp else [None]
        for recipient in verdicts:
            self.verdict(recipient, data)
        self.sender = None
        return True

    def do_bdat(self, argument):
        """RFC 3030; a chunk is read even where nobody wants it."""
        size, _, last = argument.partition(b" ")
        chunk = self.file.read(int(size))
        if len(chunk) < int(size):
            self.server.note(b"")
            raise Closed
        if self.sender is None or not self.recipients:
            self.reply("503 5.5.1 no recipients")
            return True
        self.chunks = getattr(self, "chunks", b"") + chunk
        if last.upper() != b"LAST":
            self.reply("250 2.0.0 more")
            return True
        data, self.chunks = self.chunks, b""
        for recipient in self.recipients if self.server.lmtp else [None]:
            self.verdict(recipient, data)
        self.sender = None
        return True

    def verdict(self, recipient, data):
        what = self.server.planned("END")
        if callable(what):
            what = what(self, recipient)
        if what is None or what == LOST_REPLY or str(what).startswith("2"):
            with self.server.lock:
                self.server.accepted.append(Accepted(
                    self.sender, [recipient] if recipient else self.recipients,
                    self.parameters, data))
        if what == LOST_REPLY:
            raise Closed
        self.perform(what if what is not None else "250 2.0.0 kept", b"")

    def do_rset(self, _):
        self.sender, self.chunks = None, b""
        self.reply("250 2.0.0 ok")
        return True

    def do_noop(self, _):
        self.reply("250 2.0.0 ok")
        return True

    def do_quit(self, _):
        self.reply("221 2.0.0 bye")
        return False


class SmtpSink(Server):
    session = SmtpSession

    def __init__(self, lmtp=False, keywords=("PIPELINING", "8BITMIME", "SIZE",
                 "ENHANCEDSTATUSCODES"), users=None, **how):
        self.lmtp, self.keywords = lmtp, keywords
        self.users = users or {}
        self.accepted = []
        self.path = how.get("path")
        super().__init__(**how)

    def digests(self):
        return sorted(a.digest() for a in self.accepted)

    def destination(self, **settings):
        """Settings of a destination that leads here."""
        kind = "lmtp" if self.lmtp else "smtp"
        if self.path:
            return {kind: self.path, **settings}
        tls = {"implicit": "implicit", "starttls": "starttls"}.get(self.tls,
                                                                   "none")
        return {kind: "localhost", "port": self.port, "tls": tls,
                **({"ca_file": certificates.shared().ca} if self.tls else {}),
                **settings}


def socket_path():
    """A place for a unix socket."""
    return os.path.join(tap.folder(), "socket")
