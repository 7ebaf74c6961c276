"""Coming from getmail, mpop and fdm: each of them, where it is installed, fetches
part of a mailbox of a real Dovecot, whose UIDs have a '/' in them. Whoever moves
from it then gets nothing twice and misses nothing."""
import os
import random
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

    def __init__(self, s=None, user=None):
        self.program = shutil.which(self.name)
        if self.program is None:
            tap.skip(f"{self.name} is not installed")
        self.servers, self.user, self.to = s, user, user
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

    def run(self, *args):
        """Not as root: some deliver no mail then."""
        by = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        for path, _, names in os.walk(self.folder):
            for name in [path, *(os.path.join(path, n) for n in names)]:
                if os.geteuid() == 0:
                    os.chown(name, 65534, 65534)
        return subprocess.run(
            [*(by if os.geteuid() == 0 else []), self.program, *args],
            env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL,
            capture_output=True, timeout=SECONDS * tap.SLOWNESS, check=False)

    def fetch(self):
        done = self.run(*self.args)
        if done.returncode != 0:
            raise AssertionError(f"{self.name}: {done}")

    def files(self):
        return servers.Servers.files(self.maildir)


class Getmail(Home):
    """Into another mailbox: for a Maildir it forks, and may not see that its
    child has ended when that is fast."""
    name = "getmail"
    args = ("--quiet",)

    def __init__(self, s=None, user=None):
        super().__init__(s, user)
        if s is not None:
            self.to = s.user()
            self.maildir = os.path.join(s.folder, "mail", self.to)

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
type = MDA_lmtp
host = 127.0.0.1
port = {self.servers.lmtp}
override = {self.to}@kit.test
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


def all_once(s, home, count):
    """Each message is here or there, and none at both or twice."""
    here = home.files()
    found = numbers(here + s.arrived(home.to, count - len(here)))
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
    all_once(s, home, 10)
    equal(rider.counts(), {"seen": 6, "delivered": 4})
    equal(rider.fetch().out, "")
    all_once(s, home, 10)
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
    all_once(s, home, 5)


@each(*PROGRAMS)
def test_mail_is_deleted_as_before_after(name):
    s, user, home, rider = scene(name, 3)
    home.fetch()
    home.settings(deletes=True)
    s.put(user, [mail.simple(n) for n in range(3, 7)])
    come(rider, home)
    rider.fetch()
    all_once(s, home, 7)
    rider.fetch()
    # What it has kept itself, fdm would leave there.
    equal(s.left(user), 3 if name == "fdm" else 0)


def test_mail_beyond_a_limit_of_getmail_is_not_missed():
    s, _, home, rider = scene("getmail", 10, limit=4)
    home.fetch()
    equal(len(home.files()), 4, "messages that getmail has fetched")
    come(rider, home)
    for _ in range(2):  # four a poll, as before
        rider.fetch()
    all_once(s, home, 10)


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


# --- what they understand of their settings ----------------------------------

GETMAIL = """[destination]
type = Maildir
path = ~/Maildir/
"""


def imported(home):
    """{name: settings of the account}, or None: it is refused."""
    rider = postrider.Postrider()
    rider.write([], {"home": {"lmtp": "/run/lmtp"}},
                defaults={"recipient": "somebody"}, accounts_dir="accounts.d")
    done = come_or_not(rider, home)
    if done.status == postrider.CONFIG:
        assert re.search(r"/[^:]*(:\d+)?: ", done.err), done.err
        return None
    done.expect(postrider.OK)
    folder = os.path.join(os.path.dirname(rider.config), "accounts.d")
    return {name[:-len(".conf")]: settings_of(os.path.join(folder, name))
            for name in (os.listdir(folder) if os.path.isdir(folder) else [])}


def come_or_not(rider, home):
    return rider.run("import", home.name, "--destination", "home", "--yes",
                     env={"HOME": home.folder, "XDG_CONFIG_HOME": ""})


def settings_of(path):
    with open(path, encoding="utf-8") as file:
        found = re.findall(r"(?m)^(\w+) = (.*);$", file.read())
    return {key: re.sub(r"\\(.)", r"\1", text[1:-1]) if text[0] == '"' else text
            for key, text in found}


def seconds(text):
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]]


def mailbox(settings):
    """(host, port, user, timeout or None)"""
    tls = settings.get("tls", "implicit")
    port = settings.get("port", "995" if tls == "implicit" else "110")
    timeout = settings.get("timeout")
    return (settings["pop3"], port, settings["user"],
            seconds(timeout) if timeout else None)


def understood_by_mpop(home):
    """The same by the program, or None."""
    done = home.run("--pretend", "--all-accounts")
    if done.returncode != 0:
        return None
    found = {}
    for block in done.stdout.decode().split("using account ")[1:]:
        said = dict(re.findall(r"(?m)^([\w ]+?) = (.*)$", block))
        name = block.split(" from ", 1)[0]
        found[name] = (
            said["host"], said["port"], said["user"],
            int(said["timeout"].split()[0])), (
            "none" if said["tls"] == "off" and said["auth"] == "PLAIN" else
            "starttls" if said["tls"] == "off" else  # without, it hides passwords
            "starttls" if said["tls_starttls"] == "on" else "implicit"), (
            "keep" if said["keep"] == "on" else "delete")
    return found


def compare_mpop(home, text):
    home.write(".mpoprc", text)
    theirs, ours = understood_by_mpop(home), imported(home)
    if theirs is None or ours is None:
        equal(ours, theirs, text)
        return
    equal({name: (mailbox({"timeout": "180s", **a}), a.get("tls", "implicit"),
                  a["after_delivery"]) for name, a in ours.items()},
          theirs, text)


MPOP_LINES = ["host h{n}.example", "host \"h.example\"", "port {n}",
              "port \"1{n}\"", "timeout 1{n}", "timeout \"20\"", "tls", "tls on",
              "tls \"off\"", "tls_starttls off", "tls_starttls", "keep",
              "keep off", "keep \"\"", "  keep\ton ", "# tls on", "password x",
              "password \"a \"", "skipsize 5k", "pipelining auto", "only_new", "",
              "auth plain", "auth on", "tls_trust_file system"]
MPOP_WRONG = ["port 0", "timeout x", "tls maybe", "keep maybe", "skipsize x",
              "killsize 1g", "auth x", "nonsense", "host", "account b : none",
              "account a", "account x,y", "defaults now", "only_new 1", "port 70000",
              "delivery", "delivery mbox", "delivery post x", "pipelining x"]


@each(*range(3))
def test_we_understand_settings_at_random_as_mpop_does(seed):
    home, rng = Mpop(), random.Random(seed)
    for _ in range(6):
        lines = ["defaults", "delivery maildir ~/Maildir", "timeout 30"]
        names = []
        for n in range(1, rng.randint(2, 5)):
            name = rng.choice([f"a{n}", f"\"b{n}\"", f"c{n} "])
            parents = rng.sample(names, rng.randint(0, len(names)))
            lines += [f"account {name}" + (
                rng.choice([":", " : "]) + ",".join(parents) if parents else ""),
                f"host h{n}.example", f"user u{n}"]
            names.append(name)
            lines += [rng.choice(MPOP_LINES).format(n=n)
                      for _ in range(rng.randint(0, 6))]
            if rng.random() < 0.3:
                lines += ["defaults", rng.choice(MPOP_LINES).format(n=n)]
        compare_mpop(home, "\n".join(lines) + rng.choice(["", "\n", "\r\n"]))


@each(*MPOP_WRONG)
def test_we_refuse_as_mpop_does(line):
    compare_mpop(Mpop(), "account a\nhost h\nuser u\ndelivery maildir ~/Maildir\n"
                 + line + "\n")


def understood_by_getmail(home):
    done = home.run("--dump")
    if done.returncode != 0 or b"retriever:" not in done.stdout:
        return None
    said = dict(re.findall(r'(\w+)="([^"]*)"', done.stdout.decode()))
    return (said["server"], said["port"], said["username"],
            int(said["timeout"])), b"delete : True" in done.stdout


@each(
    "server = h\nusername = u",
    "server: h\nUserName : u=v\nTIMEOUT=70",
    "  server = h\n  username = u\nport = 1995",
    "server = h\n# a\n ; b\n\nusername = u # c",
    "server = h\nusername = u\npassword_command = (\n   'a',\n\n  'b'\n  )",
    "server = h\nusername = u\nport = 5 * 100",
    "server = h\nusername = u\nport = x",
    "server = h\nusername = u\nserver = h",
    "server = h\nusername = u\n[retriever]",
    "server = h\nusername",
    "server = h",
    "server = h\nusername = u\n[options]\ndelete = YES",
    "server = h\nusername = u\n[options] # x\ndelete = On",
    "server = h\nusername = u\n[options]\ndelete = maybe",
    "server = h\nusername = u\n[options]\ndelete_after = x",
    "server = h\nusername = u\npassword_command = ('a', \"b\" 'c', )",
    "server = h\nusername = u\npassword_command = 'a'",
    "server = h\nusername = u\npassword_command = ('a'",
    "server = h\nusername = u\nuse_apop = 1\n[DEFAULT]\nx = y")
def test_we_understand_settings_as_getmail_does(text):
    home = Getmail()
    home.write(".config/getmail/rc", "[retriever]\ntype = SimplePOP3SSLRetriever\n"
               + text + "\n" + GETMAIL)
    theirs, ours = understood_by_getmail(home), imported(home)
    if theirs is None or ours is None:
        equal(ours, theirs, text)
        return
    equal((mailbox({"timeout": "180s", **ours["rc"]}),
           ours["rc"]["after_delivery"] == "delete"), theirs, text)


def understood_by_fdm(home):
    done = home.run("-nvvf", os.path.join(home.folder, ".fdm.conf"))
    said = done.stdout + done.stderr
    if done.returncode != 0 or b"configuration loaded" not in said:
        return None
    ports = {"pop3": "110", "pop3s": "995"}
    return {name: (host, ports.get(port, port), user)
            for name, _, host, port, user in re.findall(
                r'added account "([^"]*)": fetch=(pop3s?) server "([^"]*)" '
                r'port (\S+) user "([^\n]*)"', said.decode())}


def fdm_account(n, more=""):
    return (f'account "a{n}" pop3s server "h{n}" user "u{n}" pass "p" '
            f'no-apop {more}\n')


@each(
    fdm_account(1) + fdm_account(2, "keep # no\n"),
    "$a = 'x$b'\n%b = 12\n" + fdm_account(1).replace('"u1"', '"${a}%{b}"'),
    "$a = \"x\" + 'y'\n" + fdm_account(1).replace('"u1"', "$a + \"\\x\\\"z\""),
    fdm_account(1).replace('"h1"', '"h" port 12'),
    fdm_account(1).replace('"h1"', '"h" port "pop3"'),
    "%p = 77\n" + fdm_account(1).replace('"h1"', '"h" port %p'),
    fdm_account(1).replace('"u1"', "'a%%b%h%zc%[x]%1'"),
    fdm_account(1).replace('"u1"', "\"a\\%b\\q$c\""),
    "ifdef $a\n" + fdm_account(1) + "endif\n" + fdm_account(2),
    "$a = 'b'\nset timeout 9\nifdef $a\n" + fdm_account(1) + "ifdef %c\n" + fdm_account(2)
    + "endif\n" + fdm_account(3) + "endif\n" + fdm_account(4),
    "ifndef $a\n" + fdm_account(1) + "endif\n",
    "$a = 'b'\n$a = 'c'\n" + fdm_account(1).replace('"u1"', "${a}"),
    fdm_account(1) + "match all action drop\nmatch \"x\" in headers action keep\n",
    'action "x" smtp server "h" port 25 to "b"\naction "y" action "x"\n'
    + fdm_account(1) + 'match all { match account "a1" action "y" continue\n'
    'match all actions { "x" "y" } }\n',
    fdm_account(1) + "set timeout 3 minutes\nset maximum-size 10M\n"
    "set unmatched-mail keep\n",
    fdm_account(1).replace('"h1"', "$nothing"),
    fdm_account(1).replace('"h1"', '"h1'),
    fdm_account(1) + "endif\n",
    fdm_account(1) + "ifdef $a\n",
    fdm_account(1) + "nonsense\n",
    fdm_account(1) + "match all {\n",
    fdm_account(1) + "}\n",
    fdm_account(1, "keep keep2\n"),
    fdm_account(1) + "set maximum-size \"x\"\n",
    "account 'a' pop4 server 'h' user 'u' pass 'p'\n",
    "$a = 3\n" + fdm_account(1),
    "%a = '3'\n" + fdm_account(1),
    "include 'none'\n" + fdm_account(1))
def test_we_understand_settings_as_fdm_does(text):
    home = Fdm()
    home.write(".fdm.conf", text)
    theirs, ours = understood_by_fdm(home), imported(home)
    if theirs is None or ours is None:
        equal(ours, theirs, text)
        return
    # Its home is that of the user it runs as.
    equal({name: tuple(part.replace(home.folder, "/nonexistent")
                       for part in mailbox(a)[:3])
           for name, a in ours.items()}, theirs, text)


if __name__ == "__main__":
    tap.main()
