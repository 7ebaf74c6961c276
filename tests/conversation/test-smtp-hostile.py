"""SMTP and LMTP servers that are broken, or mean it: whatever they say, the fetch
ends in time and in little memory, nothing passes for accepted that is not, and
the next fetch finds every message where it was."""
import time

import mail
import peers
import postrider
import tap
from peers import DROP, SILENCE
from postrider import AUTH, LATER, OK, PROTOCOL, UNAVAILABLE
from tap import each, equal

MEMORY_KIB = 24 << 10


def scene(replies, count=1, destination=None, sink=None, **account):
    box = peers.Pop3Server([mail.simple(n) for n in range(count)])
    to = peers.SmtpSink(replies=replies, **(sink or {}))
    # On one, what comes after what is known.
    return box, to, postrider.between(
        box, to, {"connections": 1, **(destination or {})},
        after_delivery="delete", **account)


# For those who keep us waiting.
HASTY = {"timeout": f"{tap.SHORT_S}s"}
HASTY_REPLY = {"reply_timeout": f"{tap.SHORT_S}s"}
# Far less than the usual timeout.
WITHIN = 40 * tap.SLOWNESS


def everything_moves(box, sink, rider):
    """With a server in good order: each message that is left arrives, once."""
    wanted = sorted(mail.digest(m.content) for m in box.messages)
    rider.write([box.account(after_delivery="delete")],
                {"home": sink.destination()})
    sink.replies = {}
    sink.accepted = []
    rider.fetch()
    equal((sink.digests(), box.messages), (wanted, []))


def little_memory(result):
    if tap.SLOWNESS == 1:
        assert result.peak_kib < MEMORY_KIB, f"{result.peak_kib} KiB"


# --- what is no reply -------------------------------------------------------------


def says(octets, then=True):
    def say(session, _):
        session.send(octets)
        return then
    return say


def endless(octets):
    """Far more than anybody may keep; the client has to hang up."""
    def say(session, _):
        for _ in range((64 << 20) // len(octets)):
            session.send(octets)
        raise AssertionError("64 MB of it were taken")
    return say


def drip(session, _):
    for octet in b"250 " + b"slow " * 100:
        time.sleep(0.1)
        session.send(bytes([octet]))


FAULTS = {
    "no code": says(b"ok\r\n"),
    "nothing but a line end": says(b"\r\n"),
    "any octets": says(b"\x00\x1b[2J\x07\xff\xfe\x80\r\n"),
    "another protocol": says(b"+OK ready\r\n"),
    "two digits": says(b"25 ok\r\n"),
    "four digits": says(b"2500 ok\r\n"),
    "a code of the first kind": says(b"150 well\r\n"),
    "a code of no kind": says(b"650 well\r\n"),
    "an intermediate code": says(b"399 well\r\n"),
    "two codes in one reply": says(b"250-yes\r\n550 no\r\n"),
    "half a line": says(b"250 ok", DROP),
    "half a reply": says(b"250-ok\r\n", DROP),
    "a line without end": endless(b"250 " + b"x" * 65532),
    "lines without end": endless(b"250-" + b"x" * 60 + b"\r\n"),
    "an octet now and then": drip,
}


def printable(text):
    bad = sorted({c for c in text if not c.isprintable() and c != "\n"})
    assert not bad, f"{bad!r} in {text!r}"


@each("CONNECT", "EHLO")
def test_what_is_no_reply_opens_no_connection_at(stage):
    box, sink, rider = scene({}, 1, HASTY)
    for name, fault in FAULTS.items():
        if fault is drip and stage != "CONNECT":
            continue  # each takes a second
        sink.replies = {stage: [fault]}
        before = time.monotonic()
        result = rider.run("fetch", "-vv")
        assert result.status in (LATER, PROTOCOL), (name, result.status)
        assert time.monotonic() - before < WITHIN, name
        printable(result.out + result.err)
        little_memory(result)
        equal(set(rider.counts()) - {"new"}, set(), name)
    equal(sink.problems, [])
    everything_moves(box, sink, rider)


@each("MAIL", "RCPT", "DATA", "END")
def test_what_is_no_reply_accepts_nothing_at(stage):
    """Each message meets a fault of its own."""
    faults = [n for n in FAULTS if FAULTS[n] is not drip or stage == "END"]
    faults += ["another positive code"] if stage in ("DATA", "END") else []
    # After three in a row the run would be given up.
    names = [n for i in range(0, len(faults), 2) for n in (*faults[i:i + 2], None)]

    def fault(session, argument):
        sender = argument.decode() if stage == "MAIL" else session.sender
        name = names[int(sender.split("sender")[1].split("@")[0])]
        if name is not None:
            return FAULTS.get(name, says(b"251 well\r\n"))(session, argument)
    box, sink, rider = scene({stage: fault}, len(names),
                             HASTY_REPLY)
    uids = [m.uid for m in box.messages]
    before = time.monotonic()
    result = rider.run("fetch", "-vv")
    assert result.status in (LATER, PROTOCOL), result.status
    assert time.monotonic() - before < WITHIN
    printable(result.out + result.err)
    little_memory(result)
    equal((len(box.messages), len(sink.accepted)),
          (len(faults), names.count(None)))
    states = rider.states()
    equal({name: states[uid] for name, uid in zip(names, uids) if name},
          dict.fromkeys(faults, "in_doubt" if stage == "END" else "deferred"))
    # Not a line of content went where it would have been a command.
    equal(set(sink.verbs()) - {"EHLO", "MAIL", "RCPT", "DATA"}, {"QUIT"})
    equal(sink.problems, [])
    everything_moves(box, sink, rider)


# --- out of step ------------------------------------------------------------------


@each(("EHLO", b"250 hello\r\n"), ("MAIL", b"250 ok\r\n"),
      ("RCPT", b"250 ok\r\n"), ("DATA", b"354 go on\r\n"))
def test_a_reply_too_many_is_never_taken_for_the_next(stage, reply):
    box, sink, rider = scene({stage: says(reply + b"250 and one more\r\n")}, 2)
    result = rider.run("fetch")
    assert result.status in (LATER, PROTOCOL), result.status
    equal(set(rider.counts()) - {"new", "deferred"}, set())
    equal((sink.accepted, len(box.messages)), ([], 2))
    everything_moves(box, sink, rider)


@each("MAIL", "RCPT")
def test_a_stray_reply_that_comes_late_is_noticed_before_content(stage):
    def stray(session, argument):
        session.perform("250 ok", argument)
        if stage == "MAIL":
            session.sender, session.recipients = "", ["ann@kit.test"]
        time.sleep(0.05)  # the next command is on its way
        session.send(b"250 stray\r\n")
        return True
    box, sink, rider = scene({stage: [stray, None]}, 1)
    # It goes again at once, on another connection, a command at a time.
    rider.fetch()
    equal((len(sink.accepted), sink.connections), (1, 2))
    everything_moves(box, sink, rider)


@each(b"250 2.0.0 kept\r\n", b"354 go on\r\n", b"220 hello\r\n")
def test_words_before_the_end_of_data_are_no_verdict(words):
    def early(session, _):
        session.send(b"354 go on\r\n" + words)
        while session.file.readline() not in (b"", b".\r\n"):
            pass
        return DROP
    box, sink, rider = scene({"DATA": early}, 1)
    rider.fetch(status=LATER)
    equal(rider.counts(), {"deferred": 1})
    everything_moves(box, sink, rider)


def test_a_verdict_too_many_spoils_nothing():
    def twice(session, _):
        session.server.accepted.append(peers.Accepted(
            session.sender, session.recipients, "", twice.data.pop(0)))
        session.send(b"250 kept\r\n250 kept\r\n")
        return True
    content = peers.SmtpSession.content
    twice.data = []

    class Session(peers.SmtpSession):
        def content(self):
            twice.data.append(content(self))
            return twice.data[-1]
    box, sink, rider = scene({"END": twice}, 3)
    sink.session = Session
    rider.fetch()
    equal(sink.digests(), sorted(mail.digest(mail.simple(n)) for n in range(3)))
    equal(box.messages, [])


@each(("hangs up", DROP), ("falls silent", SILENCE), ("refuses it", "500 no"),
      ("says what is no reply", "what?"))
def test_what_becomes_of_quit_is_no_matter(_, quit):
    box, sink, rider = scene({"QUIT": quit}, 2, HASTY)
    equal(rider.fetch().err, "")
    equal((len(sink.accepted), box.messages), (2, []))


@each(("hangs up", DROP), ("refuses it", "502 5.5.1 no"),
      ("says what is no reply", "what?"))
def test_what_becomes_of_rset_is_no_matter_for_the_next_message(_, rset):
    box, sink, rider = scene({"RCPT": ["450 4.2.0 later", None], "RSET": rset}, 3)
    rider.fetch(status=LATER)
    equal((len(sink.accepted), rider.counts()["deferred"]), (2, 1))
    equal(sink.connections, 2)
    rider.fetch()
    equal((len(sink.accepted), box.messages), (3, []))


# --- EHLO -------------------------------------------------------------------------


def test_keywords_of_any_octets_are_passed_over():
    words = ["sink.kit.test", "PIPELINING", "CHUNKING", "BINARYMIME",
             "AUTH " + "X" * 3000, "AUTH=\x01\x02 \xff", "STARTTLS\x00", "SIZE x",
             "".join(map(chr, [*range(10), 11, 12, *range(14, 256)])),
             *[f"X-{n} " + "\xff" * n for n in range(180)]]
    box, sink, rider = scene({"EHLO": "\n".join("250 " + w for w in words)}, 2)
    printable(rider.fetch("-vv").err)
    equal((len(sink.accepted), box.messages), (2, []))


def test_chunking_that_is_promised_and_refused_is_done_without():
    box, sink, rider = scene(
        {"BDAT": "502 5.5.1 promised, and refused"}, 2,
        sink={"keywords": ("CHUNKING", "BINARYMIME", "PIPELINING", "SIZE")})
    rider.fetch()
    equal((len(sink.accepted), sink.verbs().count("BDAT")), (2, 1))


@each(("SIZE 100", "SIZE 1000000", False), ("SIZE 1000000", "SIZE 100", True),
      ("SIZE 100", "SIZE", False), ("SIZE 100", "SIZE 99999999999999999999",
                                    False), ("SIZE 100", "SIZE -1", False))
def test_of_sizes_that_contradict_each_other_the_last_counts(one, other, held):
    box, sink, rider = scene({}, sink={"keywords": (one, other)})
    rider.fetch(status=UNAVAILABLE if held else OK)
    equal(rider.counts().get("held", 0), int(held))


# --- AUTH -------------------------------------------------------------------------

LOGIN = {"user": "ann", "password": "pass word"}


def login_scene(auth, replies, offered="AUTH PLAIN LOGIN"):
    return scene(replies, 2, {**LOGIN, "auth": auth},
                 {"tls": "implicit", "users": {"ann": "other"},
                  "keywords": (offered,)})


def challenges(text):
    """One after the other, whatever is answered, until that is "*"."""
    def ask(session, _):
        for _ in range(50):
            session.send(b"334" + text + b"\r\n")
            line = session.line()
            session.server.note(line)
            if line == b"*\r\n":
                return "501 5.7.0 as you like"
        return DROP
    return ask


@each(("plain", b" "), ("plain", b" VXNlcm5hbWU6"), ("login", b" VXNlcm5hbWU6"),
      ("login", b" \xff\x00!!"), ("login", b" " + b"QUJD" * 900), ("login", b""))
def test_challenges_without_end_are_cut_short_for(auth, text):
    box, sink, rider = login_scene(auth, {"AUTH": challenges(text)})
    result = rider.run("fetch", "-vv").expect(PROTOCOL)
    assert len(sink.commands) < 8, sink.commands
    equal(("MAIL" in sink.verbs(), len(box.messages)), (False, 2))
    for word in ("pass word", "cGFzcyB3b3Jk", "AGFubgBwYXNzIHdvcmQ="):
        assert word not in result.out + result.err, word
    printable(result.err)


@each(("535 5.7.8 pass word is wrong", AUTH), ("504 5.5.4 what is that", AUTH),
      ("454 4.7.0 not now", LATER), ("421 4.3.2 going", LATER),
      ("250 ok", PROTOCOL), ("354 go on", PROTOCOL))
def test_a_login_that_was_promised_and_is_refused(reply, status):
    box, sink, rider = login_scene("plain", {"AUTH": reply})
    result = rider.fetch("-vv", status=status)
    equal((sink.verbs().count("AUTH"), "MAIL" in sink.verbs()), (1, False))
    assert "pass word" not in result.out + result.err
    equal((set(rider.counts()) - {"new"}, len(box.messages)), (set(), 2))
    rider.run("status").expect(LATER)


def test_no_mail_without_the_login_that_was_asked_for():
    box, sink, rider = login_scene("auto", {}, "8BITMIME")
    tap.contains(rider.fetch(status=AUTH).err, "offers no AUTH")
    equal(("MAIL" in sink.verbs(), len(box.messages)), (False, 2))


@each(("AUTH", DROP), ("AUTH", SILENCE), ("STARTTLS", DROP),
      ("STARTTLS", SILENCE))
def test_a_server_that_is_lost_before_mail_has_seen_none(stage, what):
    box, sink, rider = scene(
        {stage: what}, 2, {**LOGIN, **HASTY},
        {"tls": "starttls", "keywords": ("AUTH PLAIN",)})
    rider.fetch(status=LATER)
    equal(("MAIL" in sink.verbs(), len(box.messages)), (False, 2))
    equal(set(rider.counts()) - {"new"}, set())


# --- TLS --------------------------------------------------------------------------


def handshake(what):
    def instead(session, _):
        session.send(b"220 go ahead\r\n")
        session.silent = True
        while not session.server.stopped.wait(0.05):
            session.send(what)
        return DROP
    return instead


@each(("silence", b""), ("clear text", b"250 ok\r\n"),
      ("warnings without end", b"\x15\x03\x03\x00\x02\x01\x5a"),
      ("a refusal", b"\x15\x03\x03\x00\x02\x02\x28"),
      ("another version", b"\x15\x03\x01\x00\x02\x02\x46"))
def test_a_handshake_that_comes_to_nothing_ends_in_time(_, what):
    box, sink, rider = scene({"STARTTLS": handshake(what)},
                             sink={"tls": "starttls"},
                             destination={**LOGIN, **HASTY})
    before = time.monotonic()
    result = rider.run("fetch")
    assert time.monotonic() - before < WITHIN
    assert result.status in (LATER, PROTOCOL), result.err
    equal(set(sink.verbs()), {"EHLO", "STARTTLS"})
    equal(len(box.messages), 1)


@each(("implicit", None, "does not speak TLS on this port: check `port`, or try tls = \"starttls\""),
      ("starttls", "implicit", 'set tls = "implicit"'),
      ("starttls", None, "offers no STARTTLS; nothing was sent in clear"))
def test_a_tls_that_does_not_fit_the_port_is_explained(tls, server, words):
    box, sink, rider = scene({}, sink={"tls": server},
                             destination={"tls": tls, **HASTY})
    result = rider.run("fetch")
    assert result.status in (LATER, PROTOCOL), result.status
    tap.contains(result.err, words)
    equal(len(box.messages), 1)


# --- what they say, on our side ---------------------------------------------------

WORDS = ("\x1b[31m\x1b]0;title\x07 \x00\x08\x7f\x80\x9b2J\xff\r \v\f \xe2\x80\xae"
         "txt.exe \xc3\xa4 \xc2\x9b")


@each("450 4.2.0", "550 5.1.1")
def test_words_of_a_server_do_no_harm_to_a_terminal(code):
    replies = {"RCPT": "\n".join(f"{code} {WORDS}" for _ in range(50))}
    box, sink, rider = scene(replies, 1)
    said = [rider.run("fetch", "-vv")]
    shown = rider.run("fetch", "-vv", terminal=True).out
    said += [rider.run(*c) for c in (
        ["held", "list"], ["held", "show", "1"], ["status"], ["list"],
        ["held", "list", "--json"], ["status", "--json"])]
    for result in said:
        printable(result.out + result.err)
    printable(shown.replace("\r\n", "\n").replace("\r\x1b[K", ""))
    tap.contains("".join(r.out for r in said), code)
    printable("".join(r for r, in rider.query("SELECT reply FROM message")))


# --- a connection that is lost ----------------------------------------------------


# More than the kernel keeps for somebody who does not read.
LARGE = mail.simple(0, (b"y" * 70 + b"\r\n") * 230000)


@each("read on", "stop reading", "hang up")
def test_content_that_is_cut_short_was_never_sent(how):
    def cut(session, _):
        session.reply("354 go on")
        session.file.read(100000)
        if how == "read on":
            session.reply("421 4.3.2 going down")
            while session.file.readline() not in (b"", b".\r\n"):
                pass
        return SILENCE if how == "stop reading" else DROP
    box, sink, rider = scene({"DATA": cut}, destination=HASTY)
    box.messages = [peers.Message(LARGE)]
    rider.fetch(status=LATER)
    equal((rider.counts(), sink.accepted), ({"deferred": 1}, []))
    sink.replies = {}
    rider.fetch()
    equal((sink.digests(), box.messages), ([mail.digest(LARGE)], []))


def test_a_server_that_refuses_content_and_stops_reading_is_understood():
    reply = "552 5.3.4 too much for me"
    def refuse(session, _):
        session.reply("354 go on")
        session.file.read(100000)
        session.reply(reply)
        return SILENCE
    box, sink, rider = scene({"DATA": refuse}, destination=HASTY)
    box.messages = [peers.Message(LARGE)]
    # It has not come to its end: it is tried again, to be sure which it was.
    rider.fetch(status=LATER)
    rider.fetch(status=UNAVAILABLE)
    equal(rider.query("SELECT state, reply FROM message"),
          [("held", f"too large for home: {reply}")])


# --- LMTP -------------------------------------------------------------------------

TWO = ["ann@kit.test", "bob@kit.test"]


@each(("hangs up", DROP), ("falls silent", SILENCE),
      ("says what is no reply", "what?"), ("says 354", "354 go on"))
def test_after_a_verdict_too_few_only_the_other_gets_it_again(_, what):
    box, sink, rider = scene(
        {"END": lambda _, to: what if to == TWO[1] else None},
        destination=HASTY_REPLY, sink={"lmtp": True}, recipient=TWO)
    rider.fetch(status=LATER)
    equal((rider.counts(), len(box.messages)), ({"in_doubt": 1}, 1))
    sink.replies = {}
    rider.fetch()
    equal([a.recipients for a in sink.accepted], [TWO[:1], TWO[1:]])
    equal(box.messages, [])


def test_a_verdict_too_many_of_lmtp_spoils_nothing():
    def one_more(session, to):
        if to == TWO[1]:
            session.send(b"250 2.0.0 for whom?\r\n")
    box, sink, rider = scene({"END": one_more}, 3, sink={"lmtp": True},
                             recipient=TWO)
    rider.run("fetch")
    sink.replies = {}
    rider.fetch()
    equal(sorted(a.recipients[0] for a in sink.accepted), sorted(TWO * 3))
    equal(box.messages, [])


if __name__ == "__main__":
    tap.main()
