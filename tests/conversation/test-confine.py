"""A program that has confined itself: what it cannot do any more, and that it
moves mail all the same. By tests/kit/confined.c, as nothing else is there yet."""
import os
import re

import certificates
import mail
import peers
import postrider
import tap
from postrider import AUTH, OK
from tap import each, equal

CONFINED = os.environ.get("POSTRIDER_CONFINED", "tests/postrider-confined")


def confined(rider, *args, **how):
    return rider.start(*args, by=(CONFINED,), **how).wait()


def scene(contents=None, account=None, tls="implicit", **how):
    box = peers.Pop3Server(
        [mail.simple(n) for n in range(2)] if contents is None else contents,
        tls=tls, **how)
    sink = peers.SmtpSink(tls=tls)
    described = {**box.account(), **(account or {})}
    if "password_command" in described:
        del described["password"]
    rider = postrider.Postrider()
    rider.write([described], {"home": sink.destination()})
    return box, sink, rider


def tried(rider, *words):
    """{word: "allowed", or the name of an errno}."""
    result = confined(rider, "try", *words).expect(OK)
    return dict(line.rsplit(": ", 1) for line in result.out.splitlines())


def means(rider):
    """How the kernel confines: (version of Landlock, is there seccomp?)."""
    result = confined(rider, "try", "-v").expect(OK)
    found = re.search(r"event=confined landlock=(\d+) seccomp=(yes|no)",
                      result.err)
    return int(found[1]), found[2] == "yes"


def need(rider, landlock=0, seccomp=False):
    version, filtered = means(rider)
    if version < landlock:
        tap.skip(f"needs Landlock {landlock}, and this kernel has {version}")
    if seccomp and not filtered:
        tap.skip("built without libseccomp")


# --- what is refused -------------------------------------------------------------


def test_no_program_and_no_process_is_started():
    _, _, rider = scene()
    need(rider, seccomp=True)
    words = ["exec", "spawn"]
    # LeakSanitizer looks at a process from another one.
    if not postrider.is_sanitized(CONFINED):
        words.append("fork")
    equal(tried(rider, *words), {word: "EPERM" for word in words})


def test_what_administers_a_system_is_out_of_reach():
    _, _, rider = scene()
    need(rider, seccomp=True)
    words = ["mount:" + rider.state, "bpf", "keyctl", "uring", "setuid"]
    if not postrider.is_sanitized(CONFINED):
        words += ["ptrace", "signal"]
    equal(tried(rider, *words), {word: "EPERM" for word in words})


def test_sockets_are_of_the_usual_kinds_only():
    _, _, rider = scene()
    need(rider, seccomp=True)
    equal(tried(rider, "packets", "raw"),
          {"packets": "ENOSYS", "raw": "ENOSYS"})


def test_nothing_is_typed_on_the_terminal():
    _, _, rider = scene()
    need(rider, seccomp=True)
    result = confined(rider, "try", "type", terminal=True)
    tap.contains(result.out, "type: ENOSYS")


def outside():
    """A folder that the settings know nothing of, with a file."""
    folder = tap.folder()
    path = os.path.join(folder, "file")
    with open(path, "w") as file:
        file.write("something\n")
    return folder, path


def test_files_outside_cannot_be_read():
    _, _, rider = scene()
    need(rider, landlock=1)
    folder, path = outside()
    words = ["read:" + path, "list:" + folder, "list:/", "thread"]
    equal(tried(rider, *words), {word: "EACCES" for word in words})


def test_files_outside_cannot_be_changed():
    _, _, rider = scene()
    need(rider, landlock=3)
    folder, path = outside()
    words = ["write:" + path, f"write:{folder}/new", "remove:" + path,
             "truncate:" + path, "write:" + rider.config,
             "write:/etc/postrider-test"]
    equal(tried(rider, *words), {word: "EACCES" for word in words})
    with open(path) as file:
        equal(file.read(), "something\n")
    equal(os.listdir(folder), ["file"])


def test_a_link_leads_out_of_nothing():
    _, _, rider = scene()
    need(rider, landlock=1)
    _, path = outside()
    link = os.path.join(rider.folder, "link")
    os.symlink(path, link)
    equal(tried(rider, "read:" + link), {"read:" + link: "EACCES"})


def test_the_memory_of_the_helper_is_closed():
    _, _, rider = scene()
    need(rider, landlock=1)
    equal(tried(rider, "helper"), {"helper": "EACCES"})


def test_the_helper_runs_no_command_but_those_of_the_settings():
    _, _, rider = scene(account={"password_command": "echo secret",
                                 "on_mail": "true # mail",
                                 "on_error": "true # error"})
    equal(tried(rider, "command:echo secret", "command:true # mail",
                "command:true # error", "command:echo secret ",
                "command:true"),
          {"command:echo secret": "allowed", "command:true # mail": "allowed",
           "command:true # error": "allowed", "command:echo secret ": "EPERM",
           "command:true": "EPERM"})


def written(rider, name, accounts_text):
    """Another settings file, beside the one in force."""
    with open(rider.config) as file:
        text = file.read()
    path = os.path.join(rider.folder, name)
    with open(path, "w") as file:
        file.write(accounts_text(text))
    os.chmod(path, 0o600)
    return path


def test_the_helper_learns_of_commands_in_settings_that_were_written_since():
    _, _, rider = scene(account={"password_command": "echo old"})
    change = f"cp {rider.folder}/later {rider.config}"
    rider.write_text(written_text(rider, "echo old", change))
    written(rider, "later", lambda text: text.replace(change, "echo new"))
    equal(tried(rider, "command:echo new", "command:" + change,
                "command:echo new", "command:" + change),
          {"command:echo new": "allowed", "command:" + change: "EPERM"})


def test_while_settings_are_wrong_the_commands_of_before_are_run():
    _, _, rider = scene(account={"password_command": "echo old"})
    change = f"cp {rider.folder}/later {rider.config}"
    rider.write_text(written_text(rider, "echo old", change))
    written(rider, "later",
            lambda text: text.replace(change, "echo new").replace("pop3", "pop4"))
    equal(tried(rider, "command:" + change, "command:echo new",
                "command: " + change, "command:" + change),
          {"command:" + change: "allowed", "command:echo new": "EPERM",
           "command: " + change: "EPERM"})


def written_text(rider, old, new):
    with open(rider.config) as file:
        return file.read().replace(old, new)


# --- what is left ----------------------------------------------------------------


def test_what_moving_mail_takes_is_left():
    _, _, rider = scene()
    words = ["timer", "name:localhost", "read:" + rider.config,
             "read:/etc/passwd", "read:/proc/self/status", "read:/dev/urandom",
             "write:/dev/null", f"write:{rider.state}/new",
             f"remove:{rider.state}/new"]
    equal(tried(rider, *words), {word: "allowed" for word in words})


@each("a file", "a link to one elsewhere")
def test_a_secret_that_was_replaced_can_be_read(before):
    """By a new file of that name, as programs that write secrets do it."""
    _, _, rider = scene()
    path = os.path.join(tap.folder(), "isp")
    replace = f"echo new >{path}.new; chmod 600 {path}.new; mv {path}.new {path}"
    old = path if before == "a file" else os.path.join(tap.folder(), "old")
    with open(old, "w") as file:
        file.write("old\n")
    os.chmod(old, 0o600)
    if old != path:
        os.symlink(old, path)
    box = peers.Pop3Server([])
    rider.write([{k: v for k, v in {
        **box.account(), "on_mail": replace, "password_file": path}.items()
        if k != "password"}], {"home": peers.SmtpSink().destination()})
    words = ["read:" + old, "command:" + replace, "read:" + path]
    equal(tried(rider, *words), {word: "allowed" for word in words})
    with open(path) as file:
        equal(file.read(), "new\n")


def test_other_settings_are_taken_unless_they_need_files_out_of_reach():
    _, _, rider = scene(tls=None)
    folder, path = outside()
    os.chmod(path, 0o600)
    inside = rider.secret("secret", "secret-2")
    near = written(rider, "near", lambda text: text.replace(
        'password = "secret"', f'password_file = "{inside}"'))
    far = written(rider, "far", lambda text: text.replace(
        'password = "secret"', f'password_file = "{path}"'))
    include = written(rider, "include",
                      lambda text: text + f'@include "{path}"\n')
    words = ["settings:" + p for p in (near, far, include)]
    result = confined(rider, "try", *words).expect(OK)
    found = dict(line.rsplit(": ", 1) for line in result.out.splitlines())
    equal(found[words[0]], "allowed")
    if not means(rider)[0]:
        tap.skip("no Landlock in this kernel")
    equal((found[words[1]], found[words[2]]), ("EACCES", "ENOENT"))
    tap.contains(result.err, f"{path} is in a folder that postrider gave up "
                 "reading when it started; restart it")
    tap.contains(result.err, f"{path} cannot be read: Permission denied")


def login(account, rider):
    """One of the ways to a password."""
    if account == "file":
        return {"password_file": rider.secret("secret", "secret-1")}
    return {account: {"password": "secret",
                      "password_command": "printf 'secret\\n'"}[account]}


@each(("implicit", "password"), ("starttls", "password_command"),
      ("none", "password_command"), ("implicit", "file"))
def test_mail_is_fetched(tls, source):
    box, sink, rider = scene(tls=tls)
    account = {key: value for key, value in box.account().items()
               if not key.startswith("password")}
    rider.write([{**account, **login(source, rider),
                  "after_delivery": "delete"}],
                {"home": sink.destination()})
    confined(rider, "fetch").expect(OK)
    equal(len(sink.accepted), 2)
    equal(rider.counts(), {"delete_owed": 2})
    confined(rider, "fetch").expect(OK)
    equal(rider.counts(), {"gone": 2})


def test_many_mailboxes_are_fetched_side_by_side():
    boxes = [peers.Pop3Server([mail.simple(n * 10 + i) for i in range(3)],
                              tls=None) for n in range(6)]
    sink = peers.SmtpSink(tls="implicit")
    rider = postrider.Postrider()
    accounts = []
    for n, box in enumerate(boxes):
        account = box.account(name=f"box{n}", password_command="echo secret")
        accounts.append({k: v for k, v in account.items() if k != "password"})
    rider.write(accounts, {"home": sink.destination()})
    confined(rider, "fetch").expect(OK)
    equal(len(sink.accepted), 18)


def test_a_password_command_that_fails_is_told():
    box, sink, rider = scene(account={"password_command": "exit 3"})
    result = confined(rider, "fetch").expect(AUTH)
    tap.contains(result.err, "exit status 3")
    equal(box.commands, [])


def test_a_big_mailbox_is_listed_and_remembered():
    box, sink, rider = scene([mail.simple(n) for n in range(300)],
                             account={"fetch_limit": 5})
    confined(rider, "fetch").expect(OK)
    equal(len(sink.accepted), 5)


def test_certificates_of_the_system_are_found():
    """And do not fit: all that could be read says so."""
    box, sink, rider = scene()
    account = {k: v for k, v in box.account().items() if k != "ca_file"}
    rider.write([account], {"home": sink.destination()})
    result = confined(rider, "fetch")
    tap.contains(result.err, "is not trusted here")
    own = certificates.shared().ca
    confined(rider, "fetch", env={"SSL_CERT_FILE": own}).expect(OK)
    equal(len(sink.accepted), 2)


def test_settings_in_other_folders_are_read():
    box, sink, rider = scene()
    more = tap.folder()
    one = {**box.account()}
    rider.write_text(
        f'state = "{rider.state}";\naccounts_dir = "{more}";\n'
        f"destinations = {postrider.value({'home': sink.destination()})};\n")
    with open(os.path.join(more, "one.conf"), "w") as file:
        file.write("".join(f"{k} = {postrider.value(v)};\n"
                           for k, v in one.items()))
    os.chmod(os.path.join(more, "one.conf"), 0o600)
    confined(rider, "fetch").expect(OK)
    equal(len(sink.accepted), 2)


def test_a_password_can_be_asked_for_on_the_terminal():
    box, sink, rider = scene()
    account = {k: v for k, v in box.account().items() if k != "password"}
    rider.write([account], {"home": sink.destination()})
    running = rider.start("fetch", by=(CONFINED,), terminal=True)
    postrider.wait_until(lambda: "(account ann): " in running.shown())
    running.type("secret")
    running.wait().expect(OK)
    equal(len(sink.accepted), 2)
    assert "secret" not in running.shown()


def test_settings_that_are_a_link_are_read_again():
    box, sink, rider = scene()
    target = os.path.join(tap.folder(), "target.conf")
    os.rename(rider.config, target)
    os.symlink(target, rider.config)
    confined(rider, "fetch").expect(OK)
    equal(len(sink.accepted), 2)


if __name__ == "__main__":
    tap.main()
