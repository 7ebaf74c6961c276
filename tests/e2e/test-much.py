"""Much mail, and large mail, through real servers."""
import hashlib
import os
import random

import mail
import postrider
import servers
import tap
from tap import each, equal

COUNT = 1000
LARGE = 200 << 20
MEMORY_KIB = 16 << 10


def arrived_digests(files):
    found = []
    for path in files:
        with open(path, "rb") as file:
            found.append(mail.arrived_digest(file.read()))
    return sorted(found)


def contents(files):
    for path in files:
        with open(path, "rb") as file:
            yield file.read()


def little_memory(result):
    print(f"# most memory: {result.peak_kib} KiB")
    if not os.environ.get("SANITIZERS"):
        assert 0 < result.peak_kib < MEMORY_KIB, f"{result.peak_kib} KiB"


def mixed_mailbox(s):
    """A mailbox of mixed mail, and the digests of what is in it."""
    user = s.user()
    wanted = []
    for message in mail.mixed(COUNT):
        s.put(user, [message])
        wanted.append(mail.digest(message))
    return user, sorted(wanted)


@tap.limit(280)
@each("keep", "delete")
def test_a_thousand_messages_arrive_once_and_unchanged(after):
    s = servers.started()
    user, wanted = mixed_mailbox(s)
    rider = postrider.Postrider()
    rider.write([s.account(user, after_delivery=after)],
                {"home": s.destination()})
    result = rider.fetch()
    files = s.arrived(user, COUNT)
    equal(len(files), COUNT)
    equal(arrived_digests(files) == wanted, True, "every digest as it was")
    rider.proves(contents(files))
    equal(s.left(user), COUNT if after == "keep" else 0)
    second = rider.fetch()
    equal((second.out, second.err), ("", ""))
    equal(len(s.arrived(user, 0)), COUNT)
    little_memory(result)
    for path in files:
        os.unlink(path)


def large_message():
    """Blocks of whole lines, 200 MB of them."""
    yield mail.simple(1, b"")
    block = mail.attachment(random.Random(1), 1 << 20)
    for _ in range(LARGE // len(block)):
        yield block


@tap.limit(200)
@each("smtp", "lmtp")
def test_two_hundred_megabytes_pass_in_little_memory(kind):
    s = servers.started()
    user, target = s.user(), s.user()
    s.put_blocks(user, large_message())
    rider = postrider.Postrider()
    rider.write(
        [s.account(user, recipient=f"{target}@kit.test",
                   after_delivery="delete")],
        {"home": s.destination() if kind == "smtp" else
         {"lmtp": s.lmtp_socket}})
    result = rider.fetch()
    if kind == "smtp":
        files = s.arrived(target, 1)
    else:
        files = s.files(f"{s.folder}/mail/{target}")
    equal(len(files), 1)
    equal(digest_of_file(files[0]), digest_of_blocks(large_message()))
    equal(rider.query("SELECT lower(hex(digest)) FROM message"),
          [(digest_of_file(files[0]),)], "proof")
    equal(s.left(user), 0)
    little_memory(result)


def digest_of_blocks(blocks):
    """What mail.digest() says, for a message that is not whole in memory."""
    found = hashlib.sha256()
    for n, block in enumerate(blocks):
        found.update(mail.canonical(block) if n == 0 else block)
    return found.hexdigest()


def digest_of_file(path):
    found = hashlib.sha256()
    with open(path, "rb") as file:
        _, first = mail.split_trace(file.read(1 << 16) + file.readline())
        found.update(first.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
        while block := file.read(1 << 20) + file.readline():
            found.update(block.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    return found.hexdigest()


if __name__ == "__main__":
    tap.main()
