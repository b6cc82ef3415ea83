#!/usr/bin/env python3
"""Holds callbacks to Feishu's official SDK: what the simulator sends right must be right for the SDK too, what it sends
wrong must be refused by us at least where the SDK refuses it, and the simulator must take the SDK's answers.

    pip install lark-oapi==1.7.5
    python3 tests/feishu-sdk/judge.py

Everything talks to loopback only.
"""

import json
import logging
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import lark_oapi
from lark_oapi.core.model import RawRequest
from lark_oapi.event.callback.model.p2_card_action_trigger import P2CardActionTriggerResponse

# As in services/feishu-alerter/examples/callbacks.rs.
ENCRYPT_KEY = "sample-encrypt-key"
VERIFICATION_TOKEN = "sample-verification"
PERSON, CHAT = "ou_xiaolin", "oc_sales"
VALUE = {"act": "no_reply", "card": "al-1"}

# Whether the SDK and we believe a callback. We refuse more: what is old, of another app, or plain although there is a key.
BELIEVED = {
    "url_check": (True, True),
    "normal": (True, True),
    "repeat": (True, True),
    "replayed": (True, True),  # taken once only by the service, which has a store
    "stale": (True, False),
    "wrong_app": (True, False),
    "plaintext": (True, False),
    "wrong_key": (False, False),
    "unsigned": (False, False),
    "bad_signature": (False, False),
    "wrong_token": (False, False),
}

pressed = []


def on_press(data):
    pressed.append(data)
    return P2CardActionTriggerResponse({"toast": {"type": "success", "content": "已标记为不用回复"}})


class Endpoint(BaseHTTPRequestHandler):
    handler = (
        lark_oapi.EventDispatcherHandler.builder(ENCRYPT_KEY, VERIFICATION_TOKEN)
        .register_p2_card_action_trigger(on_press)
        .build()
    )

    def do_POST(self):
        request = RawRequest()
        request.uri = self.path
        # The SDK looks them up in this very spelling; a server that writes names small would hide a fault of the SDK's.
        names = ["X-Lark-Request-Timestamp", "X-Lark-Request-Nonce", "X-Lark-Signature"]
        request.headers = {name: self.headers[name] for name in names if name in self.headers}
        request.body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = self.handler.do(request)
        self.send_response(answer.status_code)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *_):
        pass


def problems(lines):
    seen = {line["variant"]: line for line in lines}
    if seen.keys() != BELIEVED.keys():
        yield f"other callbacks than expected: {sorted(seen)}"
        return
    for variant, (sdk, ours) in BELIEVED.items():
        line = seen[variant]
        if (line["theirs"] == 200) != sdk:
            yield f"{variant}: the SDK says {line['theirs']}"
        if line["ours"].startswith("refused") == ours:
            yield f"{variant}: we say {line['ours']}"
        if sdk and line["client_code"] != 0:
            yield f"{variant}: the simulator does not take the SDK's answer: {line['client_code']}"
    for data in pressed:
        event = data.event
        found = (event.operator.open_id, event.context.open_chat_id, event.action.tag, event.action.value)
        if found != (PERSON, CHAT, "button", VALUE):
            yield f"the SDK reads {found}"
    if len(pressed) != sum(sdk for sdk, _ in BELIEVED.values()) - 1:
        yield f"the SDK took {len(pressed)} presses"


def main():
    logging.getLogger("Lark").setLevel(logging.CRITICAL)
    server = HTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    command = ["cargo", "run", "-q", "-p", "feishu-alerter", "--example", "callbacks", "--", url]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=1200)
    server.shutdown()
    if ran.returncode != 0:
        sys.exit(f"the callbacks could not be made: {ran.returncode}")
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    found = list(problems(lines))
    if found:
        sys.exit("\n".join(found))
    print(f"{len(lines)} callbacks are judged by the official SDK as expected")


main()
