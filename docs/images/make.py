#!/usr/bin/env python3
"""The pictures of the managers' tables in docs/zh/manager.md, made anew: `docs/images/make.py [BINARY]`.

BINARY is a built `huiyin`, by default target/debug/huiyin. It needs Chromium and a Chinese font (Debian: chromium,
fonts-noto-cjk), takes about a minute, and writes docs/images/manager-*.png. With the same tables, browser and fonts they
are the same files to the byte. Look at those that have changed: the captions in the guide speak of the rooms and numbers
that are in them.

It starts a demo and a browser of its own, and ends both. What happens in the demo is invented below: messages of the past
hours, which come by the webhook, and a manager's edits, which go the same way as those made on the page. The ladder is
the standard one, in minutes; the time zone is one in which it is afternoon now, so that all of it has happened today.
"""

import base64
import datetime
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PICTURES = ROOT / "docs" / "images"
ALL_WITHIN = 150  # seconds, without the ending of what was started
END_WITHIN = 30
DEMO_WITHIN = 90
SHOWN_WITHIN = 40
ANSWER_WITHIN = 20
LOOK_EVERY = 0.3
EDIT_EVERY = 0.3
LARGEST = 300_000  # bytes of a picture

# A Markdown page shows a picture at 900 pixels or less: text is larger than on the page, and there are more pixels than shown.
WIDTH = 1000
PIXELS = 1.4

# A proxy of the environment is for other hosts.
LOOPBACK = urllib.request.build_opener(urllib.request.ProxyHandler({}))

COMPANY = "示例公司"
STAFF = {
    "林小样": "1688850000000101",
    "周例安": "1688850000000102",
    "陈拟夏": "1688850000000103",
    "许试秋": "1688850000000201",
    "沈演冬": "1688850000000202",
}
ACCOUNT = "1688850000000000"

# By room: how many minutes ago who said what. The first of the staff who speaks becomes the owner.
SAID = {
    "晨光贸易": [
        (190, "蓝先生", "在吗？"),
        (188, "林小样", "在的，您请说"),
        (23, "蓝先生", "新款的报价能发我一份吗？"),
    ],
    "青苗文具": [
        (170, "红主任", "文具都收到了吗？"),
        (167, "林小样", "仓库说昨天已经签收了"),
        (16, "红主任", "包装做得真好看，大家都夸呢"),
    ],
    "星河食品": [
        (160, "橙女士", "可以寄样品吗？"),
        (158, "周例安", "样品已经寄出，单号发您了"),
        (12, "橙女士", "我们的货什么时候到？"),
    ],
    "云杉家居": [(7, "绿先生", "请问有样册可以看吗？")],
    "石榴书屋": [(30, "靛老师", "书架少了两颗螺丝"), (28, "许试秋", "稍等，我查一下仓库")],
    "白鹭物流": [(150, "紫采购", "可以开专票吗？"), (145, "陈拟夏", "可以的，税号收到了")],
    "远山民宿": [(130, "粉女士", "合同在哪里签？"), (124, "林小样", "链接已经发到您邮箱了")],
    "小满花店": [(95, "棕店主", "花瓶少了一个"), (91, "陈拟夏", "已经补寄，单号发您了")],
}

# What the manager changes in 群聊总表, and what it comes to.
EDITS = {
    "远山民宿": ({"负责人": "周例安"}, "合法"),
    "白鹭物流": ({"负责人": "沈演冬"}, "负责人非售前"),
    "小满花店": (
        {"负责人": "许试秋", "群聊阶段": "after-sales", "核准进入售后阶段": True},
        "已成功更新至售后阶段",
    ),
    "星河食品": ({"负责人": "沈演冬", "群聊阶段": "after-sales"}, "等待管理员核准"),
}

# The page with nothing but the table on show, and lines that may be longer.
STYLE = """
.top, .views, .panel-head, .toggle, .count, .sheet-hint, .rooms, .cards, .notice { display: none !important; }
:root { font-family: "Noto Sans CJK SC", "Noto Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif !important; }
body { background: #fff !important; }
main { display: block !important; padding: 0 !important; }
.sheets { border: 0 !important; border-radius: 0 !important; height: 100%; }
.sheet-bar { padding-left: 6px !important; }
.table-box { overflow: hidden !important; }
table { width: 100% !important; font-size: 14px !important; }
table th, table td { height: 50px !important; }
thead th { font-size: 13px !important; }
thead .number { min-width: 66px; max-width: 116px !important; }
.text { max-width: 250px !important; white-space: normal !important; }
.word .text, .pill { white-space: nowrap !important; }
.flash { animation: none !important; }
"""

# What the page is asked with: places in the table on show, and marks over them.
SCRIPT = """
globalThis.heads = () => [...document.querySelectorAll('thead th')]
globalThis.head = name => heads().find(node => node.textContent.replace('✎', '') === name)
globalThis.row = room => [...document.querySelectorAll('tbody tr')].find(node => node.firstChild.textContent === room)
globalThis.cell = (room, column) => row(room)?.children[heads().indexOf(head(column))]
globalThis.sheet = new CSSStyleSheet()
globalThis.columns = new CSSStyleSheet()
document.adoptedStyleSheets = [sheet, columns]
globalThis.keep = (names, rooms) => {
  const kept = names.map(name => head(name)?.dataset.key)
  const hidden = heads().filter(node => !kept.includes(node.dataset.key)).map(node => node.dataset.key)
  const gone = rooms ? [...document.querySelectorAll('tbody tr')].filter(node => !rooms.includes(node.firstChild.textContent)) : []
  const keys = hidden.map(key => `:is(th, td)[data-key="${key}"]`).concat(gone.map(node => `tr[data-key="${node.dataset.key}"]`))
  columns.replaceSync(keys.length ? `${keys.join(', ')} { display: none !important; }` : '')
  return names.filter((name, at) => !kept[at])
}
globalThis.says = (room, column, text) => {
  const [place, input] = [cell(room, column), cell(room, column)?.querySelector('input, select')]
  return text === (input?.type === 'checkbox' ? input.checked : input ? input.value : place?.textContent)
}
globalThis.mark = (number, nodes) => {
  const boxes = nodes.map(node => node.getBoundingClientRect())
  const [left, top] = [Math.min(...boxes.map(box => box.left)), Math.min(...boxes.map(box => box.top))]
  const [right, bottom] = [Math.max(...boxes.map(box => box.right)), Math.max(...boxes.map(box => box.bottom))]
  const frame = document.createElement('div')
  Object.assign(frame.style, { position: 'fixed', left: `${left + 1}px`, top: `${top + 1}px`, width: `${right - left - 3}px`,
    height: `${bottom - top - 3}px`, border: '3px solid #e0331f', borderRadius: '6px', zIndex: 50, boxSizing: 'border-box' })
  const badge = document.createElement('b')
  badge.textContent = number
  Object.assign(badge.style, { position: 'absolute', right: '-3px', top: '-10px', width: '20px', height: '20px', borderRadius: '10px 10px 0 10px',
    background: '#e0331f', color: '#fff', font: '700 14px/20px sans-serif', textAlign: 'center' })
  frame.append(badge)
  frame.className = 'mark'
  document.body.append(frame)
}
globalThis.unmark = () => document.querySelectorAll('.mark').forEach(node => node.remove())
"""


def say(text):
    print(f"· {text}", flush=True)


def until(what, look, limit=SHOWN_WITHIN):
    """Waits until `look` finds something, and returns it."""
    end = time.monotonic() + limit
    while not (found := look()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {limit} s in vain until {what}")
        time.sleep(LOOK_EVERY)
    return found


def call(url, body=None, token=None):
    """JSON in, JSON out. A refusal is an error, also one that comes with 200."""
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    with LOOPBACK.open(urllib.request.Request(url, data, headers), timeout=ANSWER_WITHIN) as answer:
        value = json.load(answer)
    if value.get("success") is False or value.get("rejected") or value.get("error"):
        raise RuntimeError(f"{url}: {value}")
    return value


class Demo:
    """A demo in a home of its own."""

    def __init__(self, binary, home):
        self.binary, self.home = str(binary), home
        self.log = open(home / "demo.log", "w")
        words = ["demo", "--headless", "--without-gateway", "--without-history"]
        self.process = subprocess.Popen(
            [self.binary, "--home", str(home), *words], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log
        )

    def begin(self):
        until("the demo is up", self.is_up, DEMO_WITHIN)
        self.info = json.loads((self.home / "demo.json").read_text())

    def is_up(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"the demo has ended:\n{(self.home / 'demo.log').read_text()}")
        return "Open the page" in (self.home / "demo.log").read_text()

    def end(self):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(END_WITHIN)
        except subprocess.TimeoutExpired:
            say(f"the demo, process {self.process.pid}, does not stop and is killed; look for what it leaves")
            self.process.kill()
            self.process.wait()
        self.log.close()

    def judge_by_minutes(self, now):
        """Puts the standard ladder in force, and a time zone in which it is after two in the afternoon."""
        config = json.loads((self.home / "config.json").read_text())
        hours = 14 - now.hour
        # The sign of these names is the reverse of what one expects.
        config["rules"]["time_zone"] = f"Etc/GMT{-hours:+d}"
        config["rules"]["ladders"] = {"preset": "report"}
        file = self.home / "pictures.json"
        file.write_text(json.dumps(config))
        since = (now - datetime.timedelta(hours=12)).isoformat(timespec="seconds")
        words = ["--home", str(self.home), "--config", str(file), "apply", "--valid-from", since]
        subprocess.run([self.binary, *words], check=True, stdout=self.log, stderr=self.log, timeout=ANSWER_WITHIN)

    def say_all(self, now):
        rows = [
            message(now, (number, room), f"{number}-{at}", line)
            for number, (room, lines) in enumerate(SAID.items())
            for at, line in enumerate(lines)
        ]
        rows.sort(key=lambda row: row["sent_at"])
        call(f"{self.info['ingest']}/v1/messages", rows, self.info["ingest_token"])

    def rows(self, name):
        """A sheet's rows by column, by room; of several rows of a room, the last."""
        sheets = call(f"{self.info['page']}api/state")["sheets"]["sheets"]
        sheet = next(sheet for sheet in sheets if sheet["id"] == self.info["vika_sheets"][name])
        columns = [column["name"] for column in sheet["columns"]]
        rows = [dict(zip(columns, row["cells"]), record=row["recordId"]) for row in sheet["rows"]]
        return {row["群聊名"]: row for row in rows}

    def edit(self, name, room, column, value):
        """A manager's edit, as the page makes it."""
        record = self.rows(name)[room]["record"]
        sheet = self.info["vika_sheets"][name]
        call(f"{self.info['page']}api/edit", {"sheet": sheet, "record": record, "column": column, "value": value})
        time.sleep(EDIT_EVERY)

    def until_says(self, name, room, column, text):
        until(f"{column} of {room} says {text}", lambda: self.rows(name).get(room, {}).get(column) == text)


def message(now, room, key, line):
    number, topic = room
    minutes, who, text = line
    coworker = who in STAFF
    sent_at = now - datetime.timedelta(minutes=minutes)
    return {
        "source": "wechaty",
        "account": ACCOUNT,
        "id": f"pictures-{key}",
        "room": {"id": f"R:3000000000000{number}@chatroom", "topic": f"{COMPANY}-{topic}"},
        "sender": {
            "id": STAFF.get(who, f"788130000000090{number}"),
            "name": who,
            "corporation": COMPANY if coworker else "",
            "coworker": coworker,
        },
        "sent_at": sent_at.isoformat(),
        "kind": "text",
        "text": text,
    }


class Browser:
    """A headless Chromium with one page, driven over a pipe as in tests/page/browser.rs."""

    # With our pipe where it expects its own: commands on 3, answers on 4.
    START = 'exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1'
    NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
    # Its sandbox needs more than a container or root is given; it opens our own page only.
    FLAGS = [
        "--headless",
        "--remote-debugging-pipe",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
        "--hide-scrollbars",
        "--lang=zh-CN",
        "about:blank",
    ]

    def __init__(self, profile):
        program = next(filter(None, map(shutil.which, self.NAMES)), None)
        if program is None:
            sys.exit("there is no Chromium on this machine (Debian: apt-get install chromium)")
        command = ["sh", "-c", self.START, program, f"--user-data-dir={profile}", *self.FLAGS]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.session, self.last, self.rest = None, 0, b""

    def begin(self, address):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.size(700)
        self.call("Page.enable")
        self.call("Page.navigate", url=address)
        until("the page is there", lambda: self.value("document.querySelectorAll('tbody tr').length > 0"))
        self.value(f"{SCRIPT}; sheet.replaceSync({json.dumps(STYLE)})")

    def end(self):
        self.session = None
        try:
            self.send("Browser.close")
            self.process.wait(END_WITHIN)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()

    def size(self, height):
        self.call("Emulation.setDeviceMetricsOverride", width=WIDTH, height=height, deviceScaleFactor=PIXELS, mobile=False)

    def value(self, expression):
        answer = self.call("Runtime.evaluate", expression=f"{{ {expression} }}", returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression} broke: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def send(self, method, **params):
        self.last += 1
        command = {"id": self.last, "method": method, "params": params}
        if self.session:
            command["sessionId"] = self.session
        self.process.stdin.write(json.dumps(command).encode() + b"\0")
        self.process.stdin.flush()

    def call(self, method, **params):
        self.send(method, **params)
        while (told := self.told()).get("id") != self.last:
            pass
        if "error" in told:
            raise RuntimeError(f"{method}: {told['error']}")
        return told["result"]

    def told(self):
        while b"\0" not in self.rest:
            part = self.process.stdout.read1()
            if not part:
                raise EOFError("Chromium has ended")
            self.rest += part
        text, _, self.rest = self.rest.partition(b"\0")
        return json.loads(text)

    def open(self, title, columns, rooms=None, until_says=()):
        """Opens a sheet or a view, with these columns of it, and these rooms' rows, once cells say what they have to."""
        tab = f"[...document.querySelectorAll('#sheet-tabs button')].find(node => node.textContent.startsWith('{title}'))"
        self.value(f"unmark(); columns.replaceSync(''); {tab}.click()")
        for place in until_says:
            words = ", ".join(json.dumps(word) for word in place)
            until(f"{title} shows {words}", lambda: self.value(f"says({words})"))
        if missing := self.value(f"keep({json.dumps(columns)}, {json.dumps(rooms)})"):
            raise RuntimeError(f"{title} has no {missing}")

    def mark(self, number, nodes):
        self.value(f"mark({number}, [{nodes}].flat())")

    def picture(self, name):
        """The table on show, down to its last row."""
        bottom = self.value("document.querySelector('table').getBoundingClientRect().bottom")
        over = self.value("document.getElementById('table-box').scrollWidth - document.getElementById('table-box').clientWidth")
        if over > 0:
            raise RuntimeError(f"{name}: the table stands {over} pixels out of the picture")
        clip = {"x": 0, "y": 0, "width": WIDTH, "height": bottom + 1, "scale": 1}
        shot = base64.b64decode(self.call("Page.captureScreenshot", format="png", clip=clip)["data"])
        if len(shot) > LARGEST:
            raise RuntimeError(f"{name}: {len(shot)} bytes are more than {LARGEST}")
        (PICTURES / f"manager-{name}.png").write_bytes(shot)
        say(f"manager-{name}.png, {len(shot) // 1000} KB")


def play(demo, browser):
    demo.begin()
    now = datetime.datetime.now(datetime.timezone.utc)
    demo.judge_by_minutes(now)
    demo.say_all(now)
    demo.until_says("today", "晨光贸易", "当前级别", "橙 20 分钟")
    for room in EDITS:
        demo.until_says("all_rooms", room, "生效阶段", "pre-sales")
    demo.until_says("today", "石榴书屋", "等待状态", "已承诺待兑现")
    browser.begin(demo.info["page"])
    say("who waits")

    everyday = ["群聊名", "等待状态", "当前级别", "负责人未回覆时间（分钟）", "优先级", "消除未回覆记录", "负责人", "最后一句话", "判定原因"]
    browser.open("今日群聊", everyday, until_says=[("晨光贸易", "当前级别", "橙 20 分钟"), ("石榴书屋", "负责人", "许试秋")])
    browser.mark(1, "cell('晨光贸易', '等待状态'), cell('晨光贸易', '负责人未回覆时间（分钟）')")
    browser.mark(2, "cell('青苗文具', '消除未回覆记录')")
    browser.mark(3, "cell('云杉家居', '负责人')")
    browser.mark(4, "cell('石榴书屋', '等待状态')")
    browser.picture("today")

    for room, (cells, _) in EDITS.items():
        for column, value in cells.items():
            demo.edit("all_rooms", room, column, value)
    for room, (_, outcome) in EDITS.items():
        demo.until_says("all_rooms", room, "系统信息", outcome)
    # The tick is taken back when all is done.
    demo.until_says("all_rooms", "小满花店", "核准进入售后阶段", "")
    say("rooms handed over")

    edited = ["群聊名", "负责人", "群聊阶段", "核准进入售后阶段", "生效负责人", "生效阶段", "系统信息"]
    outcomes = [(room, "系统信息", outcome) for room, (_, outcome) in EDITS.items()]
    taken_back = ("小满花店", "核准进入售后阶段", False)
    browser.open("群聊总表", edited, ["晨光贸易", "云杉家居", *EDITS], [*outcomes, taken_back])
    browser.mark(1, "head('负责人'), head('核准进入售后阶段')")
    browser.mark(2, "head('生效负责人'), head('生效阶段')")
    browser.mark(3, "head('系统信息')")
    browser.picture("rooms")

    browser.open("待核准列表", edited)
    browser.mark(1, "cell('星河食品', '负责人'), cell('星河食品', '群聊阶段')")
    browser.mark(2, "cell('星河食品', '核准进入售后阶段')")
    browser.mark(3, "cell('星河食品', '生效负责人'), cell('星河食品', '生效阶段')")
    browser.picture("approve")

    demo.edit("today", "青苗文具", "消除未回覆记录", True)
    demo.edit("all_rooms", "星河食品", "核准进入售后阶段", True)
    cancelled = ["群聊名", "等待状态", "当前级别", "负责人未回覆时间（分钟）", "消除未回覆记录", "撤销消除", "负责人", "判定原因", "系统信息"]
    outcomes = [("青苗文具", "系统信息", "已消除未回覆记录"), ("青苗文具", "等待状态", "已取消"), ("青苗文具", "消除未回覆记录", False)]
    browser.open("今日群聊", cancelled, ["晨光贸易", "青苗文具"], outcomes)
    browser.mark(1, "cell('青苗文具', '等待状态')")
    browser.mark(2, "cell('青苗文具', '消除未回覆记录')")
    browser.mark(3, "cell('青苗文具', '系统信息')")
    browser.picture("cancel")

    # When it was is the only thing here that no two runs have in common.
    logged = ["群聊名", "操作人", "系统信息", "负责人"]
    browser.open("系统信息", logged, until_says=[("星河食品", "系统信息", "已成功更新至售后阶段")])
    browser.mark(1, "cell('星河食品', '系统信息')")
    browser.mark(2, "cell('白鹭物流', '系统信息')")
    browser.picture("log")


def interrupted(number, _frame):
    raise TimeoutError(f"not done within {ALL_WITHIN} s" if number == signal.SIGALRM else "told to stop")


def main():
    binary = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target" / "debug" / "huiyin").resolve()
    if not binary.exists():
        sys.exit(f"{binary} is not there: cargo build -p huiyin")
    begun = time.monotonic()
    for number in [signal.SIGALRM, signal.SIGTERM]:
        signal.signal(number, interrupted)
    signal.alarm(ALL_WITHIN)
    with tempfile.TemporaryDirectory(prefix="huiyin-pictures-", ignore_cleanup_errors=True) as folder:
        (home := Path(folder) / "home").mkdir()
        started = []
        try:
            started.append(demo := Demo(binary, home))
            started.append(browser := Browser(Path(folder) / "profile"))
            play(demo, browser)
        finally:
            signal.alarm(0)
            for one in reversed(started):
                one.end()
    say(f"done after {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
