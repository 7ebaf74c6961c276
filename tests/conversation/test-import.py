"""Coming from fetchmail: what is shown, asked, written and refused; nothing comes
twice, whatever cuts it off."""
import os
import pwd
import shutil
import signal
import sqlite3
import stat
import time

import certificates
import mail
import peers
import postrider
import tap
from postrider import CONFIG, IO_ERROR, LATER, OK, USAGE
from tap import contains, each, equal

KILLED = -9

RC = """
# my mail
set daemon 600
defaults proto pop3
poll pop.isp.example
   user "ann@isp.example" there with password "s\\065cret", is ann here,
   options keep ssl limit 100000 mimedecode
poll mail.club.example
   user office ssl is ann here
   user "second one" password 1234 ssl is bob here, nokeep
skip old.example user x is ann here
"""
IDS = ("ann@isp.example@pop.isp.example AA/bb+1\n"
       "ANN@isp.example@POP.isp.example <2@x>\n"
       "second one@mail.club.example 77\n"
       "x@old.example 1\n")
NETRC = "machine mail.club.example login office password \"of fice\"\n"


class Scene:
    """A home with fetchmail's three files, and a place for settings."""

    def __init__(self, rc=RC, ids=IDS, netrc=NETRC):
        self.rider = postrider.Postrider()
        self.home = tap.folder()
        for name, text in ((".fetchmailrc", rc), (".fetchids", ids),
                           (".netrc", netrc)):
            if text is not None:
                self.put(name, text)
        self.place = os.path.join(self.rider.folder, "new", "place")
        self.rider.config = os.path.join(self.place, "postrider.conf")

    def put(self, name, text):
        path = os.path.join(self.home, name)
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return path

    def start(self, *args, **how):
        return self.rider.start(
            "import", "fetchmail", "--state", self.rider.state, *args,
            env={"HOME": self.home}, **how)

    def run(self, *args, status=OK, **how):
        return self.start(*args, **how).wait().expect(status)

    def settings(self, text):
        """Settings that are there already, destinations and all."""
        os.makedirs(os.path.join(self.place, "accounts.d"), exist_ok=True)
        self.rider.write_text(text)

    def files(self):
        """{path: octets} of all settings and secrets, and of the ledger's rows."""
        found = {}
        for path, _, names in os.walk(self.place):
            for name in names:
                with open(os.path.join(path, name), "rb") as file:
                    found[os.path.relpath(file.name, self.place)] = file.read()
        return found

    def ledger(self):
        """The octets of its file, and of the journal that it may have."""
        found = {}
        for name in ("ledger.db", "ledger.db-journal"):
            path = os.path.join(self.rider.state, name)
            if os.path.exists(path):
                with open(path, "rb") as file:
                    found[name] = file.read()
        return found

    def account(self, name):
        return self.files()[f"accounts.d/{name}.conf"].decode()

    def nothing_written(self):
        equal((self.files(), os.path.exists(self.rider.state)), ({}, False),
              "files that were written, and a ledger")


ACCOUNTS = ["office@mail.club.example", "pop.isp.example",
            "second_one@mail.club.example"]
FILES = ["accounts.d/" + name + ".conf" for name in ACCOUNTS] + \
    ["postrider.conf"] + ["secrets/" + name for name in ACCOUNTS]


def all_there(scene):
    equal(sorted(scene.files()), FILES)
    equal(scene.rider.states("pop.isp.example"),
          {"AA/bb+1": "seen", "<2@x>": "seen"})
    equal(scene.rider.states("second_one@mail.club.example"), {"77": "seen"})
    equal(len(scene.rider.query("SELECT id FROM account")), 3, "accounts")


# --- what it shows -------------------------------------------------------------


def test_a_dry_run_shows_all_and_writes_nothing():
    scene = Scene()
    shown = scene.run("--dry-run").out
    for words in ("ann@isp.example at pop.isp.example",
                  "ann@localhost by local", "  keep    2\n",
                  "second one at mail.club.example",
                  ".fetchmailrc:7: mimedecode: messages are passed on as they",
                  ".fetchmailrc:11: x at old.example is not imported: \"skip\"",
                  ".fetchids: 1 unique id of other mailboxes",
                  "3 accounts, as files in", "3 passwords, as files in",
                  "3 unique ids of messages", "nothing has been changed"):
        contains(shown, words)
    for password in ("s5cret", "of fice", "1234 ", "1234\n"):
        assert password not in shown, password
    scene.nothing_written()


def test_what_is_the_same_of_several_mailboxes_is_told_once():
    scene = Scene(rc="defaults proto pop3 ssl keep fetchall\n" +
                  "".join(f"poll {n}.example user {n} pass x is {n}\n"
                          for n in "abc"), ids="")
    shown = scene.run("--dry-run").out
    equal(shown.count("fetchall with keep"), 1)


def test_off_a_terminal_nothing_is_done_unasked():
    scene = Scene()
    contains(scene.run(status=USAGE).err, "say --yes")
    scene.nothing_written()


@each("n", "", "what?")
def test_on_a_terminal_it_asks_and_does_nothing_without_a_yes(answer):
    scene = Scene()
    running = scene.start(terminal=True)
    postrider.wait_until(lambda: "[y/N]" in running.shown(), what="a question")
    running.type(answer)
    contains(running.wait().expect(OK).out, "nothing has been changed")
    scene.nothing_written()


def test_on_a_terminal_a_yes_has_it_done():
    scene = Scene()
    running = scene.start(terminal=True)
    postrider.wait_until(lambda: "[y/N]" in running.shown(), what="a question")
    running.type("y")
    contains(running.wait().expect(OK).out, "done.")
    all_there(scene)


def test_quiet_it_says_nothing():
    scene = Scene()
    equal(scene.run("--yes", "-q").out, "")
    all_there(scene)


# --- what it writes ------------------------------------------------------------


def test_what_is_written_are_settings():
    scene = Scene()
    scene.run("--yes")
    all_there(scene)
    equal(scene.account("pop.isp.example").splitlines()[1:], [
        'name = "pop.isp.example";', 'pop3 = "pop.isp.example";',
        'tls = "implicit";', 'user = "ann@isp.example";',
        f'password_file = "{scene.place}/secrets/pop.isp.example";',
        'recipient = "ann@localhost";', 'destination = "local";',
        'every = "10m";', 'after_delivery = "keep";', 'max_size = "100000";'])
    contains(scene.account("second_one@mail.club.example"),
             'after_delivery = "delete";')
    equal({n: t for n, t in scene.files().items() if n.startswith("secrets")},
          {"secrets/pop.isp.example": b"s5cret\n",
           "secrets/office@mail.club.example": b"of fice\n",
           "secrets/second_one@mail.club.example": b"1234\n"})
    contains(scene.rider.run("config").expect(OK).out,
             'name = "second_one@mail.club.example"')


def test_only_the_owner_can_read_what_is_written():
    scene = Scene()
    os.umask(0)
    scene.run("--yes")
    for path, folders, names in os.walk(os.path.dirname(scene.place)):
        for name in folders + names:
            mode = os.stat(os.path.join(path, name)).st_mode
            equal(stat.S_IMODE(mode), 0o700 if stat.S_ISDIR(mode) else 0o600,
                  name)


def test_a_second_time_nothing_is_changed():
    scene = Scene()
    scene.run("--yes")
    before = scene.files(), scene.rider.query("SELECT * FROM message")
    contains(scene.run().out, "known already")
    contains(scene.run("--yes").out, "known already")
    equal((scene.files(), scene.rider.query("SELECT * FROM message")), before)


def test_what_was_fetched_in_between_is_added():
    scene = Scene()
    scene.run("--yes")
    before = scene.files()
    scene.put(".fetchids", IDS + "ann@isp.example@pop.isp.example 3\n")
    contains(scene.run("--yes").out, "3, 1 new")
    equal(scene.files(), before)
    equal(scene.rider.counts("pop.isp.example"), {"seen": 3})


def test_accounts_of_the_same_name_get_others():
    scene = Scene(rc="poll isp via a.example proto pop3 user a pass x is a ssl\n"
                     "poll isp via b.example proto pop3 user a pass y is b ssl\n",
                  ids="a@b.example 1\n")
    scene.run("--yes")
    equal(sorted(scene.files()), [
        "accounts.d/a@isp-2.conf", "accounts.d/a@isp.conf", "postrider.conf",
        "secrets/a@isp", "secrets/a@isp-2"])
    equal(scene.rider.states("a@isp-2"), {"1": "seen"})


def test_several_destinations_and_their_passwords_come_along():
    scene = Scene(
        rc="defaults proto pop3\n"
           "poll a.example user a pass x is a ssl smtphost /run/lmtp\n"
           "poll b.example user b pass x is b ssl smtphost localhost/2525\n"
           "poll c.example user c pass x is c ssl smtphost 127.0.0.1/2525\n"
           "poll d.example esmtpname u esmtppassword \"p w\" user d pass x is d "
           "ssl smtphost localhost/587\n"
           "poll e.example user e pass x is e ssl smtphost h.example/24 lmtp\n",
        ids="")
    scene.run("--yes")
    text = scene.files()["postrider.conf"].decode()
    for line in ('\tlmtp = { lmtp = "/run/lmtp"; };',
                 '\tlocal = { smtp = "localhost"; port = 2525; };',
                 '\tlocal-2 = { smtp = "localhost"; port = 587; user = "u"; '
                 f'password_file = "{scene.place}/secrets/destination.local-2"; }};',
                 '\th-example = { lmtp = "h.example"; port = 24; };'):
        contains(text, line + "\n")
    equal(scene.files()["secrets/destination.local-2"], b"p w\n")
    contains(scene.account("c.example"), 'destination = "local";')


@each(("--seen", "ids"), ("--netrc", "net"))
def test_files_may_be_elsewhere(option, name):
    scene = Scene(rc=None, ids=None, netrc=None)
    rc = scene.put("rc", RC)
    for path, text in (("ids", IDS), ("net", NETRC)):
        scene.put(path, text)
    scene.run("--yes", "--seen", os.path.join(scene.home, "ids"), "--netrc",
              os.path.join(scene.home, "net"), rc)
    all_there(scene)
    assert os.path.exists(os.path.join(scene.home, name)), option


def test_ids_that_are_not_there_are_told_of():
    scene = Scene(ids=None)
    contains(scene.run("--yes").out, "all that is in the mailboxes counts as new")
    equal(scene.rider.counts(), {})
    equal(len(scene.rider.query("SELECT id FROM account")), 3, "accounts")


def test_a_fetchmail_that_runs_is_told_of():
    scene = Scene()
    scene.put(".fetchmail.pid", f"{os.getpid()} 600\n")
    contains(scene.run("--dry-run").out, f"running, as process {os.getpid()}")
    for text in ("", "x\n", "0\n", "99999999999\n", "-1 600\n"):
        scene.put(".fetchmail.pid", text)
        assert "running" not in scene.run("--dry-run").out, text


# --- settings that are there already -------------------------------------------

HAVE = ('destinations = { home = { smtp = "127.0.0.1"; port = 25; };\n'
        '  other = { lmtp = "/run/lmtp"; }; };\naccounts_dir = "accounts.d";\n')


def test_settings_that_are_there_stay_and_their_destination_is_found():
    scene = Scene()
    scene.settings(HAVE)
    scene.run("--yes")
    equal(scene.files()["postrider.conf"].decode(), HAVE)
    contains(scene.account("pop.isp.example"), 'destination = "home";')
    equal(len(scene.rider.query("SELECT id FROM account")), 3, "accounts")


@each("run_as", "the state directory")
def test_what_root_writes_belongs_to_who_works_with_it(whose):
    if os.geteuid() != 0:
        tap.skip("only root can give files away")
    somebody = pwd.getpwnam("nobody")
    scene = Scene()
    if whose == "run_as":
        scene.settings(HAVE + 'run_as = "nobody";\n')
    else:
        scene.settings(HAVE)
        os.mkdir(scene.rider.state, 0o700)
        os.chown(scene.rider.state, somebody.pw_uid, somebody.pw_gid)
    scene.run("--yes")
    made = [os.path.join(folder, name)
            for top in (scene.place, scene.rider.state)
            for folder, folders, names in os.walk(top)
            for name in names + folders
            if name not in ("postrider.conf", "accounts.d")]
    equal(len([path for path in made if "/accounts.d/" in path]), 3)
    for path in [*made, scene.rider.state]:
        found = os.lstat(path)
        equal((found.st_uid, found.st_gid),
              (somebody.pw_uid, somebody.pw_gid), path)


def test_a_destination_can_be_named():
    scene = Scene()
    scene.settings(HAVE)
    scene.run("--yes", "--destination", "other")
    for name in ACCOUNTS:
        contains(scene.account(name), 'destination = "other";')


@each(("--destination nowhere", USAGE, "there is no destination \"nowhere\""),)
def test_a_destination_that_is_named_has_to_be_there(option, status, words):
    scene = Scene()
    scene.settings(HAVE)
    contains(scene.run("--yes", *option.split(), status=status).err, words)
    equal(list(scene.files()), ["postrider.conf"])


def test_without_settings_no_destination_can_be_named():
    scene = Scene()
    contains(scene.run("--yes", "--destination", "home", status=CONFIG).err,
             "destinations = { home = ")
    scene.nothing_written()


def test_of_a_missing_destination_it_says_what_to_add():
    scene = Scene(rc="poll a.example proto pop3 user a pass x is a ssl "
                     "smtphost mx.example/2525\n", ids="")
    scene.settings(HAVE)
    told = scene.run("--yes", status=CONFIG).err
    contains(told, '.fetchmailrc:1: ')
    line = 'mx-example = { smtp = "mx.example"; port = 2525; };'
    contains(told, line)
    equal(list(scene.files()), ["postrider.conf"])
    scene.settings(HAVE.replace("destinations = {", "destinations = { " + line))
    scene.run("--yes")
    contains(scene.account("a.example"), 'destination = "mx-example";')


def test_mail_that_went_to_a_program_needs_a_destination():
    scene = Scene(rc="poll a.example proto pop3 user a pass x is a ssl mda "
                     "\"/usr/bin/procmail -d %T\"\n", ids="")
    told = scene.run("--yes", status=CONFIG).err
    contains(told, "--destination NAME")
    scene.nothing_written()
    scene.settings(HAVE)
    contains(scene.run("--yes", "--destination", "home").out, ":1: mda: ")
    contains(scene.account("a.example"), 'destination = "home";')


def test_settings_without_a_folder_for_accounts_are_told_the_line():
    scene = Scene()
    scene.settings(HAVE.replace("accounts_dir", "# accounts_dir"))
    contains(scene.run("--yes", status=CONFIG).err,
             'accounts_dir = "accounts.d";')
    equal(list(scene.files()), ["postrider.conf"])


def test_settings_that_are_wrong_are_no_place_for_more():
    scene = Scene()
    scene.settings(HAVE + "evry = 5;\n")
    contains(scene.run("--yes", status=CONFIG).err, "postrider.conf:4: ")
    equal(list(scene.files()), ["postrider.conf"])


def test_a_mailbox_that_the_settings_have_only_gets_its_unique_ids():
    scene = Scene()
    scene.settings(HAVE + 'accounts = ( { name = "isp"; pop3 = '
                   '"POP.isp.example"; user = "ann@isp.example"; password_command '
                   '= "false"; recipient = "ann"; destination = "home"; } );\n')
    contains(scene.run("--yes").out, "(is in the settings)")
    equal(sorted(n for n in scene.files() if "isp" in n), [])
    equal(scene.rider.counts("isp"), {"seen": 2})


def test_a_password_of_something_else_is_not_overwritten():
    scene = Scene()
    scene.settings(HAVE)
    os.mkdir(os.path.join(scene.place, "secrets"))
    path = os.path.join(scene.place, "secrets", "pop.isp.example")
    with open(path, "w") as file:
        file.write("another\n")
    contains(scene.run("--yes", status=CONFIG).err, "holds something else")
    equal(sorted(scene.files()), ["postrider.conf", "secrets/pop.isp.example"])


@each(("poll \"a b\" proto pop3 user x pass y is a ssl\n", ":1: "),
      ("\npoll a.example proto pop3 user x pass y is \"a b\" ssl\n", ":2: "),
      ("\n\npoll a.example proto pop3 user x pass y is a ssl sslcertfile /no\n",
       ":3: "),
      ("poll a.example proto pop3 user x pass \"a\\nb\" is a ssl\n", ":1: "),
      ("\npoll a.example proto pop3 user x pass y is a ssl smtphost \"\"\n",
       ":2: "),
      ("poll a.example proto pop3 user x pass y is a ssl smtphost \"a b\"\n",
       ":1: "))
def test_what_no_setting_can_hold_is_told_where_it_stands(rc, place):
    scene = Scene(rc=rc, ids="")
    contains(scene.run("--yes", status=CONFIG).err, f".fetchmailrc{place}")
    scene.nothing_written()


# --- files that are wrong -------------------------------------------------------

GETMAIL = "[retriever]\ntype = SimplePOP3Retriever\nserver = a\n"
MPOP = "defaults\ntls on\naccount a\nhost pop.a.example\n"
FDM = 'action "x" mbox "y"\naccount "a" pop3 server "b" user "c"\n'


@each(("truncated", RC[:RC.index('cret",')], ":6: "),
      ("cut off behind a word", RC[:RC.index('"ann@isp')], ":6: "),
      ("getmail's", GETMAIL, ":1: "), ("mpop's", MPOP, ":2: "),
      ("fdm's", FDM, ":1: "), ("empty", "", ": there is no server"),
      ("comments only", "# x\n" * 5, ": there is no server"),
      ("binary", bytes(range(255, -1, -1)), ":2: "),
      ("with a NUL", RC.encode() + b"\nset logfile \"\0\"\n", ":13: "),
      ("not UTF-8", RC.replace("office", "b\xfcro").encode("latin-1"), ":9: "),
      ("a million lines", "poll x\n" * 1000000, ":10001: "),
      ("a million words", "poll x user y pass z folder" + " f" * 1000000 +
       "\nno lmtp\n", ":2: "))
def test_settings_that_are(kind, rc, place):
    scene = Scene(rc=rc)
    scene.rider.memory_limit = postrider.MUCH_MEMORY_KIB
    result = scene.run("--yes", status=CONFIG)
    contains(result.err, f".fetchmailrc{place}", kind)
    scene.nothing_written()


@each(("truncated", IDS[:-2], ":4: "),
      ("mpop's", " 2 pop.a.example ann\nuid1\nuid2\n", ":1: "),
      ("getmail's", "uid1\x001700000000\n", ":1: "),
      ("fdm's", "4 uid1\n", ":1: "),
      ("binary", bytes(range(256)) + b"\n", ":1: "),
      ("a mail", mail.simple(1), ":1: "),
      ("a million lines, and one more", "u@h.example 1\n" * 1000000 + "u@h\n",
       ":1000001: "))
def test_ids_that_are(kind, ids, place):
    scene = Scene(ids=ids)
    scene.rider.memory_limit = postrider.MUCH_MEMORY_KIB
    contains(scene.run("--yes", status=CONFIG).err, f".fetchids{place}", kind)
    scene.nothing_written()


def test_a_million_ids_are_taken():
    scene = Scene(ids="".join(f"ann@isp.example@pop.isp.example {n}\n"
                              for n in range(20000)) +
                  "x@h.example 1\n" * 980000)
    scene.rider.memory_limit = postrider.MUCH_MEMORY_KIB
    scene.run("--yes")
    equal(scene.rider.counts("pop.isp.example"), {"seen": 20000})


@each(".fetchmailrc", "nowhere", ".")
def test_settings_that_cannot_be_read_are_an_error(name):
    scene = Scene(rc=None)
    path = os.path.join(scene.home, name)
    contains(scene.run("--yes", path, status=CONFIG).err, path + ": ")
    scene.nothing_written()


@each("--seen", "--netrc", "settings")
def test_a_pipe_is_no_file_to_wait_for(what):
    scene = Scene()
    path = os.path.join(scene.home, "pipe")
    os.mkfifo(path)
    args = (path,) if what == "settings" else (what, path)
    contains(scene.run("--yes", *args, status=CONFIG).err,
             f"{path} is no regular file")
    scene.nothing_written()


def test_a_command_in_settings_ends_with_the_import():
    scene = Scene()
    started = os.path.join(scene.home, "started")
    rc = scene.put("mpoprc", f"account a\nhost a.example\nuser a\neval echo $$ >"
                             f"{started}; exec sleep 600\n")
    running = scene.rider.start("import", "mpop", "--run-commands", "--dry-run",
                                rc, env={"HOME": scene.home}, terminal=True)
    postrider.wait_until(lambda: os.path.exists(started) and
                         os.path.getsize(started), what="the command")
    with open(started) as file:
        command = int(file.read())
    running.type("\x03")
    equal(running.wait().status, -signal.SIGINT)
    postrider.wait_until(lambda: not os.path.exists(f"/proc/{command}"),
                         what="the command's end")


def test_where_nothing_can_be_imported_it_says_so():
    scene = Scene(rc="poll a.example proto imap user a pass x is a\n", ids=None)
    result = scene.run("--yes", status=CONFIG)
    contains(result.out, "postrider fetches by POP3 only")
    contains(result.err, "no mailbox that could be imported")
    scene.nothing_written()


@each((["import"], "from which program? It knows fetchmail"),
      (["import", "fetchmial"], 'did you mean "fetchmail"?'),
      (["import", "mutt"], 'knows no program "mutt"'))
def test_a_program_has_to_be_known(args, words):
    result = postrider.Postrider().bare(*args).expect(USAGE)
    contains(result.err, words)


# --- beside a daemon, and cut off -------------------------------------------------


def test_beside_a_daemon_it_writes_nothing():
    box, sink = peers.Pop3Server(), peers.SmtpSink()
    rider = postrider.between(box, sink)
    daemon = rider.daemon()
    scene = Scene()
    scene.rider.state = rider.state
    contains(scene.run("--yes", status=LATER).err, f"{daemon.process.pid}")
    equal(scene.files(), {})
    daemon.end()


POINTS = [("import_ledger", n) for n in (1, 2, 3)] + [("import_settings", 1)] + \
    [(p, n) for p in ("import_secret", "import_account") for n in (1, 2, 3)]


@each(*[f"{point}:{nth}" for point, nth in POINTS])
def test_cut_off_at(place):
    whole = Scene()
    whole.run("--yes")
    scene = Scene()
    equal(scene.start("--yes", crash=place).wait().status, KILLED)
    for name in scene.files():
        if name.startswith("accounts.d"):
            # What can be polled is known to the ledger.
            all_seen = len(scene.rider.query("SELECT id FROM message"))
            equal(all_seen, 3, "unique ids")
    scene.run("--yes")
    all_there(scene)
    wanted = {n: t.replace(whole.place.encode(), scene.place.encode())
              .replace(whole.home.encode(), scene.home.encode())
              .replace(whole.rider.state.encode(), scene.rider.state.encode())
              for n, t in whole.files().items()}
    equal(scene.files(), wanted)
    contains(scene.run("--yes").out, "known already")


def half_made(folder, kind):
    """What somebody leaves who is ended while making a ledger."""
    os.mkdir(folder, 0o700)
    path = os.path.join(folder, "ledger.db")
    with open(path, "wb"):
        pass
    if kind == "empty":
        return
    made = os.path.join(tap.folder(), "ledger.db")
    db = sqlite3.connect(made, isolation_level=None)
    if kind == "without a table":
        db.execute("PRAGMA journal_mode = WAL")
    else:
        # Too much to be kept: it goes into the file before it is complete.
        db.executescript("PRAGMA cache_size = 1; BEGIN; CREATE TABLE a (b);")
        db.execute("INSERT INTO a VALUES (?)", (b"x" * 1000000,))
        shutil.copy(made + "-journal", path + "-journal")
    shutil.copy(made, path)
    db.close()


@each("empty", "without a table", "with a journal")
def test_a_ledger_that_was_never_finished_is_made_then(kind):
    scene = Scene()
    half_made(scene.rider.state, kind)
    before = scene.ledger()
    contains(scene.run("--dry-run").out, "nothing has been changed")
    equal(scene.ledger(), before)
    scene.run("--yes")
    all_there(scene)


def test_a_ledger_of_an_older_version_is_brought_up_to_date():
    scene = Scene()
    scene.run("--yes")
    scene.put(".fetchids", IDS + "ann@isp.example@pop.isp.example 3\n")
    with sqlite3.connect(os.path.join(scene.rider.state, "ledger.db")) as db:
        for column in ("trace", "digest", "content", "verified", "verdict",
                       "imported"):
            db.execute(f"ALTER TABLE message DROP COLUMN {column}")
        db.execute("ALTER TABLE account DROP COLUMN moved_to")
        db.execute("PRAGMA user_version = 4")
    db.close()
    contains(scene.run("--dry-run", status=IO_ERROR).err, "older version")
    contains(scene.run("--yes").out, "3, 1 new")
    equal(scene.rider.counts("pop.isp.example"), {"seen": 3})


def test_a_ledger_that_has_gone_is_asked_about_and_can_be_begun_anew():
    scene = Scene()
    scene.run("--yes")
    os.unlink(os.path.join(scene.rider.state, "ledger.db"))
    contains(scene.run("--yes", status=CONFIG).err, "--new-ledger")
    scene.run("--yes", "--new-ledger")
    equal(scene.rider.counts(), {"seen": 3})


def test_killed_at_any_moment_it_can_be_done_again():
    for n in range(30):
        scene = Scene()
        running = scene.start("--yes")
        time.sleep(n * 0.0006)
        os.kill(running.process.pid, signal.SIGKILL)
        running.wait()
        scene.run("--yes")
        all_there(scene)


# --- and then ------------------------------------------------------------------


def come(options="keep", defaults="", seen=(0, 1, 2)):
    """A mailbox of which fetchmail has fetched three of five: (box, sink,
    scene), imported."""
    box = peers.Pop3Server([mail.simple(n) for n in range(5)])
    sink = peers.SmtpSink()
    scene = Scene(
        rc=f"poll 127.0.0.1 proto pop3 port {box.port} user ann pass secret "
           f"is ann here smtphost localhost/{sink.port} {options}\n",
        ids="".join(f"ann@127.0.0.1 {box.messages[n].uid}\n" for n in seen))
    if defaults:
        scene.settings(
            f'destinations = {{ home = {{ smtp = "127.0.0.1"; port = '
            f'{sink.port}; }}; }};\ndefaults = {{ {defaults} }};\n'
            'accounts_dir = "accounts.d";\n'
            f'state = "{scene.rider.state}";\n')
    scene.run("--yes")
    return box, sink, scene


def arrived(sink, *numbers):
    equal(sorted(sink.digests()),
          sorted(mail.digest(mail.simple(n)) for n in numbers))


def test_the_first_poll_fetches_what_is_new():
    box, sink, scene = come()
    scene.rider.fetch()
    arrived(sink, 3, 4)
    scene.rider.fetch()
    arrived(sink, 3, 4)
    equal(len(box.messages), 5)


@each('first_poll = "none";', 'first_poll = "last 1";')
def test_new_mail_is_new_whatever_a_first_poll_takes(defaults):
    box, sink, scene = come(defaults=defaults)
    scene.rider.fetch()
    arrived(sink, 3, 4)


@each(("nokeep", 3), ("nokeep flush", 0), ("keep", 5))
def test_defaults_do_not_decide_what_becomes_of_mail(options, left):
    box, sink, scene = come(
        options, 'after_delivery = "delete"; delete_seen = true; max_size = "1"; '
                 'fetch_limit = 1; port = 1; auth = "login";')
    for _ in range(2):
        scene.rider.fetch()
        arrived(sink, 3, 4)
    equal(len(box.messages), left)


def test_what_defaults_would_change_is_written_down():
    scene = Scene()
    scene.settings(HAVE + 'defaults = { port = 1; auth = "login"; delete_seen = '
                   'true; max_size = "5"; fetch_limit = 5; every = "1h"; };\n')
    scene.run("--yes")
    equal(scene.account("pop.isp.example").splitlines()[3:], [
        'port = 995;', 'tls = "implicit";', 'user = "ann@isp.example";',
        f'password_file = "{scene.place}/secrets/pop.isp.example";',
        'recipient = "ann@localhost";', 'destination = "home";',
        'every = "10m";', 'after_delivery = "keep";', 'max_size = "100000";',
        'auth = "auto";', 'delete_seen = false;', 'fetch_limit = 0;'])
    contains(scene.account("office@mail.club.example"), 'max_size = 0;\n')


def test_a_ca_file_of_the_defaults_is_told_of():
    scene = Scene()
    scene.settings(HAVE + f'defaults = {{ ca_file = '
                   f'"{certificates.shared().ca}"; }};\n')
    contains(scene.run("--dry-run").out,
             "the server of pop.isp.example has to have a certificate by the "
             "ca_file in the defaults")


def test_new_mail_is_new_where_nothing_was_left_to_remember():
    box, sink, scene = come(defaults='first_poll = "none";', seen=())
    scene.rider.fetch()
    arrived(sink, 0, 1, 2, 3, 4)


@each(("nokeep", 3), ("nokeep flush", 0), ("keep", 5))
def test_what_fetchmail_has_left_is_deleted_only_where_it_would_be(options, left):
    box, sink, scene = come(options)
    for _ in range(2):
        scene.rider.fetch()
    arrived(sink, 3, 4)
    equal(len(box.messages), left)


def test_what_fetchmail_tells_apart_by_port_only_does_not_come_twice():
    one = peers.Pop3Server([mail.simple(n) for n in range(4)])
    two = peers.Pop3Server([mail.simple(n) for n in range(10, 14)])
    for box in (one, two):
        for n, message in enumerate(box.messages):
            message.uid = f"{box.port}.{n}"
    sink = peers.SmtpSink()
    scene = Scene(
        rc="".join(f"poll {name} via localhost proto pop3 service {box.port} "
                   "user ann pass secret is ann here keep smtphost "
                   f"localhost/{sink.port}\n"
                   for name, box in (("one", one), ("two", two))),
        ids="".join(f"ann@localhost {box.messages[n].uid}\n"
                    for box in (one, two) for n in range(3)))
    shown = scene.run("--yes").out
    contains(shown, ".fetchids:1: ann@localhost is what fetchmail calls several "
                    "mailboxes: its unique ids count as seen in each of one, "
                    "two, and what counts as seen is not deleted there")
    contains(scene.account("two"), "delete_seen = false;")
    equal((scene.rider.counts("one"), scene.rider.counts("two")),
          ({"seen": 6}, {"seen": 6}))
    scene.rider.fetch()
    arrived(sink, 3, 13)


if __name__ == "__main__":
    tap.main()
