#!/usr/bin/env python3
"""The deployment in containers, run for real: `tests/containers.py [--build]`. Needs a container engine and Compose.

From `up --wait` a message reaches a row and a card. Then every container is crashed in turn while messages are being
posted; all of them come back by themselves, and nothing is lost and nothing happens twice. The same with three replicas
of room-state and two of feishu-alerter. `down` takes less than three seconds.

It has a project, ports, volumes and secrets of its own and removes them at the end. DOCKER and COMPOSE name the programs.
A crash is SIGKILL from outside: `docker kill` would tell the engine that somebody wants the container to stay down.
"""

import collections
import datetime
import itertools
import json
import os
import shlex
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DOCKER = shlex.split(os.environ.get("DOCKER", "docker"))
COMPOSE = shlex.split(os.environ.get("COMPOSE", "docker compose"))
PROJECT = "huiyin-test"
PORTS = {
    "HUIYIN_WEBHOOK_PORT": "18080",
    "HUIYIN_CALLBACK_PORT": "18081",
    "HUIYIN_BOARD_PORT": "18082",
    "HUIYIN_PAGE_PORT": "18400",
}
WEBHOOK = f"http://127.0.0.1:{PORTS['HUIYIN_WEBHOOK_PORT']}/v1/messages"
PAGE = f"http://127.0.0.1:{PORTS['HUIYIN_PAGE_PORT']}"
IMAGE = os.environ.get("HUIYIN_IMAGE", "huiyin:local")

# What is not crashed: the simulators stand for Vika and Feishu, whose memory is not ours to lose.
OUTSIDE = ["simulators"]
ROOMS_A_ROUND = 4
POST_EVERY = 0.2  # seconds between two messages
UP_LIMIT = 300  # seconds
BACK_LIMIT = 90
SETTLE_LIMIT = 180
DOWN_LIMIT = 3.0


def say(text):
    print(f"{datetime.datetime.now():%H:%M:%S} {text}", flush=True)


class Deployment:
    """A project of Compose with its own secrets and ports."""

    def __init__(self, secrets):
        self.secrets = secrets
        self.environment = {**os.environ, **PORTS, "HUIYIN_SECRETS": secrets, "HUIYIN_CONFIG_FILE": "./config/demo.json"}

    def compose(self, *words, limit=UP_LIMIT):
        command = [*COMPOSE, "-p", PROJECT, "--profile", "demo", *words]
        ran = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=limit)
        if ran.returncode != 0:
            sys.exit(f"{shlex.join(words)} ended with {ran.returncode}:\n{ran.stdout[-2000:]}{ran.stderr[-4000:]}")
        return ran.stdout

    def timed(self, *words):
        begin = time.monotonic()
        self.compose(*words)
        return time.monotonic() - begin

    def secret(self, name):
        with open(os.path.join(self.secrets, name)) as file:
            return file.read().strip()

    def containers(self, service):
        return self.compose("ps", "-q", service).split()

    def sql(self, query):
        """Rows of a query, asked within the database's container."""
        login = 'PGPASSWORD="$(cat /run/secrets/postgres_admin)" exec psql -h 127.0.0.1 -U postgres -d huiyin -qtA -F "\t" -c "$0"'
        answer = docker("exec", self.containers("postgres")[0], "sh", "-c", login, query)
        return [line.split("\t") for line in answer.splitlines()]


def docker(*words):
    return subprocess.run([*DOCKER, *words], check=True, capture_output=True, text=True, timeout=120).stdout


def inspect(container, template):
    return docker("inspect", "-f", template, container).strip()


def call(url, body=None, token=None, limit=20):
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data=data, headers=headers)
    with urllib.request.urlopen(request, timeout=limit) as answer:
        return json.load(answer)


def until(what, limit, look):
    """Waits for a true value."""
    begin = time.monotonic()
    while True:
        try:
            found, trouble = look(), None
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            found, trouble = None, error
        if found:
            return found, time.monotonic() - begin
        if time.monotonic() - begin > limit:
            sys.exit(f"{what}: not within {limit} s {trouble or ''}")
        time.sleep(0.25)


def long_running(deployment):
    """Every service that Compose keeps running, without those that play the outside world."""
    services = json.loads(deployment.compose("config", "--format", "json"))["services"]
    return [name for name, service in services.items() if service.get("restart") != "no" and name not in OUTSIDE]


def topic(room):
    return f"示例公司-{room}"


class Customers:
    """Post messages without pause, each as often as it takes until it is accepted. Their ids are what has to arrive."""

    def __init__(self, token):
        self.token, self.accepted, self.retries = token, [], 0
        self.numbers, self.rounds = itertools.count(1), itertools.count(1)

    def post(self, room, sender, text, staff=False):
        name = f"m-{next(self.numbers)}"
        now = datetime.datetime.now(datetime.timezone.utc).isoformat()
        row = {
            "source": "webhook", "account": "main", "id": name, "room": {"id": room, "topic": topic(room)},
            "sender": {"id": sender, "name": "林小样" if staff else sender, "corporation": "示例公司" if staff else "", "coworker": staff},
            "sent_at": now, "kind": "text", "text": text, "mentions": [], "quote": None, "history": False,
        }
        while True:
            try:
                answer = call(WEBHOOK, row, self.token)
            except OSError:
                self.retries += 1
                time.sleep(0.2)
                continue
            if answer["rejected"]:
                sys.exit(f"refused: {answer}")
            self.accepted.append((room, name, staff))
            return

    def talk(self, rooms, stop):
        for room in rooms:
            self.post(room, "staff", "大家好", staff=True)
        for room in itertools.cycle(rooms):
            self.post(room, f"客户{room}", "在吗？想问一下价格")
            if stop.wait(POST_EVERY):
                return

    def round(self, work):
        """Posts in rooms of their own while `work` is done."""
        number = next(self.rounds)
        rooms = [f"r{number}-{room}" for room in range(ROOMS_A_ROUND)]
        stop = threading.Event()
        thread = threading.Thread(target=self.talk, args=(rooms, stop))
        thread.start()
        try:
            return work()
        finally:
            stop.set()
            thread.join()


def crash(deployment, service):
    """Kills process 1 of a container from outside, and waits until the engine has brought it back to health."""
    container = deployment.containers(service)[0]
    pid, before = inspect(container, "{{.State.Pid}} {{.RestartCount}}").split()
    killer = ["run", "--rm", "--pid=host", "--user=0", "--network=none", "--cap-add=KILL", IMAGE, "sh", "-c", f"kill -9 {pid}"]
    begin = time.monotonic()
    docker(*killer)
    back = lambda: inspect(container, "{{.RestartCount}} {{.State.Health.Status}}") == f"{int(before) + 1} healthy"
    until(f"{service} is back", BACK_LIMIT, back)
    return time.monotonic() - begin


def table(state, name):
    sheet = next(sheet for sheet in state["sheets"]["sheets"] if sheet["name"] == name)
    columns = [column["name"] for column in sheet["columns"]]
    return [dict(zip(columns, row["cells"])) for row in sheet["rows"]]


def rows_agree(state, expected):
    """Every room has one row in 今日群聊, and it counts exactly the messages that were accepted."""
    rows = collections.defaultdict(list)
    for row in table(state, "今日群聊"):
        number = lambda column: int(float(row[column] or 0))
        rows[row["完整群聊名"]].append([number("顾客总回复数"), number("售前总回复数")])
    for room, count in expected.items():
        if rows[topic(room)] != [count]:
            raise ValueError(f"{topic(room)}: expected {count}, the rows say {rows[topic(room)]}")
    return True


def settled(deployment, customers):
    """Nothing is lost and nothing happened twice."""
    expected = collections.defaultdict(lambda: [0, 0])
    for room, _, staff in customers.accepted:
        expected[room][staff] += 1
    _, took = until("the tables count every message", SETTLE_LIMIT, lambda: rows_agree(call(f"{PAGE}/api/state"), expected))
    stored = deployment.sql("select entry from timeline where room like 'webhook:%' and kind = 'message'")
    if sorted(row[0] for row in stored) != sorted(f"webhook:main:{name}" for _, name, _ in customers.accepted):
        sys.exit(f"{len(customers.accepted)} messages were accepted, {len(stored)} are stored")
    opened = deployment.sql("select count(*) from waits where room like 'webhook:%' and replaced_by is null and state <> 'void'")
    asked = sum(1 for customer, _ in expected.values() if customer)
    if opened != [[str(asked)]]:
        sys.exit(f"{asked} customers wait, stored are {opened} waits")
    if deployment.sql("select 1 from notifications where state in ('parked', 'failed')"):
        sys.exit("cards were not delivered")
    return took


def cards_agree(deployment):
    """What stands in Feishu's chats is what was recorded as sent, card for card; each wait has its first card."""
    waiting = deployment.sql("""
        select 1 from waits where state = 'open' and replaced_by is null
        and not exists (select from notifications where follows = waits.wait and state = 'sent')""")
    pending = deployment.sql("select 1 from notifications where state in ('pending', 'sending')")
    if waiting or pending:
        return False
    sent = sorted(row[0] for row in deployment.sql("select message_id from notifications where state = 'sent'"))
    shown = sorted(message["message_id"] for message in call(f"{PAGE}/api/state")["cards"]["messages"])
    if len(shown) > len(sent):
        newer = sorted(row[0] for row in deployment.sql("select message_id from notifications where state = 'sent'"))
        if len(shown) > len(newer):
            sys.exit(f"{len(shown)} cards stand in the chats, {len(newer)} were recorded")
    return sent == shown and len(sent)


def first_message(deployment):
    """On the page, by the gateway: a customer of the sample company speaks."""
    begin = time.monotonic()
    call(f"{PAGE}/api/say", {"room": "示例公司-晨光贸易", "talker": "蓝先生", "text": "在吗？"})
    waits = lambda row: row["群聊名"] == "晨光贸易" and row["等待状态"] == "等待中"
    until("a row", 60, lambda: any(map(waits, table(call(f"{PAGE}/api/state"), "今日群聊"))))
    row = time.monotonic() - begin
    has_card = lambda message: "晨光贸易" in message["content"] and message["chat_id"] == "oc_demo_linxiaoyang"
    until("a card", 60, lambda: any(map(has_card, call(f"{PAGE}/api/state")["cards"]["messages"])))
    return row, time.monotonic() - begin


def main():
    with tempfile.TemporaryDirectory(prefix="huiyin-secrets-") as secrets:
        deployment = Deployment(secrets)
        try:
            run(deployment)
        finally:
            deployment.compose("down", "-v", "--remove-orphans")


def run(deployment):
    if "--build" in sys.argv:
        say(f"build: {deployment.timed('build'):.1f} s")
    deployment.compose("run", "--rm", "secrets", "huiyin", "secrets", "--demo", "/secrets")
    say(f"up --wait: {deployment.timed('up', '-d', '--no-build', '--wait'):.1f} s")
    row, card = first_message(deployment)
    say(f"a message by the gateway: row after {row:.1f} s, card after {card:.1f} s (its rung is 10 s)")

    customers = Customers(deployment.secret("webhook_import"))
    for service in long_running(deployment):
        took = customers.round(lambda: crash(deployment, service))
        say(f"{service} was killed: healthy again after {took:.1f} s; {len(customers.accepted)} messages, {customers.retries} retries so far")
    say(f"nothing lost or doubled; the tables were right after {settled(deployment, customers):.1f} s")
    count, took = until("each wait has its card", SETTLE_LIMIT, lambda: cards_agree(deployment))
    say(f"{count} cards, each sent once; the last after {took:.1f} s")

    scaled = deployment.timed("up", "-d", "--no-build", "--wait", "--no-recreate", "--scale", "room-state=3", "--scale", "feishu-alerter=2")
    say(f"--scale room-state=3, feishu-alerter=2: {scaled:.1f} s")
    took = customers.round(lambda: crash(deployment, "room-state"))
    customers.round(lambda: crash(deployment, "feishu-alerter"))
    say(f"one of three was killed: healthy again after {took:.1f} s")
    say(f"the same results; the tables were right after {settled(deployment, customers):.1f} s")
    count, _ = until("each wait has its card", SETTLE_LIMIT, lambda: cards_agree(deployment))
    say(f"{count} cards, each sent once")

    took = deployment.timed("down")
    say(f"down: {took:.2f} s")
    if took > DOWN_LIMIT:
        sys.exit(f"down took more than {DOWN_LIMIT} s")


if __name__ == "__main__":
    main()
