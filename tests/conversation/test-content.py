"""Content arrives octet for octet, whatever it holds and however it comes."""
import mail
import peers
import postrider
import tap
from tap import each, equal

ALL = {**mail.ODD, **mail.ODDER}


@each(*ALL)
def test_content_arrives_unchanged(name):
    box = peers.Pop3Server([ALL[name]])
    sink = peers.SmtpSink()
    rider = postrider.between(box, sink)
    rider.fetch()
    equal(len(sink.accepted), 1, "messages that arrived")
    rider.proves([sink.accepted[0].data])
    found = mail.split_trace(sink.accepted[0].data)[1]
    wanted = mail.canonical(ALL[name])
    if found != wanted:
        at = next((i for i, (a, b) in enumerate(zip(found, wanted)) if a != b),
                  min(len(found), len(wanted)))
        raise AssertionError(f"differs at octet {at}: "
                             f"{found[at - 20:at + 40]!r}, "
                             f"not {wanted[at - 20:at + 40]!r}")


def test_all_of_it_in_one_session_one_octet_at_a_time():
    few = [ALL[n] for n in ("dots", "a bare LF before a dot", "an empty body",
                            "no final line end", "a bare CR at the end", "NUL")]
    box = peers.Pop3Server(few, drip=True)
    sink = peers.SmtpSink(drip=True)
    rider = postrider.between(box, sink, after_delivery="delete")
    rider.fetch()
    equal(sink.digests(), sorted(mail.digest(m) for m in few))
    rider.proves(a.data for a in sink.accepted)
    equal(box.messages, [])


LARGE = mail.simple(1, b"y" * 70 + b"\r\n" * 300_000)


@each(*((f"{kind}, {way}", kind, keywords) for kind in ("SMTP", "LMTP")
        for way, keywords in (("one by one", ()), ("many", ["PIPELINING"]),
                              ("in chunks", ["PIPELINING", "CHUNKING"]))))
def test_what_proves_that_it_arrived_is_on_record_by(_, kind, keywords):
    """Also of what is sent while it comes, and of what is refused."""
    contents = [mail.simple(0), LARGE, mail.simple(2, b"\n.\nbare\r"),
                mail.simple(3, sender=False)]
    box = peers.Pop3Server(contents)
    sink = peers.SmtpSink(lmtp=kind == "LMTP",
                          keywords=("8BITMIME", "SIZE", *keywords))
    rider = postrider.between(box, sink)
    rider.fetch()
    equal(sink.digests(), sorted(map(mail.digest, contents)))
    rider.proves(a.data for a in sink.accepted)
    sink.replies["RCPT"] = ["550 5.1.1 who"]
    box.messages += [peers.Message(LARGE, "large"),
                     peers.Message(mail.simple(5))]
    rider.fetch(status=postrider.UNAVAILABLE)
    equal(rider.query("SELECT count(*) FROM message WHERE state = 'held'"
                      " AND trace IS NOT NULL"), [(2,)])


def test_a_message_in_doubt_has_its_proof_already():
    box = peers.Pop3Server([mail.simple(1)])
    sink = peers.SmtpSink(replies={"END": [peers.LOST_REPLY, None]})
    rider = postrider.between(box, sink, in_doubt="hold")
    rider.run("fetch")
    equal(rider.counts(), {"in_doubt": 1})
    rider.proves(a.data for a in sink.accepted)


PLAIN = ("PIPELINING", "SIZE")
EIGHTBIT, SEVENBIT = mail.simple(1, b"Gr\xfc\xdfe\r\n"), mail.simple(2)


@each("send", "hold")
def test_eightbit_content_without_8bitmime_is_sent_or_held(eightbit):
    box = peers.Pop3Server([EIGHTBIT, SEVENBIT])
    sink = peers.SmtpSink(keywords=PLAIN)
    rider = postrider.between(box, sink, {"eightbit": eightbit})
    held = eightbit == "hold"
    rider.fetch(status=postrider.UNAVAILABLE if held else postrider.OK)
    wanted = [SEVENBIT] if held else [EIGHTBIT, SEVENBIT]
    equal(sink.digests(), sorted(map(mail.digest, wanted)))
    equal(rider.counts().get("held", 0), int(held))


def test_eightbit_content_is_never_held_where_8bitmime_is_offered():
    box, sink = peers.Pop3Server([EIGHTBIT]), peers.SmtpSink()
    postrider.between(box, sink, {"eightbit": "hold"}).fetch()
    equal(sink.digests(), [mail.digest(EIGHTBIT)])


def test_a_bare_lf_dot_lf_never_ends_a_message():
    # A server that sends bare LF as it is, and a lone dot between two of them.
    content = b"Subject: x\r\n\r\none\n.\ntwo\n.\r\nthree\r\n"
    box = peers.Pop3Server([content, mail.simple(2)])
    sink = peers.SmtpSink()
    rider = postrider.between(box, sink)
    rider.fetch()
    equal(len(sink.accepted), 2)
    tap.contains(sink.accepted[0].data, b"three")


# What one server or another has taken for the end of data.
ENDS = {"LF . LF": b"\n.\n", "LF . CRLF": b"\n.\r\n", "CRLF . LF": b"\r\n.\n",
        "CR . CRLF": b"\r.\r\n", "CR . CR": b"\r.\r", "CR . LF": b"\r.\n",
        "LF . CR": b"\n.\r", "CRLF . CR": b"\r\n.\r",
        "CRLF . NUL CRLF": b"\r\n.\0\r\n", "CRLF NUL . CRLF": b"\r\n\0.\r\n",
        "CR NUL LF . CRLF": b"\r\0\n.\r\n", "CR CRLF . CRLF": b"\r\r\n.\r\n",
        "CRLF . CR CRLF": b"\r\n.\r\r\n", "CRLF . . CRLF": b"\r\n..\r\n",
        "CRLF . CRLF": b"\r\n.\r\n"}
COMMAND = b"MAIL FROM:<evil@smuggler.example>\r\n"


def at_every_place(end, period=71, window=1 << 14):
    """It and a command behind it so often, an odd number of octets apart, that
    they stand once at each place in the windows which content passes by."""
    def unit(n):
        return b"y" * n + end + COMMAND
    fill = next(n for n in range(period)
                if len(mail.canonical(b"\r\n" + unit(n))) - 2 == period)
    return b"\r\n" + unit(fill) * window


@each(*ENDS)
def test_no_end_of_data_is_smuggled_by(name):
    message = mail.head(1) + at_every_place(ENDS[name])
    box = peers.Pop3Server([message, mail.simple(2)])
    sink = peers.SmtpSink()
    rider = postrider.between(box, sink, after_delivery="delete")
    rider.fetch()
    equal(sink.digests(), sorted(map(mail.digest, (message, mail.simple(2)))))
    rider.proves(a.data for a in sink.accepted)
    equal(sink.verbs().count("MAIL"), 2)
    # Nor for servers that take other line ends than CRLF for one.
    data = sink.accepted[0].data
    equal(data.count(b"\n"), data.count(b"\r\n"), "line ends")
    equal(data.count(b"\r"), data.count(b"\r\n"), "carriage returns")


def test_the_trace_header_says_where_the_message_was():
    box = peers.Pop3Server([mail.simple(1)], tls="implicit")
    sink = peers.SmtpSink()
    postrider.between(box, sink).fetch()
    trace, _ = mail.split_trace(sink.accepted[0].data)
    flat = b" ".join(trace.split())
    tap.contains(flat, b"Received: from localhost by ")
    tap.contains(flat, b" with POP3S id ")
    tap.contains(flat, b"for <ann@kit.test>;")


def test_the_trace_header_names_no_recipient_when_there_are_several():
    box = peers.Pop3Server([mail.simple(1)])
    sink = peers.SmtpSink()
    postrider.between(box, sink,
                      recipient=["ann@kit.test", "bob@kit.test"]).fetch()
    trace, _ = mail.split_trace(sink.accepted[0].data)
    assert b" for " not in trace, trace
    assert b"bob" not in trace and b"ann" not in trace, trace


def test_mixed_mail_arrives_unchanged():
    messages = list(mail.mixed(40))
    box = peers.Pop3Server(messages)
    sink = peers.SmtpSink()
    rider = postrider.between(box, sink, after_delivery="delete")
    rider.fetch()
    equal(sink.digests(), sorted(map(mail.digest, messages)))
    equal(box.messages, [])


def test_a_loop_is_recognised_in_a_folded_received_line():
    box, sink = peers.Pop3Server([mail.simple(1)]), peers.SmtpSink()
    rider = postrider.between(box, sink)
    rider.fetch()
    back = sink.accepted[0].data.replace(b" id ", b" id\r\n\t", 1)
    box.messages.append(peers.Message(back))
    rider.fetch(status=postrider.UNAVAILABLE)
    equal(rider.counts(), {"delivered": 1, "held": 1})


if __name__ == "__main__":
    tap.main()
