#!/usr/bin/env python3
"""Every day of the years in config/holidays against the Python package chinesecalendar.

    python3 tests/holidays.py < (what `cargo run -p config --example working-days` prints)

Both derive from the notices of the State Council, each in its own way. A year that the package does not know yet fails: raise
its version in .ci/run.
"""

import datetime
import sys

import chinese_calendar


def main():
    days, wrong = 0, []
    for line in sys.stdin:
        text, told = line.split()
        day = datetime.date.fromisoformat(text)
        expected = "works" if chinese_calendar.is_workday(day) else "off"
        days += 1
        if told != expected:
            wrong.append(f"{day:%Y-%m-%d %a}: config/holidays says {told}, chinesecalendar {expected}")
    for line in wrong:
        print(line)
    if wrong or days < 730:
        sys.exit(f"{len(wrong)} of {days} days differ; two years or more are to be compared")
    print(f"{days} days are the same in chinesecalendar")


main()
