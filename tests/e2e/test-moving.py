"""Mail moves from a real Dovecot to a real Postfix, and by LMTP to a Dovecot."""
import email
import email.policy
import signal
import socket

import certificates
import mail
import postrider
import servers
import tap
from postrider import AUTH, CONFIG, LATER, OK, PROTOCOL, UNAVAILABLE, wait_until
from tap import contains, each, equal

DAY = 86400


def digests(files):
    found = []
    for path in files:
        with open(path, "rb") as file:
            found.append(mail.arrived_digest(file.read()))
    return sorted(found)


def scene(messages=None, destination=None, **account):
    """(servers, mailbox, messages, Postrider between them)."""
    s = servers.started()
    user = s.user()
    if messages is None:
        messages = [mail.simple(n) for n in range(5)]
    s.put(user, messages)
    rider = postrider.Postrider()
    rider.write([s.account(user, **account)],
                {"home": destination or s.destination()})
    return s, user, messages, rider


def all_arrived(s, user, messages):
    equal(digests(s.arrived(user, len(messages))),
          sorted(map(mail.digest, messages)))


def contents(files):
    for path in files:
        with open(path, "rb") as file:
            yield file.read()


@each("implicit", "starttls")
def test_mail_is_kept_and_a_second_fetch_moves_nothing_by(tls):
    s, user, messages, rider = scene(tls=tls)
    rider.fetch()
    all_arrived(s, user, messages)
    rider.proves(contents(s.arrived(user, len(messages))))
    equal(s.left(user), len(messages))
    second = rider.fetch()
    equal((second.out, second.err), ("", ""))
    equal(len(s.arrived(user, 0)), len(messages))


@each("implicit", "starttls")
def test_mail_is_deleted_after_it_has_arrived_by(tls):
    s, user, messages, rider = scene(tls=tls, after_delivery="delete")
    rider.fetch()
    all_arrived(s, user, messages)
    equal(s.left(user), 0)
    rider.fetch()
    equal(len(s.arrived(user, 0)), len(messages))


def test_what_is_there_now_may_count_as_seen_and_the_rest_arrives():
    s, user, messages, rider = scene(after_delivery="delete")
    equal(rider.run("baseline", "--last", "2").expect(OK).out,
          f"{user}: 3 messages count as seen now; 2 stay new\n")
    s.put(user, [mail.simple(9)])
    rider.fetch()
    all_arrived(s, user, messages[3:] + [mail.simple(9)])
    equal(s.left(user), 3)
    equal(rider.fetch().out, "")


def test_what_counts_as_seen_is_deleted_where_its_owner_says_so():
    s, user, messages, rider = scene(after_delivery="delete", delete_seen=True)
    contains(rider.run("baseline", "--before", "2024-01-01").expect(OK).out,
             "5 messages count as seen now")
    equal(s.left(user), 5)
    rider.fetch()
    equal((s.left(user), s.arrived(user, 0)), (0, []))


def test_mail_is_kept_for_two_weeks_and_then_deleted():
    s, user, messages, rider = scene(after_delivery="keep 14d")
    rider.fetch(probe=True)
    rider.fetch(shift=6 * DAY)
    rider.fetch(shift=13 * DAY)
    equal(s.left(user), len(messages))
    rider.fetch(shift=15 * DAY)
    equal(s.left(user), 0)
    all_arrived(s, user, messages)


@each("bounce", "postmaster")
def test_a_refusal_is_reported_by(how):
    s = servers.started()
    carl = s.user()
    letter = mail.simple(1, b"F\xc3\xbcr dich.\r\n", sender=False)
    letter = b"Return-Path: <%s@kit.test>\r\n" % carl.encode() + letter
    _, user, _, rider = scene(
        [letter], recipient="nobody@kit.test", on_reject=how,
        after_delivery="delete",
        **({"postmaster": f"{carl}@kit.test"} if how == "postmaster" else {}))
    rider.fetch()
    arrived, = s.arrived(carl, 1)
    with open(arrived, "rb") as file:
        octets = file.read()
    report = email.message_from_bytes(octets, policy=email.policy.default)
    for part in report.walk():
        equal(part.defects, [])
    equal((report["Return-Path"], report["To"]), ("<>", f"{carl}@kit.test"))
    parts = list(report.iter_parts())
    assert "550 5.1.1 <nobody@kit.test>" in parts[0].get_content(), parts[0]
    if how == "bounce":
        equal([p.get_content_type() for p in parts],
              ["text/plain", "message/delivery-status", "text/rfc822-headers"])
        equal(parts[1].get_payload()[1]["Status"], "5.1.1")
    else:
        assert letter.replace(b"\r\n", b"\n") in octets, octets
    equal(s.left(user), 0)


def test_two_accounts_at_once():
    s = servers.started()
    one, two = s.user(), s.user()
    s.put(one, [mail.simple(n) for n in range(4)])
    s.put(two, [mail.simple(n) for n in range(10, 17)])
    rider = postrider.Postrider()
    rider.write([s.account(one), s.account(two, tls="starttls",
                                           after_delivery="delete")],
                {"home": s.destination()})
    rider.fetch()
    all_arrived(s, one, [mail.simple(n) for n in range(4)])
    all_arrived(s, two, [mail.simple(n) for n in range(10, 17)])
    equal((s.left(one), s.left(two)), (4, 0))


def test_odd_content_arrives_unchanged():
    s, user, messages, rider = scene(list(mail.ODD.values()),
                                     after_delivery="delete")
    rider.fetch()
    all_arrived(s, user, messages)
    equal(s.left(user), 0)


def test_content_that_real_servers_mend_arrives_all_the_same():
    # Dovecot and Postfix rewrite some of these; not one may be lost or stuck.
    s, user, messages, rider = scene(
        [m for m in mail.ODDER.values() if m.startswith(b"Return-Path: <sender")],
        after_delivery="delete")
    rider.fetch()
    equal(len(s.arrived(user, len(messages))), len(messages))
    equal(s.left(user), 0)


@each("plain", "login", "auto")
def test_a_login_at_postfix_by(method):
    s, user, messages, rider = scene()
    rider.write([s.account(user)], {"home": {
        "smtp": "localhost", "port": s.smtps, "tls": "implicit",
        "ca_file": s.ca, "user": user, "password": f"pass-{user}",
        "auth": method}})
    rider.fetch()
    all_arrived(s, user, messages)


def test_a_wrong_password_at_postfix_moves_nothing():
    s, user, messages, rider = scene(after_delivery="delete")
    rider.write([s.account(user, after_delivery="delete")], {"home": {
        "smtp": "localhost", "port": s.smtps, "tls": "implicit",
        "ca_file": s.ca, "user": user, "password": "wrong"}})
    rider.fetch(status=AUTH)
    equal((s.left(user), len(s.arrived(user, 0))), (len(messages), 0))


def test_no_login_where_postfix_wants_one_moves_nothing():
    s, user, messages, rider = scene(after_delivery="delete")
    rider.write([s.account(user, after_delivery="delete")], {"home": {
        "smtp": "localhost", "port": s.smtps, "tls": "implicit",
        "ca_file": s.ca}})
    assert rider.run("fetch").status in (UNAVAILABLE, LATER, AUTH)
    equal((s.left(user), len(s.arrived(user, 0))), (len(messages), 0))


@each("unix socket", "tcp")
def test_dovecot_takes_mail_by_lmtp_over(kind):
    s = servers.started()
    source, target = s.user(), s.user()
    messages = list(mail.ODD.values())
    s.put(source, messages)
    home = ({"lmtp": s.lmtp_socket} if kind == "unix socket" else
            {"lmtp": "localhost", "port": s.lmtp, "tls": "none"})
    rider = postrider.Postrider()
    rider.write([s.account(source, recipient=f"{target}@kit.test",
                           after_delivery="delete")], {"home": home})
    rider.fetch()
    equal(s.left(target), len(messages))
    equal(digests(s.files(f"{s.folder}/mail/{target}")),
          sorted(map(mail.digest, messages)))
    equal(s.left(source), 0)


def test_one_unknown_lmtp_recipient_holds_and_the_other_gets_it():
    s = servers.started()
    source, target = s.user(), s.user()
    s.put(source, [mail.simple(1)])
    rider = postrider.Postrider()
    rider.write([s.account(source, recipient=[f"{target}@kit.test",
                                              "nobody-here@kit.test"],
                           after_delivery="delete")],
                {"home": {"lmtp": s.lmtp_socket}})
    rider.fetch(status=UNAVAILABLE)
    equal((s.left(target), s.left(source)), (1, 1))
    rider.run("fetch")
    equal((s.left(target), s.left(source)), (1, 1))


def test_an_unknown_recipient_holds_the_mail():
    s, user, messages, rider = scene(recipient="stranger@kit.test",
                                     after_delivery="delete")
    rider.fetch(status=UNAVAILABLE)
    equal(rider.counts(), {"held": len(messages)})
    equal(s.left(user), len(messages))


@each("implicit", "starttls")
def test_a_wrong_password_at_dovecot(tls):
    s, user, messages, rider = scene(tls=tls, password="wrong")
    result = rider.fetch(status=AUTH)
    tap.contains(result.err, user)
    equal(len(s.arrived(user, 0)), 0)


def test_a_certificate_of_an_unknown_authority():
    s, user, messages, rider = scene(
        ca_file=certificates.shared().other_ca)
    result = rider.fetch(status=PROTOCOL)
    tap.contains(result.err, "certificate")
    s, user, messages, rider = scene(destination=servers.started().destination(
        ca_file=certificates.shared().other_ca), after_delivery="delete")
    rider.fetch(status=PROTOCOL)
    equal(s.left(user), len(messages))


def closed_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_a_pop3_server_that_is_down():
    s, user, messages, rider = scene(port=closed_port())
    rider.fetch(status=LATER)


def test_an_smtp_server_that_is_down_moves_and_deletes_nothing():
    s, user, messages, rider = scene(
        destination={"smtp": "localhost", "port": closed_port(), "tls": "none"},
        after_delivery="delete")
    rider.fetch(status=LATER)
    equal(s.left(user), len(messages))
    rider.write([s.account(user, after_delivery="delete")],
                {"home": s.destination()})
    rider.fetch()
    all_arrived(s, user, messages)
    equal(s.left(user), 0)


def test_interrupted_and_begun_again_everything_arrives_once():
    s, user, messages, rider = scene([mail.simple(n) for n in range(150)],
                                     after_delivery="delete")
    running = rider.start("fetch")
    wait_until(lambda: s.arrived(user, 0, 0) or
               running.process.poll() is not None, what="the first message")
    running.signal(signal.SIGINT)
    result = running.wait()
    assert result.status in (OK, -signal.SIGINT), result.status
    equal(rider.counts().get("in_doubt", 0), 0)
    rider.fetch()
    all_arrived(s, user, messages)
    equal(s.left(user), 0)


@each("after_intent", "before_end", "after_end", "after_reply", "before_commit",
      "after_commit", "after_dele", "before_quit", "after_quit")
def test_nothing_is_lost_or_deleted_early_by_a_crash_at(point):
    s, user, messages, rider = scene(after_delivery="delete")
    equal(rider.run("fetch", crash=point).status, -signal.SIGKILL)
    doubt = rider.counts().get("in_doubt", 0)
    # Dovecot lets go of the mailbox once it sees that we are gone.
    def again():
        return rider.run("fetch", probe=True).status == OK
    wait_until(again, what="a fetch after the crash")
    again()
    arrived = digests(s.arrived(user, len(messages)))
    equal(sorted(set(arrived)), sorted(map(mail.digest, messages)))
    assert len(arrived) <= len(messages) + doubt, (len(arrived), doubt)
    equal(s.left(user), 0)


@each("keep", "delete")
def test_mail_that_gets_new_uids_is_recognised_with(after):
    s, user, messages, rider = scene([mail.simple(n) for n in range(20)])
    rider.fetch()
    old = rider.states()
    s.forget_uids(user)
    rider.fetch(status=CONFIG)
    equal(rider.states(), old)
    rider.write([s.account(user, after_delivery=after)],
                {"home": s.destination()})
    rider.fetch("--same-mailbox")
    rider.fetch()
    equal(set(rider.states()) & set(old), set())
    equal(s.left(user), len(messages) if after == "keep" else 0)
    all_arrived(s, user, messages)


def test_check_list_plan_and_status_with_real_servers():
    s, user, messages, rider = scene()
    for command in ("check", "list", "plan", "status"):
        rider.run(command).expect(OK)
    for command in ("list", "plan", "status", "held"):
        rider.run(command, "--json").expect(OK).json()
    equal(len(s.arrived(user, 0)), 0)


if __name__ == "__main__":
    tap.main()
