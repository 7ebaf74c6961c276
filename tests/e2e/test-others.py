"""Coming from getmail, mpop and fdm: each of them, where it is installed, fetches
part of a mailbox of a real Dovecot, whose UIDs have a '/' in them. Whoever moves
from it then gets nothing twice and misses nothing."""
import os
import re
import shutil
import subprocess

import mail
import postrider
import servers
import tap
from tap import each, equal

SECONDS = 60
# "1/1763800000": as other servers have them, which getmail rewrites.
UIDS = "pop3_uidl_format = %u/%v\n"


def numbers(files):
    """The Message-IDs of these, one for each file."""
    found = []
    for path in files:
        with open(path, "rb") as file:
            found.append(re.search(rb"(?mi)^Message-ID: *<([^>]*)>",
                                   file.read()).group(1))
    return sorted(found)


class Home:
    """A home in which one of them runs, and delivers into a Maildir."""

    args = ()

    def __init__(self, s, user):
        self.program = shutil.which(self.name)
        if self.program is None:
            tap.skip(f"{self.name} is not installed")
        self.servers, self.user = s, user
        self.folder = tap.folder()
        self.maildir = os.path.join(self.folder, "Maildir")
        for sub in ("", "cur", "new", "tmp"):
            os.mkdir(os.path.join(self.maildir, sub))
        self.environment = {
            **{k: v for k, v in os.environ.items()
               if not k.startswith("XDG_")},
            "HOME": self.folder, "LC_ALL": "C.UTF-8"}

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
                  "w") as file:
            file.write(text)
        return path

    def fetch(self):
        """Not as root: some deliver no mail then."""
        by = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        for path, _, names in os.walk(self.folder):
            for name in [path, *(os.path.join(path, n) for n in names)]:
                os.chown(name, 65534, 65534)
        done = subprocess.run(
            [*by, self.program, *self.args], env=self.environment,
            cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=SECONDS * tap.SLOWNESS, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{self.name}: {done}")

    def files(self):
        return servers.Servers.files(self.maildir)


class Getmail(Home):
    name = "getmail"
    args = ("--quiet",)

    def settings(self, deletes=False, limit=0):
        self.write(".config/getmail/getmailrc", f"""
[retriever]
type = SimplePOP3SSLRetriever
server = localhost
port = {self.servers.pop3s}
username = {self.user}
password_command = ("printf", "%s", "pass-{self.user}")
ca_certs = {self.servers.ca}
[destination]
type = Maildir
path = ~/Maildir/
[options]
read_all = false
delete = {"true" if deletes else "false"}
max_messages_per_session = {limit}
""")

    def state(self):
        return os.path.join(
            self.folder, ".config/getmail",
            f"oldmail-localhost-{self.servers.pop3s}-{self.user}")


class Mpop(Home):
    name = "mpop"
    args = ("-q", "-a")

    def settings(self, deletes=False, limit=0):
        self.write(".mpoprc", f"""
defaults
tls on
tls_starttls off
tls_trust_file {self.servers.ca}
delivery maildir ~/Maildir
account isp
host localhost
port {self.servers.pop3s}
user {self.user}
passwordeval "printf %s pass-{self.user}"
keep {"off" if deletes else "on"}
skipsize {f"{limit}k" if limit else "off"}
""")

    def state(self):
        return os.path.join(self.folder, ".mpop_uidls",
                            f"{self.user}_at_localhost")


class Fdm(Home):
    name = "fdm"

    def settings(self, deletes=False, limit=0):
        path = self.write(".fdm.conf", f"""
set lock-file "{self.folder}/lock"
%port = {self.servers.pop3}
$caches = "{self.folder}"
account "isp" pop3 server "127.0.0.1" port %port
        user "{self.user}" pass $(printf %s "pass-{self.user}")
        new-only cache "${{caches}}/seen" {"" if deletes else "keep"}
action "in" maildir "{self.maildir}"
match all action "in"
""")
        self.args = ("-q", "-f", path, "fetch")

    def state(self):
        return os.path.join(self.folder, "seen")


PROGRAMS = {"getmail": Getmail, "mpop": Mpop, "fdm": Fdm}
_started = []


def started():
    reason = servers.why_not()
    if reason:
        tap.skip(reason)
    if not _started:
        _started.append(servers.Servers(dovecot=UIDS))
    return _started[0]


def scene(name, count, **settings):
    """(servers, user, home, Postrider): so many messages in a mailbox."""
    s = started()
    user = s.user()
    s.put(user, [mail.simple(n) for n in range(count)])
    home = PROGRAMS[name](s, user)
    home.settings(**settings)
    rider = postrider.Postrider()
    rider.write([], {"home": s.destination()},
                defaults={"recipient": f"{user}@kit.test",
                          "destination": "home"},
                accounts_dir="accounts.d")
    return s, user, home, rider


def come(rider, home, *args):
    return rider.run("import", home.name, "--destination", "home", "--yes",
                     *args, env={"HOME": home.folder,
                                 "XDG_CONFIG_HOME": ""}).expect(postrider.OK)


def all_once(s, user, home, count):
    """Each message is here or there, and none at both or twice."""
    here = home.files()
    found = numbers(here + s.arrived(user, count - len(here)))
    equal(len(found), count, "messages that arrived")
    equal(len(set(found)), count, "different ones among them")


@each(*PROGRAMS)
def test_nothing_comes_twice_and_nothing_is_missed_after(name):
    s, user, home, rider = scene(name, 6)
    home.fetch()
    equal(len(home.files()), 6, f"messages that {name} has fetched")
    with open(home.state(), "rb") as file:
        equal(b"/" in file.read(), name != "getmail", "a '/' is left")
    s.put(user, [mail.simple(n) for n in range(6, 10)])
    tap.contains(come(rider, home).out, "6 unique ids")
    rider.fetch()
    all_once(s, user, home, 10)
    equal(rider.counts(), {"seen": 6, "delivered": 4})
    equal(rider.fetch().out, "")
    all_once(s, user, home, 10)
    equal(s.left(user), 10)


@each(*PROGRAMS)
def test_importing_again_changes_nothing_after(name):
    s, user, home, rider = scene(name, 3)
    home.fetch()
    come(rider, home)
    rider.fetch()
    before = rider.counts()
    tap.contains(come(rider, home).out, "nothing")
    equal(rider.counts(), before)
    s.put(user, [mail.simple(n) for n in range(3, 5)])
    home.fetch()
    come(rider, home)
    rider.fetch()
    all_once(s, user, home, 5)


@each(*PROGRAMS)
def test_mail_is_deleted_as_before_after(name):
    s, user, home, rider = scene(name, 3)
    home.fetch()
    home.settings(deletes=True)
    s.put(user, [mail.simple(n) for n in range(3, 7)])
    come(rider, home)
    rider.fetch()
    all_once(s, user, home, 7)
    rider.fetch()
    # What it has kept itself, fdm would leave there.
    equal(s.left(user), 3 if name == "fdm" else 0)


def test_mail_beyond_a_limit_of_getmail_is_not_missed():
    s, user, home, rider = scene("getmail", 10, limit=4)
    home.fetch()
    equal(len(home.files()), 4, "messages that getmail has fetched")
    come(rider, home)
    for _ in range(2):  # four a poll, as before
        rider.fetch()
    all_once(s, user, home, 10)


def test_mail_too_large_for_mpop_is_not_missed():
    s, user, home, rider = scene("mpop", 3, limit=20)
    s.put(user, [mail.simple(3, body=b"Long.\r\n" * 5000)])
    home.fetch()
    equal(len(home.files()), 3, "messages that mpop has fetched")
    come(rider, home)
    rider.run("fetch").expect(postrider.UNAVAILABLE)
    equal(rider.counts(), {"seen": 3, "held": 1})


@each(*PROGRAMS)
def test_state_that_was_cut_off_stops_all_of_it_after(name):
    _, _, home, rider = scene(name, 3)
    home.fetch()
    with open(home.state(), "rb") as file:
        octets = file.read()
    lines = octets.count(b"\n")
    cut = octets.rindex(b"\n", 0, -1) + 3
    with open(home.state(), "wb") as file:
        file.write(octets[:cut])
    done = rider.run("import", name, "--destination", "home", "--yes",
                     env={"HOME": home.folder, "XDG_CONFIG_HOME": ""})
    done.expect(postrider.CONFIG)
    tap.contains(done.err, f"{home.state()}:{lines}: ")
    folder = os.path.dirname(rider.config)
    equal(sorted(os.listdir(folder)).count("accounts.d"), 0)
    assert not os.path.exists(os.path.join(rider.state, "ledger.db"))


if __name__ == "__main__":
    tap.main()
