#!/usr/bin/env python3
"""Checks that what code and documents say of each other is there.

usage: tools/check_docs.py [--write] [ROOT]

  * a heading that a comment cites (docs/PAGE.md, "Heading") exists;
  * a relative link in a document leads to a file, and its #anchor to a heading;
  * a source file named in a document's `backticks` exists (`x.*` and `x.{h,cc}` too);
  * a block of code below <!-- file: PATH --> is that file, byte for byte (--write makes it so);
  * every program in docs/examples is shown by a document;
  * docs/operations.md has a row for every field of Stats and of what Analyze(), Compact(), EraseForever() and
    Rebalance() report, and for every code.
"""

import pathlib
import re
import sys

SOURCE_FOLDERS = ("api", "storage", "wal", "index", "engine", "tests", "tools")
SOURCE_SUFFIXES = (".h", ".cc", ".fbs", ".py", ".sh", ".cmake")
CITATION = re.compile(r'docs/([a-z-]+\.md),\s+"([^"]+)"')
LINK = re.compile(r"\]\(([^)\s]+)\)")
SHOWN_FILE = re.compile(r"(^<!-- file: (\S+) -->\n(```+)\w*\n)(.*?)(^\3$)", re.MULTILINE | re.DOTALL)
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


def check_blocks(root: pathlib.Path, page: pathlib.Path) -> list[str]:
    wrong = []
    for _, name, _, block, _ in SHOWN_FILE.findall(page.read_text()):
        file = page.parent / name
        if not file.is_file():
            wrong.append(f"{page.relative_to(root)}: shows {name}, which is not there")
        elif block != file.read_text():
            wrong.append(f"{page.relative_to(root)}: its {name} differs from the file (--write)")
    return wrong


def write_blocks(page: pathlib.Path) -> None:
    def filled(match: re.Match) -> str:
        file = page.parent / match.group(2)
        block = file.read_text() if file.is_file() else match.group(4)
        return match.group(1) + block + match.group(5)

    before = page.read_text()
    after = SHOWN_FILE.sub(filled, before)
    if after != before:
        page.write_text(after)


def check_examples(root: pathlib.Path, pages: list[pathlib.Path]) -> list[str]:
    shown = {(page.parent / block[1]).resolve()
             for page in pages for block in SHOWN_FILE.findall(page.read_text())}
    return [f"{file.relative_to(root)}: no document shows it"
            for file in sorted((root / "docs" / "examples").glob("*")) if file not in shown]


def check_operations(root: pathlib.Path) -> list[str]:
    headers = root / "api" / "include" / "engram"
    page = root / "docs" / "operations.md"
    names = set(re.findall(r"^  [\w:]+ (\w+)(?: = [\w:]+)?;", (headers / "stats.h").read_text(), re.MULTILINE))
    reports = "".join((headers / name).read_text() for name in ("analyze.h", "maintenance.h", "rebalance.h"))
    for report in re.findall(r"^struct \w+(?:Report|Health) \{$(.*?)^\};", reports, re.M | re.S):
        names |= set(re.findall(r"^  [\w:<>]+ (\w+)(?: = [\w:]+)?;", report, re.MULTILINE))
    names |= set(re.findall(r"^  (k\w+) ?=", (headers / "status.h").read_text(), re.MULTILINE)) - {"kOk"}
    if len(names) < 80:  # the patterns no longer fit the headers
        return [f"tools/check_docs.py: found {len(names)} fields and codes only"]
    cells = [line.split("|")[1] for line in page.read_text().splitlines() if line.startswith("|")]
    told = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    return [f"docs/operations.md: no row says what to do about {name}" for name in sorted(names - told)]


def main() -> int:
    arguments = sys.argv[1:]
    write = "--write" in arguments
    if write:
        arguments.remove("--write")
    root = pathlib.Path(arguments[0] if arguments else ".").resolve()
    pages = [root / "README.md", *sorted((root / "docs").glob("*.md"))]
    if write:
        for page in pages:
            write_blocks(page)
    wrong = check_citations(root) + check_examples(root, pages) + check_operations(root)
    for page in pages:
        wrong += check_links(root, page) + check_names(root, page) + check_blocks(root, page)
    for line in wrong:
        print(line)
    print(f"docs: {len(wrong)} wrong" if wrong else "docs: clean")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
