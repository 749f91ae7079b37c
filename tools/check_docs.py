#!/usr/bin/env python3
"""Checks that what code and documents say of each other is there.

usage: tools/check_docs.py [ROOT]

  * a heading that a comment cites (docs/PAGE.md, "Heading") exists;
  * a relative link in a document leads to a file, and its #anchor to a heading;
  * a source file named in a document's `backticks` exists (`x.*` and `x.{h,cc}` too).
"""

import pathlib
import re
import sys

SOURCE_FOLDERS = ("api", "storage", "wal", "index", "engine", "tests", "tools")
SOURCE_SUFFIXES = (".h", ".cc", ".fbs", ".py", ".sh", ".cmake")
CITATION = re.compile(r'docs/([a-z-]+\.md),\s+"([^"]+)"')
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED_FILE = re.compile(r"`((?:api|storage|wal|index|engine|tests|tools)/[\w./*-]+)`")


def headings(page: pathlib.Path) -> set[str]:
    return {line.lstrip("#").strip() for line in page.read_text().splitlines() if line.startswith("#")}


def anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def uncommented(text: str) -> str:
    """Comment lines joined, so that a citation may run over two of them."""
    return re.sub(r"\s*\n\s*(?://|#)?\s*", " ", text)


def check_citations(root: pathlib.Path) -> list[str]:
    wrong = []
    for folder in SOURCE_FOLDERS:
        for source in sorted((root / folder).rglob("*")):
            if source.suffix not in SOURCE_SUFFIXES or not source.is_file():
                continue
            for page, heading in CITATION.findall(uncommented(source.read_text())):
                target = root / "docs" / page
                if not target.is_file():
                    wrong.append(f"{source.relative_to(root)}: no document docs/{page}")
                elif heading not in headings(target):
                    wrong.append(f'{source.relative_to(root)}: docs/{page} has no heading "{heading}"')
    return wrong


def check_links(root: pathlib.Path, page: pathlib.Path) -> list[str]:
    wrong = []
    for link in LINK.findall(page.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, fragment = link.partition("#")
        target = page if not path else page.parent / path
        if path and not target.exists():
            # A page of the same folder may be linked without its suffix.
            target = page.parent / f"{path}.md"
        if not target.exists():
            wrong.append(f"{page.relative_to(root)}: link to {link}, which is not there")
        elif fragment and fragment not in {anchor(h) for h in headings(target)}:
            wrong.append(f"{page.relative_to(root)}: {link} leads to no heading")
    return wrong


def check_names(root: pathlib.Path, page: pathlib.Path) -> list[str]:
    wrong = []
    for name in NAMED_FILE.findall(page.read_text()):
        if name.endswith((".wal", ".tmp")):  # a file of a store
            continue
        found = list(root.glob(name)) if "*" in name else [root / name]
        if not any(path.exists() for path in found):
            wrong.append(f"{page.relative_to(root)}: `{name}` is not there")
    return wrong


def main() -> int:
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    wrong = check_citations(root)
    for page in [root / "README.md", *sorted((root / "docs").glob("*.md"))]:
        wrong += check_links(root, page) + check_names(root, page)
    for line in wrong:
        print(line)
    print(f"docs: {len(wrong)} wrong" if wrong else "docs: clean")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
