"""floors - what the servers can do when nobody stands between them: a POP3
client that asks for everything ahead and throws it away, and smtp-source.
They are no programs that somebody could use: they keep no promise.
"""
import socket
import ssl
import subprocess
import threading
import time

AHEAD = 64  # RETR commands without an answer
SESSIONS = 10  # of smtp-source


def connect(port, ca):
    sock = socket.create_connection(("127.0.0.1", port), 60)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if ca:
        context = ssl.create_default_context(cafile=ca)
        sock = context.wrap_socket(sock, server_hostname="localhost")
    return sock


def receive(sock):
    data = sock.recv(1 << 20)
    if not data:
        raise OSError("the POP3 server has closed the connection")
    return data


def status(line):
    if not line.startswith(b"+OK"):
        raise OSError(f"the POP3 server said {line}")


def status_lines(sock, count):
    """So many of them; returns the last, and what has come behind it."""
    data = b""
    while data.count(b"\r\n") < count:
        data += receive(sock)
    *lines, rest = data.split(b"\r\n", count)
    for line in lines:
        status(line)
    return lines[-1], rest


def until_dots(sock, data, wanted, each=lambda done: None):
    """Read so many answers of several lines and throw them away. Each ends with a
    dot on a line of its own, and no other line is like that. data: what has
    come already. each: told how many have come."""
    done = data.count(b"\r\n.\r\n")
    while done < wanted:
        tail = b"" if data.endswith(b"\r\n.\r\n") else data[-4:]
        data = tail + receive(sock)
        done += data.count(b"\r\n.\r\n")
        each(done)


def log_in(user, password):
    return f"USER {user}\r\nPASS {password}\r\nSTAT\r\n".encode()


def read_all(port, ca, user, password):
    """RETR of everything, ahead of the answers."""
    sock = connect(port, ca)
    status_lines(sock, 1)
    sock.sendall(log_in(user, password))
    count = int(status_lines(sock, 3)[0].split()[1])
    asked = 0

    def ask(done):
        nonlocal asked
        if asked < count and asked - done <= AHEAD // 2:
            upto = min(count, done + AHEAD)
            commands = [b"RETR %d\r\n" % n for n in range(asked + 1, upto + 1)]
            commands += [b"QUIT\r\n"] if upto == count else []
            sock.sendall(b"".join(commands))
            asked = upto

    ask(0)
    until_dots(sock, b"", count, ask)
    sock.close()


def list_all(port, ca, user, password):
    """Everything at once, after the greeting."""
    sock = connect(port, ca)
    status_lines(sock, 1)
    sock.sendall(log_in(user, password) + b"UIDL\r\nQUIT\r\n")
    until_dots(sock, status_lines(sock, 4)[1], 1)
    sock.close()


def read(task, idle):
    """Seconds to read the mail of all accounts, each in a thread; idle: to see
    what there is."""
    failed = []

    def work(account):
        try:
            (list_all if idle else read_all)(
                task.pop_port, task.ca if task.pop_tls else None, *account)
        except OSError as problem:
            failed.append(problem)

    began = time.monotonic()
    threads = [threading.Thread(target=work, args=(account,))
               for account in task.accounts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return time.monotonic() - began


def send(port, recipient, count, size, limit):
    """Seconds for smtp-source to send as many messages as long as the mean."""
    began = time.monotonic()
    subprocess.run(["smtp-source", "-4", "-d", "-s", str(min(SESSIONS, count)),
                    "-m", str(count), "-l", str(size), "-f",
                    "sender@friends.example", "-t", recipient,
                    f"127.0.0.1:{port}"], check=True, timeout=limit,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    return time.monotonic() - began
