#!/usr/bin/env python3
"""Proves that the kernel files of an archive define nothing but their own table.

A weak symbol there would be a function of a shared header, compiled with AVX flags, that the
linker may keep for the whole program: a crash on a processor without AVX.

usage: kernel_symbols.py NM ARCHIVE    exit 0: clean; 1: a line for each offence.
"""
import re
import subprocess
import sys

KERNELS = re.compile(r"distance_(avx2|avx512|neon)\.cc\.o:$")
OWN = re.compile(r"engram::(Avx2|Avx512|Neon)Kernels\(\)$")


def check(nm, archive):
    listing = subprocess.run([nm, "--demangle", "--defined-only", archive],
                             check=True, capture_output=True, text=True).stdout
    files, offences, member = set(), [], None
    for line in listing.splitlines():
        if line.endswith(":"):
            member = line[:-1] if KERNELS.search(line) else None
            if member:
                files.add(member)
        elif member and line:
            kind, name = re.match(r"\S+ (\S) (.*)", line).groups()
            visible = kind.isupper() or kind in "uvw"
            if visible and not OWN.match(name):
                offences.append(f"{member} defines {name} ({kind})")
    if len(files) != 3:
        offences.append(f"found {len(files)} kernel files in {archive}, expected 3")
    return offences


if __name__ == "__main__":
    found = check(sys.argv[1], sys.argv[2])
    print("\n".join(found) if found else "kernel files: clean")
    sys.exit(1 if found else 0)
