#!/usr/bin/env python3
"""Whether the tests of `crates/domain` notice when its code is changed: runs cargo-mutants and compares the mutants that
survive with the committed list of those that are known to.

    tests/mutants.py                          every file of the list
    tests/mutants.py gap.rs rules/validate.rs these files, by their paths below crates/domain/src
    tests/mutants.py --all                    every file of the crate
    tests/mutants.py --shard 0/8 …            an eighth of the mutants
    tests/mutants.py --accept …               writes what survived into the list

It fails if a mutant survives that is not in the list. Mutants are named without their lines, so that the list stands when
code moves. A mutant takes seconds, all of them hours: this is no part of `.ci/run`.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys

VERSION = "27.1.0"
ROOT = pathlib.Path(__file__).resolve().parent.parent
CRATE = pathlib.Path("crates/domain/src")
BASELINE = ROOT / "tests/mutants.json"
OUTPUT = ROOT / "target/mutants"
# A mutant that loops is caught by the clock. The tests take a few seconds.
TIMEOUT = "60"
# Enough to reach what a mutant changes; `cargo test` draws more.
ENVIRONMENT = {"PROPTEST_CASES": "64", "CARGO_PROFILE_DEV_DEBUG": "0", "CARGO_PROFILE_TEST_DEBUG": "0", "CARGO_INCREMENTAL": "1"}


def tool():
    """The pinned cargo-mutants in the user's cache."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
    root = cache / "huiyin/tools" / f"cargo-mutants-{VERSION}"
    program = root / "bin/cargo-mutants"
    if not program.exists():
        install = ["cargo", "install", "cargo-mutants", "--version", VERSION, "--locked", "--root", root]
        subprocess.run(install, check=True)
    return program


def survivors(files, shard):
    """The mutants that were run and those that survived, by file: lists of names, in which a name may stand twice."""
    command = [tool(), "mutants", "--package", "domain", "--test-tool", "cargo", "--jobs", "1", "--timeout", TIMEOUT]
    command += ["--minimum-test-timeout", "20", "--no-shuffle", "--colors", "never", "--output", OUTPUT]
    for file in files:
        command += ["--file", CRATE / file]
    if shard:
        command += ["--shard", shard]
    command += ["--", "--tests"]
    # The tests of the code as it is have to pass; survivors and timeouts are no failure of the tool.
    status = subprocess.run(command, cwd=ROOT, env={**os.environ, **ENVIRONMENT}).returncode
    if status not in (0, 2, 3):
        sys.exit(f"mutants: cargo-mutants ended with {status}")
    out = OUTPUT / "mutants.out"
    missed = by_file(out / "missed.txt")
    run = [by_file(out / name) for name in ("missed.txt", "caught.txt", "timeout.txt")]
    return {file: sum((found.get(file, []) for found in run), []) for file in files}, missed


def by_file(path):
    """`crates/domain/src/gap.rs:27:9: replace … with …` by file, without the place."""
    found = collections.defaultdict(list)
    for line in path.read_text().splitlines():
        match = re.fullmatch(rf"{CRATE}/(\S+?):\d+:\d+: (.*)", line)
        if match:
            found[match[1]].append(match[2])
    return found


def more(left, right):
    """What stands in the first list more often than in the second."""
    return sorted((collections.Counter(left) - collections.Counter(right)).elements())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--shard")
    parser.add_argument("--accept", action="store_true")
    arguments = parser.parse_args()
    known = json.loads(BASELINE.read_text())
    every = sorted(str(path.relative_to(ROOT / CRATE)) for path in (ROOT / CRATE).rglob("*.rs"))
    files = every if arguments.all else arguments.files or [file for file in known if file in every]
    if unknown := [file for file in files if file not in every]:
        sys.exit(f"mutants: no file {', '.join(unknown)} in {CRATE}")
    run, missed = survivors(files, arguments.shard)
    new, gone = [], []
    for file in files:
        new += [(file, name) for name in more(missed.get(file, []), known.get(file, []))]
        if not arguments.shard:
            gone += [(file, name) for name in more(known.get(file, []), missed.get(file, []))]
    for word, mutants in (("survives, and is not in the list", new), ("is caught now, or there is no such code any more", gone)):
        for file, name in mutants:
            print(f"{file}: {name}: {word}")
    counts = sum(map(len, run.values())), sum(len(missed.get(file, [])) for file in files)
    print(f"{counts[0]} mutants were tried in {len(files)} files, {counts[1]} survived: {len(new)} new, {len(gone)} gone")
    if arguments.accept:
        if arguments.shard:
            sys.exit("mutants: a share cannot be accepted for the whole")
        known.update({file: sorted(missed.get(file, [])) for file in files})
        BASELINE.write_text(json.dumps(known, ensure_ascii=False, indent=1, sort_keys=True) + "\n")
    elif new:
        sys.exit(1)


if __name__ == "__main__":
    main()
