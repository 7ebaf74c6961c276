"""POP3 servers that are broken, hostile, or tired. Whatever they do at whichever
step, a poll ends in time, in little memory, in a clear message and the right exit
status; what can be moved is moved; nothing is lost, cut short, or sent twice; and
all of it has arrived once the server has come to its senses.
"""
import collections
import concurrent.futures
import threading
import time

import certificates
import mail
import peers
import postrider
import tap
from peers import DROP, SILENCE, Message
from postrider import AUTH, LATER, OK, PROTOCOL, UNAVAILABLE
from tap import contains, equal

SHORT = f"{tap.SHORT_S}s"
WITHIN = 40 * tap.SLOWNESS
STEPS = ("CONNECT", "CAPA", "AUTH", "STAT", "UIDL", "LIST", "RETR", "DELE",
         "QUIT")
LARGE = mail.simple(1, b"some words\r\n" * 1000)


def letters():
    return [mail.simple(0), LARGE, mail.simple(2)]


# --- an ordeal --------------------------------------------------------------------


def ordeal(status, words="", moved=0, replies=None, contents=None, waits=False,
           memory=postrider.MEMORY_KIB, slow_sink=None, then=None, **how):
    """One poll of three messages under `replies`, and two without them.
    moved: how many of them arrive under these; None: that depends.
    waits: the timeout will pass. then: called with the mailbox at the end."""
    box = peers.Pop3Server(contents or letters(), replies=replies, **how)
    sink = peers.SmtpSink(replies={"END": slow_sink})
    wanted = collections.Counter(mail.digest(m.content) for m in box.messages)

    def settings(timeout):
        return {"after_delivery": "delete", "timeout": timeout}
    rider = postrider.between(box, sink, **settings(SHORT if waits else "60s"))
    rider.memory_limit = memory
    began = time.monotonic()
    result = rider.run("fetch").expect(status)
    took = time.monotonic() - began
    assert took < WITHIN, f"it took {took:.1f} s"
    contains(result.err, words)
    if status != OK:
        contains(result.err, "ann: ")
    assert len(result.err) < 2000, result.err
    arrived = collections.Counter(sink.digests())
    if moved is not None:
        equal(arrived.total(), moved, f"messages moved ({result.err})")
    there = collections.Counter(mail.digest(m.content) for m in box.messages)
    equal(wanted - arrived - there, {}, "messages lost")
    # All is well again.
    box.replies, box.drip = {}, False
    rider.write([box.account(**settings("60s"))], {"home": sink.destination()})
    if "held" in rider.counts():
        rider.run("held", "retry", "all").expect(OK)
    rider.run("fetch")
    rider.fetch()
    equal(collections.Counter(sink.digests()), wanted, "messages arrived")
    equal(box.messages, [], "messages left")
    if then:
        then(box)


def endure(*rows):
    """Ordeals side by side: (what is it, its arguments)."""
    certificates.shared()

    def one(row):
        name, how = row
        try:
            ordeal(**how)
        except Exception as problem:
            return f"{name}: {problem}"
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        problems = [p for p in pool.map(one, rows) if p]
    if problems:
        raise AssertionError("\n".join(problems))


def at(command, what, status, words="", moved=0, **how):
    """A row: this happens when this command comes."""
    shown = what if isinstance(what, str) else getattr(what, "__name__", "list")
    return (f"{command}: {shown[:60]!r}",
            {"replies": {command: what}, "status": status, "words": words,
             "moved": moved, **how})


def usual(session, command, argument):
    """Do what a good server does."""
    if command == "CONNECT":
        session.reply("+OK ready")
        return True
    return getattr(session, "do_" + command.lower())(argument)


def for_large(do):
    """Only when the large message is meant, the second."""
    def reply(session, argument):
        if session.find(argument).content != LARGE:
            return None
        return do(session, argument) if callable(do) else do
    reply.__name__ = getattr(do, "__name__", str(do))
    return reply


def lines(*them):
    return "+OK\n" + "\n".join(them) + "\n."


def flood(first, block, total=1 << 30):
    """So many octets, as long as somebody reads them."""
    def pour(session, _):
        session.send(first)
        for _ in range(total // len(block)):
            session.send(block)
        return DROP
    pour.__name__ = f"{first + block[:16]!r} without end"
    return pour


def dripping(first=b"", octet=b"1"):
    def drip(session, _):
        session.send(first)
        while not session.server.stopped.wait(0.05):
            session.send(octet)
    return drip


# --- greetings --------------------------------------------------------------------


def test_greetings_of_every_kind():
    def late(session, _):
        session.server.stopped.wait(0.5)

    def twice(session, _):
        session.send(b"+OK ready\r\n+OK logged in\r\n")
        return True
    odd = "does not greet like a POP3 server"
    endure(
        at("CONNECT", late, OK, moved=3),
        at("CONNECT", "+OK " + "x" * 3000, OK, moved=3),
        at("CONNECT", "+OK", OK, moved=3),
        at("CONNECT", "+ok \0\xff\x1b[2J", OK, moved=3),
        at("CONNECT", "+OK " + "x" * 5000, PROTOCOL, "more than 4096 octets"),
        at("CONNECT", "\0\xff\x1b[2J", PROTOCOL, odd),
        at("CONNECT", "220 mx.kit.test ESMTP", PROTOCOL, odd),
        at("CONNECT", "", PROTOCOL, odd),
        at("CONNECT", "+OKAY", PROTOCOL, odd),
        at("CONNECT", "+ what", PROTOCOL, odd),
        at("CONNECT", twice, PROTOCOL, "nobody asked for"),
        at("CONNECT", DROP, LATER, "closed the connection"),
        at("CONNECT", SILENCE, LATER, "did not answer", waits=True),
        at("CONNECT", dripping(b"+OK"), LATER, "did not answer", waits=True),
        at("CONNECT", flood(b"+OK ", b"x" * 65536), PROTOCOL,
           "more than 4096 octets"))


def test_a_server_that_refuses_to_talk_is_believed():
    endure(
        at("CONNECT", "-ERR go away", UNAVAILABLE, "go away"),
        at("CONNECT", "-ERR [SYS/PERM] gone", UNAVAILABLE, "gone"),
        at("CONNECT", "-ERR [SYS/TEMP] disk", LATER, "for now"),
        at("CONNECT", "-ERR [IN-USE] locked", LATER, "for now"),
        at("CONNECT", "-ERR [LOGIN-DELAY] 5 min", LATER, "for now"))


# --- what a server can do, and logins ---------------------------------------------


def test_capabilities_missing_wrong_or_without_end():
    endure(
        at("CAPA", "-ERR", OK, moved=3),
        at("CAPA", "-ERR [SYS/TEMP] no", OK, moved=3),
        at("CAPA", lines("\0", "\xff\x1b[2J", "SASL", "SASL \xff X-NONE",
                         "LOGIN-DELAY x", "EXPIRE -1", ""), OK, moved=3),
        at("CAPA", lines("PIPELINING", "UTF8", "USER", "x" * 4000), OK, moved=3),
        at("CAPA", "what?", PROTOCOL, "no POP3 reply"),
        at("CAPA", "+ more", PROTOCOL, "wants more words"),
        at("CAPA", "+OK\nUSER", LATER, "did not answer", waits=True),
        at("CAPA", lines(*["USER"] * 201), PROTOCOL, "more than 200 lines"),
        at("CAPA", flood(b"+OK\r\n", b"USER\r\n" * 1000), PROTOCOL,
           "more than 200 lines"),
        at("CAPA", flood(b"+OK\r\n", b"x" * 65536), PROTOCOL,
           "more than 4096 octets"),
        at("CAPA", dripping(b"+OK\r\n"), LATER, "did not answer", waits=True),
        at("CAPA", DROP, LATER, "closed the connection"))


def test_each_code_of_a_refused_login_has_its_consequence():
    rows = (("[AUTH] no", AUTH, "check user and password"),
            ("no", AUTH, "check user and password"),
            ("[IN-USE] somebody is here", LATER, "the next poll tries again"),
            ("[LOGIN-DELAY] too soon", LATER, "the next poll tries again"),
            ("[SYS/TEMP] disk", LATER, "the next poll tries again"),
            ("[sys/temp/nfs] disk", LATER, "the next poll tries again"),
            ("maildrop already locked", LATER, "the next poll tries again"),
            ("[SYS/PERM] corrupt", UNAVAILABLE, "until its operator mends it"))

    def only_the_next_poll_tries_again(box):
        tries = [v for v in box.verbs() if v in ("PASS", "AUTH", "STAT")]
        equal(tries[1:3], [tries[0], "STAT"])
    endure(*((words, {
        "status": status, "words": text, "capabilities": capabilities,
        "replies": dict.fromkeys(("PASS", "AUTH"), "-ERR " + words),
        "then": only_the_next_poll_tries_again})
        for words, status, text in rows
        for capabilities in (("USER", "UIDL"), ("SASL PLAIN LOGIN", "UIDL"))))


# --- listings ---------------------------------------------------------------------


def uidl(*them):
    """What UIDL answers; {0} to {2} among the lines are the three UIDs."""
    uids = [Message(c).uid for c in letters()]
    return lines(*(line.format(*uids) for line in them))


def sizes(*them):
    octets = [len(c) for c in letters()]
    return lines(*(line.format(*octets) for line in them))


ONE_ODD = "contradicts itself about 1 message,"


def test_numbers_of_messages_that_are_none():
    rows = [at("UIDL", uidl("3 {2}", "1 {0}", "2 {1}"), OK, moved=3),
            at("UIDL", uidl("1 {0}", "02  {1}\tand more", "3 {2}"), OK, moved=3),
            at("LIST", sizes("3 {2}", "1 {0}", "2 {1}"), OK, moved=3),
            at("UIDL", uidl("1 {0}", "3 {2}"), PROTOCOL, ONE_ODD, 2),
            at("UIDL", uidl("1 {0}", "2 {1}", "2 {1}", "3 {2}"), PROTOCOL,
               "contradicts itself about 2 messages", 2),
            at("LIST", sizes("1 {0}", "2 {1}", "2 {1}", "3 {2}"), PROTOCOL,
               ONE_ODD, 2),
            at("LIST", sizes("1 {0}", "3 {2}"), PROTOCOL, ONE_ODD, 2)]
    for number in ("0", "-2", "+2", "0x2", "2.0", "2a", "9223372036854775808",
                   "18446744073709551618", "4294967298", "two", "", "\0",
                   "\xb2"):
        rows += [at("UIDL", uidl("1 {0}", number + " {1}", "3 {2}"), PROTOCOL,
                    ONE_ODD, 2),
                 at("LIST", sizes("1 {0}", number + " {1}", "3 {2}"), PROTOCOL,
                    ONE_ODD, 2)]
    endure(*rows)


def test_numbers_with_gaps_are_numbers():
    def tenfold(command):
        def listing(session, _):
            session.reply(lines(*(
                f"{n * 1000000007} {m.uid if command == 'UIDL' else m.octets}"
                for n, m in session.present())))
            return True
        return listing

    def divided(command):
        return lambda session, argument: usual(
            session, command, b"%d" % (int(argument) // 1000000007))
    ordeal(OK, moved=3, replies={
        **{c: tenfold(c) for c in ("UIDL", "LIST")},
        **{c: divided(c) for c in ("RETR", "DELE")}})


def test_uids_with_any_octets_and_of_any_length():
    odd = ["\0", "a\0b", "a\0c", "\x01", "\x1b[31m", "\x7f", "\x80", "\xff\xfe",
           "\r", ".", "..", "+OK", "-ERR", "%s%n", "'", "x" * 70, "x" * 71,
           "x" * 1000]
    contents = [Message(mail.simple(n), uid) for n, uid in enumerate(odd)]
    ordeal(OK, moved=len(odd), contents=contents)
    endure(
        at("UIDL", uidl("1 {0}", "2 " + "x" * 1001, "3 {2}"), PROTOCOL, ONE_ODD,
           2),
        at("UIDL", uidl("1 {0}", "2 " + "x" * 5000, "3 {2}"), PROTOCOL,
           "more than 4096 octets"),
        at("UIDL", uidl("1 {0}", "2", "3 {2}"), PROTOCOL, ONE_ODD, 2),
        at("UIDL", uidl("1 {0}", "2  ", "3 {2}"), PROTOCOL, ONE_ODD, 2),
        at("UIDL", uidl("1", "2", "3"), PROTOCOL, "none of it"))


def test_the_same_uid_again_and_again_is_as_many_messages():
    ordeal(OK, moved=5, contents=[Message(mail.simple(n), "same")
                                  for n in range(5)])


def test_stat_that_counts_wrong():
    endure(
        at("STAT", "+OK 0 0", OK, moved=3),
        at("STAT", "+OK 1 5", OK, moved=3),
        at("STAT", "+OK 3 9223372036854775807 and more", OK, moved=3),
        at("STAT", "+OK 5 99", PROTOCOL, "about 2 messages", 3),
        at("STAT", "+OK 4294967295 1", PROTOCOL, "contradicts itself", 3),
        at("STAT", "+OK 4294967296 1", PROTOCOL, "not with two numbers"),
        at("STAT", "+OK 3 9223372036854775808", PROTOCOL, "two numbers"),
        at("STAT", "+OK -3 -1", PROTOCOL, "not with two numbers"),
        at("STAT", "+OK", PROTOCOL, "not with two numbers"),
        at("STAT", "-ERR no", UNAVAILABLE, "refused STAT"),
        at("STAT", "-ERR [SYS/TEMP] disk", LATER, "refused STAT"))


def test_listings_that_disagree():
    endure(
        at("UIDL", "+OK\n.", PROTOCOL, "about 3 messages"),
        at("LIST", "+OK\n.", PROTOCOL, "about 3 messages"),
        at("LIST", sizes("1 {0}", "2 {1}", "3 {2}", "4 9"), PROTOCOL, ONE_ODD,
           3),
        ("LIST knows what UIDL and STAT do not", {
            "replies": {"STAT": "+OK 2 9", "UIDL": uidl("1 {0}", "3 {2}")},
            "status": PROTOCOL, "words": ONE_ODD, "moved": 2}),
        ("UIDL knows what LIST and STAT do not", {
            "replies": {"STAT": "+OK 2 9", "LIST": sizes("1 {0}", "3 {2}")},
            "status": PROTOCOL, "words": ONE_ODD, "moved": 2}),
        ("three numbers of one, three of the other", {
            "replies": {"LIST": sizes("4 {0}", "5 {1}", "6 {2}")},
            "status": PROTOCOL, "words": "about 3 messages", "moved": 0}))


def test_who_only_looks_is_told_of_contradictions_too():
    box = peers.Pop3Server(letters(), replies={"UIDL": uidl("1 {0}", "3 {2}")})
    rider = postrider.between(box, peers.SmtpSink())
    for command in ("list", "plan"):
        contains(rider.run(command).expect(PROTOCOL).err, ONE_ODD)


def test_listings_refused_garbled_or_broken():
    bare = {"capabilities": ("USER", "TOP")}
    endure(
        at("UIDL", "-ERR no", OK, moved=3, **bare),
        # What a server offers it has: nothing is fetched under another name.
        at("UIDL", "-ERR no", UNAVAILABLE, "refused UIDL"),
        at("UIDL", "-ERR [SYS/TEMP] no", LATER, "refused UIDL", **bare),
        at("UIDL", "-ERR [SYS/TEMP] no", LATER, "refused UIDL"),
        at("UIDL", "what?", PROTOCOL, "no POP3 reply"),
        at("UIDL", "+ more", PROTOCOL, "wants more words"),
        at("UIDL", "+OK\n1 a", LATER, "did not answer", waits=True),
        at("UIDL", lines("\0\xff", "", " "), PROTOCOL, "none of it"),
        at("LIST", "-ERR no", OK, moved=3),
        at("LIST", "-ERR [SYS/TEMP] no", OK, moved=3),
        at("LIST", "what?", PROTOCOL, "no POP3 reply"),
        at("LIST", lines("\0\xff", "", " "), PROTOCOL, "none of it"),
        ("neither UIDL nor TOP", {
            "replies": {"UIDL": "-ERR no", "TOP": "-ERR no"},
            "capabilities": ("USER",), "status": OK, "moved": 3,
            "words": "neither UIDL nor TOP"}),
        ("neither UIDL nor LIST", {
            "replies": {"UIDL": "-ERR no", "LIST": "-ERR no"},
            "status": UNAVAILABLE, "words": "refused LIST", **bare}),
        *((f"TOP {what}", {
            "replies": {"UIDL": "-ERR no", "TOP": reply}, "status": status,
            "words": words, "waits": status == LATER, **bare})
          for what, reply, status, words in (
              ("garbled", "what?", PROTOCOL, "no POP3 reply"),
              ("silent", SILENCE, LATER, "did not answer"),
              ("cut", "+OK\nSubject: x", LATER, "did not answer"),
              ("without end", flood(b"+OK\r\n", b"x" * 65534 + b"\r\n"),
               PROTOCOL, "without end"))))


def test_an_empty_mailbox_that_refuses_to_be_listed_is_empty():
    box = peers.Pop3Server([], replies={"UIDL": "-ERR nothing there",
                                        "LIST": "-ERR nothing there"})
    result = postrider.between(box, peers.SmtpSink()).fetch()
    equal((result.out, result.err), ("", ""))


def test_sizes_that_lie():
    rows = []
    for odd in ("-5", "+5", "0x5", "9223372036854775808", "x", ""):
        rows.append(at("LIST", sizes("1 {0}", "2 " + odd, "3 {2}"), PROTOCOL,
                       ONE_ODD, 2))
    cut = f"the mailbox lists {2 ** 40} octets and gave {len(LARGE)}"
    endure(
        at("LIST", sizes("1 {0}", "2 0", "3 {2}"), OK, moved=3),
        at("LIST", sizes("1 1", "2 1", "3 1"), OK, moved=3),
        at("LIST", sizes("1 {0}", "2 20000", "3 {2}"), OK, moved=3),
        at("LIST", sizes("1 {0}", f"2 {2 ** 40}", "3 {2}"), LATER, cut, 2),
        at("LIST", sizes("1 {0}", f"2 {2 ** 63 - 1}", "3 {2}"), LATER,
           "lists 9223372036854775807 octets", 2), *rows)


def test_a_listing_without_end_is_told_by_what_stat_counts():
    def endless(command):
        return flood(b"+OK\r\n", b"".join(
            b"%d %s\r\n" % (n, b"x" * 60 if command == "UIDL" else b"9")
            for n in range(1, 1000)))
    endure(
        at("UIDL", endless("UIDL"), PROTOCOL, "lists them without end"),
        at("LIST", endless("LIST"), PROTOCOL, "lists them without end"))


def test_a_listing_without_end_is_refused_even_if_stat_counts_as_many():
    much = postrider.MUCH_MEMORY_KIB
    for command, line, words in (
            ("UIDL", b"1 a\r\n", "more than 1000000 messages"),
            ("UIDL", b"1 %s\r\n" % (b"x" * 900), "octets of UIDs"),
            ("LIST", b"1 9\r\n", "more than 1000000 messages")):
        ordeal(PROTOCOL, words, memory=much, replies={
            "STAT": "+OK 4294967295 9223372036854775807",
            command: flood(b"+OK\r\n", line * 1000)})


# --- messages ---------------------------------------------------------------------


def test_a_message_that_cannot_be_had_leaves_the_others():
    half = LARGE[:3000]

    def ends_in_error(session, _):
        session.send(b"+OK\r\n" + half + b"\r\n-ERR disk failure\r\n.\r\n")
        return True

    def stops_in_error(session, _):
        session.send(b"+OK\r\n" + half + b"\r\n-ERR disk failure\r\n")
        return SILENCE

    def breaks_off(session, _):
        session.send(b"+OK\r\n" + half)
        return DROP

    def almost_ends(session, _):
        session.send(b"+OK\r\n" + LARGE + b".\r")
        return DROP

    def ends_in_bare_lf(session, _):
        session.send(b"+OK\r\n" + LARGE + b"\n.\n")
        return SILENCE
    endure(*(at("RETR", for_large(what), LATER, words, 2, **how)
             for what, words, how in (
        ("-ERR no such message", "no such message", {}),
        ("-ERR [SYS/TEMP] disk", "disk", {}),
        ("-ERR [SYS/PERM] disk", "disk", {}),
        ("-ERR [IN-USE] busy", "busy", {}),
        ("what?", "no POP3 reply", {}),
        (DROP, "closed the connection", {}),
        (SILENCE, "did not answer", {"waits": True}),
        (ends_in_error, "octets and gave", {}),
        (stops_in_error, "did not answer", {"waits": True}),
        (breaks_off, "closed the connection", {}),
        (almost_ends, "closed the connection", {}),
        (ends_in_bare_lf, "did not answer", {"waits": True}),
        (dripping(b"+OK\r\n"), "too slow", {"waits": True}),
        (flood(b"+OK\r\n", b"x" * 65536, 16 << 20), "closed the connection",
         {}))))


def test_a_message_without_end_is_held():
    ordeal(UNAVAILABLE, "without end", moved=2, replies={
        "RETR": for_large(flood(b"+OK\r\n", b"x" * 65536))})


def test_a_mailbox_that_is_numbered_anew_under_us_is_listed_again():
    """One message more at the front when the listing has been read."""
    new = Message(mail.simple(9, b"just come\r\n" * 30))

    def renumber(session, argument):
        if new not in session.maildrop:
            session.maildrop.insert(0, new)
            session.server.messages.insert(0, new)
        return None
    box = peers.Pop3Server(letters(), replies={"RETR": renumber})
    sink = peers.SmtpSink()
    rider = postrider.between(box, sink, after_delivery="delete")
    wanted = sorted(mail.digest(c) for c in (new.content, *letters()))
    result = rider.fetch(status=LATER)
    contains(result.err, "changed while it was being read")
    box.replies = {}
    rider.fetch()
    equal((sink.digests(), box.messages), (wanted, []))


def test_a_message_that_has_gone_since_the_listing_is_left():
    def vanish(session, _):
        session.server.messages = [m for m in session.server.messages
                                   if m.content != LARGE]
        return "-ERR no such message"
    box = peers.Pop3Server(letters(), replies={"RETR": for_large(vanish)})
    sink = peers.SmtpSink()
    rider = postrider.between(box, sink, after_delivery="delete")
    rider.fetch(status=LATER)
    equal(len(sink.accepted), 2)
    box.replies = {}
    rider.fetch()
    rider.fetch()
    equal((len(sink.accepted), rider.counts()), (2, {"gone": 3}))


# --- deletions and the end --------------------------------------------------------


def test_deletions_that_are_refused_or_not_answered_stay_owed():
    owed = "may not have carried out the deletions"
    endure(
        at("DELE", "-ERR read-only", UNAVAILABLE, "cannot be deleted", 3),
        at("DELE", "-ERR [SYS/TEMP] no", UNAVAILABLE, "cannot be deleted", 3),
        at("DELE", "what?", PROTOCOL, "no POP3 reply", None),
        at("QUIT", "-ERR some were not removed", UNAVAILABLE, "not removed", 3),
        at("QUIT", "what?", PROTOCOL, owed, 3),
        at("QUIT", DROP, LATER, owed, 3),
        at("QUIT", dripping(b"+OK"), LATER, owed, 3, waits=True),
        at("QUIT", SILENCE, LATER, owed, 3, waits=True))


# --- at every step ----------------------------------------------------------------


def test_silence_at_any_step_ends_in_time():
    endure(*(at(step, SILENCE, LATER, "did not answer",
                {"DELE": None, "QUIT": 3}.get(step, 0), waits=True)
             for step in STEPS))


def test_a_server_that_drips_is_given_up_at_any_step():
    endure(
        *(at(step, dripping(b"+"), LATER, "did not answer", waits=True)
          for step in ("AUTH", "STAT", "UIDL", "LIST")),
        *(at(step, dripping(b"+OK\r\n", b"\n"), LATER, "too slow", waits=True)
          for step in ("CAPA", "UIDL", "LIST")))


def test_a_line_of_a_gigabyte_is_not_read():
    endure(*(at(step, flood(first, b"x" * 65536), PROTOCOL, "octets")
             for step in STEPS if step not in ("DELE", "RETR", "QUIT")
             for first in ((b"+OK ", b"+OK\r\n1 ")
                           if step in ("UIDL", "LIST") else (b"+OK ",))))


def test_a_connection_closed_at_any_command_is_a_cut():
    def closing(step):
        def reply_and_close(session, argument):
            usual(session, step, argument)
            return DROP
        return reply_and_close
    cut = "the connection"
    early = ("CONNECT", "CAPA", "AUTH", "STAT", "UIDL", "LIST")
    endure(*(at(step, DROP, LATER, cut) for step in early),
           *(at(step, closing(step), LATER, cut) for step in early),
           at("RETR", for_large(closing("RETR")), LATER, cut, 2),
           at("QUIT", closing("QUIT"), OK, moved=3))


def test_words_that_nobody_asked_for_are_not_taken_for_an_answer():
    def chatty(step):
        def reply_twice(session, argument):
            send, said = session.send, []
            session.send = said.append
            usual(session, step, argument)
            session.send = send
            send(b"".join(said) + b"+OK 3 99\r\n")
            return True
        return reply_twice
    asked = "nobody asked for"
    endure(*(at(step, chatty(step), PROTOCOL, asked)
             for step in ("CONNECT", "CAPA", "AUTH", "STAT", "UIDL", "LIST")),
           at("RETR", for_large(chatty("RETR")), PROTOCOL, asked, 2),
           at("QUIT", chatty("QUIT"), OK, moved=3))


def test_words_that_come_while_nobody_listens_are_not_taken_for_an_answer():
    """The destination takes its time; meanwhile the mailbox says something."""
    said = threading.Event()

    def talk_on(session, argument):
        usual(session, "RETR", argument)
        session.server.stopped.wait(0.2)
        session.send(b"-ERR autologout; idle for too long\r\n")
        said.set()
        return True

    def take_time(session, _):
        said.wait(tap.PATIENCE)
        session.server.stopped.wait(0.2)
        return None
    ordeal(PROTOCOL, "idle for too long", moved=1,
           contents=[mail.simple(1)], replies={"RETR": talk_on},
           slow_sink=take_time)


def test_replies_in_single_octets_are_replies():
    ordeal(OK, moved=3, contents=[mail.simple(n) for n in range(3)], drip=True)


# --- TLS --------------------------------------------------------------------------


def test_a_handshake_that_never_ends_is_given_up():
    def silent(session, _):
        session.reply("+OK go ahead")
        return SILENCE

    def dripping_tls(session, _):
        session.reply("+OK go ahead")
        session.line()
        session.send(b"\x16\x03\x03\x40\x00")
        return dripping()(session, b"")

    def garbled(session, _):
        session.reply("+OK go ahead")
        session.send(b"+OK what is this\r\n" * 3)
        return SILENCE
    for what, status, words in ((silent, LATER, "silent in the TLS handshake"),
                                (dripping_tls, None, "ann: "),
                                (garbled, PROTOCOL, "ann: ")):
        box = peers.Pop3Server(letters(), tls="starttls",
                               replies={"STLS": what})
        sink = peers.SmtpSink()
        rider = postrider.between(box, sink, timeout=SHORT)
        began = time.monotonic()
        result = rider.run("fetch")
        assert time.monotonic() - began < WITHIN
        assert result.status in ((status,) if status else (LATER, PROTOCOL))
        contains(result.err, words)
        assert not {"USER", "PASS", "AUTH"} & set(box.verbs())
        box.replies = {}
        rider.fetch()
        equal(len(sink.accepted), 3)


def test_the_wrong_kind_of_tls_is_told_with_what_to_change():
    implicit, clear = (peers.Pop3Server(letters(), tls=t)
                       for t in ("implicit", None))
    sink = peers.SmtpSink()
    ca = certificates.shared().ca
    for box, settings, status, words in (
            (implicit, {"tls": "starttls"}, LATER, 'set tls = "implicit"'),
            (implicit, {"tls": "none", "allow_cleartext": True}, LATER,
             'set tls = "implicit"'),
            (clear, {"tls": "implicit", "ca_file": ca}, PROTOCOL,
             'try tls = "starttls"'),
            (clear, {"tls": "starttls", "ca_file": ca}, PROTOCOL,
             'try tls = "implicit"')):
        account = {k: v for k, v in box.account().items()
                   if k not in ("tls", "ca_file", "allow_cleartext")}
        rider = postrider.Postrider()
        rider.write([{**account, "timeout": SHORT, **settings}],
                    {"home": sink.destination()})
        contains(rider.fetch(status=status).err, words)
        assert not {"USER", "PASS", "AUTH"} & set(box.verbs())
    equal(sink.accepted, [])


# --- many -------------------------------------------------------------------------


# With sanitizers, where memory is not judged, fewer.
COUNT = 200_000 if tap.SLOWNESS == 1 else 2_000


class Many(peers.Pop3Session):
    """A mailbox of so many messages that they are not worth making."""

    def do_stat(self, _):
        self.reply(f"+OK {COUNT} {COUNT * len(mail.simple(COUNT))}")
        return True

    def numbered(self, line):
        self.send(b"+OK\r\n" + b"".join(
            line % (n, b"%070d" % n) for n in range(1, COUNT + 1)) + b".\r\n")
        return True

    def do_uidl(self, _):
        return self.numbered(b"%d %s\r\n")

    def do_list(self, _):
        size = b"%d" % len(mail.simple(COUNT))
        return self.numbered(b"%d " + size + b"%.0s\r\n")

    def do_retr(self, argument):
        self.send_content(mail.simple(int(argument)))
        return True


class ManyServer(peers.Pop3Server):
    session = Many


@tap.limit(120)
def test_two_hundred_thousand_messages_are_planned_in_bounded_memory():
    box, sink = ManyServer(), peers.SmtpSink()
    rider = postrider.between(box, sink, first_poll="last 3", timeout="60s")
    rider.memory_limit = postrider.MUCH_MEMORY_KIB
    for moved in (3, 3):
        result = rider.fetch()
        print(f"# most memory: {result.peak_kib} KiB")
        equal(len(sink.accepted), moved)
    equal(rider.counts(), {"seen": COUNT - 3, "delivered": 3})
    for how in (("list",), ("list", "--json"), ("plan",), ("plan", "-v")):
        result = rider.run(*how).expect(OK)
        print(f"# {' '.join(how)}: {result.peak_kib} KiB")
        if "--json" in how:
            equal(len(result.json()["accounts"][0]["messages"]), COUNT)
        elif how != ("plan",):
            uids = [line.find("0" * 64) for line in result.out.splitlines()
                    if "0" * 64 in line]
            equal((len(uids), len(set(uids))), (COUNT, 1), "lines and places")


if __name__ == "__main__":
    tap.main()
