"""The ledger cannot be read or written: the program says what is wrong and what to
do, and says it before any mail moves. When the disk fails in the middle, nothing
goes out unrecorded, and nothing is lost."""
import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import time

import mail
import peers
import postrider
import tap
from postrider import IO_ERROR, LATER, OK
from tap import contains, each, equal

COUNT = 4


def scene(count=COUNT, sink_replies=None, **account):
    account.setdefault("after_delivery", "delete")
    box = peers.Pop3Server([mail.simple(n) for n in range(count)])
    sink = peers.SmtpSink(replies=sink_replies)
    return box, sink, postrider.between(box, sink, **account)


def db_of(rider):
    return os.path.join(rider.state, "ledger.db")


def octets(path):
    with open(path, "rb") as file:
        return file.read()


def refused(box, sink, rider, *words, status=IO_ERROR, **how):
    """A fetch says these words, and moves nothing."""
    before = len(sink.accepted), box.verbs().count("DELE")
    retrieved = box.verbs().count("RETR")
    result = rider.fetch(status=status, **how)
    for word in words:
        contains(result.err, word, "what is said")
    equal(result.out, "")
    equal(len(result.err.strip().splitlines()), 1, "lines said")
    equal((len(sink.accepted), box.verbs().count("DELE")), before)
    equal(box.verbs().count("RETR"), retrieved, "RETR")
    return result


def nothing_was_moved_twice(box, sink, rider, count):
    """What was wrong has been put right: the rest comes, and that once."""
    rider.fetch()
    equal(box.messages, [])
    equal(len(sink.accepted), count)
    equal(len(set(sink.digests())), count)


def later_mail(box, first=COUNT, count=2):
    """More messages; returns how many there were ever."""
    box.messages += [peers.Message(mail.simple(n))
                     for n in range(first, first + count)]
    return first + count


# --- a disk that fails in the middle -----------------------------------------------


def doubtful(rider):
    """UIDs in doubt, as far as there is a ledger yet."""
    try:
        return {u for u, state in rider.states().items() if state == "in_doubt"}
    except sqlite3.OperationalError:
        return set()


def states_at_each_end(rider, seen):
    """For the replies of a sink: notes, at the end of data, what the ledger knows
    of messages then."""
    return lambda *_: seen.append(doubtful(rider))


def durable(rider):
    try:
        return sum(state == "delete_owed" for state in rider.states().values())
    except sqlite3.OperationalError:
        return 0


def survive(fault):
    """A fetch with that fault, then one without. True: the first one failed."""
    owed_at_dele, doubts_at_end = [], []
    box, sink, rider = scene()
    box.replies["DELE"] = [lambda *_: owed_at_dele.append(durable(rider))]
    sink.replies["END"] = [states_at_each_end(rider, doubts_at_end)]

    first = rider.run("fetch", fault=fault)
    for n, owed in enumerate(owed_at_dele):
        assert owed > n, f"{fault}: DELE {n + 1} with {owed} durable verdicts"
    for doubts in doubts_at_end:
        assert doubts, f"{fault}: an end of data without an intent"
    if first.status != OK:
        equal(first.status, IO_ERROR, f"{fault}: {first.err}; status")
        contains(first.err, "ledger")
        assert any(hint in first.err for hint in (
            "make room on its disk", "check the disk", "it is damaged",
            "check who may write")), f"{fault}: {first.err}"
    may_come_again = len(doubtful(rider))

    box.replies.clear()
    sink.replies.clear()
    rider.fetch()
    equal(box.messages, [], f"{fault}: left")
    equal(set(sink.digests()),
          {mail.digest(mail.simple(n)) for n in range(COUNT)})
    twice = len(sink.accepted) - COUNT
    assert twice <= may_come_again, \
        f"{fault}: {twice} twice, {may_come_again} in doubt"
    equal(rider.counts().get("held", 0), 0)
    tap.undo()
    return first.status != OK


@tap.limit(120)
@each(("full", 5, ""), ("full", 9, ":once"), ("short", 13, ""), ("sync", 2, ""),
      ("sync", 3, ":once"), ("read", 5, ""), ("lock", 17, ""))
def test_a_disk_that_fails_at_any_time_loses_and_repeats_nothing(
        kind, step, how):
    n, failed, fine = 1, 0, 0
    while fine < 2:
        fine = 0 if survive(f"{kind}:{n}{how}") else fine + 1
        failed += not fine
        n += step
    assert failed >= 3, f"only {failed} of {n // step} have failed"


def test_what_the_disk_returns_damaged_loses_nothing():
    met = set()
    for n in range(1, 60, 4):
        box, sink, rider = scene(2)
        first = rider.run("fetch", fault=f"damage:{n}")
        met.add(first.status)
        assert first.status in (OK, IO_ERROR), (n, first.status, first.err)
        contains(first.err + "damaged" * (first.status == OK), "damaged")
        there = {mail.digest(m.content) for m in box.messages}
        equal(len(there | set(sink.digests())), 2, "what still exists")
        tap.undo()
    contains(met, IO_ERROR, "exit statuses")


# --- another program has it locked -------------------------------------------------


def locked(rider):
    db = sqlite3.connect(db_of(rider), isolation_level=None, timeout=30,
                         check_same_thread=False)
    tap.cleanup(db.close)
    db.execute("BEGIN EXCLUSIVE")
    return db


def test_a_ledger_that_another_program_keeps_locked_is_given_up_soon():
    # Both wait as long as SQLite is told to, so they do it at the same time.
    box, sink, rider = scene()
    rider.fetch()
    later_mail(box)
    holder = locked(rider)

    during, keeper = scene(), []
    def lock_it(*_):
        if not keeper:
            keeper.append(locked(during[2]))
    during[0].replies["RETR"] = [None, lock_it]

    before = time.monotonic()
    running = during[2].start("fetch")
    refused(box, sink, rider, "ledger.db", "locked", "sqlite3", "end it")
    result = running.wait()
    took = time.monotonic() - before
    assert took < 50 * tap.SLOWNESS, f"took {took:.0f} s"
    holder.execute("ROLLBACK")
    nothing_was_moved_twice(box, sink, rider, COUNT + 2)

    box, sink, rider = during
    equal(result.status, IO_ERROR, result.err)
    contains(result.err, "locked")
    assert len(sink.accepted) <= 1, "an end of data without an intent"
    assert box.verbs().count("DELE") <= durable(rider), "DELE without a verdict"
    repeats = len(sink.accepted)
    keeper[0].execute("ROLLBACK")
    assert repeats <= rider.counts().get("in_doubt", 0) + durable(rider)
    rider.fetch()
    equal(box.messages, [])
    equal(len(set(sink.digests())), COUNT)


# --- a ledger that is damaged ------------------------------------------------------


def overwrite(path, at, data):
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(data)


def restored_after(box, sink, rider, damage, *words, status=IO_ERROR):
    """Damage a copy, be refused; the file is as damaged as before, no more."""
    good = octets(db_of(rider))
    damage(db_of(rider))
    bad = octets(db_of(rider))
    assert bad != good
    refused(box, sink, rider, *words, status=status)
    equal(octets(db_of(rider)) == bad, True, "the file is as it was")
    overwrite(db_of(rider), 0, good)


def test_damage_in_any_page_is_found_before_mail_moves():
    box, sink, rider = scene(after_delivery="keep")
    rider.fetch()
    count = later_mail(box)
    noise = random.Random(1)
    pages = os.path.getsize(db_of(rider)) // 4096
    assert pages > 5, pages
    for page in range(pages):
        restored_after(
            box, sink, rider, lambda path: overwrite(
                path, page * 4096, noise.randbytes(4096)), "ledger.db", "damaged")
    rider.fetch()
    equal(len(sink.accepted), count)


@each(b"SQLite format 3", b"delivered", "uid in the table", "uid in the index")
def test_damage_of_a_few_octets_is_found(what):
    box, sink, rider = scene(after_delivery="keep")
    rider.fetch()
    later_mail(box)
    content = octets(db_of(rider))
    if isinstance(what, str):
        uid = box.messages[0].uid.encode()
        places = [i for i in range(len(content))
                  if content.startswith(uid, i)]
        equal(len(places), 2, "places of the UID")
        at = places["index" in what] + 7
    else:
        at = content.rindex(what) + 3
    restored_after(box, sink, rider, lambda path: overwrite(
        path, at, bytes([content[at] ^ 1])), "ledger.db", "damaged")
    rider.fetch()
    equal(len(sink.accepted), COUNT + 2)


@each(100, 4096, 8192, "half", "all but a page")
def test_a_ledger_that_was_cut_short_is_refused(size):
    box, sink, rider = scene(after_delivery="keep")
    rider.fetch()
    later_mail(box)
    whole = os.path.getsize(db_of(rider))
    length = {"half": whole // 2, "all but a page": whole - 4096}.get(size, size)
    restored_after(box, sink, rider, lambda path: os.truncate(path, length),
                   "ledger.db", "damaged")
    rider.fetch()
    equal(len(sink.accepted), COUNT + 2)


@each(0, 1)
def test_an_emptied_ledger_has_gone(size):
    box, sink, rider = scene(after_delivery="keep")
    rider.fetch()
    restored_after(box, sink, rider, lambda path: os.truncate(path, size),
                   "has gone", "--new-ledger", status=postrider.CONFIG)
    rider.fetch()
    equal(len(sink.accepted), COUNT)


def test_damage_that_comes_in_the_middle_of_a_run_stops_it():
    box, sink, rider = scene(after_delivery="keep")
    rider.fetch()
    db = sqlite3.connect(db_of(rider))
    db.execute("INSERT INTO account (id, name, server, user)"
               " VALUES (7, 'other', 'h', 'u')")
    db.executemany(
        "INSERT INTO message (account, uid, copy, octets, state, first_seen,"
        " since) VALUES (7, ?, 0, 1, 'delivered', 1, 1)",
        ((b"%032d" % n,) for n in range(20000)))
    db.commit()
    db.close()
    later_mail(box, count=40)
    good = octets(db_of(rider))
    noise = random.Random(2).randbytes(4096)

    def damage(session, argument):
        if argument == b"10":
            for at in range(4096, len(good), 4096):
                overwrite(db_of(rider), at, noise)
    box.replies["RETR"] = [damage]
    result = rider.run("fetch")
    there = {mail.digest(m.content) for m in box.messages}
    equal(there >= set(sink.digests()), True, "nothing was deleted")
    equal(result.status, IO_ERROR, result.err)
    contains(result.err, "damaged")


@each("removed", "noise", "cut")
def test_without_the_end_of_its_log_no_mail_is_lost(how):
    """What SQLite had in ledger.db-wal when we were killed, somebody destroys.
    The ledger has forgotten what happened last, and that is all."""
    box, sink, rider = scene(after_delivery="keep")
    rider.fetch()
    count = later_mail(box)
    equal(rider.run("fetch", crash="after_reply:2").status, -9)
    wal = db_of(rider) + "-wal"
    before = len(sink.accepted)
    assert os.path.getsize(wal) > 8192, "nothing in the log"
    if how == "removed":
        os.unlink(wal)
    elif how == "noise":
        overwrite(wal, 4096, random.Random(3).randbytes(4096))
    else:
        os.truncate(wal, 6000)
    rider.fetch()
    equal(set(sink.digests()),
          {mail.digest(mail.simple(n)) for n in range(count)})
    # Nothing of an earlier run comes again.
    again = sink.digests()
    for n in range(COUNT):
        equal(again.count(mail.digest(mail.simple(n))), 1, "times it came")
    assert len(sink.accepted) <= before + 2
    equal(rider.run("status").status, OK)


def test_a_first_ledger_without_its_log_has_gone():
    box, sink, rider = scene(after_delivery="keep")
    equal(rider.run("fetch", crash="after_reply:3").status, -9)
    # One more may have been on its way when it died.
    moved = len(sink.accepted)
    assert 3 <= moved <= COUNT, moved
    os.unlink(db_of(rider) + "-wal")
    for command in ("fetch", "status"):
        contains(rider.run(command).expect(postrider.CONFIG).err, "has gone")
    equal((len(sink.accepted), box.verbs().count("RETR")), (moved, COUNT))


# --- a ledger that is not ours -----------------------------------------------------


def test_a_ledger_from_a_newer_version_is_left_alone():
    box, sink, rider = scene(after_delivery="keep")
    rider.fetch()
    later_mail(box)
    restored_after(box, sink, rider, lambda path: overwrite(
        path, 60, (99).to_bytes(4, "big")), "ledger.db", "newer", "99")
    overwrite(db_of(rider), 60, (99).to_bytes(4, "big"))
    for command in ("status", "plan", "held"):
        contains(rider.run(command).expect(IO_ERROR).err, "newer")


@each("PRAGMA user_version = 0", "PRAGMA user_version = 1",
      "PRAGMA application_id = 77",
      "PRAGMA user_version = 99; PRAGMA application_id = 77")
def test_a_database_of_another_program_is_left_alone(pragmas):
    box, sink, rider = scene()
    os.mkdir(rider.state, 0o700)
    db = sqlite3.connect(db_of(rider))
    db.executescript("CREATE TABLE message (precious TEXT);"
                     "INSERT INTO message VALUES ('mine');" + pragmas)
    db.close()
    before = octets(db_of(rider))
    refused(box, sink, rider, "ledger.db", "some other program")
    equal(octets(db_of(rider)) == before, True, "the file is as it was")
    equal(sorted(os.listdir(rider.state)), ["ledger.db", "ledger.lock"])


# --- a ledger that cannot be written -----------------------------------------------


def somebody_else(rider):
    """Words that run the program as somebody whom the modes of files bind."""
    if os.getuid() != 0:
        return ()
    # In a build for coverage, nobody may write the counts but there.
    words = ("env", f"GCOV_PREFIX={rider.folder}",
             "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    if not shutil.which("setpriv") or subprocess.run(
            [*words, postrider.PROGRAM, "help"], capture_output=True,
            check=False).returncode != 0:
        tap.skip("root cannot run the program as nobody here")
    for folder, _, names in os.walk(rider.folder):
        for path in [folder, *(os.path.join(folder, n) for n in names)]:
            os.chown(path, 65534, 65534)
    return words


@each(("ledger.db", 0o400), ("ledger.db", 0), ("ledger.lock", 0o400),
      ("", 0o500), ("", 0o100))
def test_a_ledger_that_may_not_be_written_is_refused(name, mode):
    box, sink, rider = scene()
    rider.fetch()
    count = later_mail(box)
    by = somebody_else(rider)
    path = os.path.join(rider.state, name)
    os.chmod(path, mode)
    before = octets(db_of(rider)) if os.getuid() == 0 else None
    refused(box, sink, rider, "state", "check who may write", by=by)
    if before is not None:
        equal(octets(db_of(rider)) == before, True, "the file is as it was")
    os.chmod(path, 0o600 if name else 0o700)
    rider.fetch(by=by)
    equal((box.messages, len(sink.accepted)), ([], count))


def mounted(rider, *options):
    """A small file system for the ledger."""
    os.makedirs(rider.state, 0o700, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", ",".join(("mode=700", *options)),
             "postrider-test", rider.state]
    if os.getuid() != 0 or subprocess.run(
            mount, capture_output=True, check=False).returncode != 0:
        tap.skip("only root, and where it may, can mount a file system")
    tap.cleanup(lambda: subprocess.run(["umount", rider.state], check=True))


def test_a_ledger_on_a_disk_that_is_read_only_is_refused():
    box, sink, rider = scene()
    mounted(rider)
    rider.fetch()
    count = later_mail(box)
    remount = ["mount", "-o", "remount,{}", rider.state]
    subprocess.run([w.format("ro") for w in remount], check=True)
    refused(box, sink, rider, rider.state, "Read-only", "check who may write")
    subprocess.run([w.format("rw") for w in remount], check=True)
    nothing_was_moved_twice(box, sink, rider, count)


def test_a_disk_that_is_really_full_stops_all_until_there_is_room():
    box, sink, rider = scene(8)
    mounted(rider, "size=1024k")
    filler = os.path.join(rider.state, "filler")
    stopped = 0
    for room in range(0, 512, 24):
        with open(filler, "wb") as file:
            with contextlib.suppress(OSError):
                file.write(b"x" * ((1024 - room) * 1024))
        result = rider.run("fetch")
        equal(len({mail.digest(m.content) for m in box.messages} |
                  set(sink.digests())), 8, "what still exists")
        os.unlink(filler)
        if result.status == OK:
            break
        stopped += 1
        equal(result.status, IO_ERROR, result.err)
        assert "make room" in result.err or "No space left" in result.err, \
            result.err
    assert stopped > 2, stopped
    twice = len(sink.accepted)
    rider.fetch()
    equal((box.messages, len(sink.accepted)), ([], twice))
    equal(len(set(sink.digests())), 8)


if __name__ == "__main__":
    tap.main()
