#!/usr/bin/env python3
"""What the performance figures of the invented month have to be, worked out without any of Huiyin's code.

Reads month.ndjson and rules.json beside it and writes expected.json; `--check` compares instead, and fails with the first
differences; `--prove` changes one thing of the month after the other, and fails if one is not noticed. Written from docs/performance.md and from what ARCHITECTURE.md says of waits. What a message says is not read
but known by its label; what is then still a matter of taste raises `Ambiguous`, so that the month holds nothing of the
kind.

expected.json, all times in whole milliseconds:

    now               when open waits and the month are looked at, since 1970
    commands          {id, decision}: applied, refused, unchanged
    pinned            {room, until}: rooms whose past, up to a moment since 1970, stays judged as it was counted
    waits             {id, room, kind, customer, day, hour, owner, team, stage, opened_at, closed_at, ending, held, ended_by,
                      role, time, due, imported, status} and what was so at the opening and at the end:
                      {owner_at_opening, stage_at_opening, owner_at_end, stage_at_end}; `opened_at`, `closed_at`, `due` since 1970; `ending`
                      is null while it is open; the outcome's fields are null where there is none
    messages          {day, room, role, person, count}; `person` is null for customers
    silences          {room, since, working_days, day, owner, team, stage}: days on which a room had been silent for so many
                      working days, days to come too; `since` the last day on which anybody spoke
    figures           {by, who, period, start, statuses, ...}; `by` is owner, room, stage, team or replied (by whom), `who`
                      null where nobody is; `start` the first day of the day, week or month; `statuses` counts by status and
                      kind; a share is [part, whole], a quantile {time, at_least} or null; `working` is the working time of
                      the period up to now by each stage's calendar, `silences` how many reached such a day that is over
"""

import argparse
import copy
import json
import re
import sys
from collections import defaultdict
from datetime import date, datetime, timedelta, timezone
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
ZONE = timezone(timedelta(hours=8))
FIRST_DAY = date(1970, 1, 1)
MINUTE = 60_000
WALL = 8 * 60
DAY_MINUTES = 24 * 60
FRESH = 2 * MINUTE
THRESHOLDS = [5, 10, 20, 30]
FEW = 10
STAGE_OF_TEAM = {"pre_sales": "pre-sales", "after_sales": "after-sales", "other": None}
ROLE_OF_TEAM = {"pre_sales": "pre_sales", "after_sales": "after_sales", "other": "other_staff"}
WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
EVERYBODY = "everybody"
COLLEAGUES = "colleagues"


class Ambiguous(Exception):
    """The month asks something that its documents do not settle."""


def moment(text):
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def local(ms):
    return datetime.fromtimestamp(ms // 1000, ZONE)


def midnight(day):
    return round(datetime.combine(day, datetime.min.time(), ZONE).timestamp() * 1000)


def day_of(ms):
    return local(ms).date()


def minute_of(ms):
    """Which minute it is on the clock on the wall, since 1970 there."""
    return ms // MINUTE + WALL


# Working time, minute by minute.


class Rules:
    def __init__(self, version, valid_from, body):
        assert body["time_zone"] == "Asia/Shanghai", "the oracle knows one zone"
        self.version, self.valid_from, self.body = version, valid_from, body
        self.by_contact = {contact: entry for entry in body["roster"] for contact in entry.get("contacts", [])}
        self.off = {}
        for year in sorted(body.get("holidays", []), key=lambda it: it["year"]):
            self.off |= {day["date"]: day["isOffDay"] for day in year["days"]}

    def named(self, name):
        found = [entry for entry in self.body["roster"] if entry["name"] == name.strip()]
        return found[0] if len(found) == 1 else None

    def team(self, name):
        entry = self.named(name) if name else None
        return entry and entry["team"]

    def excludes(self, room, topic):
        excluded = self.body.get("excluded_rooms", {})
        if room in excluded.get("rooms", []):
            return True
        for pattern in excluded.get("names", []):
            pieces = [".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern.strip()]
            if topic and re.fullmatch("".join(pieces), topic.strip(), re.IGNORECASE | re.DOTALL):
                return True
        return False

    def parts(self, stage, day):
        """The parts of a day on which a stage works."""
        calendar = self.body["calendars"]["pre_sales" if stage == "pre-sales" else "after_sales"]
        hours = calendar.get("hours", ["09:00-12:00", "13:30-18:00"])
        written = day.isoformat()
        if written in calendar.get("days_off", []):
            return []
        if written in calendar.get("working_days", []):
            return hours
        if calendar.get("public_holidays", True) and written in self.off:
            return [] if self.off[written] else hours
        second = calendar.get("alternate_saturdays")
        if second:
            weeks, odd = divmod((day - date.fromisoformat(second["from"])).days, 14)
            if weeks >= 0 and odd == 0:
                return second.get("hours", hours)
        of_week = calendar.get("weekdays", {}).get(WEEKDAYS[day.weekday()])
        if of_week is not None:
            return of_week
        return hours if day.weekday() < 5 else []

    @cache
    def worked(self, stage, day):
        """Of each minute of a day, counted since 1970, whether it is worked."""
        worked = [False] * DAY_MINUTES
        for part in self.parts(stage, FIRST_DAY + timedelta(days=day)):
            start, end = (int(clock[:2]) * 60 + int(clock[3:]) for clock in part.split("-"))
            for minute in range(start, end):
                worked[minute] = True
        return worked

    def is_worked(self, stage, minute):
        return self.worked(stage, minute // DAY_MINUTES)[minute % DAY_MINUTES]

    def working_time(self, stage, since, until):
        """Minute by minute; of the first and the last what lies inside."""
        total = 0
        for minute in range(minute_of(since), minute_of(until - 1) + 1):
            if self.is_worked(stage, minute):
                begins = (minute - WALL) * MINUTE
                total += min(until, begins + MINUTE) - max(since, begins)
        return total

    def clock_start(self, stage, ms):
        while not self.is_worked(stage, minute_of(ms)):
            ms = (ms // MINUTE + 1) * MINUTE
        return ms


class History:
    """Which rules judge which moment. A version takes the place of those before it from its beginning on; `pinned` says
    until when a room's past stays with the first so many."""

    def __init__(self, versions, pinned=None):
        self.versions, self.pinned = versions, pinned

    def at(self, ms):
        known = self.versions
        if self.pinned and ms < self.pinned[0]:
            known = self.versions[: self.pinned[1]]
        held = [rules for rules in known if rules.valid_from <= ms]
        return held[-1] if held else known[0]

    def working_time(self, stage, since, until):
        """Of a stretch whose every moment is judged by the rules of that moment."""
        edges = sorted({since, until, *(it.valid_from for it in self.versions if since < it.valid_from < until)})
        return sum(self.at(start).working_time(stage, start, end) for start, end in zip(edges, edges[1:]))


# One room's past.


class Fold:
    """Goes through a room's entries in their order, and keeps who waits."""

    def __init__(self, room, facts, history):
        self.room, self.history = room, history
        self.owner, self.stage, self.manual = None, "pre-sales", False
        self.candidates = dict.fromkeys(["inviter", "pre_sales", "after_sales", "speaker"])
        self.accounts, self.absent = {}, []
        self.spoke = {}
        self.question = self.choice = False
        self.open, self.ended, self.ghost, self.reached = [], [], None, None
        self.messages = defaultdict(int)
        self.owned = []
        for place, fact in self.ordered(facts):
            if self.ghost and self.ghost["recalled"] <= place:
                self.withdraw()
            self.take(place, fact)
            self.owned.append((place[0], self.owner, self.stage))
            self.reached = place[0]
        self.withdraw()
        self.waits = sorted(self.ended + self.open, key=lambda it: it["place"])

    def ordered(self, facts):
        """Everything with its place, in order: (time, capture, id, what stands directly behind it)."""
        sent = self.places(facts)
        captured = [fact for fact in facts if fact["event"] != "command"]
        places = {fact["key"]: (sent.get(fact["key"], fact.get("at")), fact["captured"], fact["key"], "") for fact in captured}
        self.recalls = {}
        for fact in captured:
            if fact.get("label") == "recall":
                target = f"webhook:{fact['message']['account']}:{fact['message']['text']}"
                self.recalls[target] = min(places[fact["key"]], self.recalls.get(target, (float("inf"),)))
        undone = {fact["wish"]["undo_cancel"]["cancel"] for fact in facts if "undo_cancel" in fact.get("wish", {})}
        here = [(places[fact["key"]], fact) for fact in captured]
        for fact in facts:
            if fact["event"] != "command" or "undo_cancel" in fact["wish"] or fact["id"] in undone:
                continue
            wish, name = next(iter(fact["wish"].values())), "command:" + fact["id"]
            place = (*places[wish["through"]][:3], name) if "through" in wish else (fact["at"], fact["at"] * 1000, name, "")
            here.append((place, fact))
        return sorted(here, key=lambda it: it[0])

    @staticmethod
    def places(facts):
        """When messages count as sent: a live one not before what its account had captured fresh before it."""
        sent, latest = {}, {}
        messages = [fact for fact in facts if fact["event"] == "message"]
        for fact in sorted(messages, key=lambda it: it["captured"]):
            message, at = fact["message"], fact["sent_at"]
            sent[fact["key"]] = at
            if message.get("history") or message["kind"] in ("system", "recalled"):
                continue
            account = message["account"]
            sent[fact["key"]] = max(at, latest.get(account, at))
            if fact["received_at"] - at <= FRESH:
                latest[account] = max(at, latest.get(account, at))
        return sent

    def take(self, place, fact):
        if fact["event"] == "message":
            self.message(place, fact)
            message = fact["message"]
            if not message.get("history") and message["kind"] not in ("system", "recalled"):
                self.is_here(message["account"], place[0])
        elif fact["event"] == "seen":
            self.is_here(fact["account"], fact["at"])
            self.learn(fact)
        elif fact["event"] == "left":
            self.accounts.setdefault(fact["account"], {"since": fact["at"], "left": None})
            self.accounts[fact["account"]]["left"] = fact["at"]
            if all(it["left"] is not None for it in self.accounts.values()):
                self.refuse_ghost("our account leaves")
                self.end(self.open, fact["at"], ending="unobserved")
        elif "assign" in fact["wish"]:
            if fact["decision"] == "applied":
                self.owner, self.stage = fact["wish"]["assign"]["owner"], fact["wish"]["assign"]["stage"]
                self.manual = True
        elif fact["decision"] != "refused":
            self.refuse_ghost("a cancel")
            about = fact["about"]
            ended = [it for it in self.open if about is None or self.is_about(about, it)]
            ending = "cancelled" if "cancel" in fact["wish"] else "confirmed"
            self.end(ended, fact["at"], ending=ending, ended_by=fact["by"], command=fact["id"], counted_at=place[0])

    @staticmethod
    def is_about(about, wait):
        if wait["kind"] == "promise":
            return about == ("promise", wait["id"])
        return about == ("turn", wait["customer"])

    def about(self, wait_id):
        """What somebody means who looks at a wait."""
        for wait in self.waits:
            if wait["id"] == wait_id:
                of_promise = wait["kind"] == "promise"
                return ("promise", wait["id"]) if of_promise else ("turn", wait["customer"])
        raise Ambiguous(f"a command names {wait_id}, which is no wait then")

    # Who is there.

    def is_here(self, account, at):
        if self.accounts and all(it["left"] is not None for it in self.accounts.values()):
            self.absent.append((max(it["left"] for it in self.accounts.values()), at))
        known = self.accounts.setdefault(account, {"since": at, "left": None})
        known["left"] = None

    def learn(self, fact):
        rules = self.history.at(fact["at"])
        staff = lambda contact: rules.by_contact.get("webhook:" + contact)
        if fact["inviter"]:
            self.candidates["inviter"] = staff(fact["inviter"])
        if fact["members"]:
            for team in ("pre_sales", "after_sales"):
                of_team = [staff(it) for it in fact["members"] if staff(it) and staff(it)["team"] == team]
                self.candidates[team] = of_team[0] if of_team else None
        self.assign_by_rule()

    def assign_by_rule(self):
        if not self.manual:
            best = next((it for it in self.candidates.values() if it), None)
            self.owner = best and best["name"]
            self.stage = (best and STAGE_OF_TEAM[best["team"]]) or "pre-sales"

    @staticmethod
    def identity(rules, sender):
        """A role, and whoever of the roster it is."""
        contact = "webhook:" + sender["id"]
        if contact in rules.body.get("bots", []):
            return "robot", None
        entry = rules.by_contact.get(contact)
        if entry is None:
            if not sender.get("coworker") and sender.get("corporation") not in rules.body["company_names"]:
                return "customer", None
            entry = rules.named(sender["name"])
        return (ROLE_OF_TEAM[entry["team"]], entry) if entry else ("other_staff", None)

    def is_customer(self, rules, contact):
        """Of somebody who is mentioned: True, False, or None where nothing is known of them."""
        if any(wait["customer"] == contact for wait in self.turns()):
            return True
        if contact in rules.body.get("bots", []) or contact in rules.by_contact:
            return False
        return self.spoke.get(contact)

    # What is said.

    def message(self, place, fact):
        label, message = fact["label"], fact["message"]
        rules = self.history.at(place[0])
        role, entry = self.identity(rules, message["sender"])
        if label in ("notice", "recall", "robot") or role == "robot":
            return
        if label in ("auto_reply", "broadcast"):
            if role == "customer":
                raise Ambiguous("a customer's automatic words")
            return
        taken_back = self.recalls.get(fact["key"])
        if taken_back:
            if role == "customer":
                self.taken_back(place, fact, taken_back)
            return
        contact = "webhook:" + message["sender"]["id"]
        mentions = ["webhook:" + it for it in message.get("mentions", [])]
        if role == "customer":
            self.customer(place, fact, contact, mentions, rules)
            self.spoke[contact] = True
            person = None
        else:
            self.staff(place, fact, contact, mentions, rules, role, entry)
            person = entry["name"] if entry else message["sender"]["name"]
        self.messages[(day_of(place[0]).isoformat(), role, person)] += 1

    def asked_for(self, label, mentions, rules):
        """What a customer's message opens where nothing stands in its way, and whether staff's question stays open."""
        if mentions and all(self.is_customer(rules, it) for it in mentions):
            return None, True
        if label == "request":
            return "request", False
        if label in ("closing", "nod") and self.question:
            return ("request" if self.choice else "soft"), False
        return None, label == "own_move"

    def turns(self):
        return [wait for wait in self.open if wait["kind"] != "promise"]

    def customer(self, place, fact, contact, mentions, rules):
        turns = self.turns()
        opens, leaves = self.asked_for(fact["label"], mentions, rules)
        if not turns:
            if opens:
                self.ghost = None
                self.opens(place, fact, opens, contact)
        elif turns[0]["kind"] == "soft":
            leaves = False
            if opens == "request":
                self.end(turns, place[0], ending="became_request")
                self.opens(place, fact, "request", contact)
        else:
            leaves = False
            if opens == "request" and all(wait["customer"] != contact for wait in turns):
                self.opens(place, fact, "request", contact)
        self.question, self.choice = self.question and leaves, self.choice and leaves

    def opens(self, place, fact, kind, contact):
        if fact.get("due") and place[0] != fact["sent_at"]:
            raise Ambiguous(f"when {fact['key']} is due, which stands elsewhere than it was sent")
        wait = {
            "id": fact["key"],
            "place": place,
            "kind": kind,
            "customer": contact,
            "opened_at": place[0],
            "history": bool(fact["message"].get("history")),
            "owner_at_opening": self.owner,
            "stage_at_opening": self.stage,
            "due": fact.get("due") if kind == "promise" else None,
            "others": [],
        }
        outcome = ["closed_at", "ending", "held", "ended_by", "role", "command", "owner_at_end", "stage_at_end"]
        wait |= dict.fromkeys(outcome)
        self.open.append(wait)
        return wait

    def taken_back(self, place, fact, recalled):
        """A customer's message that is taken back later: nothing but the wait that stands open until then."""
        if self.turns():
            return
        opens, _ = self.asked_for(fact["label"], [], self.history.at(place[0]))
        if not opens:
            return
        self.refuse_ghost("another recalled message")
        if recalled < place:
            raise Ambiguous("recalled before it was said")
        contact = "webhook:" + fact["message"]["sender"]["id"]
        self.ghost = self.opens(place, fact, opens, contact)
        self.ghost["recalled"] = recalled
        self.open.remove(self.ghost)

    def refuse_ghost(self, what):
        if self.ghost:
            raise Ambiguous(f"{what} between {self.ghost['id']} and its recall")

    def withdraw(self):
        ghost, self.ghost = self.ghost, None
        if ghost:
            self.open.append(ghost)
            self.end([ghost], ghost["recalled"][0], ending="withdrawn")

    def staff(self, place, fact, contact, mentions, rules, role, entry):
        if entry and not self.candidates["speaker"]:
            self.candidates["speaker"] = entry
            self.assign_by_rule()
        to = self.addressees(fact, mentions, rules)
        if not (entry and contact in entry.get("contacts", [])):
            self.spoke[contact] = False
        if to == COLLEAGUES:
            return
        label = fact["label"]
        self.question |= label in ("question", "choice")
        self.choice |= label == "choice"
        self.refuse_ghost("a reply")
        is_for = lambda customer: to == EVERYBODY or customer in to
        turns = [wait for wait in self.turns() if is_for(wait["customer"])]
        promised = set()
        for wait in self.open:
            if wait["kind"] == "promise":
                promised |= {wait["customer"], *wait["others"]}
        kept = [] if label in ("holding", "sticker") else self.kept(is_for)
        by = entry["name"] if entry else fact["message"]["sender"]["name"]
        self.end(turns + kept, place[0], ending="answered", held=label == "holding", ended_by=by, role=role)
        new = [wait["customer"] for wait in turns if wait["customer"] not in promised]
        if label == "holding" and new:
            self.opens(place, fact, "promise", new[0])["others"] = new[1:]

    def kept(self, is_for):
        """Promises of which nobody is left who has no answer yet."""
        kept = []
        for wait in self.open:
            if wait["kind"] == "promise":
                left = [it for it in [wait["customer"], *wait["others"]] if not is_for(it)]
                if left:
                    wait["customer"], wait["others"] = left[0], left[1:]
                else:
                    kept.append(wait)
        return kept

    def addressees(self, fact, mentions, rules):
        message = fact["message"]
        named = [it for it in mentions if self.is_customer(rules, it)]
        if message.get("quote"):
            quoted = [it for it in self.turns() if it["id"] == f"webhook:{message['account']}:{message['quote']}"]
            named += [it["customer"] for it in quoted]
        if named:
            return named
        if mentions and all(self.is_customer(rules, it) is False for it in mentions):
            return COLLEAGUES
        return EVERYBODY

    def end(self, waits, at, **how):
        for wait in list(waits):
            self.open.remove(wait)
            end = {"closed_at": max(at, wait["opened_at"]), "owner_at_end": self.owner, "stage_at_end": self.stage}
            wait |= {"held": False, "counted_at": end["closed_at"], **how, **end}
            self.ended.append(wait)

    # When nobody says anything.

    def owned_at(self, at):
        """By whom, and in which stage, before a moment."""
        return next(((owner, stage) for since, owner, stage in reversed(self.owned) if since < at), (None, "pre-sales"))

    def silences(self, topic, live_since):
        """Day after day from one on which somebody spoke until the next; beyond the last up to a year."""
        spoken = sorted({date.fromisoformat(day) for day, _, _ in self.messages})
        for since, until in zip(spoken, [*spoken[1:], spoken[-1] + timedelta(days=365)] if spoken else []):
            passed, day = 0, since + timedelta(days=1)
            while day < until:
                begins, ends = midnight(day), midnight(day + timedelta(days=1))
                rules = self.history.at(begins)
                owner, stage = self.owned_at(ends)
                if rules.parts(stage, day):
                    passed += 1
                    if passed in rules.body["follow_up_after"] and self.is_silence(begins, ends, rules, topic, live_since):
                        found = {"room": self.room, "since": since.isoformat(), "working_days": passed, "day": day.isoformat()}
                        yield found | {"owner": owner, "team": rules.team(owner), "stage": stage}
                day += timedelta(days=1)

    def is_silence(self, begins, ends, rules, topic, live_since):
        if rules.excludes(self.room, topic) or live_since is None or begins < live_since:
            return False
        if any(wait["opened_at"] < ends and (wait["closed_at"] is None or wait["closed_at"] > begins) for wait in self.waits):
            return False
        if any(since < ends and until > begins for since, until in self.absent):
            return False
        left = [it["left"] for it in self.accounts.values() if it["left"] is not None and begins < it["left"] < ends]
        return not any(self.is_unseen([], at) for at in (begins, *left))

    # What nobody saw.

    def is_unseen(self, gaps, at):
        """Whether something said at a moment may have been missed."""
        in_gap = lambda account: any(
            since <= at < until for of, since, until in gaps if of is None or account is None or of == account
        )
        if not self.accounts:
            return in_gap(None)
        first = min(it["since"] for it in self.accounts.values())
        for account, stay in self.accounts.items():
            is_there = (stay["since"] == first or stay["since"] <= at) and (stay["left"] is None or at < stay["left"])
            if is_there and not in_gap(account):
                return False
        return True

    def is_unverified(self, wait, gaps, now):
        since, until = wait["opened_at"], wait["closed_at"] if wait["closed_at"] is not None else now
        edges = {since, *(edge for gap in gaps for edge in gap[1:])}
        for stay in self.accounts.values():
            edges |= {stay["since"], stay["left"] or since}
        return any(self.is_unseen(gaps, edge) for edge in edges if since <= edge < max(until, since + 1))


# The whole company.


class Company:
    def __init__(self, lines, rules):
        versions = [Rules(it["version"], moment(it["valid_from"]), it["rules"]) for it in rules["versions"]]
        self.history, self.pinned = History(versions), {}
        self.now = moment(rules["now"])
        self.facts = defaultdict(list)
        self.topics, self.gaps, self.live_since, self.decisions = {}, [], None, []
        self.known = 1
        for line in lines:
            self.learn(line)
        self.folds = {room: self.fold(room) for room in sorted(self.facts)}

    def history_of(self, room):
        """By the rules that are known so far."""
        return History(self.history.versions[: self.known], self.pinned.get(room))

    def fold(self, room):
        return Fold(room, self.facts[room], self.history_of(room))

    def new_rules(self, version):
        """Rules that reach back judge what was said since; but not what stands before the last wait that has ended."""
        rules = self.history.versions[version - 1]
        for room in self.facts:
            fold = self.fold(room)
            counted = max((wait["counted_at"] + 1 for wait in fold.ended), default=0)
            if fold.reached >= rules.valid_from and counted > rules.valid_from:
                if room in self.pinned:
                    raise Ambiguous("pinned twice")
                self.pinned[room] = (counted, self.known)
        self.known = version

    def learn(self, line):
        event = line["event"]
        for field in ("at", "received_at", "due", "since", "until"):
            if field in line:
                line[field] = moment(line[field])
        if event == "message":
            message = line["message"]
            line["sent_at"], line["key"] = moment(message["sent_at"]), f"webhook:{message['account']}:{message['id']}"
            room = "webhook:" + message["room"]["id"]
            named_at = float("-inf") if message.get("history") else min(line["sent_at"], line["received_at"])
            self.name(room, message["room"]["topic"], named_at)
            self.facts[room].append(line)
        elif event in ("seen", "left"):
            line["key"] = f"webhook:{line['account']}:{line['id']}"
            room = "webhook:" + line["room"]["id"]
            self.name(room, line["room"]["topic"], line["at"])
            self.facts[room].append(line)
        elif event == "gap":
            self.gaps.append((line["account"], line["since"], line["until"]))
        elif event == "golive":
            self.live_since = line["at"]
        elif event == "rules":
            self.new_rules(line["version"])
        elif event == "command":
            self.decide(line)

    def name(self, room, topic, at):
        if room not in self.topics or at >= self.topics[room][0]:
            self.topics[room] = (at, topic)

    def decide(self, command):
        """A command, by what is known when it comes."""
        room, (kind, wish) = command["room"], next(iter(command["wish"].items()))
        fold = self.fold(room)
        command["about"], command["decision"] = None, "applied"
        if kind == "assign":
            newest = self.history.versions[self.known - 1]
            command["decision"] = self.assign(fold, wish, newest, command["at"])
        elif kind in ("cancel", "confirm_answered"):
            if all(fact.get("key") != wish["through"] for fact in self.facts[room]):
                raise Ambiguous(f"{command['id']} was given on what nobody had captured")
            if wish["wait"]:
                command["about"] = fold.about(wish["wait"])
            if kind == "confirm_answered":
                wait = next(it for it in fold.waits if it["id"] == wish["wait"])
                if not fold.is_unverified(wait, self.gaps, command["at"]):
                    command["decision"] = "refused"
        self.facts[room].append(command)
        decision = command["decision"]
        if kind in ("cancel", "confirm_answered") and decision == "applied":
            if all(wait["command"] != command["id"] for wait in self.fold(room).waits):
                decision = "unchanged"
        self.decisions.append({"id": command["id"], "decision": decision})

    def assign(self, fold, wish, rules, at):
        entry = rules.named(wish["owner"])
        if not entry or STAGE_OF_TEAM[entry["team"]] != wish["stage"]:
            return "refused"
        if (fold.owner, fold.stage) == (entry["name"], wish["stage"]):
            return "unchanged"
        is_live = self.live_since is not None and self.live_since <= at
        return "refused" if wish["stage"] == "after-sales" and is_live and not wish["approved"] else "applied"

    def status(self, fold, wait):
        rules = fold.history.at(wait["opened_at"])
        if rules.excludes(fold.room, self.topics[fold.room][1]):
            return "excluded"
        if wait["history"]:
            return "history"
        if self.live_since is None or wait["opened_at"] < self.live_since:
            return "rehearsal"
        return "unverified" if fold.is_unverified(wait, self.gaps, self.now) else "counted"

    def wait(self, fold, wait):
        """A wait as it is counted."""
        judged = fold.history.at(wait["opened_at"])
        is_open = wait["closed_at"] is None
        end = self.now if is_open else wait["closed_at"]
        stage = fold.stage if is_open else wait["stage_at_end"]
        owner = wait["owner_at_opening"] or (fold.owner if is_open else wait["owner_at_end"])
        starts = local(judged.clock_start(wait["stage_at_opening"], wait["opened_at"]))
        counted = {
            "id": wait["id"],
            "room": fold.room,
            "kind": wait["kind"],
            "customer": wait["customer"],
            "day": starts.date().isoformat(),
            "hour": starts.hour,
            "owner": owner,
            "team": judged.team(owner),
            "stage": stage,
            "opened_at": wait["opened_at"],
            "closed_at": wait["closed_at"],
            "ending": wait["ending"],
            "held": wait["held"],
            "ended_by": wait["ended_by"],
            "role": wait["role"],
            "time": fold.history.at(end).working_time(stage, wait["opened_at"], end),
            "due": wait["due"],
            "imported": wait["history"],
            "status": self.status(fold, wait),
        }
        for field in ("owner_at_opening", "stage_at_opening", "owner_at_end", "stage_at_end"):
            counted[field] = wait[field]
        return counted

    def expected(self):
        waits = [self.wait(fold, wait) for fold in self.folds.values() for wait in fold.waits]
        waits.sort(key=lambda it: (it["opened_at"], it["id"]))
        messages = [
            {"day": day, "room": room, "role": role, "person": person, "count": count}
            for room, fold in self.folds.items()
            for (day, role, person), count in fold.messages.items()
        ]
        messages.sort(key=lambda it: (it["day"], it["room"], it["role"], it["person"] or ""))
        silences = [it for room, fold in self.folds.items() for it in fold.silences(self.topics[room][1], self.live_since)]
        silences.sort(key=lambda it: (it["day"], it["room"], it["working_days"]))
        return {
            "now": self.now,
            "commands": self.decisions,
            "pinned": [{"room": room, "until": until} for room, (until, _) in sorted(self.pinned.items())],
            "waits": waits,
            "messages": messages,
            "silences": silences,
            "figures": self.all_figures(waits, silences),
        }

    # Figures.

    GROUPS = [
        ("owner", "day"),
        ("owner", "week"),
        ("owner", "month"),
        ("room", "day"),
        ("stage", "month"),
        ("team", "month"),
        ("replied", "month"),
    ]

    def all_figures(self, waits, silences):
        rows = []
        for by, period in self.GROUPS:
            groups = defaultdict(list)
            for wait in waits:
                if by == "replied" and wait["ending"] != "answered":
                    continue
                who = wait["ended_by"] if by == "replied" else wait[by]
                groups[(first_day(period, wait["day"]), who)].append(wait)
            silent = defaultdict(set)
            for silence in silences if by != "replied" else []:
                if silence["day"] < day_of(self.now).isoformat():
                    of = (first_day(period, silence["day"]), silence[by])
                    silent[of].add((silence["room"], silence["since"]))
            for start, who in sorted({*groups, *silent}, key=lambda it: (it[0], it[1] or "")):
                row = {"by": by, "who": who, "period": period, "start": start}
                row |= figures(groups[(start, who)]) | {"silences": len(silent[(start, who)])}
                rows.append(row | {"working": self.working(period, start)})
        return rows

    @cache
    def working(self, period, start):
        since = datetime.combine(date.fromisoformat(start), datetime.min.time(), ZONE)
        month = (since.replace(day=28) + timedelta(days=4)).replace(day=1)
        until = {"day": since + timedelta(days=1), "week": since + timedelta(days=7), "month": month}[period]
        since, until = round(since.timestamp() * 1000), min(round(until.timestamp() * 1000), self.now)
        of_stage = lambda stage: self.history.working_time(stage, since, until)
        return {"pre_sales": of_stage("pre-sales"), "after_sales": of_stage("after-sales")}


def first_day(period, day):
    at = date.fromisoformat(day)
    if period == "week":
        at -= timedelta(days=at.weekday())
    return (at.replace(day=1) if period == "month" else at).isoformat()


def figures(waits):
    statuses = defaultdict(lambda: defaultdict(int))
    for wait in waits:
        statuses[wait["status"]][wait["kind"]] += 1
    counted = [wait for wait in waits if wait["status"] == "counted"]
    requests = [wait for wait in counted if wait["kind"] == "request"]
    of = lambda ending: [wait for wait in requests if wait["ending"] == ending]
    answered, cancelled, still = of("answered"), of("cancelled"), of(None)
    took, lasts = [it["time"] for it in answered], [it["time"] for it in still]
    return {
        "statuses": {status: dict(sorted(kinds.items())) for status, kinds in sorted(statuses.items())},
        "asked": len(requests),
        "answered": len(answered),
        "held": sum(it["held"] for it in answered),
        "cancelled": {"count": len(cancelled), "time": sum(it["time"] for it in cancelled)},
        "confirmed": len(of("confirmed")),
        "withdrawn": len(of("withdrawn")),
        "unobserved": len(of("unobserved")),
        "open": len(still),
        "median": quantile(took, lasts, 1, 2),
        "p90": quantile(took, lasts, 9, 10),
        "mean": {"sum": sum(took), "count": len(took)},
        "within": {str(minutes): share(took, lasts, minutes) for minutes in THRESHOLDS},
        "longest_open": max(lasts, default=None),
        "soft": sum(it["kind"] == "soft" for it in counted),
        "promises": promises([it for it in counted if it["kind"] == "promise"]),
        "waited": sum(took) + sum(it["time"] for it in cancelled),
        "few": len(took) + len(lasts) < FEW,
    }


def quantile(took, lasts, part, whole):
    """The smallest time that at least part/whole of all do not exceed: tried one after the other."""
    everything = sorted(took + lasts)
    for time in everything:
        if sum(it <= time for it in everything) * whole >= len(everything) * part:
            return {"time": time, "at_least": bool(lasts) and min(lasts) <= time}
    return None


def share(took, lasts, minutes):
    within = sum(it <= minutes * MINUTE for it in took)
    return [within, len(took) + sum(it > minutes * MINUTE for it in lasts)]


def promises(of_promise):
    kept = [it for it in of_promise if it["ending"] == "answered"]
    still = [it for it in of_promise if it["ending"] is None]
    return {
        "kept": len(kept),
        "late": sum(it["due"] is not None and it["closed_at"] > it["due"] for it in kept),
        "open": len(still),
        "otherwise": len(of_promise) - len(kept) - len(still),
        "mean": {"sum": sum(it["time"] for it in kept), "count": len(kept)},
    }


def read():
    """The month, and the rules."""
    with open(HERE / "month.ndjson", encoding="utf-8") as month, open(HERE / "rules.json", encoding="utf-8") as rules:
        return [json.loads(line) for line in month], json.load(rules)


# That nothing of the month is there for nothing: what would not be noticed if it were otherwise.


def first(lines, *path, **wanted):
    """The first line that has all of this, and something at this path."""
    for line in lines:
        found = line
        for field in path:
            found = found.get(field) if isinstance(found, dict) else None
        if found and all(line.get(field) == value for field, value in wanted.items()):
            return line
    raise KeyError(path)


def without(lines, *path, **wanted):
    lines.remove(first(lines, *path, **wanted))


def later(line, field, minutes):
    line[field] = (datetime.fromisoformat(line[field]) + timedelta(minutes=minutes)).isoformat(timespec="milliseconds")


def of_calendars(rules, version, stage):
    return rules["versions"][version - 1]["rules"]["calendars"][stage]


CHANGES = {
    "one owner": lambda lines, rules: first(lines, "wish", "assign")["wish"]["assign"].update(owner="赵五岭"),
    "one approval": lambda lines, rules: [
        line["wish"]["assign"].update(approved=False) for line in lines if "assign" in line.get("wish", {})
    ],
    "no gap": lambda lines, rules: without(lines, event="gap", account="main"),
    "a gap of ten minutes more": lambda lines, rules: later(first(lines, event="gap", account="main"), "until", 10),
    "whose gap": lambda lines, rules: first(lines, event="gap", account="second").update(account="main"),
    "the other account": lambda lines, rules: without(lines, event="seen", account="second"),
    "live a day later": lambda lines, rules: later(first(lines, event="golive"), "at", 24 * 60),
    "no confirmation": lambda lines, rules: [
        lines.remove(line) for line in list(lines) if "confirm_answered" in line.get("wish", {})
    ],
    "no cancel": lambda lines, rules: without(lines, "wish", "cancel", "wait"),
    "a cancel of all": lambda lines, rules: [
        line["wish"]["cancel"].update(wait=None) for line in lines if "cancel" in line.get("wish", {})
    ],
    "an undo": lambda lines, rules: without(lines, "wish", "undo_cancel"),
    "a recall": lambda lines, rules: without(lines, label="recall"),
    "a holding reply": lambda lines, rules: first(lines, label="holding").update(label="answer"),
    "questions": lambda lines, rules: [it.update(label="answer") for it in lines if it.get("label") == "question"],
    "a choice": lambda lines, rules: [it.update(label="question") for it in lines if it.get("label") == "choice"],
    "stickers that keep promises": lambda lines, rules: [
        it.update(label="answer") for it in lines if it.get("label") == "sticker"
    ],
    "closings": lambda lines, rules: [it.update(label="request") for it in lines if it.get("label") == "closing"],
    "what customers do first": lambda lines, rules: [
        it.update(label="closing") for it in lines if it.get("label") == "own_move"
    ],
    "a nod": lambda lines, rules: [it.update(label="sticker") for it in lines if it.get("label") == "nod"],
    "broadcasts that answer": lambda lines, rules: [
        it.update(label="answer") for it in lines if it.get("label") == "broadcast"
    ],
    "when it is due": lambda lines, rules: [later(it, "due", -240) for it in lines if it.get("due")],
    "mentions": lambda lines, rules: [it["message"].pop("mentions", None) for it in lines if "message" in it],
    "quotes": lambda lines, rules: [it["message"].pop("quote", None) for it in lines if "message" in it],
    "imports": lambda lines, rules: [it["message"].pop("history", None) for it in lines if "message" in it],
    "the order of capture": lambda lines, rules: [
        it.update(captured=moment(it["message"]["sent_at"]) * 1000 + place)
        for place, it in enumerate(lines)
        if "message" in it and not it["message"].get("history")
    ],
    "a departure": lambda lines, rules: without(lines, event="left"),
    "names": lambda lines, rules: [
        it["message"]["room"].update(topic="别的名字") for it in lines if "message" in it and it["message"]["room"]["id"] == "r11"
    ],
    "lunch": lambda lines, rules: of_calendars(rules, 1, "pre_sales").update(hours=["09:00-12:01", "13:30-18:00"]),
    "the other stage's hours": lambda lines, rules: of_calendars(rules, 2, "after_sales").update(hours=["10:00-21:01"]),
    "a day off": lambda lines, rules: of_calendars(rules, 1, "after_sales").pop("days_off"),
    "a working day": lambda lines, rules: of_calendars(rules, 2, "pre_sales").pop("working_days"),
    "every second Saturday": lambda lines, rules: of_calendars(rules, 1, "after_sales").pop("alternate_saturdays"),
    "public holidays": lambda lines, rules: rules["versions"][1]["rules"].pop("holidays"),
    "rules in mid-month": lambda lines, rules: without(lines, event="rules", version=2),
    "rules put in force late": lambda lines, rules: rules["versions"][2].update(valid_from="2026-11-26T11:00:00+08:00"),
    "a team": lambda lines, rules: rules["versions"][1]["rules"]["roster"][2].update(team="pre_sales"),
    "an absence": lambda lines, rules: [lines.remove(it) for it in list(lines) if it["event"] == "left" and it["room"]["id"] == "r19"],
    "after how many silent days": lambda lines, rules: rules["versions"][2]["rules"].update(follow_up_after=[2, 5]),
    "excluded rooms": lambda lines, rules: rules["versions"][0]["rules"].pop("excluded_rooms"),
    "when it is looked at": lambda lines, rules: rules.update(now="2026-11-30T17:00:00+08:00"),
}


def unnoticed():
    """Which changes of the month change nothing that is expected."""
    lines, rules = read()
    expected = written(Company(copy.deepcopy(lines), copy.deepcopy(rules)).expected())
    for name, change in CHANGES.items():
        others = copy.deepcopy((lines, rules))
        change(*others)
        try:
            if others == (lines, rules) or written(Company(*others).expected()) == expected:
                yield name
        except Ambiguous as ambiguous:
            print(f"{name}: {ambiguous}")


def written(expected):
    """A line each, so that a difference can be read."""
    parts = []
    for name, value in expected.items():
        if isinstance(value, list):
            rows = ",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in value)
            parts.append(f'"{name}":[\n{rows}\n]')
        else:
            parts.append(f'"{name}":{json.dumps(value)}')
    return "{" + ",\n".join(parts) + "}\n"


def differences(kept, found):
    kept, found = kept.splitlines(), found.splitlines()
    gone, new = set(kept) - set(found), set(found) - set(kept)
    yield f"expected.json differs: {len(gone)} lines are not found any more, {len(new)} are new"
    for sign, rows, of in (("-", kept, gone), ("+", found, new)):
        yield from [f"{sign} {row}" for row in rows if row in of][:5]


def main():
    parser = argparse.ArgumentParser(description="What the figures of the invented month have to be.")
    parser.add_argument("--check", action="store_true", help="compare with expected.json instead of writing it")
    parser.add_argument("--prove", action="store_true", help="change one thing of the month after the other: each is noticed")
    arguments = parser.parse_args()
    if arguments.prove:
        missed = list(unnoticed())
        sys.exit(f"nobody would notice: {', '.join(missed)}" if missed else None)
    found, target = written(Company(*read()).expected()), HERE / "expected.json"
    if not arguments.check:
        target.write_text(found, encoding="utf-8")
    elif (kept := target.read_text(encoding="utf-8")) != found:
        sys.exit("\n".join(differences(kept, found)))


if __name__ == "__main__":
    main()
