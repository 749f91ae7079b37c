#!/usr/bin/env python3
"""Shows a file to Doxygen so that it finds what the file says to people.

usage: tools/doxygen_filter.py FILE    (INPUT_FILTER of docs/Doxyfile; writes to standard output)

Headers have plain comments. Here
  * the comment that opens a file documents the file;
  * a block right above a declaration, and a comment behind one, document that declaration;
  * a block that ends with a colon documents every declaration below it, down to a blank line or the
    next comment;
  * "// --- Title ---" begins a group of members, down to the next one or the end of the scope;
  * any other comment stays what it is.
Of documents, headings get names, so that links between pages that are part of the reference work;
links to anything else become plain text. Images are found by their name (IMAGE_PATH of docs/Doxyfile).
"""

import pathlib
import re
import sys

# The pages of the reference, by the name that links use; docs/Doxyfile lists the same.
PAGES = ("README.md", "tutorial.md", "examples.md", "guide.md", "operations.md", "c-api.md", "packaging.md")

COMMENT = re.compile(r"^(\s*)// ?(.*)$")
TRAILING = re.compile(r"^(\s*[^\s/#}].*?[;,}{\w)])\s+// (.*)$")
# By the indent of a group: what ends the scope it is in.
GROUP_END = {"": re.compile(r"^\}  // (namespace|extern)"), "  ": re.compile(r"^\};")}
# A label in front of a paragraph.
LABEL = re.compile(r"^(Errors(?: of [\w ]+| common to [\w ]+)?|Threads|Pre|Lifetime|Arguments|Lsn): ")


def escaped(text: str) -> str:
    """Text that Doxygen prints as it is: outside of `code`, nothing is a tag, a command or emphasis."""
    parts = text.split("`")
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r"([<>@\\*])", r"\\\1", parts[i])
    return LABEL.sub(r"<br><b>\1:</b> ", "`".join(parts))


def block(indent: str, lines: list[str]) -> list[str]:
    """One documentation comment of as many lines."""
    out = [f"{indent}/** {lines[0]}"] + [f"{indent} * {line}" for line in lines[1:]]
    return [line.rstrip() for line in out[:-1]] + [f"{out[-1].rstrip()} */"]


def title_and_text(comment: list[str]) -> tuple[str, list[str]]:
    """Of "--- Title ---", which may run over several lines, and what follows it."""
    end = next(n for n, line in enumerate(comment) if line.endswith(" ---"))
    title = " ".join(comment[: end + 1]).removeprefix("--- ").removesuffix(" ---")
    return title, [""] * end + [escaped(line) for line in comment[end + 1 :]]


class HeaderFilter:
    def __init__(self, text: str):
        self.lines = text.splitlines()
        self.out: list[str] = []
        self.group: str | None = None  # the indent of the group that is open
        self.shared: tuple[str, str] | None = None  # indent and text of a block that ends with a colon
        self.documented = False  # the next line has a block of its own

    def run(self) -> str:
        i = 0
        while i < len(self.lines):
            end = i
            while end < len(self.lines) and COMMENT.match(self.lines[end]):
                end += 1
            if end == i:
                self.add_code(self.lines[i])
                end = i + 1
            else:
                self.add_comment(i, end)
            i = end
        return "\n".join(self.out) + "\n"

    def add_code(self, line: str) -> None:
        indent = line[: len(line) - len(line.lstrip())]
        behind = TRAILING.match(line)
        shown = line
        if behind and not behind.group(2).startswith("NOLINT"):
            shown = f"{behind.group(1)}  /**< {escaped(behind.group(2))} */"
        if self.shared is not None and (not line.strip() or len(indent) < len(self.shared[0])):
            self.shared = None  # a blank line, or the end of the scope
        begins = indent == (self.shared or ("",))[0] and not line.lstrip().startswith("}")
        if self.shared is not None and begins and not self.documented:
            shown = f"{indent}/** {self.shared[1]} */ {shown.lstrip()}"
        if self.group is not None and GROUP_END[self.group].match(line):
            shown = f"/** @}} */ {shown}"
            self.group = None
        self.documented = False
        self.out.append(shown)

    def add_comment(self, begin: int, end: int) -> None:
        indent = COMMENT.match(self.lines[begin]).group(1)
        comment = [COMMENT.match(line).group(2) for line in self.lines[begin:end]]
        rest = [line for line in self.lines[end:] if line.strip()]
        if begin == 0:
            self.out += block(indent, ["@file"] + [escaped(line) for line in comment])
        elif comment[0].startswith("--- "):
            self.add_section(indent, comment, bool(rest) and rest[0].lstrip().startswith("// --- "))
        elif end < len(self.lines) and self.lines[end].strip():
            text = [escaped(line) for line in comment]
            self.shared = None
            if text[-1].endswith(":"):
                text[-1] = text[-1].removesuffix(":") + "."
                self.shared = (indent, " ".join(text))
            self.out += block(indent, text)
            self.documented = True
        else:
            self.out += self.lines[begin:end]

    def add_section(self, indent: str, comment: list[str], empty: bool) -> None:
        title, text = title_and_text(comment)
        if empty:  # text without declarations: it belongs to the file
            self.out += block(indent, ["@file", f"@par {title}"] + text[1:])
            return
        lines = block(indent, [f"@name {escaped(title)}"] + text)
        if self.group is not None:
            lines[0] = f"{indent}/** @}} */ {lines[0].lstrip()}"
        lines[-1] += " /** @{ */"
        self.out += lines
        self.group = indent


def anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def name_of(page: str, fragment: str = "") -> str:
    stem = pathlib.PurePath(page).stem.lower()
    return f"page_{stem}_{fragment}" if fragment else f"page_{stem}"


def filter_document(text: str, page: str) -> str:
    def link(match: re.Match) -> str:
        image, label, target = match.groups()
        if image:
            return f"![{label}]({pathlib.PurePath(target).name})"
        if re.match(r"[a-z]+:", target):
            return match.group(0)
        path, _, fragment = target.partition("#")
        leads_to = pathlib.PurePath(path).name if path else page
        if leads_to in PAGES:
            return f"[{label}](@ref {name_of(leads_to, fragment)})"
        return label

    out = []
    fenced = False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced and (heading := re.match(r"^(#+) (.*)$", line)):
            level, title = heading.groups()
            line = f"{line} {{#{name_of(page, '' if level == '#' else anchor(title))}}}"
        elif not fenced and not line.startswith("    "):
            line = re.sub(r"(!?)\[([^\]]+)\]\(([^)\s]+)\)", link, line)
        out.append(line)
    return "\n".join(out) + "\n"


def main() -> int:
    path = pathlib.Path(sys.argv[1])
    text = path.read_text()
    sys.stdout.write(filter_document(text, path.name) if path.suffix == ".md" else HeaderFilter(text).run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
