#!/usr/bin/env python3
"""Writes the invented month that performance figures are proved with: month.ndjson and rules.json beside this file.

November 2026 of a company that does not exist, in Asia/Shanghai. The same seed gives the same files. Every line of
month.ndjson is something that happens, in the order in which Huiyin learns of it:

    {"event": "message", "received_at", "captured", "message": the webhook's format, "label", "due"}
    {"event": "seen", "id", "at", "captured", "account", "room", "members", "inviter"}      who is in a room
    {"event": "left", "id", "at", "captured", "account", "room", "by"}                      our account leaves a room
    {"event": "command", "id", "room", "at", "by", "wish"}                                  as on COMMAND
    {"event": "gap", "found_at", "source", "account", "since", "until"}                     capture was interrupted
    {"event": "golive", "at"}      {"event": "rules", "at", "version"}                      by rules.json

`label` says what the words are, taken alone, and beyond doubt: of a customer `request`, `closing` (好的), `nod` (👌),
`own_move` (我问下财务), `sticker`, `money`; of staff `answer`, `question`, `choice` (今天还是明天), `holding` (with `due`, if a
time was plainly said), `sticker`; of anybody `auto_reply`, `broadcast`, `notice`, `recall`, `robot`. The oracle goes by it.
"""

import json
import random
from datetime import datetime, timedelta, timezone
from pathlib import Path

HERE = Path(__file__).parent
ZONE = timezone(timedelta(hours=8))
SEED = 20261101
LIVE_CAPTURE = datetime(2026, 11, 2, 8, 0, tzinfo=ZONE)
GO_LIVE = datetime(2026, 11, 5, 9, 0, tzinfo=ZONE)
NEW_RULES = datetime(2026, 11, 17, 14, 0, tzinfo=ZONE)
# Put in force late, for what was said since then: what was counted meanwhile stays.
LATE_RULES = datetime(2026, 11, 26, 11, 0, tzinfo=ZONE)
LATE_RULES_FROM = datetime(2026, 11, 24, 0, 0, tzinfo=ZONE)
END = datetime(2026, 11, 30, 21, 30, tzinfo=ZONE)
MANAGER = "周经理"

REQUESTS = [
    "请问这款设备的交货期是多久？",
    "合同什么时候可以寄出？",
    "麻烦发一下最新的报价单",
    "系统登录不上了，帮忙看看",
    "发票抬头需要修改一下",
    "安装的时候少了两颗螺丝",
    "能不能安排工程师上门？",
    "打印出来的颜色不对",
    "我们想再订二十套",
    "物流三天没有更新了",
    "账号被锁住了怎么解锁？",
    "请问保修期怎么算？",
    "这个月的对账单没有收到",
    "屏幕右下角一直闪",
    "培训安排在哪一天？",
]
CLOSINGS = ["好的", "谢谢", "收到", "好的，谢谢", "辛苦了", "OK", "嗯嗯，好的"]
ANSWERS = [
    "报价是三千元",
    "已发您邮箱",
    "明天可以发货",
    "查到了，单号 SF123",
    "支持的，三年保修",
    "已经安排工程师上门",
    "对账单已经重新发出",
    "账号已经解锁了",
    "螺丝今天补发",
    "培训在下周二",
]
QUESTIONS = ["方便发一下吗", "您看这个可以吗", "要几台？我先备货。"]
CHOICES = ["今天发还是明天发？", "您要黑色还是白色？"]
# Words, and after how many minutes what they promise is due: None where no time is said, a pair for a day and its minute.
HOLDINGS = [
    ("稍等，我查一下", None),
    ("我问一下技术再回复您", None),
    ("我核实一下尽快回复您", None),
    ("10分钟后给您", 10),
    ("半小时后发您", 30),
    ("两小时内给您", 120),
    ("明天上午10点回复您", (1, 10 * 60)),
]

STAFF = {
    "张一晨": "zhang1",
    "李二暮": "li2",
    "陈四野": "chen4",
    "王三秋": "wang3",
    "赵五岭": "zhao5",
    "孙六禾": "sun6",
}
COMPANY = "回声示例公司"


def rules(version):
    def person(name, team):
        chat = {"addresses": {"feishu": {"chat": f"oc_{STAFF[name]}"}}}
        return {"name": name, "team": team, "contacts": [f"webhook:{STAFF[name]}"], **chat}

    later = version >= 2
    ladder = {
        "rungs": [
            {"after": "5m", "colour": "turquoise", "audience": ["owner"]},
            {"after": "10m", "colour": "yellow", "audience": ["owner"]},
            {"after": "20m", "colour": "orange", "audience": ["owner"]},
            {"after": "30m", "colour": "red", "audience": ["owner", "public"]},
        ],
        "repeat": {"every": "10m", "colour": "grey", "audience": ["owner", "public"], "until": "70m"},
    }
    pre_sales = {"hours": ["09:00-12:00", "13:30-18:00"], "days_off": ["2026-11-27"]}
    after_sales = {
        "hours": ["09:30-12:30", "13:30-20:00"],
        "weekdays": {"friday": ["09:30-12:30", "13:30-17:00"]},
        "days_off": ["2026-11-13"],
        "alternate_saturdays": {"from": "2026-11-07", "hours": ["10:00-16:00"]},
    }
    if later:
        pre_sales |= {
            "hours": ["08:30-12:00", "13:00-17:30"],
            "weekdays": {"friday": ["08:30-12:00", "13:00-16:30"]},
            "working_days": ["2026-11-22"],
        }
        after_sales |= {"hours": ["10:00-12:30", "13:30-21:00"], "public_holidays": False}
        del after_sales["weekdays"]
    if version == 3:
        pre_sales["hours"] = ["09:15-12:15", "14:00-19:00"]
        after_sales["hours"] = ["08:00-12:00", "12:45-18:00"]
    return {
        "time_zone": "Asia/Shanghai",
        "company_names": [COMPANY],
        "roster": [
            person("张一晨", "pre_sales"),
            person("李二暮", "pre_sales"),
            person("陈四野", "after_sales" if later else "pre_sales"),
            person("王三秋", "after_sales"),
            person("赵五岭", "after_sales"),
            person("孙六禾", "after_sales" if version == 2 else "other"),
        ],
        "bots": ["webhook:robot"],
        "phrases": {"version": version, "closing": []},
        "ladders": {"pre_sales": ladder, "after_sales": ladder},
        "calendars": {"pre_sales": pre_sales, "after_sales": after_sales},
        "holidays": [
            {
                "year": 2026,
                "days": [
                    {"name": "回声节", "date": "2026-11-18", "isOffDay": True},
                    {"name": "回声节", "date": "2026-11-19", "isOffDay": True},
                    {"name": "回声节", "date": "2026-11-21", "isOffDay": False},
                ],
            }
        ],
        "follow_up_after": {1: [1, 3], 2: [2, 4], 3: [2, 3]}[version],
        "excluded_rooms": {"names": ["*内部测试*"] + (["*已结项*"] if later else [])},
    }


def stamp(moment):
    return moment.isoformat(timespec="milliseconds")


def key(message_id):
    return f"webhook:main:{message_id}"


class Room:
    def __init__(self, name, topic, customers, owner, **more):
        self.id, self.topic, self.owner = name, topic, owner
        self.customers = [(f"{name}-c{n}", customer) for n, customer in enumerate(customers)]
        self.facts = more.get("facts", True)
        self.renamed = more.get("renamed")
        self.busy = more.get("busy", 1.0)
        self.until = LIVE_CAPTURE

    def ref(self, at):
        topic = self.renamed[1] if self.renamed and at >= self.renamed[0] else self.topic
        return {"id": self.id, "topic": topic}


class Month:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lines = []
        self.number = 0
        self.captures = set()

    def captured(self, received):
        micros = int(received.timestamp() * 1000) * 1000
        while micros in self.captures:
            micros += 1
        self.captures.add(micros)
        return micros

    def put(self, moment, line):
        """Something that Huiyin learns of at a moment."""
        self.lines.append((moment, len(self.lines), line))

    def say(self, room, sender, at, label, text="", kind="text", **more):
        """A message. `late`: seconds from sending to capture; `behind`: from capture to the bus."""
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        self.number += 1
        name = f"m-{self.number:05}"
        received = at + timedelta(seconds=more.get("late") or self.random.uniform(0.2, 2.5))
        received = received.replace(microsecond=received.microsecond // 1000 * 1000)
        if "received" in more:
            received = more["received"]
        message = {"source": "webhook", "account": "main", "id": name, "room": room.ref(at), "sender": sender}
        message |= {"sent_at": stamp(at), "kind": kind, "text": text}
        for field in ("mentions", "quote", "history"):
            if more.get(field):
                message[field] = more[field]
        line = {"event": "message", "received_at": stamp(received), "captured": self.captured(received)}
        line |= {"message": message, "label": label}
        if more.get("due"):
            line["due"] = stamp(more["due"])
        self.put(received + timedelta(seconds=more.get("behind", 0)), line)
        room.until = max(room.until, at)
        return name

    def command(self, room, at, wish, by=MANAGER):
        self.number += 1
        name = f"k-{self.number:05}"
        at = at.replace(microsecond=0)
        self.put(at, {"event": "command", "id": name, "room": f"webhook:{room.id}", "at": stamp(at), "by": by, "wish": wish})
        room.until = max(room.until, at)
        return name

    def cancel(self, room, at, through, wait=None, by=MANAGER):
        reason = "不用回复" if wait else "消除未回覆记录"
        wish = {"wait": wait and key(wait), "through": key(through), "reason": reason}
        return self.command(room, at, {"cancel": wish}, by)

    def assign(self, room, at, owner, stage, approved):
        self.command(room, at, {"assign": {"owner": owner, "stage": stage, "approved": approved}})

    # Who says something.

    def customer(self, room, which):
        contact, name = room.customers[which % len(room.customers)]
        return {"id": contact, "name": name, "corporation": "", "coworker": False}

    def staff(self, name):
        if name == "小吴":
            return {"id": "wu9", "name": "小吴", "corporation": COMPANY}
        # Sometimes by a second account that the roster does not know: the name is known.
        other = self.random.random() < 0.04
        return {"id": STAFF[name] + ("-b" if other else ""), "name": name, "corporation": "", "coworker": True}

    def asks(self, room, who, at, **more):
        if self.random.random() < 0.12:
            kind = self.random.choice(["image", "audio", "file"])
            return self.say(room, self.customer(room, who), at, "request", "附件.pdf" if kind == "file" else "", kind, **more)
        return self.say(room, self.customer(room, who), at, "request", self.random.choice(REQUESTS), **more)

    def closes(self, room, who, at):
        return self.say(room, self.customer(room, who), at, "closing", self.random.choice(CLOSINGS))

    def answers(self, room, at, by=None, **more):
        by = by or self.replier(room)
        if self.random.random() < 0.06 and not more.get("mentions"):
            return self.say(room, self.staff(by), at, "answer", "", "image", **more)
        return self.say(room, self.staff(by), at, "answer", self.random.choice(ANSWERS), **more)

    def holds(self, room, at, which=None, **more):
        text, due = HOLDINGS[which] if which is not None else self.random.choice(HOLDINGS)
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        if isinstance(due, int):
            due = at + timedelta(minutes=due)
        elif due:
            due = at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=due[0], minutes=due[1])
        return self.say(room, self.staff(more.pop("by", None) or self.replier(room)), at, "holding", text, due=due, **more)

    def replier(self, room):
        if self.random.random() < 0.72:
            return room.owner
        return self.random.choice([*STAFF, "小吴"])

    # How long things take.

    def soon(self):
        return timedelta(seconds=self.random.uniform(8, 90))

    def delay(self, at):
        """From a question to its reply: minutes, sometimes hours, out of hours often until the next morning."""
        dice = self.random.random()
        if not 9 <= at.hour < 18 and dice < 0.7:
            morning = (at + timedelta(hours=15)).replace(hour=9, minute=0, second=0)
            while morning <= at or morning.weekday() == 6:
                morning += timedelta(days=1)
            return morning - at + timedelta(minutes=self.random.uniform(-20, 90))
        for share, least, most in [(0.55, 0.3, 6), (0.82, 6, 35), (0.95, 35, 200), (1.0, 200, 1500)]:
            if dice <= share:
                return timedelta(minutes=self.random.uniform(least, most))
        raise AssertionError

    # Scenes: each begins at a moment.

    def simple(self, room, at):
        who = self.random.randrange(3)
        late = {}
        dice = self.random.random()
        if dice < 0.05:
            late["late"] = self.random.uniform(20, 110)
        elif dice < 0.08:
            late["late"] = self.random.uniform(200, 900)
        elif dice < 0.13:
            late["behind"] = self.random.uniform(300, 9000)
        self.asks(room, who, at, **late)
        moment = at
        for _ in range(self.random.choice([0, 0, 0, 1, 1, 2, 4])):
            moment += self.soon()
            self.asks(room, who, moment)
        moment = moment + self.delay(moment)
        self.answers(room, moment)
        if self.random.random() < 0.25:
            moment += self.soon()
            self.answers(room, moment)
        if self.random.random() < 0.45:
            self.closes(room, who, moment + self.soon())

    def held(self, room, at):
        who = self.random.randrange(3)
        self.asks(room, who, at)
        moment = at + self.delay(at)
        self.holds(room, moment)
        dice = self.random.random()
        if dice < 0.25:
            self.closes(room, who, moment + self.soon())
        elif dice < 0.4:
            # A sticker keeps no promise.
            self.say(room, self.staff(room.owner), moment + self.soon(), "sticker", "", "emoticon")
        elif dice < 0.5:
            # Held once more: nothing is promised twice.
            asked = moment + self.soon()
            self.asks(room, who, asked)
            self.holds(room, asked + self.soon())
        if self.random.random() < 0.85:
            moment = room.until + timedelta(minutes=self.random.choice([4, 9, 25, 70, 300])) * self.random.uniform(0.7, 1.2)
            self.answers(room, moment)

    def assent(self, room, at):
        who = self.random.randrange(3)
        self.asks(room, who, at)
        moment = at + self.delay(at)
        choice = self.random.random() < 0.3
        words, label = (CHOICES, "choice") if choice else (QUESTIONS, "question")
        self.say(room, self.staff(self.replier(room)), moment, label, self.random.choice(words))
        moment += self.soon()
        dice = self.random.random()
        if dice < 0.15:
            self.say(room, self.customer(room, who), moment, "own_move", "我问下财务")
            moment += timedelta(minutes=self.random.uniform(2, 40))
        if dice < 0.6:
            self.closes(room, who, moment)
        elif dice < 0.75:
            self.say(room, self.customer(room, who), moment, "nod", "👌")
        else:
            self.asks(room, who, moment)
        dice = self.random.random()
        if dice < 0.35:
            moment += timedelta(minutes=self.random.uniform(1, 50))
            self.asks(room, who + self.random.randrange(2), moment)
        if dice < 0.8:
            self.answers(room, moment + self.delay(moment))
        elif dice < 0.9:
            self.cancel(room, room.until + timedelta(minutes=13), self.last(room))

    def last(self, room):
        """The message of a room that came last."""
        said = [it for it in self.lines if it[2]["event"] == "message" and it[2]["message"]["room"]["id"] == room.id]
        return max(said, key=lambda it: it[:2])[2]["message"]["id"]

    def first(self, room):
        """The message of a room that was said first."""
        said = [it for it in self.lines if it[2]["event"] == "message" and it[2]["message"]["room"]["id"] == room.id]
        return min(said, key=lambda it: it[2]["message"]["sent_at"])[2]["message"]["id"]

    def several(self, room, at):
        first, second = self.customer(room, 0), self.customer(room, 1)
        opening = self.asks(room, 0, at)
        moment = at + self.soon()
        other = self.asks(room, 1, moment)
        if self.random.random() < 0.4:
            moment += self.soon()
            self.asks(room, 2, moment)
        if self.random.random() < 0.3:
            moment += self.soon()
            self.closes(room, 1, moment)
        moment += self.delay(moment) / 2
        dice = self.random.random()
        if dice < 0.35:
            self.answers(room, moment, mentions=[second["id"]])
        elif dice < 0.6:
            self.answers(room, moment, quote=opening)
        elif dice < 0.75:
            self.holds(room, moment, mentions=[first["id"], second["id"]])
            moment += timedelta(minutes=self.random.uniform(5, 50))
            self.answers(room, moment, mentions=[first["id"]])
        elif dice < 0.85:
            self.holds(room, moment)
            moment += timedelta(minutes=self.random.uniform(5, 50))
            self.answers(room, moment, quote=other)
        else:
            # Among colleagues: it answers nobody.
            mentioned = self.random.choice([name for name in STAFF if name != room.owner])
            self.say(room, self.staff(room.owner), moment, "answer", "这个你来回一下", mentions=[STAFF[mentioned]])
        moment += timedelta(minutes=self.random.uniform(1, 30))
        if self.random.random() < 0.5:
            self.asks(room, 1, moment, mentions=[STAFF[room.owner]])
            moment += timedelta(minutes=self.random.uniform(1, 30))
        self.answers(room, moment + self.delay(moment) / 2)

    def taken_back(self, room, at):
        who = self.random.randrange(3)
        asked = self.asks(room, who, at)
        dice = self.random.random()
        moment = at + self.soon()
        if dice < 0.4:
            # The next question carries it on.
            self.asks(room, who, moment)
            self.recalls(room, self.customer(room, who), moment + self.soon(), asked)
        elif dice < 0.6:
            self.closes(room, who, moment)
            self.recalls(room, self.customer(room, who), moment + self.soon(), asked)
        elif dice < 0.8:
            self.recalls(room, self.customer(room, who), moment, asked)
            self.asks(room, who, moment + self.soon() * 3)
        else:
            # Staff said something wrong: it is no reply.
            reply = self.answers(room, moment, room.owner)
            self.recalls(room, self.staff(room.owner), moment + self.soon(), reply)
        moment = room.until
        self.answers(room, moment + self.delay(moment))

    def recalls(self, room, sender, at, target):
        self.say(room, sender, at, "recall", target, "recalled")

    def cancelled(self, room, at):
        who = self.random.randrange(3)
        asked = self.asks(room, who, at)
        dice = self.random.random()
        moment = at + self.soon()
        if dice < 0.4:
            later = self.asks(room, who, moment)
            self.cancel(room, moment + self.delay(moment), later)
        elif dice < 0.6:
            # Of what was asked later its author had seen nothing.
            self.asks(room, who, moment + timedelta(minutes=5))
            self.cancel(room, moment + timedelta(minutes=9), asked)
            self.answers(room, moment + timedelta(minutes=40))
        elif dice < 0.8:
            other = self.asks(room, who + 1, moment)
            self.cancel(room, moment + timedelta(minutes=17), other, asked, by=room.owner)
            self.answers(room, moment + timedelta(minutes=33))
        else:
            taken = self.cancel(room, moment + timedelta(minutes=7), asked)
            self.command(room, moment + timedelta(minutes=9), {"undo_cancel": {"cancel": taken}})
            self.answers(room, moment + timedelta(minutes=21))

    def noise(self, room, at):
        """What changes nothing, while somebody waits or nobody does."""
        waits = self.random.random() < 0.5
        if waits:
            self.asks(room, 0, at)
        moment = at + self.soon()
        robot = {"id": "robot", "name": "小助手机器人", "corporation": ""}
        first, second = self.customer(room, 0), self.customer(room, 1)
        for scene in self.random.sample(range(7), 3):
            moment += self.soon()
            if scene == 0:
                self.say(room, robot, moment, "robot", "今日天气晴")
            elif scene == 1:
                words = "[自动回复]您好，现在是非工作时间，稍后回复您"
                self.say(room, self.staff(room.owner), moment, "auto_reply", words)
            elif scene == 2:
                words = "@所有人 本周六系统升级"
                self.say(room, self.staff(room.owner), moment, "broadcast", words, mentions=["notify@all"])
            elif scene == 3:
                self.say(room, first, moment, "notice", "客户甲加入了群聊", "system")
            elif scene == 4:
                self.say(room, first, moment, "sticker", "", "emoticon")
            elif scene == 5:
                kind = self.random.choice(["red_envelope", "transfer"])
                self.say(room, second, moment, "money", "", kind)
            else:
                words = self.random.choice(REQUESTS)
                self.say(room, second, moment, "request", words, mentions=[room.customers[0][0]])
        moment += timedelta(minutes=2)
        self.answers(room, moment + (self.delay(moment) if waits else timedelta(0)))

    SCENES = [(simple, 46), (held, 14), (assent, 11), (several, 12), (taken_back, 4), (cancelled, 5), (noise, 8)]

    def scene(self, room, at):
        scenes, weights = zip(*self.SCENES)
        self.random.choices(scenes, weights)[0](self, room, at)

    def work_day(self, room, day, least, most):
        """A day's scenes in a room, one after the other."""
        for _ in range(round(self.random.randint(least, most) * room.busy)):
            hour = self.random.choice([9, 9, 10, 10, 11, 11, 12, 13, 14, 14, 15, 15, 16, 17, 17, 18, 19, 21, 23, 2])
            at = day + timedelta(hours=hour, minutes=self.random.uniform(0, 60))
            self.scene(room, max(at, room.until + timedelta(minutes=self.random.uniform(0.5, 30))))

    def days(self, room, since, until):
        day = since.replace(hour=0, minute=0)
        while day < until:
            quiet = day.weekday() >= 5 or day.day in (18, 19)
            at_least, at_most = (0, 2) if quiet else (2, 4)
            if room.until < day + timedelta(hours=20):
                self.work_day(room, day, at_least, at_most)
            day += timedelta(days=1)

    def facts(self, room, at, members, inviter=None, account="main"):
        self.number += 1
        line = {"event": "seen", "id": f"seen-{self.number:05}", "at": stamp(at), "captured": self.captured(at)}
        line |= {"account": account, "room": room.ref(at), "members": members, "inviter": inviter}
        self.put(at, line)

    def leaves(self, room, at, by):
        self.number += 1
        line = {"event": "left", "id": f"left-{self.number:05}", "at": stamp(at), "captured": self.captured(at)}
        self.put(at, line | {"account": "main", "room": room.ref(at), "by": by})

    def gap(self, since, until, found, account="main"):
        gap = {"source": "webhook", "account": account, "since": stamp(since), "until": stamp(until)}
        self.put(found, {"event": "gap", "found_at": stamp(found), **gap})

    def history(self, room, since, until, imported):
        """What was said before, as an import brings it, oldest first."""
        moment, since_line = since, len(self.lines)
        while moment < until:
            who = self.random.randrange(2)
            more = {"history": True, "received": imported}
            self.asks(room, who, moment, **more)
            moment += timedelta(minutes=self.random.uniform(1, 50))
            dice = self.random.random()
            if dice < 0.2:
                self.holds(room, moment, **more)
                moment += timedelta(minutes=self.random.uniform(20, 90))
            if dice < 0.93:
                self.answers(room, moment, room.owner, **more)
            moment += timedelta(hours=self.random.uniform(1, 16))
        assert len(self.lines) > since_line


def at(day, hour, minute=0, second=0):
    return datetime(2026, 11, day, hour, minute, second, tzinfo=ZONE)


def invent():
    month = Month(SEED)
    ab, abc = ["客户甲", "客户乙"], ["客户甲", "客户乙", "客户丙"]
    rooms = {
        "r01": Room("r01", "晨星贸易-项目群", abc, "张一晨"),
        "r02": Room("r02", "蓝桥印务-项目群", ["客户丁", "客户戊", "客户己"], "张一晨", busy=1.2),
        "r03": Room("r03", "远山物流-项目群", ab, "李二暮"),
        "r04": Room("r04", "青田食品-项目群", abc, "李二暮", busy=1.1),
        "r05": Room("r05", "白塔教育-项目群", abc, "陈四野"),
        "r06": Room("r06", "南湖包装-项目群", abc, "王三秋", busy=1.2),
        "r07": Room("r07", "东岭机械-项目群", ["客户庚", "客户辛"], "赵五岭"),
        "r08": Room("r08", "沙洲纺织-项目群", abc, "王三秋", facts=False),
        "r09": Room("r09", "内部测试-北港仪器", abc, "孙六禾", facts=False, renamed=(at(6, 12), "北港仪器-项目群")),
        "r10": Room("r10", "内部测试群", ab, "张一晨", busy=0.5),
        "r11": Room("r11", "石桥家具-项目群", abc, "赵五岭", renamed=(at(25, 12), "石桥家具-已结项")),
        "r12": Room("r12", "云顶咖啡-项目群", abc, "李二暮", busy=0.8),
        "r13": Room("r13", "新开门店-咨询群", ab, "张一晨", facts=False),
        "r14": Room("r14", "路过客户-咨询群", ab, "张一晨", facts=False),
    }
    month.put(GO_LIVE, {"event": "golive", "at": stamp(GO_LIVE)})
    month.put(NEW_RULES, {"event": "rules", "at": stamp(NEW_RULES), "version": 2})
    month.put(LATE_RULES, {"event": "rules", "at": stamp(LATE_RULES), "version": 3})
    for room in rooms.values():
        if room.facts:
            members = [contact for contact, _ in room.customers] + [STAFF[room.owner], STAFF["孙六禾"]]
            inviter = STAFF[room.owner] if room.id in ("r02", "r06") else None
            members = [STAFF["李二暮"], *members] if inviter else members
            month.facts(room, LIVE_CAPTURE - timedelta(minutes=13), members, inviter)
    # Two accounts in one room: what one missed the other has seen.
    month.facts(rooms["r03"], at(3, 8, 30), [], account="second")

    # Before there was anybody to capture it; two imports come when live messages are there already.
    before = datetime(2026, 10, 28, 10, tzinfo=ZONE)
    for name, imported in [("r01", at(2, 7, 30)), ("r02", at(3, 22)), ("r06", at(4, 21)), ("r09", at(2, 7, 40))]:
        month.history(rooms[name], before, datetime(2026, 11, 1, 22, tzinfo=ZONE), imported)
        rooms[name].until = LIVE_CAPTURE

    ownerless(month, rooms)
    handed_over(month, rooms)
    unobserved(month, rooms)
    gaps(month, rooms)
    for room in rooms.values():
        month.days(room, max(LIVE_CAPTURE, room.until), at(30, 0))
        at_the_end(month, room)
    quiet(month)
    return month


def ownerless(month, rooms):
    """Rooms that nobody owns: one until it is assigned, one for ever."""
    room = rooms["r13"]
    month.asks(room, 0, at(25, 15))
    month.asks(room, 1, at(27, 16))
    month.assign(room, at(28, 11), "张一晨", "pre-sales", False)
    month.cancel(room, at(30, 10), month.asks(room, 1, at(30, 9, 45)), month.first(room))
    room = rooms["r14"]
    month.cancel(room, at(27, 12), month.asks(room, 0, at(26, 11, 30)))
    month.asks(room, 1, at(30, 11))
    rooms["r13"].until = rooms["r14"].until = END


def handed_over(month, rooms):
    """Rooms whose owner and stage are decided by hand, some while somebody waits."""
    # Before go-live nobody has to approve it.
    room = rooms["r01"]
    month.days(room, LIVE_CAPTURE, at(4, 0))
    start = max(room.until, at(4, 9))
    month.asks(room, 0, start + timedelta(minutes=3))
    month.assign(room, start + timedelta(minutes=9), "王三秋", "after-sales", False)
    room.owner = "王三秋"
    month.answers(room, start + timedelta(minutes=31))
    # Not approved, then approved, while two wait; and what stands already.
    room = rooms["r02"]
    month.days(room, LIVE_CAPTURE, at(12, 0))
    start = max(room.until, at(12, 11, 10))
    month.asks(room, 0, start + timedelta(minutes=1))
    month.asks(room, 1, start + timedelta(minutes=2))
    month.assign(room, start + timedelta(minutes=5), "赵五岭", "after-sales", False)
    month.answers(room, start + timedelta(minutes=25), mentions=[room.customers[1][0]])
    month.assign(room, start + timedelta(hours=1), "赵五岭", "after-sales", True)
    month.assign(room, start + timedelta(hours=2), "赵五岭", "after-sales", True)
    room.owner = "赵五岭"
    month.answers(room, start + timedelta(hours=7))
    # From one owner to another of the same stage; and somebody of the wrong team.
    room = rooms["r04"]
    month.days(room, LIVE_CAPTURE, at(10, 0))
    start = max(room.until, at(10, 9, 5))
    month.assign(room, start, "张一晨", "pre-sales", False)
    month.assign(room, start + timedelta(minutes=1), "赵五岭", "pre-sales", False)
    room.owner = "张一晨"
    month.days(room, start + timedelta(hours=12), at(24, 0))
    # A promise is made by one owner and kept by the next, in the next stage.
    start = max(room.until, at(24, 9, 20))
    month.asks(room, 1, start)
    month.holds(room, start + timedelta(minutes=4), 5, by="张一晨")
    month.assign(room, start + timedelta(minutes=20), "陈四野", "after-sales", True)
    room.owner = "陈四野"
    month.answers(room, start + timedelta(hours=3), "陈四野")
    # Back to pre-sales, while somebody waits who asked on a day on which after-sales alone worked.
    room = rooms["r07"]
    caught_up(month, room)
    month.days(room, at(6, 12), at(19, 0))
    assert room.until < at(19, 15)
    month.asks(room, 0, at(19, 15))
    start = at(20, 10)
    month.assign(room, start, "李二暮", "pre-sales", False)
    room.owner = "李二暮"
    month.answers(room, start + timedelta(minutes=26))


def caught_up(month, room):
    """What comes long after it was sent, the later first: it stands at its own time."""
    month.days(room, LIVE_CAPTURE, at(6, 0))
    assert room.until < at(6, 9)
    month.answers(room, at(6, 9))
    month.asks(room, 0, at(6, 10, 2), late=480)
    month.answers(room, at(6, 10, 1), late=545)
    month.answers(room, at(6, 10, 40))


def unobserved(month, rooms):
    """Our account leaves rooms, and comes back to one."""
    room = rooms["r05"]
    month.days(room, LIVE_CAPTURE, at(11, 0))
    start = max(room.until, at(11, 10))
    month.asks(room, 0, start)
    month.asks(room, 1, start + timedelta(minutes=1))
    month.leaves(room, start + timedelta(minutes=26), {"id": STAFF["陈四野"], "name": "陈四野"})
    room.until = at(12, 13)
    month.days(room, at(12, 14), at(16, 0))
    room = rooms["r12"]
    month.days(room, LIVE_CAPTURE, at(24, 0))
    start = max(room.until, at(24, 15))
    month.asks(room, 0, start)
    month.holds(room, start + timedelta(minutes=5), 0)
    month.asks(room, 1, start + timedelta(minutes=8))
    month.leaves(room, start + timedelta(minutes=55), None)
    # Nobody is there any more.
    room.until = END


def gaps(month, rooms):
    """Capture is interrupted: twice for the account that sees all rooms, once for one that is in one room alone."""
    month.gap(at(9, 14, 0), at(9, 15, 10), at(9, 15, 11))
    month.gap(at(16, 23, 0), at(17, 6, 30), at(17, 6, 31))
    month.gap(at(20, 10, 0), at(20, 11, 0), at(20, 11, 1), account="second")
    # Found long after.
    month.gap(at(23, 16, 20), at(23, 16, 50), at(25, 9, 0))
    room = rooms["r06"]
    month.days(room, LIVE_CAPTURE, at(9, 0))
    start = max(room.until + timedelta(minutes=1), at(9, 13, 20))
    asked = month.asks(room, 0, start)
    confirm = {"confirm_answered": {"wait": key(asked), "through": key(asked)}}
    # Before the gap nothing can have been missed.
    month.command(room, start + timedelta(minutes=10), confirm)
    month.command(room, max(start, at(9, 15, 10)) + timedelta(minutes=20), confirm)
    month.asks(room, 0, room.until + timedelta(minutes=10))
    month.answers(room, room.until + timedelta(minutes=14))
    # A wait that ends as the gap begins, and one that begins as it ends.
    room = rooms["r08"]
    month.days(room, LIVE_CAPTURE, at(9, 0))
    assert room.until < at(9, 13, 50)
    month.answers(room, at(9, 13, 50))
    month.asks(room, 1, at(9, 13, 55))
    month.answers(room, at(9, 14, 0))
    room = rooms["r09"]
    month.days(room, LIVE_CAPTURE, at(9, 0))
    assert room.until < at(9, 13, 0)
    month.answers(room, at(9, 13, 0))
    month.asks(room, 1, at(9, 15, 10))
    month.answers(room, at(9, 15, 13))
    # A room of two accounts: the gap of one is none.
    room = rooms["r03"]
    month.days(room, LIVE_CAPTURE, at(9, 0))
    start = max(room.until + timedelta(minutes=1), at(9, 13, 50))
    asked = month.asks(room, 0, start)
    confirm = {"confirm_answered": {"wait": key(asked), "through": key(asked)}}
    month.command(room, max(start, at(9, 15, 11)) + timedelta(minutes=10), confirm)
    month.answers(room, room.until + timedelta(minutes=5))
    room = rooms["r11"]
    month.days(room, LIVE_CAPTURE, at(15, 0))
    start = max(room.until + timedelta(minutes=1), at(16, 22, 40))
    asked = month.asks(room, 1, start)
    month.asks(room, 2, start + timedelta(minutes=2))
    wish = {"confirm_answered": {"wait": key(asked), "through": key(asked)}}
    month.command(room, max(start, at(17, 9)) + timedelta(minutes=4), wish, by="赵五岭")
    month.answers(room, room.until + timedelta(minutes=50))


def quiet(month):
    """Rooms in which nobody says anything for days."""
    # Before go-live; over a handover; and while somebody waits.
    room = Room("r15", "晴空书店-售前群", ["钱同学", "郑同学"], "张一晨")
    month.facts(room, at(2, 9), ["r15-c0", STAFF["张一晨"]], None)
    month.asks(room, 0, at(2, 10))
    month.answers(room, at(2, 10, 5), "张一晨")
    month.answers(room, at(9, 9, 30), "张一晨")
    month.assign(room, at(12, 17), "王三秋", "after-sales", True)
    month.asks(room, 1, at(18, 16))
    month.answers(room, at(24, 10), "王三秋")
    # Of one whom nobody answers it is no silence until that is cancelled; then our account leaves.
    room = Room("r16", "远山旅行-售前群", ["冯同学"], "陈四野")
    month.facts(room, at(5, 10), ["r16-c0", STAFF["陈四野"]], None)
    asked = month.asks(room, 0, at(6, 11))
    month.cancel(room, at(11, 9, 30), asked, asked)
    month.closes(room, 0, at(20, 9))
    month.leaves(room, at(25, 12), None)
    # Excluded by the rules of mid-month, and silent before and after.
    room = Room("r17", "小石装修-已结项", ["褚同学"], "李二暮")
    month.facts(room, at(9, 9), ["r17-c0", STAFF["李二暮"]], None)
    month.asks(room, 0, at(10, 10))
    month.answers(room, at(10, 10, 20), "李二暮")
    month.answers(room, at(16, 10), "李二暮")
    # Nobody owns it; and in the stage that works on Saturdays.
    room = Room("r18", "无名茶社-咨询群", ["卫同学"], "赵五岭", facts=False)
    month.closes(room, 0, at(5, 9, 30))
    month.closes(room, 0, at(13, 18))
    month.answers(room, at(19, 11), "赵五岭")
    # Our account is away over the days on which it would have been silent for long enough, and comes back.
    room = Room("r19", "归来民宿-售前群", ["蒋同学"], "张一晨")
    month.facts(room, at(20, 9), ["r19-c0", STAFF["张一晨"]], None)
    month.asks(room, 0, at(23, 10))
    month.answers(room, at(23, 10, 9), "张一晨")
    month.leaves(room, at(24, 12), None)
    month.facts(room, at(27, 9), [], None)
    # Told after three days by the first rules, after four by those of mid-month, and after three by the last ones again.
    room = Room("r20", "换规则测试-售前群", ["沈同学"], "李二暮")
    month.facts(room, at(11, 9), ["r20-c0", STAFF["李二暮"]], None)
    month.closes(room, 0, at(12, 10))
    month.closes(room, 0, at(25, 10))


def at_the_end(month, room):
    """Who still waits at the end of the month."""
    if room.until > at(30, 20):
        return
    start = max(room.until + timedelta(minutes=5), at(30, 15))
    if room.id in ("r01", "r04"):
        month.asks(room, 0, start)
        month.asks(room, 1, start + timedelta(minutes=7))
        month.answers(room, start + timedelta(minutes=12), mentions=[room.customers[1][0]])
        month.asks(room, 1, start + timedelta(minutes=90))
    elif room.id in ("r02", "r06"):
        month.asks(room, 0, start)
        month.holds(room, start + timedelta(minutes=3), 5)
    elif room.id == "r07":
        month.asks(room, 0, start)
        month.say(room, month.staff(room.owner), start + timedelta(minutes=6), "question", QUESTIONS[0])
        month.closes(room, 0, start + timedelta(minutes=8))
    elif room.id in ("r03", "r09", "r10"):
        # Out of hours: it counts on the next day.
        month.asks(room, 1, max(start, at(30, 20, 50)))


def main():
    month = invent()
    lines = [line for moment, _, line in sorted(month.lines, key=lambda it: it[:2]) if moment <= END]
    with open(HERE / "month.ndjson", "w", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
    first = datetime(2026, 1, 1, tzinfo=ZONE)
    versions = [
        {"version": 1, "valid_from": stamp(first), "rules": rules(1)},
        {"version": 2, "valid_from": stamp(NEW_RULES), "rules": rules(2)},
        {"version": 3, "valid_from": stamp(LATE_RULES_FROM), "rules": rules(3)},
    ]
    with open(HERE / "rules.json", "w", encoding="utf-8") as file:
        json.dump({"now": stamp(END), "versions": versions}, file, ensure_ascii=False, indent=2)
        file.write("\n")


if __name__ == "__main__":
    main()
