"""migrate --verify: what was moved is looked for at the destination and compared
with what was sent. Each message that is missing or changed is named, and no other."""
import glob
import json
import os
import re
import shutil
import sqlite3
import threading

import mail
import peers
import postrider
import tap
from postrider import AUTH, CONFIG, OK
from tap import contains, each, equal

DATA_ERROR, OS_ERROR = 65, 71
TOP = (b"Return-Path: <sender@friends.example>\nDelivered-To: ann@new.example\n"
       b"Received: from relay.new.example\n\tby mx.new.example with LMTP\n"
       b"\tid AAAAAAAAAAAAAAAAAAA; Tue, 14 Nov 2023 22:13:21 +0000\n")


def moved(contents, user="ann"):
    """(mailbox, sink, Postrider) after all of it was moved."""
    box = peers.Pop3Server(contents, users={user: "secret"})
    sink = peers.SmtpSink()
    rider = postrider.between(box, sink, user=user)
    rider.run("migrate").expect(OK)
    equal(len(sink.accepted), len(box.messages))
    return box, sink, rider


def says(text, *parts):
    for part in parts:
        contains(text, part)


def letters(count):
    return [mail.simple(n, b"Hello, this is number %d.\r\n" % n)
            for n in range(count)]


class Place:
    """Where the destination can be read."""

    def __init__(self, rider, sink, line_end=b"\n"):
        self.messages = [TOP.replace(b"\n", b"\r\n") + a.data
                         for a in sink.accepted]
        self.rider, self.line_end = rider, line_end

    def of(self, uid):
        """The index of the copy of a message of the source."""
        (trace,), = self.rider.query(
            "SELECT trace FROM message WHERE CAST(uid AS TEXT) = ?1", uid)
        return next(i for i, m in enumerate(self.messages)
                    if trace.encode() in m)


class Maildir(Place):
    def at(self):
        path = tap.folder()
        box = os.path.join(path, "Maildir")
        fill(box, self.messages, self.line_end)
        return [box]


class Mailbox(Place):
    """A POP3 server."""

    def at(self, password="geheim"):
        server = peers.Pop3Server(
            self.messages, users={"ann": "geheim"},
            capabilities=("USER", "TOP", "UIDL", "PIPELINING"))
        secret = self.rider.secret(password, "at")
        return [f"pop3://ann@localhost:{server.port}?tls=none",
                "--at-password-file", secret]


PLACES = {"in a Maildir": Maildir, "at a POP3 server": Mailbox}


def fill(box, messages, line_end=b"\n", sub="cur"):
    for name in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(box, name), exist_ok=True)
    for message in messages:
        fill.serial += 1
        name = f"{1700000000 + fill.serial}.M{fill.serial}P1.kit"
        with open(os.path.join(box, sub, name + (":2,S" if sub == "cur" else "")),
                  "wb") as file:
            file.write(message.replace(b"\r\n", line_end))


fill.serial = 0


def verify(rider, at, status=OK, **how):
    """The report of a verification, and what was said."""
    report = os.path.join(tap.folder(), "report.json")
    result = rider.run("migrate", "--verify", *(["--at", *at] if at else []),
                       "--report", report, **how).expect(status)
    with open(report) as file:
        return json.load(file), result


def findings(report):
    """{UID: verdict} of what is grave."""
    return {f["uid"]: sorted(f["verdict"]) for box in report["mailboxes"]
            for f in box["findings"] if f["grave"]}


def sums(report):
    v = report["verification"]
    return {k: v[k] for k in ("verified", "missing", "changed",
                              "changed_at_source", "unproven")}


def all_well(count):
    return {"verified": count, "missing": 0, "changed": 0,
            "changed_at_source": 0, "unproven": 0}


# --- what is missing or changed ---------------------------------------------------


@each(*PLACES)
def test_three_that_were_removed_and_one_that_was_changed_are_named(where):
    box, sink, rider = moved(letters(20))
    place = PLACES[where](rider, sink)
    lost = [box.messages[n].uid for n in (3, 7, 11)]
    changed = box.messages[15].uid
    at = place.of(changed)
    octets = bytearray(place.messages[at])
    octets[-4] ^= 1
    place.messages[at] = bytes(octets)
    for index in sorted(map(place.of, lost), reverse=True):
        del place.messages[index]
    report, result = verify(rider, place.at(), DATA_ERROR)
    equal(findings(report), {
        **{uid: ["missing", "same_at_source"] for uid in lost},
        changed: ["changed", "same_at_source"]})
    equal(sums(report), {**all_well(16), "missing": 3, "changed": 1})
    said = result.out + result.err
    for uid in [*lost, changed]:
        says(said, uid)
    equal(len(re.findall(r"^  UID ", said, re.M)), 4)
    says(said, '"Letter 3"', "not at the destination", "2023-11-14",
             "its text is different, its header the same")
    finding = next(f for f in report["mailboxes"][0]["findings"]
                   if f["uid"] == changed)
    equal((finding["subject"], finding["date"]),
          ("Letter 15", "2023-11-14T22:13:20Z"))


def test_each_fault_is_named_before_what_is_none_and_however_many_there_are():
    box, sink, rider = moved(letters(100))
    place = Maildir(rider, sink)
    uids = [m.uid for m in box.messages]
    lost, changed, gone = uids[40::2], uids[41::2], uids[:40]
    for uid in changed:
        place.messages[place.of(uid)] += b"more\r\n"
    for index in sorted(map(place.of, lost), reverse=True):
        del place.messages[index]
    del box.messages[:40]
    paths = [os.path.join(tap.folder(), "report." + s)
             for s in ("json", "html", "txt")]
    result = rider.run("migrate", "--verify", "--at", *place.at(),
                       *(word for path in paths for word in ("--report", path)))
    result.expect(DATA_ERROR)
    found, page, text = (open(path, encoding="utf-8").read() for path in paths)
    named = {
        "lines": re.findall(r"^  UID (\w+)", result.out, re.M),
        "JSON": [f["uid"] for f in json.loads(found)["mailboxes"][0]["findings"]],
        "page": re.findall(r"UID <code><bdi>(\w+)", page),
        "text": re.findall(r"^\tUID (\w+)", text, re.M)}
    for how, order in named.items():
        equal((set(order[:30]), set(order[30:60])),
              (set(lost), set(changed)), how)
        equal(len(set(order[60:]) & set(gone)), 20 if how == "lines" else 40,
              how)
    says(result.out, "  and 20 more with which all is well")
    says(page, "<summary>10 more of this mailbox</summary>")


@each(*PLACES)
def test_all_is_well_where_nothing_was_touched(where):
    _, sink, rider = moved(letters(5))
    report, result = verify(rider, PLACES[where](rider, sink).at())
    equal(sums(report), all_well(5))
    says(result.out, "all 5 messages verified")
    equal(report["headline"], "All 5 messages moved and verified")


@each(b"\n", b"\r\n")
def test_content_of_any_kind_is_known_again_where_lines_end_with(line_end):
    contents = [*mail.ODD.values(), *mail.ODDER.values()]
    _, sink, rider = moved(contents)
    report, _ = verify(rider, Maildir(rider, sink, line_end).at())
    equal(sums(report), all_well(len(contents)))


def test_what_was_moved_is_found_in_the_ledger_later():
    _, sink, rider = moved(letters(3))
    place = Maildir(rider, sink)
    del place.messages[1]
    verify(rider, place.at(), DATA_ERROR)
    equal(sorted(v for v, in rider.query("SELECT verdict FROM message")),
          [3, 3, 17])
    rider.run("migrate", "--report", "-").expect(OK)
    later = rider.run("migrate", "--report", "-").expect(OK).out
    says(later, "All 3 messages moved, 2 verified; 1 missing",
             "not at the destination")


def test_a_mailbox_is_as_well_as_its_last_verification():
    _, sink, rider = moved(letters(3))
    place = Maildir(rider, sink)
    kept = list(place.messages)
    del place.messages[1]
    verify(rider, place.at(), DATA_ERROR)
    place.messages = kept
    report, _ = verify(rider, place.at())
    equal((findings(report), sums(report)), ({}, all_well(3)))


# --- Maildirs ---------------------------------------------------------------------


def test_messages_are_found_in_whatever_folder_they_were_filed():
    _, sink, rider = moved(letters(5))
    messages = Maildir(rider, sink).messages
    box = os.path.join(tap.folder(), "Maildir")
    fill(box, messages[:1], sub="new")
    fill(box, messages[1:2])
    fill(os.path.join(box, ".Archive.2026"), messages[2:3])
    fill(os.path.join(box, "Lists", "postrider"), messages[3:4], sub="new")
    fill(os.path.join(box, "Lists"), messages[4:])
    report, _ = verify(rider, [box])
    equal(sums(report), all_well(5))


def test_links_are_not_followed():
    _, sink, rider = moved(letters(3))
    messages = Maildir(rider, sink).messages
    box, outside = (os.path.join(tap.folder(), n) for n in ("Maildir", "else"))
    fill(box, messages[:1])
    fill(outside, messages[1:])
    os.symlink(outside, os.path.join(box, ".Linked"))
    os.symlink(os.path.join(outside, "cur"), os.path.join(box, "Linked"))
    os.mkdir(os.path.join(box, ".Half"))
    os.symlink(os.path.join(outside, "cur"), os.path.join(box, ".Half", "cur"))
    name = sorted(os.listdir(os.path.join(outside, "cur")))[0]
    os.symlink(os.path.join(outside, "cur", name), os.path.join(box, "cur", name))
    os.mkfifo(os.path.join(box, "new", "1700000000.M1P1.kit"))
    report, _ = verify(rider, [box], DATA_ERROR)
    equal(sums(report), {**all_well(1), "missing": 2})


def test_flags_and_folders_may_change_while_it_is_read():
    _, sink, rider = moved(letters(300))
    box = Maildir(rider, sink).at()[0]
    stop = threading.Event()

    def rename():
        while not stop.is_set():
            for old, new in (("cur", "new"), ("new", "cur")):
                for name in os.listdir(os.path.join(box, old)):
                    os.rename(os.path.join(box, old, name), os.path.join(
                        box, new, name.split(":")[0] + ":2,"))
                    if stop.wait(0.0005):
                        return

    thread = threading.Thread(target=rename)
    thread.start()
    try:
        report, _ = verify(rider, [box])
    finally:
        stop.set()
        thread.join()
    equal(sums(report), all_well(300))


def test_a_hard_link_is_the_same_message():
    _, sink, rider = moved(letters(2))
    box = Maildir(rider, sink).at()[0]
    name = os.listdir(os.path.join(box, "cur"))[0]
    os.link(os.path.join(box, "cur", name), os.path.join(box, "new", "copy"))
    report, _ = verify(rider, [box])
    equal(report["verification"]["duplicates"], 0)


NO_MAILDIRS = {
    "is not there": (lambda box: shutil.rmtree(box), CONFIG, "there is no "),
    "has neither cur nor new": (
        lambda box: [shutil.rmtree(os.path.join(box, n)) for n in ("cur", "new")],
        CONFIG, "is no Maildir"),
    "is a file": (lambda box: (shutil.rmtree(box), open(box, "w").close()),
                  OS_ERROR, "cannot read"),
    "was compressed by its server": (
        lambda box: compress(box), CONFIG, "name its POP3 server"),
}


def compress(box):
    for path in glob.glob(os.path.join(box, "cur", "*")):
        with open(path, "wb") as file:
            file.write(b"\x1f\x8b\x08\0\0\0\0\0\0\x03")


@each(*NO_MAILDIRS)
def test_nothing_is_called_missing_where_the_Maildir(how):
    spoil, status, words = NO_MAILDIRS[how]
    _, sink, rider = moved(letters(3))
    box = Maildir(rider, sink).at()[0]
    spoil(box)
    report, result = verify(rider, [box], status)
    equal(sums(report), all_well(3))  # at the source, as far as that goes
    says(result.out + result.err, words, "could not be read")
    says(report["headline"], "3 verified at the source only")
    says(report["mailboxes"][0]["unread"], words,
         "the destination could not be read")


def test_nothing_is_called_missing_where_the_password_is_wrong():
    _, sink, rider = moved(letters(3))
    report, result = verify(
        rider, Mailbox(rider, sink).at(password="falsch"), AUTH)
    equal(findings(report), {})
    says(result.out + result.err, "destination could not be read")
    assert "falsch" not in result.out + result.err


# --- what a destination does to mail ----------------------------------------------


def test_a_Received_field_may_be_folded_anew():
    _, sink, rider = moved(letters(4))
    place = Maildir(rider, sink)

    def fold(message):
        ours, below = mail.split_trace(message)
        above = message[:message.index(ours)]
        words = b" ".join(ours.split())
        return above + b"\r\n\t".join(words.split(b" ")) + b"\r\n" + below

    place.messages = [fold(m) for m in place.messages]
    report, _ = verify(rider, place.at())
    equal(sums(report), all_well(4))


def added(message, field):
    """With a field at the end of its header, as milters add them."""
    head, _, body = message.partition(b"\r\n\r\n")
    return head + b"\r\n" + field + b"\r\n\r\n" + body


def test_fields_that_a_destination_adds_are_told_and_no_fault():
    _, sink, rider = moved(letters(4))
    place = Maildir(rider, sink)
    place.messages = [added(m, b"X-Spam-Status: No,\r\n\tscore=-1.2")
                      for m in place.messages]
    report, result = verify(rider, place.at())
    equal(sums(report), all_well(4))
    equal((report["verification"]["fields_added"],
           report["mailboxes"][0]["verification"]["added_fields"]),
          (4, "X-Spam-Status"))
    says(result.out, "fields that the destination added: X-Spam-Status")


CHANGES = {
    "a field that was changed": lambda m: m.replace(
        b"Subject: Letter", b"Subject: [spam] Letter"),
    "a field that was taken out": lambda m: re.sub(
        rb"Message-ID:[^\n]*\n", b"", m),
    "fields in another order": lambda m: re.sub(
        rb"(From:[^\n]*\n)(To:[^\n]*\n)", rb"\2\1", m),
    "a field added and the text changed": lambda m: added(
        m, b"X-Spam: no").replace(b"Hello", b"Hallo"),
    "a line more at the end": lambda m: m + b"--\r\nscanned\r\n",
    "nothing of its text": lambda m: m.partition(b"Hello")[0],
}


@each(*CHANGES)
def test_it_counts_as_changed_with(what):
    box, sink, rider = moved(letters(3))
    place = Maildir(rider, sink)
    uid = box.messages[1].uid
    at = place.of(uid)
    place.messages[at] = CHANGES[what](place.messages[at])
    report, _ = verify(rider, place.at(), DATA_ERROR)
    equal(findings(report), {uid: ["changed", "same_at_source"]})


@each("Status: RO", "X-UIDL: 42", "Content-Length: 7")
def test_nothing_is_changed_by_a_servers_own(field):
    box, sink, rider = moved(letters(2))
    place = Mailbox(rider, sink)
    place.messages = [added(m, field.encode()) for m in place.messages]
    rider_at = place.at()
    for message in box.messages:
        message.content = added(message.content, field.encode())
    report, _ = verify(rider, rider_at)
    equal(sums(report), all_well(2))


def test_messages_that_arrived_twice_are_told_and_no_fault():
    box, sink, rider = moved(letters(4))
    place = Mailbox(rider, sink)
    place.messages += place.messages[1:3]
    # One that is well is enough, before the other or behind.
    place.messages.insert(0, place.messages[1].replace(b"Hello", b"Hallo"))
    place.messages.append(place.messages[3].replace(b"Hello", b"Hallo"))
    report, result = verify(rider, place.at())
    equal(sums(report), all_well(4))
    equal(report["verification"]["duplicates"], 2)
    equal(result.out.count("3 copies at the destination"), 2)


def test_mail_of_others_at_the_destination_is_in_nobodys_way():
    _, sink, rider = moved(letters(3))
    place = Maildir(rider, sink)
    _, other_sink, _ = moved(letters(3), user="bob")
    place.messages += letters(5)
    place.messages += [a.data for a in other_sink.accepted]
    place.messages += [b"", b"\r\n", b"no header at all"]
    report, _ = verify(rider, place.at())
    equal(sums(report), all_well(3))


def test_a_place_without_any_of_it_is_asked_about():
    _, sink, rider = moved(letters(3))
    box = os.path.join(tap.folder(), "Maildir")
    fill(box, letters(5))
    report, result = verify(rider, [box], DATA_ERROR)
    equal(sums(report), {**all_well(0), "missing": 3})
    says(result.out + result.err, "is it the right place")


def test_mail_that_went_through_two_postriders_is_known_by_both():
    _, sink, first = moved(letters(4))
    place = Maildir(first, sink)
    _, last, second = moved(place.messages, user="bob")
    end = Maildir(second, last).at()
    report, _ = verify(second, end)
    equal(sums(report), all_well(4))
    # Below its own field the first one finds all of it, too.
    report, _ = verify(first, end)
    equal(sums(report), all_well(4))


# --- the source -------------------------------------------------------------------


def test_what_has_changed_at_the_source_is_named():
    box, sink, rider = moved(letters(4))
    at = Maildir(rider, sink).at()
    box.messages[2].content = box.messages[2].content.replace(b"Hello", b"Hallo")
    report, result = verify(rider, at, DATA_ERROR)
    equal(findings(report), {box.messages[2].uid: [
        "changed_at_source", "same_at_destination"]})
    says(result.out + result.err, "changed at the source since")


def test_what_has_gone_from_the_source_is_no_fault_if_it_is_there():
    box, sink, rider = moved(letters(4))
    at = Maildir(rider, sink).at()
    gone = box.messages.pop(1)
    report, result = verify(rider, at)
    equal((findings(report), sums(report)), ({}, all_well(4)))
    says(result.out, gone.uid, "not at the source any more")


def test_what_has_gone_from_the_source_is_not_proven_without_a_place():
    box, sink, rider = moved(letters(4))
    gone = box.messages.pop(1)
    report, _ = verify(rider, None, DATA_ERROR)
    equal(findings(report), {gone.uid: ["gone_at_source"]})
    equal(sums(report), {**all_well(3), "unproven": 1})


def test_what_was_deleted_after_its_verification_stays_verified():
    box, sink, rider = moved(letters(4))
    at = Maildir(rider, sink).at()
    report = os.path.join(rider.folder, "report.json")
    rider.run("migrate", "--delete-source", "--yes", "--at", *at,
              "--report", report).expect(OK)
    equal(box.messages, [])
    with open(report) as file:
        found = json.load(file)
    equal((found["deleted"], sums(found)), (4, all_well(4)))
    # Nothing is left to compare with; nor does that make it worse.
    found, result = verify(rider, None)
    equal((found["deleted"], findings(found), sums(found)),
          (4, {}, all_well(4)))
    says(result.out, "nothing to verify: all is deleted at the source")
    found, _ = verify(rider, at)
    equal((findings(found), sums(found)), ({}, all_well(4)))


def test_without_a_place_the_source_is_compared_with_what_was_sent():
    box, _, rider = moved(letters(4))
    report, result = verify(rider, None)
    equal(sums(report), all_well(4))
    says(result.out, "the destination was not read")
    says(report["headline"], "4 verified at the source only")


def forget_digests(rider):
    """As a ledger is that was begun by an earlier version."""
    db = sqlite3.connect(os.path.join(rider.state, "ledger.db"))
    with db:
        db.execute("UPDATE message SET trace = '', digest = NULL, content = 0")
    db.close()


def test_messages_without_a_digest_are_compared_with_the_source():
    box, sink, rider = moved(letters(5))
    place = Maildir(rider, sink)
    lost, changed = box.messages[1].uid, box.messages[3].uid
    at = place.of(changed)
    place.messages[at] = place.messages[at].replace(b"Hello", b"Hallo")
    del place.messages[place.of(lost)]
    forget_digests(rider)
    report, _ = verify(rider, place.at(), DATA_ERROR)
    equal(findings(report), {lost: ["missing"], changed: ["changed"]})
    equal(sums(report), {**all_well(3), "missing": 1, "changed": 1})


def test_messages_without_a_digest_prove_nothing_by_themselves():
    _, _, rider = moved(letters(3))
    forget_digests(rider)
    report, result = verify(rider, None, DATA_ERROR)
    equal(sums(report), {**all_well(0), "unproven": 3})
    says(result.out + result.err, "3 with nothing to compare with")


def test_a_session_that_is_lost_is_gone_on_with():
    contents = letters(40)
    box = peers.Pop3Server(contents, capabilities=(
        "USER", "TOP", "UIDL", "PIPELINING"))
    sink = peers.SmtpSink()
    rider = postrider.between(box, sink)
    rider.run("migrate").expect(OK)
    at = Maildir(rider, sink).at()
    box.replies["RETR"] = [None] * 15 + [peers.DROP, None]
    report, _ = verify(rider, at)
    equal(sums(report), all_well(40))


class StepwiseSession(peers.Pop3Session):
    """Hangs up on whoever sends a command before RETR is answered."""

    rest = b""

    def line(self):
        while b"\n" not in self.rest:
            more = self.socket.recv(65536)
            if not more:
                raise peers.Closed
            self.rest += more
        line, _, self.rest = self.rest.partition(b"\n")
        return line + b"\n"

    def do_retr(self, argument):
        if b"\n" in self.rest:
            raise peers.Closed
        return super().do_retr(argument)


def sent_ahead_in_vain(box):
    box.session = StepwiseSession


STUMBLES = {
    "a server that hangs up on it each time": sent_ahead_in_vain,
    "-ERR one at a time": lambda box: box.replies.update(
        RETR=["-ERR one at a time", None]),
    "an answer too many": lambda box: box.replies.update(
        RETR=["+OK\n+OK yes\n.", None]),
    "no answer but the end": lambda box: box.replies.update(
        RETR=[peers.DROP, None]),
}


@each(*STUMBLES)
def test_a_server_that_stumbles_over_what_is_sent_ahead_is_asked_step_by_step(how):
    box = peers.Pop3Server(letters(20), capabilities=(
        "USER", "TOP", "UIDL", "PIPELINING"))
    sink = peers.SmtpSink()
    rider = postrider.between(box, sink)
    rider.run("migrate").expect(OK)
    STUMBLES[how](box)
    before = box.connections
    report, _ = verify(rider, Maildir(rider, sink).at())
    equal(sums(report), all_well(20))
    # To look whether there is anything new, and twice to read.
    equal(box.connections - before, 3)


def test_a_server_that_contradicts_itself_is_not_trusted():
    box, sink, rider = moved(letters(3))
    place = Mailbox(rider, sink)
    at = place.at()
    box.replies["LIST"] = [None, "+OK\n1 100\n3 100\n."]
    report, result = verify(rider, at, postrider.PROTOCOL)
    equal((findings(report), sums(report)), ({}, all_well(3)))
    says(result.out + result.err, "contradicts itself about 1 message")


def test_a_mailbox_of_which_neither_end_can_be_read_is_not_verified():
    box, _, rider = moved(letters(3))
    box.replies["RETR"] = [peers.DROP]
    report, result = verify(rider, [os.path.join(rider.folder, "nowhere")],
                            CONFIG)
    equal(sums(report), all_well(0))
    says(report["mailboxes"][0]["unread"], "nowhere")
    says(result.err, "not verified")


def test_a_message_that_the_source_does_not_show_is_told():
    box, sink, rider = moved(letters(3))
    at = Maildir(rider, sink).at()
    box.replies["RETR"] = [None, "-ERR [SYS/TEMP] try later", None]
    report, result = verify(rider, at)
    equal(sums(report), all_well(3))
    says(result.out, "the source does not show it")


# --- size -------------------------------------------------------------------------


BLOCK = b"x" * 997 + b"y\r\n"
HUGE = 100_000_000


class Stream(peers.Pop3Server):
    """A mailbox with one message of 100 MB, which nobody has in memory."""

    def __init__(self):
        head = mail.head(1) + b"\r\n"
        message = peers.Message(head, octets=len(head) + HUGE)
        super().__init__([message], replies={"RETR": self.retr})

    @staticmethod
    def retr(session, _):
        session.send(b"+OK\r\n" + session.server.messages[0].content)
        for _ in range(HUGE // 100000):
            session.send(BLOCK * 100)
        session.send(b".\r\n")
        return True


class FileSession(peers.SmtpSession):
    def content(self):
        with open(self.server.path_of, "wb") as file:
            while (line := self.file.readline()) != b".\r\n":
                if not line:
                    raise peers.Closed
                file.write(line[:-2] + b"\n")
        return b""


class FileSink(peers.SmtpSink):
    """Delivers the one message into a file."""

    session = FileSession


def test_a_message_of_100_MB_takes_no_memory():
    box = os.path.join(tap.folder(), "Maildir")
    fill(box, [])
    sink = FileSink()
    sink.path_of = os.path.join(box, "cur", "1700000000.M1P1.kit:2,")
    rider = postrider.between(Stream(), sink)
    rider.run("migrate").expect(OK)
    report, _ = verify(rider, [box])
    equal(sums(report), all_well(1))
    assert report["moved_octets"] > HUGE, report["moved_octets"]
    with open(sink.path_of, "r+b") as file:
        file.seek(HUGE // 2)
        file.write(b"z")
    report, _ = verify(rider, [box], DATA_ERROR)
    equal(sums(report), {**all_well(0), "changed": 1})


if __name__ == "__main__":
    tap.main()
