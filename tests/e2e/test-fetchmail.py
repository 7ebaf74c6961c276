"""Coming from fetchmail: what we understand of its settings is what it does, and
whoever moves from it gets nothing twice and misses nothing. With the real
fetchmail, where it is installed; the moves need the real servers, too."""
import os
import random
import re
import shutil
import subprocess
import threading

import fetchmail
import mail
import peers
import postrider
import servers
import tap
from tap import each, equal

SOURCE = os.environ.get("POSTRIDER_SOURCE") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "../..")

# --- its settings ------------------------------------------------------------

RCS = {
    "the shortest": "poll a.example\n",
    "the usual":
        "poll pop.isp.example protocol pop3 username \"ann\" "
        "password \"secret1\"\n",
    "with noise": """
        # my mail
        poll pop.isp.example with proto pop3:
            user "jsmith", with password secret1, is "jsmith" here;
        poll other.isp.example with proto pop3,
            user "John.Smith" has pass "My^Hat" and wants options keep;
        """,
    "defaults": """
        defaults proto pop3 timeout 30 interval 2
            user "jsmith" keep fetchlimit 5
        poll pop.isp.example pass "secret1"
        poll mail.isp.example
            user "jjsmith" there has password "secret2" nokeep
        """,
    "several users": """
        poll pop.isp.example proto pop3 port 3111
            user "jsmith" with pass "secret1" is "smith" here
            user jones with pass "secret2" is "jjones" here keep
            username third password 3rd ssl
        """,
    "roles turned round": """
        poll a.example user ann here is "ann.b" there pass x
        poll b.example user ann there is a here pass x
        poll c.example user a b c here is "theirs" there
        poll d.example user "x"="y" here is z there
        """,
    "multidrop": """
        poll pop.isp.example: localdomains one.example two.example
            envelope 2 "X-Envelope-To" qvirtual "mbox-" aka x.example y.example
            user maildrop with pass secret1 to golux 'hurkle'='happy' snark here
        poll other.example no dns no envelope
            user maildrop pass "s" to * here
        """,
    "escapes": "poll a.example user \"\\x61\\110\\0156\\t\\\\\\q\\\"x pass 'a\\\n"
               "b\\08'\n",
    "escapes without quotes":
        "poll a.example user a\\x62\\099\\100d pass \\\"x\\065y\\\n",
    "numbers in quotes":
        "poll a.example service \"1110\" user \"123\" pass \"4u but u cannot\" "
        "smtpaddress \"5\"\n",
    "numbers as names": "poll a.example user 123 pass 456 is 789 here\n",
    "words of the language as names":
        "poll a.example user keep pass user is here here\n",
    "other quotes":
        "poll 'a.example' user 'an\"n' pass \"o'ne\" is \"it's\" here\n",
    "quotes inside of words":
        "poll a.example user a\"b pass x'y'z is \"c\"d here\n",
    "a text over several lines":
        "poll a.example user ann pass \"one\\\ntwo\" preconnect \"first\n"
        "second\"\n",
    "all in one line with punctuation":
        "poll a.example:proto:pop3;user,ann;pass,x:keep;\n",
    "a carriage return on each line":
        "poll a.example\r\n\tproto pop3\r\n\tuser ann pass x keep\r\n",
    "comments everywhere":
        "#\n# poll b.example\npoll a.example # or b\n  user u#none\n"
        "  pass x # secret\n # the end\n",
    "backslashes at ends of lines":
        "poll a.example \\\n proto pop3 \\\n user ann \\\n pass x\n",
    "words with a no":
        "set nobouncemail set no spambounce\n"
        "poll a.example nouidl nodns noenvelope no checkalias\n"
        " user ann pass x nokeep noflush no fetchall norewrite noforcecr "
        "nostripcr nopass8bits nodropstatus nodropdelivered nomimedecode noidle "
        "no ssl no sslcertck nolimitflush nomimedec nopass8\n",
    "all that can be set": """
        set daemon 300
        set logfile "/dev/null" set pidfile /tmp/pid
        set idfile=ids
        set postmaster "root" set no bouncemail set spambounce set no softbounce
        set properties "these" set no syslog set invisible set showdots
        poll a.example
        """,
    "all of a server": """
        poll label via a.example proto POP3 service 995 uidl checkalias
            auth password timeout 45 interval 3 envelope Delivered-To
            qvirtual q- aka a b local one two dns
            plugin "ssh %h" plugout "nc %h" principal p esmtpname e
            esmtppassword "f g" tracepolls bad-header accept
            user ann
        """,
    "all of a user": """
        poll a.example
            user ann pass word folder a smtphost one/25,two /run/three
            fetchdomains c d smtpaddress e.example smtpname f@g.example
            antispam 571 550 -1 mda "/bin/mda -d %T" bsmtp out.bsmtp
            preconnect "true" postconnect "false" keep flush limitflush fetchall
            rewrite forcecr stripcr pass8bits dropstatus dropdelivered mimedecode
            idle ssl sslkey k.pem sslcert /c.pem sslproto "TLS1.2+" sslcertck
            sslcertfile ca.pem sslcertpath /ca sslcommonname n sslfingerprint "AB"
            limit 10000 warnings 60 batchlimit 7 fetchlimit 8 fetchsizelimit 9
            fastuidl 10 expunge 11 properties "p"
        """,
    "short words": """
        poll a.example proto pop3 auth any local d.example
            username ann password x folders in smtp h pre a post b pass8 mimedec
        """,
    "lmtp": "poll a.example user ann pass x smtphost mail.example/24 lmtp\n",
    "a socket": "poll a.example user ann pass x smtphost /run/lmtp\n",
    "skipped ones": "skip a.example user ann pass x\nserver b.example user b\n",
    "the same server twice":
        "poll a.example user ann pass x\npoll a.example user bob pass y\n",
    "values that are given twice":
        "poll a.example timeout 1 timeout 2 user ann pass x pass y keep no keep "
        "smtphost a smtphost b is c is d\n",
    "nothing is not a value":
        "defaults timeout 30 interval 4\n"
        "poll a.example timeout 0 interval 0 user ann limit 0 fetchlimit 0\n",
    "values that are as good as none":
        "defaults auth password bad-header accept proto pop3 no dns\n"
        "poll a.example auth any bad-header reject proto auto dns user ann\n"
        "poll b.example proto imap user b\n",
    "lists of defaults":
        "defaults localdomains here.example smtphost one two is ann\n"
        "poll a.example user x\npoll b.example user y smtphost three is bob\n"
        "poll c.example localdomains d e user z\n",
    "flags of defaults":
        "defaults uidl no dns keep ssl no rewrite\n"
        "poll a.example\npoll b.example uidl user ann no keep rewrite\n"
        "poll c.example dns no uidl user no ssl no sslcertck\n",
    "other protocols": """
        poll a proto imap user x poll b proto APOP user x poll c proto etrn
        poll d proto odmr poll e proto AUTO user x poll f proto rpop user x
        poll g proto IMAP user x
        """,
    "ways to log in": """
        poll a auth any user x poll b auth password user x
        poll c auth cram-md5 user x poll d auth ntlm user x
        poll e auth ssh user x poll f auth otp user x poll g auth msn user x
        poll h auth cram user x poll i auth opie user x
        """,
    "octets that are not UTF-8": b"poll a.example user ann pass \"\xe4\xf6\" # \xfc\n",
    "umlauts":
        "poll a.example user \"jürgen\" pass \"schlüssel\" is jürgen here\n",
    "an empty text": "poll a.example via \"\" user \"\" pass '' sslproto ''\n",
    "set between servers":
        "poll a.example user x set daemon 5 poll b.example user y set no syslog\n",
    "addresses as names":
        "poll 192.0.2.1 user x@y.example pass p is a@b.example here\n"
        "poll \"2001:db8::1\" user x\n",
    "a user of defaults": "defaults user \"ann\" is bob pass x\npoll a.example\n",
    "no user and options": "poll a.example proto pop3 keep pass x is ann\n",
    "punctuation instead of blanks":
        "poll,a.example;proto:pop3,user:ann;pass:x,is:bob,here\n",
}

WRONG = {
    "a server option behind a user": "poll a user b proto pop3\n",
    "an unknown word": "poll a user b sslx\n",
    "a number in quotes": "poll a timeout \"5\"\n",
    "a number where a text must be": "poll a user b smtphost 25\n",
    "a number as a server": "poll 12\n",
    "no behind nothing": "poll a user b no pass x\n",
    "no with an option that has none": "poll a user b no lmtp\n",
    "two names without here": "poll a user b c pass x\n",
    "a mapping of the remote name": "poll a user b=c pass x\n",
    "a port in quotes": "poll a port \"110\"\n",
    "a protocol that is none": "poll a proto pop4\n",
    "an authentication that is none": "poll a auth magic\n",
    "an option of its own": "keep\n",
    "set of what cannot be set": "set keep\n",
    "set with a number as a text": "set logfile 5\n",
    "set with an equals sign and a number": "set daemon = 60\n",
    "defaults behind a server": "poll a user b\ndefaults keep\n",
    "a word of the language as a server": "poll keep user b\n",
    "one option of a user, then its name": "poll a keep user b\n",
    "an equals sign": "poll a = b\n",
    "it ends behind a word": "poll a user b pass",
    "it ends behind poll": "poll",
    "to with there": "poll a user b to c there\n",
    "bad-header with something else": "poll a bad-header maybe user b\n",
}

FLAGS = ("fetchall", "keep", "flush", "limitflush", "forcecr", "pass8bits",
         "dropstatus", "dropdelivered", "mimedecode", "idle", "ssl", "lmtp")
NUMBERS = {"limit": 0, "warnings": 3600, "fetchlimit": 0, "fetchsizelimit": 100,
           "fastuidl": 4, "batchlimit": 0, "expunge": 0}
TEXTS = ("password", "mda", "bsmtp", "preconnect", "postconnect", "sslkey",
         "sslcert", "sslproto", "sslcertfile", "sslcertpath", "sslcommonname",
         "sslfingerprint", "properties", "smtpaddress", "smtpname")
SERVER_TEXTS = ("via", "service", "qvirtual", "plugin", "plugout", "principal")
PROTOCOLS = {"SDPS": "POP3"}


class Ours:
    """Options as we read them, with fetchmail's own defaults for the others."""

    def __init__(self, options):
        self.options = options

    def flag(self, name, other=False):
        return bool(self.options[name][0]) if name in self.options else other

    def number(self, name, other=0):
        return self.options[name][0] if name in self.options else other

    def text(self, name, other=None):
        return self.options[name][1][0] if name in self.options else other

    def list(self, name, other=()):
        return self.options[name][1] if name in self.options else list(other)


def globals_as_dumped(known, home, user):
    o = Ours(known)
    return {"poll_interval": o.number("daemon"), "logfile": o.text("logfile"),
            "idfile": o.text("idfile", home.ids),
            "postmaster": o.text("postmaster", user),
            "bouncemail": o.flag("bouncemail", True),
            "spambounce": o.flag("spambounce"),
            "softbounce": o.flag("softbounce", True),
            "properties": o.text("properties"), "invisible": o.flag("invisible"),
            "showdots": o.flag("showdots"), "syslog": o.flag("syslog")}


def server_as_dumped(active, name, options, user):
    o = Ours(options)
    found = {t: o.text(t) for t in SERVER_TEXTS}
    envelope = o.list("envelope", ["Received"])
    protocol = o.text("protocol", "auto")
    found |= {"pollname": name, "active": active,
              "protocol": PROTOCOLS.get(protocol, protocol),
              "timeout": o.number("timeout", 300),
              "interval": o.number("interval"),
              "envelope": envelope[0] if envelope else None,
              "envskip": o.number("envskip"), "auth": o.text("auth", "any"),
              "dns": o.flag("dns", True), "uidl": o.flag("uidl"),
              "aka": o.list("aka"), "localdomains": o.list("localdomains"),
              "esmtpname": o.text("esmtpname", user),
              "tracepolls": o.flag("tracepolls"),
              "badheader": o.flag("bad-header")}
    if "esmtppassword" in options:
        found["esmtppassword"] = o.text("esmtppassword")
    return found


def user_as_dumped(options, user):
    o = Ours(options)
    if o.text("auth") in ("ssh", "otp"):
        options.setdefault("password", (0, [o.text("user", user)]))
    found = {f: o.flag(f) for f in FLAGS}
    found |= {n: o.number(n, other) for n, other in NUMBERS.items()}
    found |= {t: o.text(t) for t in TEXTS}
    names = o.list("is") or [user]
    found |= {"remote": o.text("user", user),
              "localnames": names + ["*"] * o.flag("*"),
              "rewrite": o.flag("rewrite", True),
              "stripcr": o.flag("stripcr", "mda" in options),
              "sslcertck": o.flag("sslcertck", True),
              "smtphunt": o.list("smtphost", ["localhost"]),
              "fetchdomains": o.list("fetchdomains"),
              "antispam": " ".join(o.list("antispam")),
              "mailboxes": o.list("folder")}
    return found


def shown(value):
    """Up to what fetchmail shows other octets than these: it means to show what
    they are, and shows something else."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(shown, value))
    return re.sub(r"[^\n\t\b\r -~].*", "", value, flags=re.S) \
        if isinstance(value, str) else value


def same(found, wanted, what):
    """All that we know of is as fetchmail says."""
    unlike = [k for k in found if shown(found[k]) != shown(wanted.get(k))]
    equal({k: found[k] for k in unlike}, {k: wanted.get(k) for k in unlike}, what)


def compare(home, text):
    """Both read it, and understand the same. Returns whether it is right."""
    home.write(text)
    known, users = home.read_by_us()
    if known is None and '"defaults"' in users:
        return False  # two of them, or two users of it, confuse fetchmail
    theirs = home.understood()
    if theirs is None or known is None:
        equal(known is None, theirs is None,
              f"whether we refuse {text!r} ({users})")
        return False
    me, boss = compare.names
    same(globals_as_dumped(known, home, boss), theirs, f"{text!r}: global")
    dumped = [(server, user) for server in theirs["servers"]
              for user in server["users"]]
    equal(len(users), len(dumped), f"{text!r}: users")
    for (active, name, options), (server, user) in zip(users, dumped):
        if options.get("protocol", (0, [""]))[1] != ["ETRN"] and \
                options.get("protocol", (0, [""]))[1] != ["ODMR"]:
            same(user_as_dumped(options, me), user, f"{text!r}: {name}: user")
        same(server_as_dumped(active, name, options, me), server,
             f"{text!r}: {name}")
    return True


def scene():
    """A home, and who we are for fetchmail."""
    home = fetchmail.Home()
    home.write("poll x\n")
    plain = home.understood()
    compare.names = (plain["servers"][0]["users"][0]["remote"],
                     plain["postmaster"])
    return home


@each(*RCS)
def test_we_and_fetchmail_understand_the_same_by(name):
    assert compare(scene(), RCS[name]), "fetchmail refuses it"


@each(*WRONG)
def test_we_refuse_what_fetchmail_refuses(name):
    assert not compare(scene(), WRONG[name]), "fetchmail takes it"


# --- settings made up at random ----------------------------------------------

SERVER_OPTIONS = (
    ("proto", "pop3"), ("protocol", "IMAP"), ("via", "T"), ("port", "9"),
    ("service", "110"), ("timeout", "N"), ("interval", "N"), ("uidl",),
    ("no", "uidl"), ("aka", "T", "T"), ("localdomains", "T"), ("no", "dns"),
    ("envelope", "N", "T"), ("envelope", "T"), ("no", "envelope"),
    ("qvirtual", "T"), ("auth", "any"), ("auth", "password"), ("plugin", "T"),
    ("tracepolls",), ("bad-header", "accept"), ("esmtpname", "T"))
USER_OPTIONS = (
    ("pass", "T"), ("password", "T"), ("is", "T", "here"), ("to", "T"),
    ("is", "T", "=", "T", "T", "here"), ("to", "*", "here"), ("keep",),
    ("no", "keep"), ("nokeep",), ("flush",), ("fetchall",), ("ssl",),
    ("no", "sslcertck"), ("smtphost", "T", "T"), ("smtpaddress", "T"),
    ("mda", "T"), ("limit", "N"), ("fetchlimit", "N"), ("expunge", "N"),
    ("antispam", "N", "N"), ("preconnect", "T"), ("sslproto", "T"),
    ("warnings", "N"), ("stripcr",), ("no", "rewrite"), ("is", "T", "there"))
GLOBAL_OPTIONS = (("set", "daemon", "N"), ("set", "syslog"),
                  ("set", "postmaster", "T"), ("set", "no", "bouncemail"),
                  ("set", "idfile", "T"))
TEXTS_AT_RANDOM = (
    "ann", "ann@a.example", "x-y_z", "a.example", '"two words"', "'one'", '"3"',
    '"\\x41\\066\\077\\n"', "back\\slash", "tic'k", '"a\\\nb"', '"a,b;c"',
    "keep1", "'\"'", "no-way", "\\1010", "/a/path", "q#1")
NOISE = (" ", "\n", "\t", " and ", " with ", ", ", "; ", ": ", " options\n",
         " # poll x\n", " \\\n", " has\t", "\r\n", " wants ")


def words_at_random(rng, options, most):
    for option in rng.choices(options, k=rng.randrange(most)):
        for word in option:
            if word == "T":
                yield rng.choice(TEXTS_AT_RANDOM)
            elif word == "N":
                yield str(rng.choice((0, 1, 5, 30, 3600)))
            else:
                yield word


def rc_at_random(rng):
    """Its words, most likely right ones."""
    words = list(words_at_random(rng, GLOBAL_OPTIONS, 3))
    for n in range(rng.randrange(1, 4)):
        defaults = n == 0 and rng.random() < 0.5
        words += ["defaults"] if defaults else [
            rng.choice(("poll", "poll", "skip", "server")), f"s{n}"]
        words += words_at_random(rng, SERVER_OPTIONS, 4)
        for _ in range(1 if defaults else rng.randrange(3)):
            words += [rng.choice(("user", "username")),
                      rng.choice(TEXTS_AT_RANDOM),
                      *rng.choice(((), (), ("there",)))]
            words += words_at_random(rng, USER_OPTIONS, 6)
    return words


def spoilt(rng, words):
    """With a word lost, twice, or in another place."""
    words = list(words)
    place = rng.randrange(len(words))
    word = words.pop(place)
    if rng.random() < 0.4:
        words.insert(rng.randrange(len(words) + 1), word)
    elif rng.random() < 0.5:
        words[place:place] = [word, word]
    return words


def as_text(rng, words):
    return "".join(word + rng.choice(NOISE) for word in words) + "\n"


@tap.limit(300)
@each("right", "spoilt")
def test_we_and_fetchmail_agree_on_settings_made_up_at_random(kind):
    home = scene()
    taken = 0
    for seed in range(80):
        rng = random.Random(f"{kind} {seed}")
        words = rc_at_random(rng)
        if kind == "spoilt":
            words = spoilt(rng, words)
        taken += compare(home, as_text(rng, words))
    assert 5 <= taken < 80, f"{taken} of 80 are taken"


# --- whoever it delivers to --------------------------------------------------


@each(("is ann here", "HOST/PORT"), ("is ann here smtpaddress d.example",
       "HOST/PORT"), ("smtpname f@g.example is ann", "HOST/PORT"),
      ("is ann=bob here", "HOST/PORT"), ("is ann@b.example here", "HOST/PORT"),
      ("keep", "HOST/PORT"), ("is ann", "127.0.0.1/PORT"),
      ("is ann lmtp", "HOST/PORT"), ("is ann", "/PATH"),
      ("is ann smtpaddress d.example", "/PATH"))
def test_mail_goes_to_whom_it_went_with(options, smtphost):
    how = {"lmtp": "lmtp" in options or smtphost == "/PATH"}
    if smtphost == "/PATH":
        how["path"] = smtphost = peers.socket_path()
    box = peers.Pop3Server([mail.simple(0), mail.simple(1)])
    sink = peers.SmtpSink(**how)
    smtphost = smtphost.replace("HOST", "localhost")
    if not sink.path:
        smtphost = smtphost.replace("PORT", str(sink.port))
    home = fetchmail.Home()
    home.write(f"poll 127.0.0.1 proto pop3 port {box.port} user ann pass secret "
               f"sslproto '' keep fetchlimit 1 smtphost {smtphost} {options}\n")
    home.fetch()
    rider = postrider.Postrider()
    come(rider, home)
    rider.fetch()
    equal([a.recipients for a in sink.accepted],
          2 * [sink.accepted[0].recipients], "recipients")


# --- moves -------------------------------------------------------------------


def come(rider, home, *args):
    """Import all that is in a home folder."""
    return rider.run("import", "fetchmail", "--state", rider.state, "--yes",
                     *args, env={"HOME": home.folder}).expect(postrider.OK)


def numbers(files):
    """Which of our messages these are."""
    found = []
    for path in files:
        with open(path, "rb") as file:
            found += re.findall(rb"(?mi)^Message-ID: *<([^>]*)>", file.read())
    return sorted(found)


def move(per_user=10, users=1, options="keep", rc=None):
    """A home and a mailbox of which fetchmail has fetched some: (servers, names,
    home, Postrider). Every message has a Message-ID of its own."""
    home = fetchmail.Home()
    s = servers.started()
    names = [s.user() for _ in range(users)]
    for name in names:
        s.put(name, [mail.simple(n) for n in range(per_user)])
    home.write(f"poll localhost proto pop3 service {s.pop3s}\n" + "".join(
        f"  user {name} there is {name} here smtpaddress kit.test ssl "
        f"sslcertfile {s.ca} smtphost localhost/{s.smtp_clear} pass pass-{name} "
        f"{options}\n" for name in names) if rc is None else rc(s, names))
    return s, names, home, postrider.Postrider()


def all_once(s, names, count):
    """Each message of each mailbox has arrived, and none twice."""
    for name in names:
        found = numbers(s.arrived(name, count))
        equal(len(found), count, "messages that arrived")
        equal(len(set(found)), count, "different ones among them")


@each("keep", "nokeep")
def test_nothing_comes_twice_and_nothing_is_missed_with(options):
    s, names, home, rider = move(options=f"{options} fetchlimit 4")
    home.fetch()
    equal(len(s.arrived(names[0], 4)), 4, "what fetchmail has delivered")
    s.put(names[0], [mail.simple(n) for n in range(10, 13)])
    come(rider, home)
    for _ in range(3):  # four a poll: what was a limit is one
        rider.fetch()
    all_once(s, names, 13)
    equal(rider.fetch().out, "")
    all_once(s, names, 13)
    equal(s.left(names[0]), 0 if options == "nokeep" else 13)


def test_several_users_of_a_server_of_another_name_move_together():
    def rc(s, names):
        return f"poll isp via localhost proto pop3 port {s.pop3s} uidl\n" + "\n".join(
            f"user {name.upper()} is {name} here smtpname {name}@kit.test ssl "
            f"sslcertfile {s.ca} smtphost localhost/{s.smtp_clear} keep "
            f"fetchlimit {3 + n}" for n, name in enumerate(names))

    s, names, home, rider = move(per_user=9, users=3, rc=rc)
    home.write("".join(f"machine isp login {name.upper()} password pass-{name}\n"
                       for name in names), home.netrc)
    home.fetch()
    with open(home.ids) as file:
        equal(len(file.readlines()), 3 + 4 + 5, "ids that fetchmail has kept")
    shown = come(rider, home)
    tap.contains(shown.out, "12 unique ids")
    for _ in range(3):
        rider.fetch()
    for name in names:
        all_once(s, [name], 9)


def test_what_fetchmail_fetches_between_two_imports_does_not_come_twice():
    s, names, home, rider = move(options="keep fetchlimit 3")
    home.fetch()
    come(rider, home)
    home.fetch()
    again = come(rider, home)
    tap.contains(again.out, "6, 3 new")
    for _ in range(2):
        rider.fetch()
    all_once(s, names, 10)


def test_oversized_mail_that_fetchmail_has_left_is_not_missed():
    s, names, home, rider = move(options="keep limit 2000")
    s.put(names[0], [mail.simple(10, body=b"Long.\r\n" * 1000)])
    home.fetch()
    come(rider, home)
    rider.run("fetch").expect(postrider.UNAVAILABLE)
    all_once(s, names, 10)
    equal(rider.counts(), {"seen": 10, "held": 1})


# --- the commands of the README ----------------------------------------------


def commands_of_readme():
    """The block behind "Coming from fetchmail"."""
    with open(os.path.join(SOURCE, "README"), encoding="utf-8") as file:
        text = file.read().split("\nComing from fetchmail", 1)[1]
    block = text.split("\n\n")[1]
    return [line.strip() for line in block.splitlines()]


class Somebody:
    """A user with a home, who is not root, at a shell on a terminal; both programs
    are on the path."""

    def __init__(self):
        self.home = fetchmail.Home()
        self.folder = self.home.folder
        os.mkdir(os.path.join(self.folder, "bin"))
        for program in (postrider.PROGRAM, self.home.program):
            shutil.copy(program, os.path.join(self.folder, "bin"))
        self.environment = {
            "HOME": self.folder, "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
            "LC_ALL": "C.UTF-8", "TERM": "dumb", "PS1": ""}

    def sits_down(self):
        """What was written into the home so far is theirs from now on."""
        by = []
        if os.geteuid() == 0:
            by = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
            for path, _, names in os.walk(self.folder):
                for name in [path, *(os.path.join(path, n) for n in names)]:
                    os.chown(name, 65534, 65534)
        self.keyboard, theirs = postrider.open_terminal()
        self.screen = os.path.join(tap.folder(), "screen")
        open(self.screen, "wb").close()
        shell = subprocess.Popen(
            [*by, "sh"], env=self.environment, cwd=self.folder, stdin=theirs,
            stdout=theirs, stderr=theirs, start_new_session=True,
            preexec_fn=postrider.own_terminal)
        os.close(theirs)
        threading.Thread(target=postrider.drain, daemon=True,
                         args=(self.keyboard, self.screen)).start()
        tap.cleanup(shell.wait, 30)
        tap.cleanup(self.types, "exit")
        self.shown = 0

    def types(self, words):
        self.shown = len(self.sees(0))
        os.write(self.keyboard, words.encode() + b"\n")

    def sees(self, since=None):
        """What has been shown since something was typed last."""
        with open(self.screen, encoding="utf-8", errors="replace") as file:
            return file.read()[self.shown if since is None else since:]

    def waits_for(self, words):
        postrider.wait_until(lambda: re.search(words, self.sees()), 60,
                             f"{words!r} in {self.sees()!r}")

    def runs(self, command, answer=None):
        """A command to its end; answer: what is typed at its question."""
        self.types(f"{command}; echo status=$?")
        if answer is not None:
            self.waits_for(r"\[y/N\]")
            os.write(self.keyboard, answer.encode() + b"\n")
        self.waits_for(r"status=\d+")
        tap.contains(self.sees(), "status=0", command)
        return self.sees()


@tap.limit(180)
def test_the_commands_of_the_README_move_somebody_who_has_three_files():
    person = Somebody()
    s = servers.started()
    user = s.user()
    s.put(user, [mail.simple(n) for n in range(12)])
    ca = os.path.join(person.home.folder, "ca.pem")
    shutil.copy(s.ca, ca)
    # The three files: settings, what was fetched (fetchmail writes it), passwords.
    person.home.write(
        "# my mail\nset daemon 3600\n\n"
        f"poll localhost with proto pop3, service {s.pop3s}\n"
        f"   user '{user}' there is '{user}' here, options keep ssl\n"
        f"   sslcertfile ca.pem fetchlimit 5\n"
        f"   smtphost localhost/{s.smtp_clear} smtpaddress kit.test\n")
    person.home.write(f"machine localhost login {user} password pass-{user}\n",
                      person.home.netrc)
    leave, come_over, check, run = commands_of_readme()
    person.sits_down()
    tap.cleanup(person.types, leave)
    person.runs("fetchmail")
    equal(len(s.arrived(user, 5)), 5, "messages that fetchmail has delivered")

    tap.contains(person.runs(come_over, answer="n"), "fetchmail is running")
    person.runs(leave)
    shown = person.runs(come_over, answer="y")
    assert "fetchmail is running" not in shown, shown
    tap.contains(shown, "1 account, as file in")
    person.runs(check)
    person.types(run)
    equal(len(s.arrived(user, 10)), 10, f"messages; {person.sees()}")
    person.types("\x03")
    person.runs("postrider fetch")  # five a poll, as before
    all_once(s, [user], 12)
    equal(s.left(user), 12, "messages that are kept")
    tap.contains(person.runs(come_over), "known already")


if __name__ == "__main__":
    tap.main()
