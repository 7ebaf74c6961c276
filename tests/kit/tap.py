"""tap - a small runner: functions named test_… are the tests of a program, their
names the sentences that are printed (TAP, as automake's driver reads it).

    def test_a_second_fetch_moves_nothing(): ...
    @each("MAIL", "RCPT")
    def test_a_refusal_holds_the_message(stage): ...
    if __name__ == "__main__": tap.main()

A program given words runs only the tests whose sentence holds one of them.
Every test has a time limit; what it registers by cleanup() is undone after it.
"""
import os
import signal
import sys
import tempfile
import shutil
import traceback

# Sanitizers make everything slower.
SLOWNESS = 4 if os.environ.get("SANITIZERS") else 1
# So do others who want the machine, too. What has to come in the end is waited
# for so much longer: only a test that fails takes that long.
BUSY = 3
PATIENCE = 20 * BUSY * SLOWNESS
LIMIT = 60
# How long a peer is waited for that never answers; all others, however busy the
# machine is, answer sooner.
SHORT_S = 4 if SLOWNESS > 1 else 2

_after_test = []
_after_all = []


class Skip(Exception):
    """Raised by skip()."""


class TimeUp(Exception):
    """A test ran longer than it may."""


def skip(reason):
    raise Skip(reason)


def cleanup(function, *args):
    """Have function called when the running test has ended, newest first."""
    _after_test.append((function, args))


def undo():
    """What was registered so far, now: for a test that begins anew many times."""
    _undo(_after_test)


def at_end(function, *args):
    """Have function called when all tests have ended."""
    _after_all.append((function, args))


def finish():
    """What was registered by at_end(), now: for a program that runs no tests."""
    _undo(_after_all)


def folder():
    """A folder for the running test, gone after it."""
    path = tempfile.mkdtemp(prefix="postrider-test.")
    cleanup(shutil.rmtree, path, True)
    return path


def limit(seconds):
    """Another time limit for a test, on a machine that has time for it."""
    def note(function):
        function.limit = seconds
        return function
    return note


def each(*cases):
    """One test for each case; a tuple is spread over the arguments."""
    def note(function):
        function.cases = cases
        return function
    return note


def equal(found, wanted, what=""):
    if found != wanted:
        raise AssertionError(f"{what or 'value'} is {found!r}, not {wanted!r}")


def contains(text, part, what="text"):
    if part not in text:
        raise AssertionError(f"{what} lacks {part!r}: {text!r}")


def _undo(actions):
    while actions:
        function, args = actions.pop()
        try:
            function(*args)
        except Exception:  # one failed cleanup must not keep back the others
            traceback.print_exc()


def _collect(module):
    tests = []
    for name, function in vars(module).items():
        if not name.startswith("test_") or not callable(function):
            continue
        sentence = name[len("test_"):].replace("_", " ")
        cases = getattr(function, "cases", None)
        if cases is None:
            tests.append((sentence, function, ()))
            continue
        for case in cases:
            args = case if isinstance(case, tuple) else (case,)
            first = str(args[0]) if args else "nothing"
            shown = "".join(c if c.isprintable() and c != "#" else "?"
                            for c in first)[:60]
            tests.append((f"{sentence}: {shown}", function, args))
    wanted = sys.argv[1:]
    return [t for t in tests if not wanted or any(w in t[0] for w in wanted)]


def _time_up(_signal, _frame):
    raise TimeUp("it took too long")


def _diagnose(text):
    for line in text.rstrip().splitlines():
        print(f"# {line[:2000]}")


def _run(number, sentence, function, args):
    signal.alarm(getattr(function, "limit", LIMIT) * BUSY * SLOWNESS)
    try:
        function(*args)
        print(f"ok {number} - {sentence}")
        return True
    except Skip as reason:
        print(f"ok {number} - {sentence} # SKIP {reason}")
        return True
    except BaseException as problem:  # KeyboardInterrupt and SystemExit too
        signal.alarm(0)
        print(f"not ok {number} - {sentence}")
        _diagnose(traceback.format_exc())
        if isinstance(problem, KeyboardInterrupt):
            raise
        return False
    finally:
        signal.alarm(0)
        _undo(_after_test)
        sys.stdout.flush()


def main():
    sys.stdout.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGALRM, _time_up)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    # A shell has those that it starts in the background ignore it; the programs
    # that are tested would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    tests = _collect(sys.modules["__main__"])
    print(f"1..{len(tests)}", flush=True)
    try:
        good = [_run(i + 1, *test) for i, test in enumerate(tests)]
    finally:
        _undo(_after_all)
    sys.exit(0 if all(good) else 1)
