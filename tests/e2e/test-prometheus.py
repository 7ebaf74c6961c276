"""A real Prometheus reads our metrics, takes our alert rules, and has an answer to
every question of our dashboard."""
import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import mail
import peers
import postrider
import tap
import watched
from postrider import wait_until
from tap import contains, each, equal

SOURCE = os.environ.get("POSTRIDER_SOURCE") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "../..")
CONTRIB = os.path.join(SOURCE, "contrib/prometheus")
RULES = "postrider.rules.yml"


def contrib(name):
    with open(os.path.join(CONTRIB, name), encoding="utf-8") as file:
        return file.read()


def need(program):
    if not shutil.which(program):
        tap.skip(f"{program} is not installed (Debian: prometheus)")


def promtool(*args, text=None, cwd=CONTRIB):
    need("promtool")
    return subprocess.run(["promtool", *args], input=text, text=True, cwd=cwd,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=tap.PATIENCE)


def expect(done, status=0):
    if done.returncode != status:
        raise AssertionError(f"promtool: {done.returncode}\n{done.stdout}")


def alerts():
    found = re.findall(r"- alert: (\w+)", contrib(RULES))
    assert len(found) >= 10, found
    return found


# --- promtool -------------------------------------------------------------------


@each(("rules", RULES), ("config", "prometheus.yml"))
def test_promtool_finds_nothing_wrong(kind, name):
    expect(promtool("check", kind, name))


def test_the_alerts_come_when_they_should_and_only_then():
    expect(promtool("test", "rules", "postrider.rules.test.yml"))


def test_an_alert_that_came_at_another_time_would_be_found():
    folder = tap.folder()
    for name in (RULES, "postrider.rules.test.yml"):
        text = contrib(name)
        if name == RULES:
            text = text.replace("for: 5m", "for: 30m")
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    done = promtool("test", "rules", "postrider.rules.test.yml", cwd=folder)
    expect(done, 1)
    contains(done.stdout, "PostriderDown")


def test_each_alert_is_tried_while_all_is_well_and_when_it_is_not():
    well, *ill = contrib("postrider.rules.test.yml").split("  - name: ")[1:]
    for alert in alerts():
        contains(well, f"alertname: {alert} }}")
        if not any(re.search(rf"alertname: {alert}\n +exp_alerts:\n +- ", t)
                   for t in ill):
            raise AssertionError(f"{alert} is never seen to come")


def test_promtool_has_nothing_to_say_of_the_metrics():
    need("promtool")
    served = world()
    served.do("poll")
    done = promtool("check", "metrics", text=served.ask("/metrics")[2])
    expect(done)
    equal(done.stdout.strip(), "")


# --- a real one ------------------------------------------------------------------


def world():
    """One account with mail, and one whose password is refused, as has been so
    for long."""
    box = peers.Pop3Server([mail.simple(1)])
    shut = peers.Pop3Server(replies={"PASS": "-ERR [AUTH] no"})
    rider = postrider.Postrider()
    rider.write([box.account("good", after_delivery="delete"),
                 shut.account("bad", auth="user")],
                {"home": peers.SmtpSink().destination()})
    served = watched.Served(rider)
    served.do("know good 60")
    served.do("know bad 20000")
    served.do("destination home up")
    return served


class Prometheus:
    """Debian's, with our settings, but in a hurry."""

    def __init__(self, target):
        need("prometheus")
        folder = tap.folder()
        self.port = free_port()
        settings = contrib("prometheus.yml")
        for old, new in (("127.0.0.1:9811", f"127.0.0.1:{target}"),
                         ("scrape_interval: 30s", "scrape_interval: 1s"),
                         ("evaluation_interval: 30s", "evaluation_interval: 1s")):
            contains(settings, old)
            settings = settings.replace(old, new)
        with open(os.path.join(folder, "prometheus.yml"), "w") as file:
            file.write(settings)
        shutil.copy(os.path.join(CONTRIB, RULES), folder)
        self.log = os.path.join(folder, "log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", "--config.file=prometheus.yml",
                 "--storage.tsdb.path=data", "--log.level=warn",
                 f"--web.listen-address=127.0.0.1:{self.port}"],
                cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        tap.cleanup(self.stop)
        wait_until(self.is_ready, 40, "Prometheus")

    def stop(self):
        # It would take its time to put its data in order, which go now.
        self.process.kill()
        self.process.wait()

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}",
                                    timeout=tap.PATIENCE) as answer:
            return answer.read()

    def is_ready(self):
        if self.process.poll() is not None:
            with open(self.log, errors="replace") as log:
                raise AssertionError(f"it has ended: {log.read()}")
        try:
            return bool(self.get("/-/ready"))
        except OSError:
            return False

    def api(self, path):
        answer = json.loads(self.get(f"/api/v1/{path}"))
        equal(answer["status"], "success", path)
        return answer["data"]

    def query(self, expression):
        try:
            return self.api("query?" + urllib.parse.urlencode(
                {"query": expression}))["result"]
        except urllib.error.HTTPError as refused:
            raise AssertionError(
                f"{expression}: {refused.read().decode()}") from None


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def questions():
    """What the dashboard asks for, with its variables filled in."""
    for panel in json.loads(contrib("postrider-dashboard.json"))["panels"]:
        for target in panel["targets"]:
            expression = target["expr"]
            for variable, value in (("$__rate_interval", "1m"),
                                    ("$job", "postrider"), ("$instance", ".+")):
                expression = expression.replace(variable, value)
            assert "$" not in expression, expression
            yield panel["title"], expression


def answer_all(prometheus):
    """Ask until there has been an answer to every question."""
    unanswered = dict(questions())
    assert len(unanswered) > 20

    def all_answered():
        for title, expression in list(unanswered.items()):
            if prometheus.query(expression):
                del unanswered[title]
        return not unanswered
    try:
        wait_until(all_answered, what="an answer")
    except AssertionError:
        raise AssertionError(f"no answer: {unanswered}") from None


def firing(prometheus):
    return {(a["labels"]["alertname"], a["labels"].get("account"))
            for a in prometheus.api("alerts")["alerts"]
            if a["state"] == "firing"}


def rules(prometheus):
    return prometheus.api("rules")["groups"][0]["rules"]


# One test, since it takes five seconds until a Prometheus begins to look.
def test_prometheus_reads_the_metrics_fills_the_dashboard_and_raises_alerts():
    served = world()
    prometheus = Prometheus(served.port)
    wait_until(lambda: prometheus.query('up{job="postrider"} == 1'),
               what="a first look at the metrics")
    target, = prometheus.api("targets")["activeTargets"]
    equal((target["health"], target["lastError"]), ("up", ""))
    # What counts up is seen to do so between two looks.
    time.sleep(1.5)
    served.do("poll")
    answer_all(prometheus)
    sample, = prometheus.query('postrider_verdicts_total{verdict="delivered"}')
    equal(sample["value"][1], "1")
    wait_until(lambda: ("PostriderAccountFails", "bad") in firing(prometheus),
               what="the alert")
    equal({account for _, account in firing(prometheus) if account}, {"bad"})
    equal([rule["name"] for rule in rules(prometheus)], alerts())
    wait_until(lambda: all(rule["health"] == "ok" for rule in rules(prometheus)),
               what="all rules to be well")


if __name__ == "__main__":
    tap.main()
