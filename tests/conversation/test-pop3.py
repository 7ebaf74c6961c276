"""POP3 servers as they come: logins, TLS, listings, and mailboxes that misbehave."""
import ssl

import certificates
import mail
import peers
import postrider
import tap
from peers import DROP, SILENCE, Message
from postrider import AUTH, LATER, NO_HOST, OK, PROTOCOL, UNAVAILABLE
from tap import each, equal


def scene(contents=None, account=None, **how):
    if contents is None:
        contents = [mail.simple(n) for n in range(2)]
    box = peers.Pop3Server(contents, **how)
    sink = peers.SmtpSink()
    return box, sink, postrider.between(box, sink, **(account or {}))


DELETE = {"after_delivery": "delete"}
DAY = 86400

# --- logging in -------------------------------------------------------------------


@each("auto", "user", "plain", "login")
def test_login_by(method):
    box, sink, rider = scene(account={"auth": method})
    rider.fetch()
    equal(len(sink.accepted), 2)
    wanted = {"user": "USER", "auto": "AUTH"}.get(method, "AUTH")
    tap.contains(box.verbs(), wanted)


def test_user_and_pass_where_the_server_knows_no_sasl():
    box, sink, rider = scene(capabilities=("USER", "UIDL"))
    rider.fetch()
    assert "AUTH" not in box.verbs()
    equal(len(sink.accepted), 2)


def test_a_server_without_capa_is_asked_for_user_and_pass():
    box, sink, rider = scene(replies={"CAPA": "-ERR what"})
    rider.fetch()
    equal(len(sink.accepted), 2)


def test_a_mechanism_that_was_not_known_is_forgotten_once_user_and_pass_work():
    box, sink, rider = scene([], replies={"AUTH": "-ERR unknown command"},
                             capabilities=("USER", "SASL LOGIN", "UIDL"))
    result = rider.fetch()
    equal((result.out, result.err), ("", ""))
    verbs = box.verbs()
    assert verbs.index("AUTH") < verbs.index("USER"), verbs


def test_an_empty_mailbox_is_no_trouble():
    box, sink, rider = scene([])
    result = rider.fetch()
    equal((result.out, result.err), ("", ""))


def test_a_named_method_is_not_swapped_for_another():
    box, sink, rider = scene(capabilities=("SASL PLAIN", "UIDL"),
                             account={"auth": "login"})
    assert rider.run("fetch").status != OK
    assert not {"AUTH", "USER", "PASS"} & set(box.verbs())


def test_an_initial_response_that_does_not_fit_waits_for_a_challenge():
    user = "ann." + "x" * 250
    box, sink, rider = scene(users={user: "secret"},
                             account={"auth": "plain", "user": user})
    rider.fetch()
    equal(len(sink.accepted), 2)
    tap.contains(box.commands, b"AUTH PLAIN")


def test_a_wrong_password_is_said_once():
    box, sink, rider = scene(account={"password": "wrong"})
    result = rider.fetch(status=AUTH)
    equal(box.verbs().count("AUTH") + box.verbs().count("PASS"), 1)
    assert "wrong" not in result.err.replace("the password is wrong", "")


@each("+", "+ " + "A" * 9000, "+ !!!", "+ =", "* what", "")
def test_a_strange_challenge_is_refused_in_time(challenge):
    def ask(session, _):
        for _ in range(50):
            session.send(challenge.encode() + b"\r\n")
            session.line()
        return DROP
    box, sink, rider = scene(replies={"AUTH": ask}, account={
        "auth": "login", "timeout": "20s"})
    assert rider.run("fetch").status not in (OK, -6, -11)
    equal(sink.accepted, [])


# --- TLS --------------------------------------------------------------------------


@each("implicit", "starttls")
def test_mail_is_fetched_under_tls(tls):
    box, sink, rider = scene(tls=tls)
    rider.fetch()
    equal(len(sink.accepted), 2)
    if tls == "starttls":
        verbs = box.verbs()
        assert verbs.index("STLS") < verbs.index("AUTH")
        # What was said in clear counts for nothing.
        assert "CAPA" in verbs[verbs.index("STLS"):verbs.index("AUTH")]


@each(("refused", {"STLS": "-ERR no"}), ("not offered and refused", {
    "CAPA": "+OK\nUSER\nUIDL\n.", "STLS": "-ERR no"}),
    ("unknown, as CAPA is", {"CAPA": "-ERR what", "STLS": "-ERR what"}),
    ("answered with rubbish", {"STLS": "hello"}),
    ("cut off", {"STLS": DROP}))
def test_no_password_goes_out_in_clear_when_stls_is(_, replies):
    box, sink, rider = scene(replies=replies, tls="starttls")
    assert rider.run("fetch").status != OK
    assert not {"USER", "PASS", "AUTH"} & set(box.verbs())


def test_octets_sent_before_the_handshake_are_an_attack():
    def inject(session, _):
        session.send(b"+OK go ahead\r\n+OK injected\r\n")
        session.start_tls()
        return True
    box, sink, rider = scene(replies={"STLS": inject}, tls="starttls")
    rider.fetch(status=PROTOCOL)
    assert not {"USER", "PASS", "AUTH"} & set(box.verbs())


@each(("expired", "expired", "expired"), ("wrong_name", "wrong-name",
                                          "mail.other.example"),
      ("selfsigned", "selfsigned", "self-signed"))
def test_a_bad_certificate_is_refused_and_explained(attribute, _, word):
    box, sink, rider = scene(
        tls="implicit", certificate=getattr(certificates.shared(), attribute))
    result = rider.fetch(status=PROTOCOL)
    tap.contains(result.err.lower().replace("self signed", "self-signed"), word)
    equal(box.commands, [])


def test_a_certificate_of_an_unknown_authority_is_refused():
    box, sink, rider = scene(tls="implicit", account={
        "ca_file": certificates.shared().other_ca})
    rider.fetch(status=PROTOCOL)
    equal(box.commands, [])


def two_of_each(box, sink, **second):
    """Two accounts, polled one after the other, each with its destination."""
    rider = postrider.Postrider()
    rider.write([box.account("ann", user="ann"),
                 box.account("bob", user="bob", destination="work", **second)],
                {"home": sink.destination(), "work": sink.destination()},
                max_polls=1)
    return rider


@each(("implicit", "starttls", None), ("starttls", "implicit", "TLSv1_2"))
def test_a_second_connection_resumes_the_tls_session(pop3, smtp, at_most):
    box = peers.Pop3Server([mail.simple(1)], tls=pop3,
                           users={"ann": "secret", "bob": "secret"})
    sink = peers.SmtpSink(tls=smtp)
    if at_most:
        for server in box, sink:
            server.tls_context.maximum_version = ssl.TLSVersion[at_most]
    result = two_of_each(box, sink).fetch("-vv")
    equal((box.resumed, sink.resumed), ([False, True], [False, True]))
    equal(result.err.count(", resumed)"), 2)
    equal(len(sink.accepted), 2)


def test_no_session_is_resumed_where_another_authority_is_trusted():
    box = peers.Pop3Server([mail.simple(1)], tls="implicit",
                           users={"ann": "secret", "bob": "secret"})
    sink = peers.SmtpSink()
    rider = two_of_each(box, sink, ca_file=certificates.shared().other_ca)
    result = rider.fetch(status=PROTOCOL)
    tap.contains(result.err, "which is not trusted here")
    equal((box.resumed, len(sink.accepted)), ([False], 1))


def test_a_handshake_that_never_comes_ends_in_time():
    box, sink, rider = scene(replies={"CONNECT": SILENCE}, account={
        "timeout": f"{tap.SHORT_S}s", "tls": "implicit",
        "ca_file": certificates.shared().ca})
    rider.fetch(status=LATER)


# --- the connection ---------------------------------------------------------------


def test_a_host_that_does_not_exist():
    box, sink, rider = scene(account={"pop3": "no.such.host.invalid",
                                      "timeout": "5s"})
    status = rider.run("fetch").status
    assert status in (NO_HOST, LATER), status  # LATER: no name server here


def test_nobody_answers():
    box, sink, rider = scene()
    box.stop()
    rider.fetch(status=LATER)


@each(("hangs up", DROP), ("stays silent", SILENCE),
      ("garbles its reply", "what?"), ("breaks off", None))
def test_a_message_that_breaks_the_session_does_not_keep_the_others(_, what):
    def break_off(session, argument):
        session.send(b"+OK\r\nReceived: from")
        return DROP

    def second(session, argument):
        if session.maildrop[int(argument) - 1].content != mail.simple(1):
            return None
        return what or break_off(session, argument)
    box, sink, rider = scene([mail.simple(n) for n in range(5)],
                             {"timeout": f"{tap.SHORT_S}s", **DELETE},
                             replies={"RETR": second})
    for arrived in (4, 5, 6):
        rider.fetch(status=LATER, probe=True)
        equal(len(sink.accepted), arrived)
        equal(rider.states()[Message(mail.simple(1)).uid], "deferred")
        equal([m.content for m in box.messages], [mail.simple(1)])
        box.messages.append(Message(mail.simple(arrived + 10)))
    rider.fetch(shift=6 * DAY, status=UNAVAILABLE)
    equal(rider.states()[Message(mail.simple(1)).uid], "held")
    equal([m.content for m in box.messages], [mail.simple(1)])
    equal(len(sink.accepted), 7)
    equal(len(set(sink.digests())), 7)
    # Its owner can have it taken again.
    box.replies = {}
    rider.run("held", "retry", "all").expect(OK)
    rider.fetch(shift=6 * DAY)
    equal((len(sink.accepted), box.messages), (8, []))


# --- listings ---------------------------------------------------------------------


def test_a_second_fetch_moves_nothing_and_is_silent():
    box, sink, rider = scene()
    first = rider.fetch()
    assert first.out, "a fetch that moved mail says so"
    second = rider.fetch()
    equal((second.out, second.err), ("", ""))
    equal(len(sink.accepted), 2)


def test_new_mail_is_the_only_mail_taken():
    box, sink, rider = scene()
    rider.fetch()
    box.messages.append(Message(mail.simple(7)))
    rider.fetch()
    equal(len(sink.accepted), 3)
    equal(sink.accepted[2].digest(), mail.digest(mail.simple(7)))


def test_without_uidl_messages_are_known_by_their_header():
    box, sink, rider = scene(replies={"UIDL": "-ERR unknown"},
                             capabilities=("USER", "TOP"))
    rider.fetch()
    box.messages.insert(0, Message(mail.simple(9)))
    rider.fetch()
    equal(len(sink.accepted), 3)


def test_the_same_uid_twice_is_two_messages():
    box, sink, rider = scene([Message(mail.simple(1), "same"),
                              Message(mail.simple(2), "same")], DELETE)
    rider.fetch()
    equal(len(sink.accepted), 2)
    # They go together, once both are known to have arrived.
    rider.fetch()
    equal(box.messages, [])
    equal(len(sink.accepted), 2)


@each("1", "01", "A", "a", "' OR 1=1 --", "%n%s", "\xff\xfe", "x" * 70, "x" * 900)
def test_a_uid_is_octets_and_nothing_else(uid):
    box, sink, rider = scene([Message(mail.simple(1), uid),
                              Message(mail.simple(2), "other")])
    rider.fetch()
    rider.fetch()
    equal(len(sink.accepted), 2)
    # Only the first word of a line is the UID.
    tap.contains(rider.states(), uid.split(" ")[0])


def test_uids_that_differ_only_to_the_eye_are_different():
    uids = ["1", "01", "1.0", "a", "A"]
    box, sink, rider = scene([Message(mail.simple(n), u)
                              for n, u in enumerate(uids)])
    rider.fetch()
    equal(len(sink.accepted), len(uids))


WORDS = mail.simple(1, b"some words\r\n" * 1000)


@each(0, 1, len(WORDS) // 100, 2 * len(WORDS))
def test_the_size_that_a_server_tells_is_an_estimate(octets):
    box, sink, rider = scene([Message(WORDS, octets=octets)])
    rider.fetch()
    equal(sink.digests(), [mail.digest(WORDS)])


@each(("in the body", WORDS[:5000]), ("in the header", WORDS[:100]),
      ("at once", b""))
def test_a_message_cut_short_in_the_server_is_not_delivered(_, part):
    # All is well but for the octets: what is sent ends as it should.
    def cut(session, argument):
        if argument != b"2":
            return None
        session.send(b"+OK\r\n" + part + b"\r\n.\r\n" if part else
                     b"+OK\r\n.\r\n")
        return True
    box, sink, rider = scene([mail.simple(0), WORDS, mail.simple(2)], DELETE,
                             replies={"RETR": cut})
    result = rider.fetch(status=LATER)
    tap.contains(result.err, f"the mailbox lists {len(WORDS)} octets and gave")
    # The session goes on.
    equal(box.connections, 1)
    equal(sink.digests(), sorted(mail.digest(mail.simple(n)) for n in (0, 2)))
    equal([m.content for m in box.messages], [WORDS])
    equal(rider.states()[Message(WORDS).uid], "deferred")
    box.replies = {}
    rider.fetch()
    equal((len(sink.accepted), box.messages), (3, []))


@each(2 ** 20, 2 ** 40)
def test_a_message_far_smaller_than_listed_counts_as_cut_short(octets):
    box, sink, rider = scene([Message(WORDS, octets=octets)], DELETE)
    rider.fetch(status=LATER)
    equal((sink.accepted, rider.counts()), ([], {"deferred": 1}))
    equal(len(box.messages), 1)


def test_a_small_message_in_a_mailbox_that_rounds_sizes_up_is_no_short_one():
    small = mail.simple(1)
    box, sink, rider = scene([Message(small, octets=2048)])
    rider.fetch()
    equal(sink.digests(), [mail.digest(small)])


@each("UIDL", "LIST")
def test_one_odd_line_of_a_listing_leaves_the_rest_working(listing):
    box, sink, rider = scene([mail.simple(n) for n in range(3)])
    rider.fetch()
    box.messages.append(Message(mail.simple(3)))
    uids = [m.uid for m in box.messages]
    sizes = [m.octets for m in box.messages]
    lines = [f"{n + 1} {v}" for n, v in
             enumerate(uids if listing == "UIDL" else sizes)]
    lines[1] = "2"
    box.replies[listing] = ["+OK\n" + "\n".join(lines) + "\n."]
    result = rider.fetch(status=PROTOCOL)
    tap.contains(result.err, "contradicts itself about 1 message,")
    equal(len(sink.accepted), 4)
    # Nobody can tell whether the second is still there.
    equal(rider.counts(), {"delivered": 4})


def test_a_listing_shorter_than_stat_counts_marks_nothing_as_gone():
    box, sink, rider = scene([mail.simple(n) for n in range(3)])
    rider.fetch()
    box.replies["STAT"] = ["+OK 3 1000"]
    second = box.messages.pop(1)
    result = rider.fetch(status=PROTOCOL)
    tap.contains(result.err, "contradicts itself about 1 message,")
    equal(rider.counts(), {"delivered": 3})
    box.replies = {}
    rider.fetch()
    equal(rider.states()[second.uid], "gone")


def test_a_message_that_took_the_uid_of_one_to_be_deleted_is_not_deleted():
    box, sink, rider = scene([Message(mail.simple(1), "one")], DELETE,
                             replies={"QUIT": [DROP, None]})
    rider.run("fetch")
    equal(rider.counts(), {"delete_owed": 1})
    other = mail.simple(2, b"much longer\r\n" * 50)
    box.messages = [Message(other, "one")]
    rider.fetch()
    equal(sink.digests(), sorted([mail.digest(mail.simple(1)),
                                  mail.digest(other)]))


def deleted_once(number=1):
    """A mailbox whose message was delivered and deleted, and is missed."""
    box, sink, rider = scene([Message(mail.simple(number), "one")], DELETE)
    rider.fetch()
    equal(box.messages, [])
    rider.fetch()
    equal(rider.counts(), {"gone": 1})
    return box, sink, rider


def test_a_uid_listed_again_after_its_deletion_is_held():
    box, sink, rider = deleted_once()
    box.messages = [Message(mail.simple(1), "one")]
    result = rider.fetch(status=UNAVAILABLE)
    tap.contains(result.err, "listed again")
    equal((rider.counts(), len(box.messages)), ({"held": 1}, 1))
    equal(box.verbs().count("DELE"), 1)
    equal(len(sink.accepted), 1)
    rider.run("held", "retry", "all").expect(OK)
    rider.fetch()
    equal((len(sink.accepted), box.messages), (2, []))


def test_a_uid_listed_again_with_other_octets_is_a_new_message():
    box, sink, rider = deleted_once()
    other = mail.simple(2, b"much longer\r\n" * 50)
    box.messages = [Message(other, "one")]
    rider.fetch()
    equal(sink.accepted[1].digest(), mail.digest(other))
    equal(box.messages, [])


def test_without_list_a_message_is_deleted_in_the_session_that_delivers_it():
    box, sink, rider = scene(account=DELETE, replies={"LIST": "-ERR no"})
    rider.fetch()
    equal((len(sink.accepted), box.messages), (2, []))


def test_without_list_no_deletion_is_made_up_for_later():
    box, sink, rider = scene(account=DELETE, replies={
        "LIST": "-ERR no", "QUIT": [DROP, None]})
    rider.run("fetch")
    equal(rider.counts(), {"delete_owed": 2})
    for _ in range(2):
        rider.fetch()
    equal(box.verbs().count("DELE"), 2)
    equal((len(sink.accepted), len(box.messages)), (2, 2))
    plan = rider.run("plan", "--json").json()["accounts"][0]
    for message in plan["messages"]:
        tap.contains(message["reason"], "size")


# --- fetching and deleting --------------------------------------------------------


def test_a_message_that_cannot_be_fetched_does_not_stop_the_others():
    def refuse_second(_, argument):
        return "-ERR broken" if argument == b"2" else None
    box, sink, rider = scene([mail.simple(n) for n in range(3)], DELETE,
                             replies={"RETR": refuse_second})
    assert rider.run("fetch").status != OK
    equal(len(sink.accepted), 2)
    equal([m.content for m in box.messages], [mail.simple(1)])


def test_a_deletion_that_quit_did_not_confirm_is_paid_later():
    box, sink, rider = scene(account=DELETE, replies={"QUIT": [DROP, None]})
    rider.run("fetch")
    equal(len(box.messages), 2)
    rider.fetch()
    equal(len(sink.accepted), 2)
    equal(box.messages, [])


def test_a_refused_deletion_is_tried_again():
    box, sink, rider = scene(account=DELETE,
                             replies={"DELE": ["-ERR no", "-ERR no", None]})
    rider.run("fetch")
    rider.run("fetch")
    equal(len(sink.accepted), 2)
    equal(box.messages, [])


def test_a_refused_deletion_is_told():
    box, sink, rider = scene(account=DELETE, replies={"DELE": "-ERR read-only"})
    for _ in range(2):
        result = rider.fetch(status=UNAVAILABLE)
        tap.contains(result.err, "cannot be deleted")
        tap.contains(result.err, "read-only")
    equal((len(sink.accepted), len(box.messages)), (2, 2))
    equal(rider.counts(), {"delete_owed": 2})


def test_a_server_that_never_deletes_is_reported_after_three_times():
    box, sink, rider = scene(account=DELETE, replies={"DELE": "+OK sure"})
    results = [rider.run("fetch") for _ in range(5)]
    equal(len(sink.accepted), 2)
    equal(box.verbs().count("DELE"), 6)
    assert results[-1].status != OK or "three times" in results[-1].err


def test_quit_refused_leaves_the_deletion_owed():
    box, sink, rider = scene(account=DELETE, replies={
        "QUIT": ["-ERR some messages were not removed", None]})
    rider.run("fetch")
    equal(set(rider.counts()), {"delete_owed"})
    rider.run("fetch")
    equal(box.messages, [])
    equal(len(sink.accepted), 2)


def test_nothing_is_deleted_when_mail_is_kept():
    box, sink, rider = scene()
    rider.fetch()
    assert "DELE" not in box.verbs()
    equal(len(box.messages), 2)


def test_octets_after_the_end_of_a_message_end_the_session():
    # Words nobody asked for are not to be taken for the next reply.
    def more(session, argument):
        content = session.maildrop[int(argument) - 1].content
        session.send(b"+OK\r\n" + content + b".\r\n"
                     b"+OK\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n")
        return True
    box, sink, rider = scene(replies={"RETR": more}, account=DELETE)
    rider.run("fetch")
    for accepted in sink.accepted:
        assert b"smuggled" not in accepted.data


if __name__ == "__main__":
    tap.main()
