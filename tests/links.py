#!/usr/bin/env python3
"""Every relative link and anchor of the project's documents leads somewhere.

Run from anywhere; says each link that does not, and ends with 1 if there is one. Other hosts are not asked.
"""

import re
import subprocess
import sys
import unicodedata
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def anchor(heading: str) -> str:
    """A heading's anchor as GitHub makes it: letters, digits, - and _ in lower case, with - for blanks."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    kept = (c for c in text if c in " -_" or unicodedata.category(c)[0] in "LNM")
    return "".join(kept).replace(" ", "-")


def anchors(document: Path) -> set[str]:
    """All of a document; a second heading of one name has a number."""
    found: set[str] = set()
    times: dict[str, int] = {}
    for heading in HEADING.findall(FENCED.sub("", document.read_text(encoding="utf-8"))):
        name = anchor(heading)
        seen = times.get(name, 0)
        times[name] = seen + 1
        found.add(f"{name}-{seen}" if seen else name)
    return found


def links(document: Path) -> list[str]:
    """The links of a document that stay in the project."""
    # Code first: what it shows are examples. A link's own text may hold code.
    text = CODE.sub("", FENCED.sub("", document.read_text(encoding="utf-8")))
    return [unquote(link) for link in LINK.findall(text) if not SCHEME.match(link)]


def problem(document: Path, link: str) -> str | None:
    path, _, fragment = link.partition("#")
    target = (document.parent / path).resolve() if path else document
    if not target.is_relative_to(ROOT) or not target.exists():
        return "there is no such file"
    if fragment and (target.suffix != ".md" or fragment not in anchors(target)):
        return "there is no such heading"
    return None


def main() -> int:
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.md"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    documents = [ROOT / name for name in names if name and (ROOT / name).exists()]
    looked_at = 0
    broken = 0
    for document in documents:
        for link in links(document):
            looked_at += 1
            if why := problem(document, link):
                broken += 1
                print(f"{document.relative_to(ROOT)}: {link}: {why}")
    print(f"{looked_at} links of {len(documents)} documents, {broken} broken")
    return 1 if broken or not looked_at else 0


if __name__ == "__main__":
    sys.exit(main())
