#!/usr/bin/env python3
"""Holds the simulator of Vika to Vika's official SDKs: each runs its whole surface against a simulator of its own, and
every answer has to be the one that the service would give.

    python3 -m venv one && one/bin/pip install pydantic==1.10.27 requests && one/bin/pip install --no-deps vika==1.3.1
    python3 -m venv two && two/bin/pip install apitable==1.5.0
    npm --prefix tests/vika-sdk ci --ignore-scripts
    python3 tests/vika-sdk/judge.py one/bin/python two/bin/python

The right answers that all three are asked for are in contract.json. Everything talks to loopback only.
"""

import contextlib
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
SIMULATOR = ["cargo", "run", "-q", "-p", "simulators", "--example", "vika"]
# A simulator has to be built before it starts.
BUILD_SECONDS, JUDGE_SECONDS = 1200, 80


@contextlib.contextmanager
def simulator():
    with subprocess.Popen(SIMULATOR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE) as running:
        try:
            url = running.stdout.readline().strip()
            if not url:
                sys.exit("the simulator of Vika does not start")
            yield url
        finally:
            running.stdin.close()
            try:
                running.wait(timeout=10)
            except subprocess.TimeoutExpired:
                running.kill()


def judged(command, url):
    """What an SDK says of the simulator: whether all is well, and in which words."""
    # Whatever proxy there is, it is not the way to loopback.
    env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    started = time.monotonic()
    try:
        ran = subprocess.run([*command, url], capture_output=True, text=True, timeout=JUDGE_SECONDS, env=env)
    except subprocess.TimeoutExpired:
        return False, f"no end after {JUDGE_SECONDS} s"
    if ran.returncode != 0 or not ran.stdout.strip():
        return False, (ran.stderr + ran.stdout).strip()
    return True, f"{ran.stdout.strip()}, {time.monotonic() - started:.1f} s"


def main():
    one, two = sys.argv[1:]
    sdks = {
        "vika, Python": [one, HERE / "python_sdk.py", "vika"],
        "apitable, Python": [two, HERE / "python_sdk.py", "apitable"],
        "@vikadata/vika, JavaScript": ["node", HERE / "judge.mjs"],
    }
    subprocess.run(["cargo", "build", *SIMULATOR[2:]], check=True, timeout=BUILD_SECONDS, cwd=HERE)
    with contextlib.ExitStack() as stack:
        urls = [stack.enter_context(simulator()) for _ in sdks]
        with ThreadPoolExecutor(len(sdks)) as pool:
            verdicts = list(pool.map(judged, sdks.values(), urls))
    for name, (_, words) in zip(sdks, verdicts):
        print(f"{name}: {words}")
    if not all(well for well, _ in verdicts):
        sys.exit("the simulator of Vika is not what its SDKs expect")


main()
