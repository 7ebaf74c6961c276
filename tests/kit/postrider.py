"""postrider - runs the program: writes its settings, starts it, and looks at what
it said, what it used, and what it wrote into its ledger."""
import fcntl
import functools
import json
import os
import pty
import signal
import sqlite3
import subprocess
import termios
import threading
import time

import mail
import peers
import tap

PROGRAM = os.environ.get("POSTRIDER", "src/postrider")
PROBE = os.environ.get("POSTRIDER_PROBE", "tests/postrider-probe")
STANDIN = os.environ.get("POSTRIDER_STANDIN", "tests/postrider-standin")

# sysexits(3)
OK, USAGE, NO_HOST, UNAVAILABLE, SOFTWARE = 0, 64, 68, 69, 70
IO_ERROR, LATER, PROTOCOL, AUTH, CONFIG = 74, 75, 76, 77, 78

# What a run may use, and one that meets a mailbox of 200,000 messages.
MEMORY_KIB, MUCH_MEMORY_KIB = 32 << 10, 128 << 10

SANITIZER_WORDS = ("AddressSanitizer", "ThreadSanitizer", "LeakSanitizer",
                   "runtime error:")


class Result:
    """status (negative: the signal it died of), out, err, peak_kib."""

    def __init__(self, status, out, err, peak_kib):
        self.status, self.out, self.err = status, out, err
        self.peak_kib = peak_kib

    def json(self):
        return json.loads(self.out)

    def expect(self, status):
        if self.status != status:
            raise AssertionError(f"exit status {self.status}, not {status}\n"
                                 f"out: {self.out}\nerr: {self.err}")
        return self


def value(v):
    """Python's value in libconfig's syntax."""
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, int):
        return str(v)
    if isinstance(v, (list, tuple)):
        return "( " + ", ".join(value(x) for x in v) + " )"
    if isinstance(v, dict):
        return "{ " + " ".join(f"{k} = {value(x)};" for k, x in v.items()) + " }"
    return json.dumps(str(v), ensure_ascii=False)


# The kernel keeps a count on each processor, and adds them up at its leisure.
COUNTED_ROUGHLY_KIB = 4096


def memory_kib(pid):
    """The most memory a running process has had."""
    with open(f"/proc/{pid}/status") as file:
        return next((int(line.split()[1]) for line in file
                     if line.startswith("VmHWM:")), 0)


@functools.cache
def is_sanitized(program):
    """Was it built with sanitizers, which need memory of their own?"""
    with open(program, "rb") as file:
        content = file.read()
    return any(f"__{name}_init".encode() in content
               for name in ("asan", "tsan", "msan", "lsan"))


class Running:
    """A process that was started and has not been waited for."""
    all = set()

    def __init__(self, process, out, err, terminal=None, keyboard=None,
                 memory_limit=MEMORY_KIB):
        self.process, self.terminal = process, terminal
        self.keyboard, self.memory_limit = keyboard, memory_limit
        self._out, self._err = out, err
        self._inherited = memory_kib("self")
        Running.all.add(self)

    def shown(self):
        """What it has said so far."""
        return self._read(self._out)

    def said(self):
        """The same, of what went to standard error."""
        return self._read(self._err)

    def hears(self, words, seconds=20):
        wait_until(lambda: words in self.said(), seconds,
                   f"{words!r} in {self.said()!r}")

    def end(self, number=signal.SIGTERM, status=OK):
        """Stop a daemon in order."""
        self.signal(number)
        return self.wait().expect(status)

    def type(self, line):
        """Type a line on its terminal."""
        os.write(self.keyboard, line.encode() + b"\n")

    def signal(self, number=signal.SIGINT):
        self.process.send_signal(number)

    def stop(self):
        if self.process.returncode is None:
            self.process.kill()  # which looks whether it has ended
        if self.process.returncode is None:
            self._reap()

    def _reap(self):
        """Wait for the end; returns the most memory that was seen in use. The
        kernel's own figure begins with what this Python had at the start, and
        counts only above that."""
        peak = 0
        while not os.waitid(os.P_PID, self.process.pid,
                            os.WEXITED | os.WNOHANG | os.WNOWAIT):
            peak = max(peak, memory_kib(self.process.pid))
            time.sleep(0.005)
        _, status, used = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        Running.all.discard(self)
        above = used.ru_maxrss > self._inherited + COUNTED_ROUGHLY_KIB
        return max(peak, used.ru_maxrss if above else 0)

    def wait(self):
        peak = self._reap()
        if self.terminal is not None:
            self.terminal.join()
        if not Running.all:
            peers.hear_the_end()
        out, err = (self._read(f) for f in (self._out, self._err))
        # On a terminal both are in out.
        said = (out + err).splitlines()
        for n, line in enumerate(said):
            if any(word in line for word in SANITIZER_WORDS):
                raise AssertionError("a sanitizer complained:\n" +
                                     "\n".join(said[n:]))
        if peak > self.memory_limit and not is_sanitized(PROGRAM):
            raise AssertionError(
                f"{peak} KiB of memory, more than {self.memory_limit}")
        return Result(self.process.returncode, out, err, peak)

    @staticmethod
    def _read(path):
        with open(path, encoding="utf-8", errors="backslashreplace",
                  newline="") as file:
            return file.read()


class Postrider:
    """A folder with settings, passwords and a ledger of its own."""

    def __init__(self):
        self.folder = tap.folder()
        self.state = os.path.join(self.folder, "state")
        self.config = os.path.join(self.folder, "postrider.conf")
        self.memory_limit = MEMORY_KIB
        self._runs = 0
        self.runtime = os.path.join(self.folder, "run")
        os.mkdir(self.runtime, 0o700)
        self.environment = {k: v for k, v in os.environ.items()
                            if not k.endswith("_DIRECTORY")}
        self.environment["XDG_RUNTIME_DIR"] = self.runtime

    def secret(self, text, name):
        path = os.path.join(self.folder, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
                  "w") as file:
            file.write(text + "\n")
        return path

    def write(self, accounts, destinations, defaults=None, **settings):
        """accounts: a list of dicts; destinations: a dict of dicts."""
        everything = {"state": self.state, "destinations": destinations,
                      "accounts": accounts, **settings}
        if defaults:
            everything["defaults"] = defaults
        self.write_text("".join(f"{k} = {value(v)};\n"
                                for k, v in everything.items()))

    def write_text(self, text):
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.config, 0o600)

    def start(self, *args, probe=False, crash=None, shift=None, fault=None,
              env=None, terminal=False, by=()):
        """probe, crash, shift, fault: by probe.c, which says what they mean.
        by: words in front of the command, to run it as somebody else."""
        self._runs += 1
        out = os.path.join(self.folder, f"out.{self._runs}")
        err = os.path.join(self.folder, f"err.{self._runs}")
        environment = {**self.environment, **(env or {})}
        if crash:
            environment["POSTRIDER_CRASH"] = crash
        if shift:
            environment["POSTRIDER_CLOCK_SHIFT"] = str(shift)
        if fault:
            environment["POSTRIDER_LEDGER_FAULT"] = fault
        program = PROBE if probe or crash or shift or fault else PROGRAM
        command = [*by, program, args[0], "--config", self.config, *args[1:]]
        return self._spawn(command, environment, out, err, terminal)

    def _spawn(self, command, environment, out, err, terminal):
        reader = ours = None
        with open(out, "wb") as o, open(err, "wb") as e:
            if not terminal:
                process = subprocess.Popen(
                    command, env=environment, stdin=subprocess.DEVNULL,
                    stdout=o, stderr=e, start_new_session=True)
            else:
                ours, theirs = open_terminal()
                process = subprocess.Popen(
                    command, env={**environment, "TERM": "xterm"},
                    stdin=theirs, stdout=theirs, stderr=theirs,
                    start_new_session=True, preexec_fn=own_terminal)
                os.close(theirs)
                reader = threading.Thread(target=drain, args=(ours, out))
                reader.start()
        running = Running(process, out, err, reader, ours, self.memory_limit)
        tap.cleanup(running.stop)
        return running

    def run(self, *args, **how):
        return self.start(*args, **how).wait()

    def stand_in(self, rows=""):
        """Have kit/standin.c stand in for a daemon, that answers `status` with
        these rows. It listens when this returns."""
        path = os.path.join(self.folder, "rows")
        with open(path, "w") as file:
            file.write(rows)
        self._runs += 1
        out, err = (os.path.join(self.folder, f"{n}.{self._runs}")
                    for n in ("out", "err"))
        running = self._spawn([STANDIN, self.state, path], self.environment,
                              out, err, False)
        wait_until(lambda: os.path.exists(os.path.join(self.state, "control")),
                   what="a stand-in")
        return running

    def fetch(self, *accounts, status=OK, **how):
        return self.run("fetch", *accounts, **how).expect(status)

    def daemon(self, *args, **how):
        """The daemon, once it says that it is there."""
        running = self.start("run", *args, **how)
        wait_until(lambda: ", process " in running.said()
                   or running.process.poll() is not None, what="the daemon")
        if running.process.poll() is not None:
            raise AssertionError(f"it has ended: {running.said()}")
        return running

    def bare(self, *args, env=None):
        """Run the program with these arguments and nothing else."""
        self._runs += 1
        out, err = (os.path.join(self.folder, f"{n}.{self._runs}")
                    for n in ("out", "err"))
        environment = {"PATH": os.environ["PATH"], "HOME": self.folder,
                       **(env or {})}
        return self._spawn([PROGRAM, *args], environment, out, err, False).wait()

    # --- the ledger ----------------------------------------------------------

    def query(self, sql, *args):
        path = os.path.join(self.state, "ledger.db")
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
        try:
            return db.execute(sql, args).fetchall()
        finally:
            db.close()

    def states(self, account=None):
        """{UID: name of its state} of an account, or of all."""
        rows = self.query(
            "SELECT m.uid, m.state FROM message m JOIN account a "
            "ON a.id = m.account WHERE ?1 IS NULL OR a.name = ?1", account)
        return {bytes(uid).decode("latin-1"): name for uid, name in rows}

    def proves(self, arrived):
        """The ledger has what proves of each of these messages, given as they
        arrived, that it did."""
        proofs = {trace: (digest.hex(), content) for trace, digest, content in
                  self.query("SELECT trace, digest, content FROM message"
                             " WHERE digest IS NOT NULL")}
        for data in arrived:
            tap.equal(proofs.get(mail.trace_id(data)),
                      (mail.arrived_digest(data),
                       len(mail.arrived_content(data))), "proof")

    def counts(self, account=None):
        """{state: how many messages are in it}."""
        found = {}
        for state in self.states(account).values():
            found[state] = found.get(state, 0) + 1
        return found


def open_terminal():
    try:
        return pty.openpty()
    except OSError:
        tap.skip("there are no pseudo-terminals here")


def own_terminal():
    """In a new process: make its standard input its /dev/tty."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def drain(terminal, path):
    """Copy what a terminal shows into a file, until it is closed."""
    with open(path, "ab") as file:
        while True:
            try:
                data = os.read(terminal, 65536)
            except OSError:  # the other side is closed
                break
            if not data:
                break
            file.write(data)
            file.flush()
    os.close(terminal)


def wait_until(true, seconds=20, what="it"):
    """seconds: of a machine that has time for us."""
    end = time.monotonic() + seconds * tap.BUSY * tap.SLOWNESS
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s in vain: {what}")
        time.sleep(0.02)


def between(mailbox, sink, destination=None, **account):
    """A Postrider that fetches from one scripted mailbox into one sink.
    destination: more settings of it; account: more settings of that."""
    rider = Postrider()
    rider.write([mailbox.account(**account)],
                {"home": sink.destination(**(destination or {}))})
    return rider
