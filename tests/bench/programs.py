"""programs - how each program is told what to do. A function for each writes its
settings into a folder and returns the command; it raises CannotDo where the
program cannot do what a scenario asks for. All get what suits them best there.
"""
import dataclasses
import functools
import os
import shutil
import subprocess

POSTRIDER = os.environ.get("POSTRIDER", "src/postrider")


class CannotDo(Exception):
    pass


@dataclasses.dataclass
class Task:
    folder: str  # for settings and state; emptied before each run but idle ones
    host: str
    pop_port: int
    pop_tls: bool
    smtp_port: int
    smtp_tls: bool
    ca: str
    recipient: str
    accounts: list  # of (user, password)
    delete: bool  # what was delivered is deleted
    prime: bool  # nothing is delivered: only get to know what is there

    def write(self, name, lines):
        path = os.path.join(self.folder, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
                  "w") as file:
            file.write("\n".join(lines) + "\n")
        return path


@functools.cache
def settings_of_postrider():
    """What its manual says, so that an older one can be measured, too."""
    return subprocess.run([POSTRIDER, "config", "man"], check=True, text=True,
                          capture_output=True).stdout


def postrider(task):
    yes_no = {True: "starttls", False: "none"}
    many = [f"{name} = 200;" for name in ("max_polls", "max_polls_per_server")
            if name in settings_of_postrider()]
    accounts = ",\n".join(
        f'  {{ name = "{user}"; user = "{user}"; password = "{password}"; }}'
        for user, password in task.accounts)
    path = task.write("postrider.conf", [
        f'state = "{task.folder}/state";',
        *many,
        f'destinations = {{ home = {{ smtp = "{task.host}";'
        f' port = {task.smtp_port}; tls = "{yes_no[task.smtp_tls]}";'
        f' ca_file = "{task.ca}"; }}; }};',
        f'defaults = {{ destination = "home"; recipient = "{task.recipient}";'
        f' pop3 = "{task.host}"; port = {task.pop_port};'
        f' tls = "{"implicit" if task.pop_tls else "none"}";'
        f' ca_file = "{task.ca}";'
        f' first_poll = "{"none" if task.prime else "all"}";'
        f' after_delivery = "{"delete" if task.delete else "keep"}"; }};',
        f"accounts = (\n{accounts}\n);"])
    return [POSTRIDER, "--config", path, "fetch", "-q"]


def fetchmail(task):
    if task.smtp_tls:
        raise CannotDo("it has no STARTTLS for SMTP")
    tls = (f"ssl sslproto 'TLS1.2+' sslcertck sslcertfile {task.ca}"
           if task.pop_tls else "sslproto ''")
    # All sizes by one LIST, where it would ask for each by itself.
    options = ["fetchsizelimit 0", tls,
               "no keep fetchall" if task.delete else "keep"]
    if task.prime:
        options.append(f"bsmtp '{task.folder}/bsmtp'")
    lines = ["set no bouncemail", f"set idfile '{task.folder}/ids'",
             f"set pidfile '{task.folder}/pid'",
             f"poll {task.host} service {task.pop_port} protocol pop3"
             f" auth password no dns {'' if task.delete else 'uidl'}"]
    for user, password in task.accounts:
        lines.append(f"  user {user} password '{password}' is"
                     f" '{task.recipient}' here smtphost"
                     f" '{task.host}/{task.smtp_port}' {' '.join(options)}")
    path = task.write("fetchmailrc", lines)
    return ["fetchmail", "--nodetach", "--silent", "--nosyslog", "-f", path]


def fdm(task):
    if task.smtp_tls:
        raise CannotDo("it has no STARTTLS for SMTP")
    # Its children fetch and deliver as somebody else.
    spool = os.path.join(task.folder, "tmp")
    os.makedirs(spool, exist_ok=True)
    for folder in (task.folder, spool):
        os.chmod(folder, 0o777)
    action = ("drop" if task.prime else
              f'smtp server "{task.host}" port {task.smtp_port}'
              f' from "sender@friends.example" to "{task.recipient}"')
    lines = ['set default-user "nobody"', f'set lock-file "{task.folder}/lock"',
             "set maximum-size 1G"]
    if task.pop_tls:
        lines.append("set verify-certificates")
    lines.append(f'action "out" {action}')
    for user, password in task.accounts:
        lines.append(
            f'account "{user}" {"pop3s" if task.pop_tls else "pop3"} server'
            f' "{task.host}" port {task.pop_port} user "{user}" pass'
            f' "{password}" new-only cache "{task.folder}/{user}.cache" no-apop'
            f' {"" if task.delete else "keep"}')
    path = task.write("fdm.conf", lines + ['match all action "out"'])
    return ["env", f"TMPDIR={spool}", f"SSL_CERT_FILE={task.ca}", "fdm", "-q",
            "-f", path, "fetch"]


def mpop(task):
    """It has no SMTP: it starts msmtp for each message, as its manual says."""
    tls = ["tls off"]
    if task.pop_tls:
        tls = ["tls on", "tls_starttls off", f"tls_trust_file {task.ca}"]
    smtp_tls = "--tls=off"
    if task.smtp_tls:
        smtp_tls = f"--tls=on --tls-starttls=on --tls-trust-file={task.ca}"
    delivery = (f"mbox {task.folder}/mbox" if task.prime else
                f'mda "msmtp --file=/dev/null --host={task.host}'
                f" --port={task.smtp_port} {smtp_tls} --from='%F' --"
                f' {task.recipient}"')
    if not task.prime and not shutil.which("msmtp"):
        raise CannotDo("it needs msmtp, which is not installed")
    lines = ["defaults", f"host {task.host}", f"port {task.pop_port}",
             "auth user", "pipelining on",
             f"keep {'off' if task.delete else 'on'}",
             f"uidls_file {task.folder}/uids-%U", f"delivery {delivery}", *tls]
    for user, password in task.accounts:
        lines += [f"account {user}", f"user {user}", f"password {password}"]
    return ["mpop", "--quiet", f"--file={task.write('mpoprc', lines)}",
            "--all-accounts"]


PROGRAMS = {function.__name__: function
            for function in (postrider, fetchmail, fdm, mpop)}
# What a program that found nothing new says.
NOTHING_NEW = {"fetchmail": 1}


def installed(name):
    if name == "postrider":
        return bool(shutil.which(POSTRIDER))
    return bool(shutil.which(name))
