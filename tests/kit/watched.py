"""watched - metrics over HTTP: runs postrider-metrics (metrics.c), tells it what
to do, asks it, and reads Prometheus' text format strictly."""
import http.client
import os
import re
import subprocess

import postrider
import tap

PROGRAM = os.environ.get("POSTRIDER_METRICS") or os.path.join(
    os.path.dirname(postrider.PROBE), "postrider-metrics")

SAMPLE = re.compile(
    r'([a-zA-Z_:][a-zA-Z0-9_:]*)'
    r'(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? '
    r'([0-9.e+-]+|\+Inf|NaN)\Z')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


# Of those that have been stopped: a test's cleanup is no place to complain.
bad_ends = []


def is_built(rider):
    """Can it serve at all?"""
    return "libmicrohttpd" in rider.bare("--version").out


class Served:
    """A running postrider-metrics with the settings of a Postrider."""

    def __init__(self, rider):
        if not is_built(rider):
            tap.skip("built without libmicrohttpd")
        self.log = os.path.join(rider.folder, "err.metrics")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [PROGRAM, rider.config], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=log, text=True)
        tap.cleanup(self.stop)
        self.port = int(self._said().removeprefix("port "))

    def _said(self):
        line = self.process.stdout.readline()
        if not line:
            with open(self.log, errors="replace") as log:
                raise AssertionError(f"it has ended: {log.read()}")
        return line

    def do(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        tap.equal(self._said(), "done\n")

    def stop(self):
        if self.process.returncode is not None:
            return
        self.process.stdin.close()
        try:
            self.process.wait(tap.PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        with open(self.log, errors="replace") as log:
            said = log.read()
        if self.process.returncode != 0 or any(
                word in said for word in postrider.SANITIZER_WORDS):
            bad_ends.append(f"exit status {self.process.returncode}\n{said}")

    def ask(self, path, method="GET", body=None, headers=None):
        """(status, header fields, content)."""
        to = http.client.HTTPConnection("127.0.0.1", self.port,
                                        timeout=tap.PATIENCE)
        try:
            to.request(method, path, body, headers or {})
            answer = to.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            to.close()

    def metrics(self):
        status, _, text = self.ask("/metrics")
        tap.equal(status, 200, "status")
        return Metrics(text)


class Metrics:
    """All samples by name and labels, and what HELP and TYPE say."""

    def __init__(self, text):
        self.samples, self.help, self.type = {}, {}, {}
        family = None
        for line in text.removesuffix("\n").split("\n"):
            if line.startswith("# "):
                _, kind, name, words = line.split(" ", 3)
                where = {"HELP": self.help, "TYPE": self.type}[kind]
                if name in where:
                    raise AssertionError(f"{kind} of {name} twice")
                where[name], family = words, name
                continue
            found = SAMPLE.match(line)
            if not found:
                raise AssertionError(f"no sample: {line!r}")
            name, labels, value = found.groups()
            if not re.fullmatch(f"{family}(_bucket|_sum|_count)?", name):
                raise AssertionError(f"{name} stands under {family}")
            key = name, frozenset(LABEL.findall(labels or ""))
            if key in self.samples:
                raise AssertionError(f"twice: {line}")
            self.samples[key] = float(value)

    def value(self, name, **labels):
        return self.samples[name, frozenset(labels.items())]

    def names(self):
        return {name for name, _ in self.samples}
