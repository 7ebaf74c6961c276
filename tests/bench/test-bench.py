"""The benchmark's own instruments. Nothing here asserts how long anything took."""
import os
import socket
import subprocess
import sys
import threading
import time

import tap
from tap import contains, each, equal

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(os.environ.get("POSTRIDER_BUILD", "."), "tests/bench")
sys.path.insert(0, HERE)

import floors  # noqa: E402
import ground  # noqa: E402
import report  # noqa: E402

RTT_MS = 30


def said(*command, status=0):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120,
                          stdin=subprocess.DEVNULL)
    equal(done.returncode, status, f"exit status ({done.stderr})")
    return done.stdout


@each("content", "listing", "ledger")
def test_a_micro_benchmark_runs(name):
    contains(said(os.path.join(BUILD, f"micro-{name}"), "--tiny"), " ns/")


def test_the_benchmark_lists_scenarios_and_programs():
    listed = said(sys.executable, os.path.join(HERE, "run"), "--list")
    for word in ("durable", "idle-delay", "postrider", "fetchmail"):
        contains(listed, word)


# --- the stopwatch ---

def timed(limit, *command):
    """(wall, memory, status)"""
    words = said(os.path.join(BUILD, "stopwatch"), limit, *command).split()
    return float(words[0]), int(words[3]), int(words[4])


def test_the_stopwatch_tells_the_exit_status():
    equal(timed("60", "sh", "-c", "echo said; exit 3")[2], 3)


def test_the_stopwatch_ends_a_command_whose_time_is_up():
    wall, _, status = timed("0.1", "sleep", "60")
    equal(status, -9)
    assert wall >= 0.1, wall


def test_the_stopwatch_leaves_nothing_running():
    mark = os.path.join(tap.folder(), "pid")
    equal(timed("60", "sh", "-c", f"sleep 60 & echo $! >{mark}")[2], 0)
    with open(mark) as file:
        pid = file.read().strip()
    assert ground.wait_until(lambda: not running(pid), tap.PATIENCE), "it goes on"


def running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().split(") ")[-1][0] not in "ZX"
    except FileNotFoundError:
        return False


def test_the_memory_of_a_command_is_its_own_not_ours():
    if os.environ.get("SANITIZERS"):
        tap.skip("a sanitizer's memory is in it")
    ours = bytearray(64 << 20)
    ours[::4096] = b"x" * len(ours[::4096])
    _, memory, _ = timed("60", "true")
    assert 0 < memory < 32 << 10, f"{memory} KiB"


# --- the delay line ---

class Echo(threading.Thread):
    """Greets, and sends each line back; counts connections that have ended."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        sock, _ = self.listener.accept()
        with sock, sock.makefile("rwb") as file:
            file.write(b"hello\n")
            file.flush()
            for line in file:
                file.write(line)
                file.flush()


class Talk:
    """A connection to an echo through a delay line."""

    def __init__(self):
        self.echo = Echo()
        tap.cleanup(self.echo.listener.close)
        self.line = ground.Line(RTT_MS, [self.echo.port])
        tap.cleanup(self.line.stop)
        self.began = time.monotonic()
        self.sock = socket.create_connection(
            ("127.0.0.1", self.line.ports[self.echo.port]), 20)
        tap.cleanup(self.sock.close)
        self.file = self.sock.makefile("rwb")

    def say(self, *lines):
        self.file.write(b"".join(lines))
        self.file.flush()

    def took(self, trips):
        assert time.monotonic() - self.began >= trips * RTT_MS / 1000 * 0.99


def test_a_greeting_comes_after_two_round_trips():
    talk = Talk()
    equal(talk.file.readline(), b"hello\n")
    talk.took(2)
    equal(talk.line.count(), (2.0, 1))


def test_each_question_is_one_more_round_trip():
    talk = Talk()
    talk.file.readline()
    for number in range(3):
        talk.say(b"%d\n" % number)
        equal(talk.file.readline(), b"%d\n" % number)
    talk.took(5)
    equal(talk.line.count()[0], 5.0)


def test_questions_at_once_are_one_round_trip_together():
    talk = Talk()
    talk.file.readline()
    talk.say(b"a\n", b"b\n")
    talk.say(b"c\n")
    for line in (b"a\n", b"b\n", b"c\n"):
        equal(talk.file.readline(), line)
    talk.took(3)
    equal(talk.line.count()[0], 3.0)


def test_what_is_said_first_travels_with_the_handshake():
    talk = Talk()
    talk.say(b"first\n")
    equal([talk.file.readline() for _ in range(2)], [b"hello\n", b"first\n"])
    equal(talk.line.count()[0], 2.0)


def test_an_answer_that_nobody_waits_for_is_not_counted():
    talk = Talk()
    talk.file.readline()
    talk.say(b"bye\n")
    talk.file.close()
    talk.sock.close()
    talk.echo.join(20)
    assert not talk.echo.is_alive(), "the end of the connection got lost"
    time.sleep(3 * RTT_MS / 1000)  # the answer has come by then
    equal(talk.line.count()[0], 2.0)


def test_much_passes_a_delay_line_unchanged():
    talk = Talk()
    talk.file.readline()
    lines = [bytes([65 + n % 26]) * 9999 + b"\n" for n in range(1600)]
    talk.say(*lines)  # more than sockets hold before anything is read
    equal([talk.file.readline() for _ in lines] == lines, True, "the echo")


# --- what has arrived ---

def test_what_is_missing_doubled_or_changed_is_told():
    wanted = {"a": 1, "b": 2, "c": 3}
    equal(ground.compare(wanted, [("a", 1), ("b", 2), ("c", 3)]), [])
    equal(ground.compare(wanted, [("a", 1), ("a", 1), ("b", 7)]),
          ["1 missing", "1 more than once", "1 changed"])


def test_a_body_is_the_same_in_whichever_blocks_and_line_ends():
    text = b"Message-ID: <1@x>\r\nX: y\r\n\r\nbody\r\n\r\nmore\r\n"
    whole = ground.body_digest([text])
    equal(whole[0], "<1@x>")
    lines = text.splitlines(True)
    equal(ground.body_digest(lines), whole)
    equal(ground.body_digest([line.replace(b"\r", b"") for line in lines]), whole)
    assert ground.body_digest([text + b"x\r\n"])[1] != whole[1]


# --- the report ---

def a_run(program, number, wall, cpu):
    return {"program": program, "round": number, "wall": wall, "cpu": cpu,
            "count": 10, "octets": 10 ** 6, "trips": 20, "rtt": 0.05,
            "idle": False, "memory": 2048}


def test_ratios_are_of_the_rounds_that_both_have():
    ours = [a_run("postrider", n, wall, 0.1) for n, wall in
            enumerate((1.0, 4.0, 2.0))]
    theirs = [a_run("fdm", n, wall, 0.3) for n, wall in
              ((0, 3.0), (2, 4.0), (7, 3.5))]
    row = report.summary(theirs, ours)
    equal((row["wall_ratio"], round(row["cpu_ratio"], 6)), (2.5, 3.0))
    equal((row["wall"], row["least"], row["most"], row["rounds"]),
          (3.5, 3.0, 4.0, 3))
    equal(row["trips_per_message"], 2)
    equal(round(row["cpu_ms_per_message"], 6), 30)
    equal(round(row["cpu_s_per_gb"], 6), 300)


def test_a_floor_has_no_processor_time_to_compare():
    ours = [a_run("postrider", 0, 1.0, 0.1)]
    row = report.summary([a_run("read", 0, 0.5, None)], ours)
    equal((row["wall_ratio"], row["cpu_ratio"]), (0.5, None))
    contains(report.table([row], False, False), "-")


# --- the floors ---

def test_answers_are_counted_wherever_they_are_cut():
    answers = b"+OK\r\nx\r\n.\r\n+OK\r\n..\r\n.y\r\n.\r\n+OK\r\n.\r\n"
    for size in range(1, len(answers) + 1):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            for at in range(0, len(answers), size):
                theirs.sendall(answers[at:at + size])
            theirs.close()
            pieces = Pieces(ours, size)
            floors.until_dots(pieces, b"", 3)
            equal(pieces.read, len(answers))


class Pieces:
    """A socket that gives only so much at a time."""

    def __init__(self, sock, size):
        self.sock, self.size, self.read = sock, size, 0

    def recv(self, _most):
        data = self.sock.recv(self.size)
        self.read += len(data)
        return data


if __name__ == "__main__":
    tap.main()
