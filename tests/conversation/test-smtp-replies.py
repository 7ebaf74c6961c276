"""What postrider makes of every reply of an SMTP server, refusals and worse."""
import mail
import peers
import postrider
import tap
from peers import DROP, LOST_REPLY, SILENCE
from postrider import LATER, OK, PROTOCOL, UNAVAILABLE, wait_until
from tap import each, equal


def scene(replies, count=1, mailbox=None, destination=None, sink=None, **account):
    box = peers.Pop3Server([mail.simple(n) for n in range(count)],
                           **(mailbox or {}))
    to = peers.SmtpSink(replies=replies, **(sink or {}))
    # On one, what comes after what is known.
    return box, to, postrider.between(
        box, to, {"connections": 1, **(destination or {})}, **account)


def nothing_deleted(box):
    if "DELE" in box.verbs():
        raise AssertionError("a message that was not delivered was deleted")


# --- refusals, stage by stage -----------------------------------------------------


@each("MAIL", "RCPT", "DATA", "END")
def test_a_temporary_refusal_defers_the_message(stage):
    box, sink, rider = scene({stage: "451 4.3.0 not now"},
                             after_delivery="delete")
    rider.fetch(status=LATER)
    equal(rider.counts(), {"deferred": 1})
    nothing_deleted(box)


@each("MAIL", "RCPT", "DATA", "END")
def test_a_final_refusal_holds_the_message(stage):
    box, sink, rider = scene({stage: "554 5.6.0 never"}, after_delivery="delete")
    rider.fetch(status=UNAVAILABLE)
    equal(rider.counts(), {"held": 1})
    nothing_deleted(box)
    held = rider.run("held", "list", "--json").expect(OK).json()["messages"]
    equal(len(held), 1)
    tap.contains(held[0]["reply"], "554 5.6.0 never")


@each("MAIL", "RCPT", "DATA", "END")
def test_a_deferred_message_is_taken_at_the_next_fetch(stage):
    box, sink, rider = scene({stage: ["450 4.2.0 later", None]},
                             after_delivery="delete")
    rider.fetch(status=LATER)
    rider.fetch()
    equal(len(sink.accepted), 1)
    equal(box.messages, [])


@each("MAIL", "RCPT", "DATA", "END")
def test_a_refused_message_does_not_stop_the_others(stage):
    box, sink, rider = scene({stage: ["554 5.6.0 never", None]}, 3,
                             after_delivery="delete")
    rider.fetch(status=UNAVAILABLE)
    equal(len(sink.accepted), 2)
    equal(rider.counts().get("held"), 1)
    equal(len(box.messages), 1)


@each(("CONNECT", "421 4.3.2 closing"), ("CONNECT", "554 5.3.2 no mail here"),
      ("EHLO", "421 4.3.2 closing"), ("EHLO", "550 5.7.1 not you"),
      ("EHLO", "451 4.3.0 not now"))
def test_a_server_that_refuses_us_is_no_verdict_on_a_message(stage, reply):
    box, sink, rider = scene({stage: reply, "HELO": reply}, 2,
                             after_delivery="delete")
    status = rider.run("fetch").status
    assert status in (LATER, UNAVAILABLE), status
    equal(set(rider.counts()) - {"new"}, set())
    nothing_deleted(box)
    equal(sink.accepted, [])


@each("MAIL", "RCPT", "DATA", "END")
def test_a_421_is_tried_again_on_a_new_connection_or_later(stage):
    box, sink, rider = scene({stage: ["421 4.3.2 going down", None]}, 2,
                             after_delivery="delete")
    rider.run("fetch")
    rider.run("fetch")
    equal(rider.counts().get("held", 0), 0)
    equal(len(sink.accepted), 2)
    equal(sorted(sink.digests()), sorted(mail.digest(mail.simple(n))
                                         for n in range(2)))


@each("MAIL", "RCPT", "DATA", "END")
def test_a_server_that_always_says_421_does_not_keep_us_for_ever(stage):
    box, sink, rider = scene({stage: "421 4.3.2 going down"}, 3,
                             after_delivery="delete")
    rider.fetch(status=LATER)
    nothing_deleted(box)
    equal(sink.accepted, [])


BAD = [f"sender{n}@friends.example" for n in range(3)]


def drop_in_the_data(session, _):
    if session.sender not in BAD:
        return None
    session.reply("354 go on")
    for _ in range(3):
        session.line()
    return DROP


def say_421(stage):
    def refuse(session, argument):
        sender = (argument.decode().split("<")[1].split(">")[0]
                  if stage == "MAIL" else session.sender)
        return "421 4.3.2 going down" if sender in BAD else None
    return refuse


@each(("421 at MAIL", "MAIL", say_421("MAIL")),
      ("421 at RCPT", "RCPT", say_421("RCPT")),
      ("421 at DATA", "DATA", say_421("DATA")),
      ("421 at the end", "END", say_421("END")),
      ("hanging up in the data", "DATA", drop_in_the_data))
def test_messages_that_break_the_connection_do_not_block_the_others(
        _, stage, fault):
    box, sink, rider = scene({stage: fault}, 20, after_delivery="delete")
    for _ in range(2):
        rider.fetch(status=LATER)
    good = sorted(mail.digest(mail.simple(n)) for n in range(3, 20))
    equal(sink.digests(), good)
    states = rider.states()
    # Whoever hangs up in the data may do so behind its end, for all we know.
    found = {states[m.uid] for m in box.messages}
    assert found <= {"deferred", "in_doubt"}, found
    equal(sorted(m.content for m in box.messages),
          sorted(mail.simple(n) for n in range(3)))
    sink.replies = {}
    rider.fetch()
    equal((len(sink.accepted), box.messages), (20, []))


# --- the senders, or we? ------------------------------------------------------------


def refuse_senders(reply, null_sender_too):
    def refuse(_, argument):
        if argument.startswith(b"FROM:<>") and not null_sender_too:
            return None
        return reply
    return refuse


def test_a_server_that_refuses_every_sender_stops_the_run():
    box, sink, rider = scene({"MAIL": refuse_senders("550 5.1.8 no", True)}, 10,
                             after_delivery="delete")
    result = rider.fetch(status=UNAVAILABLE)
    tap.contains(result.err, "takes no mail from here")
    # Three messages, and the question whether it is them.
    equal(sink.verbs().count("MAIL"), 4)
    equal(sink.commands.count(b"MAIL FROM:<>"), 1)
    equal(rider.counts().get("held", 0), 2)
    nothing_deleted(box)
    sink.replies = {}
    rider.fetch(status=UNAVAILABLE)  # what is held stays so
    equal(len(sink.accepted), 8)


@each(("550 5.1.8 no", "held"), ("554 5.7.1 not you", "deferred"))
def test_refused_senders_are_refused_one_by_one(reply, state):
    box, sink, rider = scene({"MAIL": refuse_senders(reply, False)}, 8,
                             after_delivery="delete")
    box.messages.append(peers.Message(mail.simple(9, sender=False)))
    rider.fetch(status=UNAVAILABLE if state == "held" else LATER)
    equal([a.sender for a in sink.accepted], [""])
    equal(rider.counts()[state], 8)
    # Asked after the third and the sixth; the ninth is a message.
    equal(sum(c.startswith(b"MAIL FROM:<>") for c in sink.commands), 3)
    equal(len(box.messages), 8)


def test_a_recipient_refused_by_policy_is_deferred():
    box, sink, rider = scene({"RCPT": ["554 5.7.1 not yet", None]}, 2,
                             after_delivery="delete")
    rider.fetch(status=LATER)
    equal(len(sink.accepted), 1)
    nothing = rider.counts().get("held", 0)
    equal((nothing, rider.counts()["deferred"]), (0, 1))
    rider.fetch()
    equal((len(sink.accepted), box.messages), (2, []))


# --- one message, several recipients ----------------------------------------------


def test_a_recipient_that_has_the_message_does_not_get_it_again():
    def refuse_bob(_, argument):
        if b"bob@" in argument and refuse_bob.times > 0:
            refuse_bob.times -= 1
            return "450 4.2.1 busy"
        return None
    refuse_bob.times = 1
    box, sink, rider = scene({"RCPT": refuse_bob}, after_delivery="delete",
                             recipient=["ann@kit.test", "bob@kit.test"])
    rider.fetch(status=LATER)
    nothing_deleted(box)
    rider.fetch()
    equal([a.recipients for a in sink.accepted],
          [["ann@kit.test"], ["bob@kit.test"]])
    equal(box.messages, [])


def test_a_refused_recipient_holds_the_message_and_the_other_gets_it():
    box, sink, rider = scene(
        {"RCPT": lambda _, a: "550 5.1.1 who" if b"bob@" in a else None},
        after_delivery="delete", recipient=["ann@kit.test", "bob@kit.test"])
    rider.fetch(status=UNAVAILABLE)
    equal([a.recipients for a in sink.accepted], [["ann@kit.test"]])
    equal(rider.counts(), {"held": 1})
    nothing_deleted(box)


def test_no_recipient_accepted_and_yet_a_354_sends_nothing():
    box, sink, rider = scene({"RCPT": "550 5.1.1 who",
                              "DATA": "354 go on all the same"})
    rider.fetch(status=UNAVAILABLE)
    equal(sink.accepted, [])


# --- no reply, or none that can be trusted ------------------------------------------


@each("CONNECT", "EHLO", "MAIL", "RCPT", "DATA")
def test_silence_ends_in_time(stage):
    box, sink, rider = scene({stage: SILENCE}, after_delivery="delete",
                             destination={"timeout": f"{tap.SHORT_S}s"})
    rider.fetch(status=LATER)
    equal(rider.counts().get("in_doubt", 0), 0)
    nothing_deleted(box)


@each("CONNECT", "EHLO", "MAIL", "RCPT", "DATA")
def test_a_server_that_hangs_up_before_the_end_of_data_leaves_no_doubt(stage):
    box, sink, rider = scene({stage: DROP}, after_delivery="delete")
    rider.fetch(status=LATER)
    equal(rider.counts().get("in_doubt", 0), 0)
    nothing_deleted(box)


@each(("hung up", DROP), ("kept it and hung up", LOST_REPLY),
      ("silence", SILENCE))
def test_a_lost_verdict_leaves_the_message_in_doubt(_, what):
    box, sink, rider = scene({"END": what}, after_delivery="delete",
                             destination={"reply_timeout": f"{tap.SHORT_S}s"})
    rider.fetch(status=LATER)
    equal(rider.counts(), {"in_doubt": 1})
    nothing_deleted(box)


def test_a_message_in_doubt_is_sent_again_with_the_same_trace_id():
    box, sink, rider = scene({"END": [LOST_REPLY, None]}, after_delivery="delete")
    rider.fetch(status=LATER)
    rider.fetch()
    equal(len(sink.accepted), 2)
    first, second = (mail.split_trace(a.data)[0].split(b" id ")[1].split()[0]
                     for a in sink.accepted)
    equal(first, second, "trace id")
    equal(box.messages, [])


def test_a_message_in_doubt_is_held_where_the_settings_say_so():
    box, sink, rider = scene({"END": [LOST_REPLY, None]}, after_delivery="delete",
                             in_doubt="hold")
    rider.fetch(status=LATER)
    rider.fetch(status=UNAVAILABLE)
    equal(len(sink.accepted), 1)
    equal(rider.counts(), {"held": 1})
    nothing_deleted(box)


@each("354 go on", "150 what", "600 what", "25 ok", "ok", "\x00\x01\xff",
      "250-unfinished", "250-two\n251 codes", "2500 ok")
def test_only_a_clean_250_counts_as_accepted(reply):
    def say(session, _):
        session.send(reply.encode("latin-1").replace(b"\n", b"\r\n") + b"\r\n")
        if reply == "250-unfinished":
            return DROP
        return True
    box, sink, rider = scene({"END": say}, after_delivery="delete",
                             destination={"timeout": f"{tap.SHORT_S}s",
                                          "reply_timeout": f"{tap.SHORT_S}s"})
    result = rider.run("fetch")
    assert result.status != OK, "taken for accepted"
    equal(rider.counts().get("delivered", 0), 0)
    equal(rider.counts().get("delete_owed", 0), 0)
    nothing_deleted(box)


def test_a_reply_of_a_million_lines_is_cut_off():
    def endless(session, _):
        for _ in range(20000):
            session.send(b"250-" + b"x" * 400 + b"\r\n")
        return DROP
    box, sink, rider = scene({"EHLO": endless})
    result = rider.run("fetch")
    assert result.status in (LATER, PROTOCOL), result.status
    if not tap.SLOWNESS > 1:
        assert result.peak_kib < 24 << 10, result.peak_kib


def test_replies_one_octet_at_a_time_are_read_all_the_same():
    box, sink, rider = scene({}, 3, mailbox={"drip": True}, sink={"drip": True},
                             after_delivery="delete")
    rider.fetch()
    equal(len(sink.accepted), 3)
    equal(box.messages, [])


# --- what we say ------------------------------------------------------------------


def test_the_return_path_becomes_the_sender():
    box, sink, rider = scene({}, 1)
    rider.fetch()
    equal(sink.accepted[0].sender, "sender0@friends.example")


@each(b"<>", b"<not an address>", b"<a@b> <c@d>", b"<a@b\0c>", b"<x@y>z")
def test_a_return_path_that_is_no_address_becomes_the_null_sender(path):
    message = b"Return-Path: " + path + b"\r\nSubject: x\r\n\r\nbody\r\n"
    box = peers.Pop3Server([message])
    sink = peers.SmtpSink()
    postrider.between(box, sink).fetch()
    equal(sink.accepted[0].sender, "")


@each(b"MIME-Version: 1.0", b"To: <boss@corp.example>",
      b"Sender: <boss@corp.example>", b"X-Return-Path: <a@b.example>")
def test_without_a_return_path_the_sender_is_null_whatever_comes_last(last):
    box = peers.Pop3Server([b"From: a@b.example\r\n" + last + b"\r\n\r\nx\r\n"])
    sink = peers.SmtpSink()
    postrider.between(box, sink).fetch()
    equal([a.sender for a in sink.accepted], [""])


@each(b"verp-" + b"x" * 100 + b"@lists.example", b"john..doe.@docomo.example")
def test_an_unusual_sender_is_used_all_the_same(sender):
    message = b"Return-Path: <" + sender + b">\r\nSubject: x\r\n\r\nbody\r\n"
    box = peers.Pop3Server([message])
    sink = peers.SmtpSink()
    postrider.between(box, sink).fetch()
    equal(sink.accepted[0].sender, sender.decode())


def test_size_and_8bitmime_are_sent_only_where_they_are_offered():
    body = "Grüße\r\n".encode()
    for keywords, wanted in (((), []), (("SIZE", "8BITMIME"),
                                        ["BODY=8BITMIME", "SIZE="])):
        box = peers.Pop3Server([mail.simple(1, body)])
        sink = peers.SmtpSink(keywords=keywords)
        postrider.between(box, sink).fetch()
        parameters = sink.accepted[0].parameters
        for word in wanted:
            tap.contains(parameters, word)
        if not wanted:
            equal(parameters, "")


def test_a_message_larger_than_the_server_takes_is_held_unsent():
    box = peers.Pop3Server([mail.simple(1, b"x" * 70 + b"\r\n"), mail.simple(2)])
    box.messages[0].octets = 100000
    box.messages[0].content = mail.simple(1, (b"x" * 70 + b"\r\n") * 1400)
    sink = peers.SmtpSink(keywords=("SIZE 50000",))
    rider = postrider.between(box, sink, after_delivery="delete")
    rider.fetch(status=UNAVAILABLE)
    equal(rider.counts().get("held"), 1)
    equal(len(sink.accepted), 1)
    equal(len(box.messages), 1)


def test_a_server_without_ehlo_is_greeted_with_helo():
    box, sink, rider = scene({"EHLO": "500 5.5.1 unknown"}, 1)
    rider.fetch()
    equal(len(sink.accepted), 1)
    tap.contains(sink.verbs(), "HELO")


def test_no_helo_where_tls_is_required():
    box, sink, rider = scene({"EHLO": "500 5.5.1 unknown"}, 1,
                             sink={"tls": "starttls"})
    assert rider.run("fetch").status != OK
    equal(sink.accepted, [])
    assert "MAIL" not in sink.verbs()


@each(("refused", {"STARTTLS": "454 4.7.0 no"}), ("not offered", {
    "EHLO": "250-sink.kit.test\n250 8BITMIME"}))
def test_no_mail_goes_out_in_clear_when_starttls_is(_, replies):
    box, sink, rider = scene(replies, sink={"tls": "starttls"},
                             destination={"user": "ann", "password": "secret"})
    assert rider.run("fetch").status != OK
    assert "MAIL" not in sink.verbs() and "AUTH" not in sink.verbs()


def test_octets_sent_before_the_handshake_are_an_attack():
    def inject(session, _):
        session.send(b"220 go ahead\r\n250 injected\r\n")
        session.start_tls()
        return True
    box, sink, rider = scene({"STARTTLS": inject}, sink={"tls": "starttls"})
    rider.fetch(status=PROTOCOL)
    equal(sink.accepted, [])


@each("starttls", "implicit")
def test_mail_goes_out_under_tls(tls):
    box, sink, rider = scene({}, 2, sink={"tls": tls})
    rider.fetch()
    equal(len(sink.accepted), 2)


@each("auto", "plain", "login")
def test_a_login_before_mail(method):
    users = {"ann": "pässword"}
    box, sink, rider = scene(
        {}, sink={"tls": "implicit", "users": users,
                  "keywords": ("AUTH PLAIN LOGIN",)},
        destination={"user": "ann", "password": "pässword", "auth": method})
    users["ann"] = users["ann"].encode().decode()
    rider.fetch()
    equal(len(sink.accepted), 1)
    tap.contains(sink.verbs(), "AUTH")


def test_a_refused_login_moves_nothing_and_is_tried_once():
    box, sink, rider = scene(
        {}, 3, sink={"tls": "implicit", "users": {"ann": "other"},
                     "keywords": ("AUTH PLAIN LOGIN",)},
        destination={"user": "ann", "password": "secret"},
        after_delivery="delete")
    rider.fetch(status=postrider.AUTH)
    equal(sink.verbs().count("AUTH"), 1)
    equal(sink.accepted, [])
    nothing_deleted(box)


def test_a_server_that_cannot_login_for_now_is_tried_later():
    box, sink, rider = scene(
        {"AUTH": "454 4.7.0 later"}, sink={"tls": "implicit",
                                           "keywords": ("AUTH PLAIN",)},
        destination={"user": "ann", "password": "secret"})
    rider.fetch(status=LATER)


def test_a_source_that_breaks_off_never_ends_the_data():
    whole = mail.simple(1, b"line\r\n" * 200000)

    def cut(session, _):
        session.send(b"+OK\r\n" + whole[:600000])
        return DROP
    box = peers.Pop3Server([whole], replies={"RETR": cut})
    sink = peers.SmtpSink()
    rider = postrider.between(box, sink, after_delivery="delete")
    rider.fetch(status=LATER)
    equal(sink.accepted, [])
    equal(rider.counts().get("in_doubt", 0), 0)
    nothing_deleted(box)


def test_a_refusal_in_the_middle_of_content_is_the_verdict():
    def early(session, _):
        if not session.sender.startswith("sender1@"):
            return None
        session.reply("354 go on")
        session.file.read(300000)
        session.reply("552 5.3.4 too much for me")
        while session.file.readline() not in (b"", b".\r\n"):
            pass
        return peers.DROP

    large = mail.simple(1, b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 40000)
    box = peers.Pop3Server([large, mail.simple(2)])
    sink = peers.SmtpSink(replies={"DATA": early})
    rider = postrider.between(box, sink)
    # If much of it has not come, it is tried again, to be sure which it was.
    if rider.run("fetch").status != postrider.UNAVAILABLE:
        equal(rider.counts(), {"deferred": 1, "delivered": 1})
        rider.fetch(status=postrider.UNAVAILABLE)
    equal(sink.digests(), [mail.digest(mail.simple(2))])
    equal(rider.counts(), {"held": 1, "delivered": 1})
    tap.contains(rider.run("held").out, "too much for me")


def test_what_is_larger_than_the_destinations_size_is_held_without_retr():
    small = mail.simple(1)
    body = (b"y" * 70 + b"\r\n") * 3000
    sink = peers.SmtpSink(keywords=("8BITMIME", "SIZE 100000"))

    def when_it_has_been_greeted(_session, number):
        if number != "1":
            wait_until(lambda: "EHLO" in sink.verbs())
    box = peers.Pop3Server([small, *[mail.simple(n, body)
                                     for n in range(2, 22)]],
                           replies={"RETR": when_it_has_been_greeted})
    rider = postrider.between(box, sink)
    rider.fetch(status=postrider.UNAVAILABLE)
    equal(sink.digests(), [mail.digest(small)])
    equal(rider.counts(), {"held": 20, "delivered": 1})
    # The limit is known once the greetings are over.
    assert box.verbs().count("RETR") < 20, box.verbs()


def test_a_refusal_that_comes_with_the_354_is_the_verdict():
    def at_once(session, _):
        session.send(b"354 go on\r\n554 5.6.0 no, after all\r\n")
        while session.file.readline() not in (b"", b".\r\n"):
            pass
        return peers.DROP

    box, sink, rider = scene({"DATA": [at_once, None]}, 2)
    rider.fetch(status=UNAVAILABLE)
    equal(rider.counts(), {"held": 1, "delivered": 1})


def test_a_reused_uid_goes_to_all_recipients_of_the_new_message():
    box = peers.Pop3Server([peers.Message(mail.simple(1), uid="u")])
    sink = peers.SmtpSink(replies={"RCPT": [None, "450 4.2.1 later", None]})
    rider = postrider.between(box, sink, after_delivery="delete",
                              recipient=["ann@kit.test", "bob@kit.test"])
    rider.fetch(status=LATER)
    new = mail.simple(2, b"another one\r\n")
    box.messages = [peers.Message(new, uid="u")]
    rider.fetch()
    equal([len(a.recipients) for a in sink.accepted
           if a.digest() == mail.digest(new)], [2])


if __name__ == "__main__":
    tap.main()
