"""mail - deterministic messages, and what must have become of them on arrival.

A message is its octets as a mailbox holds them. canonical() says, independently
of the program, how SMTP carries them: CRLF line ends, no bare CR or LF, and the
Return-Path, which becomes the envelope, taken off.
"""
import base64
import hashlib
import random
import re

WORDS = ("postrider horn valley letter coast dawn saddle road inn stamp wax seal "
         "bridge toll lantern market").split()
DATE = "Tue, 14 Nov 2023 22:13:20 +0000"


def head(number, extra=b"", sender=True):
    lines = [f"Return-Path: <sender{number}@friends.example>"] if sender else []
    lines += [
        "Received: from mx.friends.example (mx.friends.example [192.0.2.1])",
        f"\tby pop.kit.test with ESMTP id {number:08x}; {DATE}",
        f"From: Friend {number} <sender{number}@friends.example>",
        "To: somebody@kit.test",
        f"Subject: Letter {number}",
        f"Date: {DATE}",
        f"Message-ID: <{number}.letter@friends.example>",
    ]
    return "".join(line + "\r\n" for line in lines).encode() + extra


def simple(number, body=b"Hello.\r\n", **kind):
    """A whole message."""
    return head(number, **kind) + b"\r\n" + body


def text(rng, octets):
    """Lines of about `octets` in all, with dots, 8-bit and long ones among them."""
    lines, size = [], 0
    while size < octets:
        roll = rng.random()
        if roll < 0.02:
            line = b"." * rng.randint(1, 3)
        elif roll < 0.03:
            line = b"x" * 998
        elif roll < 0.06:
            line = "Grüße aus Köln".encode("utf-8") + b" \xe4\xf6\xfc\xff"
        elif roll < 0.10:
            line = b""
        else:
            line = " ".join(rng.choices(WORDS, k=10)).encode()
        lines.append(line + b"\r\n")
        size += len(line) + 2
    return b"".join(lines)


def attachment(rng, octets):
    """Base64 in lines of 76, about `octets` long."""
    return base64.encodebytes(rng.randbytes(octets // 78 * 57)).replace(
        b"\n", b"\r\n")


def mixed(count, seed=1):
    """A mailbox as people have them: most of it text of 2 to 20 KB, a fifth
    attachments of 100 KB to 1 MB, one in a hundred of 8 to 12 MB."""
    rng = random.Random(seed)
    for number in range(count):
        roll = rng.random()
        if number % 100 == 50:
            body = attachment(rng, rng.randint(8 << 20, 12 << 20))
        elif number % 100 == 7:
            body = b""
        elif roll < 0.19:
            body = attachment(rng, int(100_000 * 10 ** rng.random()))
        else:
            body = text(rng, int(2_000 * 10 ** rng.random()))
        yield simple(number, body)


# Content that has tripped programs like ours. Real servers keep these as they
# are, apart from what canonical() does ...
ODD = {
    "an empty body": simple(1, b""),
    "dots": simple(2, b".\r\n..\r\n...\r\n.x\r\n. \r\n.\r\nafter\r\n"),
    "only a dot": simple(3, b".\r\n"),
    "8-bit octets": simple(4, bytes(range(128, 256)) + b"\r\n"),
    "lines of 998 octets": simple(5, (b"x" * 998 + b"\r\n") * 3 +
                                  b"." + b"y" * 997 + b"\r\n"),
    "empty lines": simple(6, b"\r\n\r\n\r\n\r\n"),
    "words of protocols": simple(7, b"QUIT\r\nDATA\r\nRSET\r\n+OK\r\n-ERR\r\n"
                                 b"250 ok\r\nFrom the start\r\n>From here\r\n"),
    "blanks at line ends": simple(8, b" \t trailing \t \r\n \r\n"),
    "an 8-bit header": simple(9, extra=b"X-Raw: Gr\xc3\xbc\xc3\x9fe \xff\r\n"),
    "folded headers": simple(10, extra=b"X-Folded: a\r\n b\r\n\tc\r\n   d\r\n"),
    "hidden recipients": simple(11, extra=b"Bcc: hidden@friends.example\r\n"
                                b"Resent-Bcc: hidden@friends.example\r\n"),
    "addresses without a domain": simple(12, extra=b"Cc: undisclosed, "
                                         b"bare, Q. <q@friends.example>\r\n"),
    "headers of mbox": simple(13, extra=b"Status: RO\r\nX-Status: A\r\n"
                              b"Content-Length: 99\r\n"),
    "another Return-Path further down": simple(
        14, b"Return-Path: <in@the.body>\r\n"),
    "no Return-Path": simple(15, sender=False),
    "many headers": simple(16, extra=b"X-Many: 1\r\n" * 500),
}

# ... and these they repair or refuse, so that only an exact sink can tell.
ODDER = {
    "no final line end": simple(101, b"the end"),
    "a bare LF": simple(102, b"one\ntwo\n\nthree\r\n"),
    "a bare LF before a dot": simple(103, b"one\n.\r\ntwo\n.\nthree\r\n.\nx\r\n"),
    "a bare CR": simple(104, b"one\rtwo\r\r\nthree\r\n"),
    "a bare CR at the end": simple(105, b"one\r"),
    "NUL": simple(106, b"a\0b\0\0\r\n\0"),
    "a line of 100000 octets": simple(107, b"x" * 100000 + b"\r\n"),
    "a header line of 3000 octets": simple(108, extra=b"X-Long: " + b"y" * 3000 +
                                           b"\r\n"),
    "no empty line": head(109),
    "no header": b"\r\njust a body\r\n",
    "a broken header": simple(111, extra=b"this line is no header\r\n"),
    "nothing but a Return-Path": b"Return-Path: <a@b.example>\r\n\r\n",
    "a smuggled end": simple(113, b"x\n.\nMAIL FROM:<evil@x>\r\ny\r\n.\rz\r\n"),
    "all octets": simple(114, bytes(range(256)) * 300),
}


def canonical(message):
    """The octets that SMTP carries for a message, its Return-Path gone."""
    data = re.sub(rb"\r(?!\n)", b" ", message)
    data = re.sub(rb"(?<!\r)\n", b"\r\n", data)
    if data and not data.endswith(b"\r\n"):
        data += b"\r\n"
    end = 0 if data.startswith(b"\r\n") else data.find(b"\r\n\r\n") + 2
    header = data[:end] if end != 1 else data
    found = re.search(rb"(?im)^return-path:[^\r]*\r\n(?:[ \t][^\r]*\r\n)*",
                      header)
    if found:
        data = data[:found.start()] + data[found.end():]
    return data


def digest(message):
    return hashlib.sha256(canonical(message)).hexdigest()


FIELD = re.compile(rb"[^ \t\r\n:]+:[^\n]*\n(?:[ \t][^\n]*\n)*")
OURS = re.compile(rb"Received: from \S+ by \S+ with POP3S? id ")


def split_trace(data):
    """(our Received field, what stands below it), or fail. Above it are only
    the fields of the servers that it has passed since."""
    at = 0
    while field := FIELD.match(data, at):
        at = field.end()
        if OURS.match(b" ".join(field[0].split())):
            return field[0], data[at:]
    raise AssertionError(f"no trace header of ours in {data[:500]!r}")


def trace_id(data):
    """The id in our Received field."""
    return re.search(rb"\bid\s+([a-z2-7]{8}\.[a-z2-7]{20})",
                     split_trace(data)[0])[1].decode()


def arrived_content(data):
    """What is below our trace header, with CRLF line ends, however stored."""
    _, content = split_trace(data)
    if b"\r\n" not in content:
        content = content.replace(b"\n", b"\r\n")
    return content


def arrived_digest(data):
    """SHA-256 below our trace header, over CRLF line ends, however stored."""
    return hashlib.sha256(arrived_content(data)).hexdigest()
