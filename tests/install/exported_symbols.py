#!/usr/bin/env python3
"""Proves that the shared library shows what ENGRAM_EXPORT and ENGRAM_C_API mark in the public
headers, all of it and nothing else.

usage: exported_symbols.py NM LIBRARY HEADERS...    exit 0: clean; 1: a line for each offence.
"""
import pathlib
import re
import subprocess
import sys

MARKED = re.compile(
    r"(?:class|struct)\s+(?:\[\[nodiscard\]\]\s+)?ENGRAM_EXPORT\s+(\w+)"  # a type
    r"|^ENGRAM_(?:EXPORT|C_API)\s[^(;]*?(operator\W+|\w+)\(",  # a function
    re.MULTILINE)
OURS = re.compile(r"engram::(operator[^\w\s(]+|\w+)|(engram_\w+)$")
INLINE = {"Value"}  # every function of it is in its header
FOREIGN = re.compile(r"rocksdb|flatbuffers|xsimd|io_uring|xxh", re.IGNORECASE)


def marked_names(headers):
    names = set()
    for header in headers:
        for match in MARKED.finditer(pathlib.Path(header).read_text()):
            names.add(match.group(1) or match.group(2))
    return names


def shown_symbols(nm, library):
    listing = subprocess.run([nm, "--dynamic", "--demangle", "--defined-only", library],
                             check=True, capture_output=True, text=True).stdout
    for line in listing.splitlines():
        kind, name = re.match(r"\S+ (\S) (.*)", line).groups()
        if kind != "A":  # the version's own name
            yield re.sub(r"@@?ENGRAM_[\d.]+$", "", name)


def check(nm, library, headers):
    marked, seen, offences = marked_names(headers), set(), []
    for symbol in shown_symbols(nm, library):
        match = OURS.match(symbol)
        name = match and (match.group(1) or match.group(2))
        if name not in marked:
            offences.append(f"shown, not marked: {symbol}")
        seen.add(name)
        if FOREIGN.search(symbol):
            offences.append(f"a type of another library: {symbol}")
    offences += [f"marked, not shown: {name}" for name in sorted(marked - seen - INLINE)]
    return offences, len(seen)


if __name__ == "__main__":
    found, count = check(sys.argv[1], sys.argv[2], sys.argv[3:])
    print("\n".join(found) if found else f"exported symbols: {count} names, clean")
    sys.exit(1 if found else 0)
