"""fetchmail - the real one, where it is installed: what it says of its settings,
and a home in which it runs. A test that needs it is skipped without."""
import os
import shutil
import subprocess

import tap

READER = os.environ.get("POSTRIDER_FETCHMAIL", "tests/postrider-fetchmail")
SECONDS = 60


def needed():
    """Its path."""
    path = shutil.which("fetchmail")
    if path is None:
        tap.skip("fetchmail is not installed")
    return path


class Home:
    """A home folder with a .fetchmailrc in it."""

    def __init__(self):
        self.program = needed()
        self.folder = tap.folder()
        self.rc = os.path.join(self.folder, ".fetchmailrc")
        self.ids = os.path.join(self.folder, ".fetchids")
        self.netrc = os.path.join(self.folder, ".netrc")
        self.environment = {
            **{k: v for k, v in os.environ.items()
               if not k.startswith(("FETCHMAIL", "HOME_ETC"))},
            "HOME": self.folder, "LC_ALL": "C"}

    def write(self, text, path=None):
        """As private as fetchmail wants it. Text, or octets."""
        path = path or self.rc
        if isinstance(text, str):
            text = text.encode()
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
                  "wb") as file:
            file.write(text)

    def run(self, *args):
        """(exit status, standard output, standard error), octets."""
        done = subprocess.run(
            [self.program, "-f", self.rc, *args], env=self.environment,
            stdin=subprocess.DEVNULL, capture_output=True,
            timeout=SECONDS * tap.SLOWNESS, check=False)
        return done.returncode, done.stdout, done.stderr

    def fetch(self):
        """One poll of all mailboxes; what there is beyond a limit stays."""
        status, out, err = self.run("--nodetach", "--daemon", "0")
        if status not in (0, 13):  # PS_SUCCESS, PS_MAXFETCH
            raise AssertionError(f"fetchmail: {status}\n{out}\n{err}")

    def understood(self):
        """What fetchmail makes of the file, by --configdump, which prints an
        assignment in Python; None: it does not take it."""
        status, out, _ = self.run("--configdump")
        if status != 0:
            return None
        found = {}
        exec(out.decode("latin-1"), found)
        return found["fetchmailrc"]

    def read_by_us(self):
        """(global options, [(active, server, options)]), each option with its
        number and its texts, a mapped one a pair; None and why: we do not take
        it."""
        done = subprocess.run(
            [READER, self.rc], stdin=subprocess.DEVNULL, capture_output=True,
            timeout=SECONDS * tap.SLOWNESS, check=False)
        if done.returncode == 78:
            return None, done.stderr.decode("utf-8")
        if done.returncode != 0:
            raise AssertionError(f"the reader: {done}")
        known, users = {}, []
        into = known
        for line in done.stdout.decode("ascii").splitlines():
            name, number, *texts = line.split(" ")
            if name in ("poll", "skip"):
                into = {}
                users.append((name == "poll", text_of(number), into))
            else:
                into[name] = (int(number), [text_of(t) for t in texts])
        return known, users


def text_of(word):
    parts = [bytes.fromhex(p.lstrip(":")).decode("latin-1")
             for p in word.split("=")]
    return parts[0] if len(parts) == 1 else tuple(parts)
