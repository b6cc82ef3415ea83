#!/usr/bin/env python3
"""Asks every query of the dashboards of a running Prometheus: `check.py http://127.0.0.1:9090`.

A query that Prometheus refuses is an error; one that finds nothing is named, since a metric may not have been counted yet.
"""

import json
import pathlib
import sys
import urllib.error
import urllib.parse
import urllib.request


def ask(root, query):
    url = f"{root}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]["result"], None
    except urllib.error.HTTPError as error:
        return [], json.load(error).get("error")


def main():
    root, refused = sys.argv[1].rstrip("/"), 0
    for file in sorted((pathlib.Path(__file__).parent / "dashboards").glob("*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel["targets"]:
                found, error = ask(root, target["expr"])
                refused += error is not None
                print(f"{error or f'{len(found)} series':<12} {panel['title']}: {target['expr']}")
    sys.exit(f"{refused} queries were refused" if refused else 0)


main()
