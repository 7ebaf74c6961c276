"""migrate --report: what was moved, held and verified, as a page, as JSON and as
text. Nothing that came from outside can do anything in it."""
import html.parser
import json
import os
import re
import shutil
import stat
import subprocess

import mail
import peers
import postrider
import tap
from postrider import OK, UNAVAILABLE, wait_until
from tap import contains, each, equal

CANNOT_CREATE, DATA_ERROR = 73, 65
VOID = {"meta", "br"}
EVIL = "\u202e\"><script>alert('1')</script>&amp;<b>"
HOSTILE = b"Subject: " + EVIL.encode() + b" \xff\xfe\x1b[2J\r\n"


class Page(html.parser.HTMLParser):
    """A page, whose elements must be closed in order."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.text = [], [], []
        self.feed(text)
        self.close()
        equal(self.open, [], "elements that are open at the end")

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        equal(tag, self.open.pop() if self.open else None, "the next to close")

    def handle_data(self, data):
        if "style" not in self.open:
            self.text.append(data)

    def shown(self):
        return " ".join("".join(self.text).split())

    def names(self):
        return {tag for tag, _ in self.tags}


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def letters(count):
    return [mail.simple(n, b"Hello, this is number %d.\r\n" % n)
            for n in range(count)]


def reports(rider, *args, status=OK):
    """(page, JSON, text) of a run."""
    paths = [os.path.join(rider.folder, "report." + s)
             for s in ("html", "json", "txt")]
    rider.run("migrate", *args, *(word for path in paths
                                  for word in ("--report", path))).expect(status)
    page, found, text = map(read, paths)
    return page, json.loads(found), text


def scene(contents, replies=None):
    box = peers.Pop3Server(contents)
    sink = peers.SmtpSink(replies=replies)
    return box, sink, postrider.between(box, sink, name="isp")


def test_it_says_what_was_moved_and_what_is_held_and_why():
    refusal = "552 5.3.4 Message <too> large & \"wide\""
    box, _, rider = scene(letters(5), {"END": [None, refusal, None]})
    page, found, text = reports(rider, status=UNAVAILABLE)
    equal(found["headline"], "4 of 5 messages moved, not verified yet; 1 held")
    equal((found["moved"], found["held"], found["waiting"]), (4, 1, 0))
    mailbox, = found["mailboxes"]
    held, = mailbox["not_moved"]
    equal((held["state"], held["uid"]),
          ("held", next(u for u, s in rider.states().items() if s == "held")))
    contains(held["words"], refusal)
    contains(text, found["headline"])
    contains(text, refusal)
    shown = Page(page).shown()
    contains(shown, "4 of 5 messages moved, not verified yet")
    contains(shown, "1 held")
    contains(shown, refusal)
    contains(shown, held["uid"])
    contains(shown, "The new server has confirmed each of them")


def sizes(octets):
    """As it is told, where that is less than 10 kB."""
    return f"{octets} B" if octets < 1000 else f"{octets / 1000:.1f} kB"


@each("as many octets as it has", "other sizes")
def test_all_that_tells_of_mail_has_one_size_of_it_where_a_server_lists(what):
    contents = [letters(8), letters(3)]
    boxes = [peers.Pop3Server([peers.Message(
        m, octets=len(m) + 5 * (what == "other sizes")) for m in messages])
        for messages in contents]
    each_of = [sum(len(mail.canonical(m)) for m in messages)
               for messages in contents]
    for more in ([], ["--json"]):
        sink = peers.SmtpSink()
        rider = postrider.Postrider()
        rider.write([box.account(name=f"isp{n}")
                     for n, box in enumerate(boxes)],
                    {"home": sink.destination()})
        path = os.path.join(rider.folder, "report.json")
        text = os.path.join(rider.folder, "report.txt")
        told = rider.run("migrate", "--verify", "--report", path,
                         "--report", text, *more).expect(OK)
        found = json.loads(read(path))
        equal(([m["moved_octets"] for m in found["mailboxes"]],
               found["moved_octets"], found["runs"][0]["octets"]),
              (each_of, sum(each_of), sum(each_of)))
        if more:
            summary = told.json()
            equal([m["octets"] for m in summary["mailboxes"]], each_of)
            equal(summary["octets"], sum(each_of))
            continue
        lines = told.out + read(text)
        for n, octets in enumerate(each_of):
            # When it was moved, when it was verified, and in the report.
            equal(re.findall(rf"^isp{n}: .*\((\S+ k?B)\)", lines, re.M),
                  [sizes(octets)] * 3)
        contains(lines, f"11 messages ({sizes(sum(each_of))}) moved in")
        contains(lines, f"{sizes(sum(each_of))} in 2 mailboxes")


def test_it_is_made_anew_when_nothing_is_left_to_move():
    _, _, rider = scene(letters(4))
    _, first, _ = reports(rider)
    _, second, text = reports(rider)
    for found in (first, second):
        del found["made"]
    equal(second, first)
    contains(text, "All 4 messages moved, not verified yet")


def test_nothing_from_outside_gets_out_of_its_place():
    messages = [peers.Message(mail.simple(n, extra=HOSTILE), uid=uid)
                for n, uid in enumerate(("<script>alert(2)</script>",
                                         "\xff\xfe'\"&\\", "\xe2\x80\xaepl"))]
    box, sink, rider = scene(
        messages, {"END": [None, None, f"550 5.7.1 {EVIL}".encode().decode(
            "latin-1"), None]})
    place = os.path.join(tap.folder(), "<img src=x>Maildir")
    for name in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(place, name))
    rider.run("migrate").expect(UNAVAILABLE)
    for number, accepted in enumerate(sink.accepted):
        with open(os.path.join(place, "cur", f"{number}\u202e<svg onload=x>"),
                  "wb") as file:
            file.write(accepted.data + b"more\r\n")
    page, found, text = reports(rider, "--verify", "--at", place,
                                status=DATA_ERROR)
    seen = Page(page)
    assert not {"script", "img", "base", "link"} & seen.names(), seen.names()
    for tag, attributes in seen.tags:
        assert not [a for a in attributes if a.startswith("on")], attributes
        assert not {"href", "src"} & set(attributes), (tag, attributes)
    contains(seen.shown(), "<script>alert(2)</script>")
    contains(seen.shown(), "\ufffd<svg onload=x>")
    for what in (page, text, read(os.path.join(rider.folder, "report.json"))):
        for obeyed in "\u202e\x1b":
            assert obeyed not in what, repr(obeyed)
    equal({f["uid"] for f in found["mailboxes"][0]["findings"]} |
          {f["uid"] for f in found["mailboxes"][0]["not_moved"]},
          {"<script>alert(2)</script>", "\ufffd\ufffd'\"&\\",
           "\u202epl"})
    contains(page, "default-src 'none'")


def test_it_takes_the_place_of_an_older_one_and_only_its_owner_reads_it():
    _, _, rider = scene(letters(2))
    page, _, _ = reports(rider)
    path = os.path.join(rider.folder, "report.html")
    equal(stat.S_IMODE(os.stat(path).st_mode), 0o600)
    before = os.stat(path).st_ino
    reports(rider)
    assert os.stat(path).st_ino != before
    equal(sorted(n for n in os.listdir(rider.folder) if "report" in n),
          ["report.html", "report.json", "report.txt"])


NO_PLACES = {
    "in no folder": ("missing/report.html", "No such file"),
    "that is a folder": ("folder", "that is a folder"),
    "in a file": ("file/report.html", "Not a directory"),
    "that is a device": ("device", "no ordinary file"),
}


@each(*NO_PLACES)
def test_nothing_is_moved_when_a_report_cannot_be_written_to_a_path(kind):
    name, why = NO_PLACES[kind]
    box, _, rider = scene(letters(2))
    place = tap.folder()
    os.mkdir(os.path.join(place, "folder"))
    os.symlink("/dev/null", os.path.join(place, "device"))
    for other in ("file", "old.html"):
        with open(os.path.join(place, other), "w", encoding="ascii") as file:
            file.write("an old report\n")
    before = sorted(os.listdir(place))
    path = os.path.join(place, name)
    result = rider.run("migrate", "--report", os.path.join(place, "old.html"),
                       "--report", os.path.join(place, "new.html"),
                       "--report", path).expect(CANNOT_CREATE)
    contains(result.err, f"cannot write the report to {path}: ")
    contains(result.err, why)
    equal(sorted(os.listdir(place)), before)
    equal(read(os.path.join(place, "old.html")), "an old report\n")
    equal(box.verbs(), [])


def test_one_whose_folder_has_gone_meanwhile_keeps_no_other_from_being_written():
    box, _, rider = scene(letters(2))
    folder = os.path.join(tap.folder(), "gone")
    other = os.path.join(rider.folder, "other.txt")
    path = os.path.join(folder, "report.html")
    os.mkdir(folder)
    box.replies["QUIT"] = [lambda *_: os.rmdir(folder)]
    result = rider.run("migrate", "--report", path, "--report", other)
    result.expect(CANNOT_CREATE)
    contains(result.err, f"cannot write the report to {path}: No such file")
    equal(rider.counts(), {"delivered": 2})
    contains(read(other), "All 2 messages moved")


def test_a_mailbox_that_could_not_be_moved_says_why():
    box, _, rider = scene(letters(2))
    box.users["ann"] = "another"
    page, found, text = reports(rider, status=postrider.AUTH)
    equal(found["headline"],
          "Nothing has been moved yet; 1 mailbox not finished")
    contains(found["mailboxes"][0]["trouble"], "refused the login")
    contains(text, "not finished: ")
    contains(Page(page).shown(), "1 mailbox not finished")


def test_one_that_was_cut_off_is_not_called_finished():
    box, _, rider = scene(letters(3))
    box.replies["RETR"] = [None, peers.SILENCE]
    running = rider.start("migrate")
    wait_until(lambda: box.verbs().count("RETR") >= 2, what="the second message")
    running.process.kill()
    running.wait()
    box.replies.clear()
    box.users["ann"] = "another"
    _, found, _ = reports(rider, status=postrider.AUTH)
    assert found["mailboxes"][0]["trouble"], found
    assert found["headline"].endswith("1 mailbox not finished"), found


# --- as a browser sees it ---------------------------------------------------------

MEASURE = """<script>onload = () => {
  const wide = [...document.querySelectorAll("main *")].filter(e =>
    !e.closest("svg") && e.getBoundingClientRect().right > innerWidth + 1);
  document.title = "measured " + document.documentElement.scrollWidth + " of "
    + innerWidth + " " + wide.map(e => e.outerHTML.slice(0, 80)).join("|");
};</script></head>"""


@tap.limit(240)
@each(390, 768, 1280)
def test_a_browser_shows_it_without_anything_sticking_out_at_a_width_of(width):
    chromium = shutil.which("chromium")
    if chromium is None:
        tap.skip("chromium is not installed")
    long = "x" * 300
    messages = [peers.Message(mail.simple(
        n, extra=b"Subject: " + long.encode() + b"\r\n"), uid=f"{long}{n}")
        for n in range(6)]
    _, _, rider = scene(messages, {"END": [None, f"550 5.7.1 {long}", None]})
    page, _, _ = reports(rider, status=UNAVAILABLE)
    page = re.sub(r"<meta http-equiv[^>]*>", "", page)
    path = os.path.join(rider.folder, "measured.html")
    with open(path, "w", encoding="utf-8") as file:
        file.write(page.replace("</head>", MEASURE, 1))
    try:
        dom = subprocess.run(
            [chromium, "--headless", "--no-sandbox", "--disable-gpu",
             "--hide-scrollbars", f"--user-data-dir={rider.folder}/browser",
             f"--window-size={width},900", "--dump-dom", "file://" + path],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, timeout=200,
            env={**os.environ, "HOME": rider.folder}).stdout.decode()
    except subprocess.TimeoutExpired:
        tap.skip("chromium does not answer here")
    found = re.search(r"<title>measured (\d+) of (\d+) (.*)</title>", dom, re.S)
    if found is None:
        tap.skip("chromium does not run here")
    scroll, inner, wide = found.groups()
    equal((int(scroll) <= int(inner), wide), (True, ""), "what sticks out")
    assert abs(int(inner) - width) < 150, inner


if __name__ == "__main__":
    tap.main()
