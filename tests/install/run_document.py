#!/usr/bin/env python3
"""Does what documents say: runs their console blocks in a copy of docs/examples, against an
installed Engram, and compares what the commands print with what the documents show.

usage: run_document.py [--python PROGRAM FOLDER] EXAMPLES PREFIX WORK DOCUMENTS...

In a block that begins with ```console a line "$ COMMAND" is run by bash, all in one folder. The lines
below are its standard output; "..." stands for anything. Where there are none, the output is not
looked at. A command must succeed.
--python: the interpreter, and the folder with its module `engram`; without it, commands that run
python3 are passed over, since the module is not part of every build.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TIMEOUT_S = 240


def commands(text: str) -> list[tuple[str, list[str]]]:
    """Each command with the lines shown below it."""
    found = []
    for block in BLOCK.findall(text):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif not found:
                raise ValueError(f"a console block begins without a command: {line}")
            else:
                found[-1][1].append(line)
    return found


def matches(shown: list[str], printed: str) -> bool:
    pattern = ".*".join(re.escape(part) for part in "\n".join(shown).split("..."))
    return re.fullmatch(pattern, printed.rstrip("\n"), re.DOTALL) is not None


def environment(prefix: pathlib.Path, python: list[str] | None) -> dict[str, str]:
    def folder_of(name: str) -> str:
        found = sorted(prefix.rglob(name))
        if not found:
            raise FileNotFoundError(f"{prefix} has no {name}")
        return str(found[0].parent)

    env = dict(os.environ)
    env["PATH"] = f"{prefix / 'bin'}:{env['PATH']}"
    env["CMAKE_PREFIX_PATH"] = str(prefix)
    env["PKG_CONFIG_PATH"] = folder_of("engram.pc")
    env["LD_LIBRARY_PATH"] = folder_of("libengram.so")  # a system's folder needs none of this
    if python is not None:
        program, env["PYTHONPATH"] = python
        env["PATH"] = f"{pathlib.Path(program).parent}:{env['PATH']}"
    return env


def run(command: str, shown: list[str], folder: pathlib.Path, env: dict[str, str]) -> str | None:
    """What is wrong with it; None where nothing is."""
    ran = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=folder, env=env,
                         capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if ran.returncode != 0:
        return f"exit status {ran.returncode}\n{ran.stdout}{ran.stderr}"
    if shown and not matches(shown, ran.stdout):
        return f"it printed\n{ran.stdout}where the document shows\n" + "\n".join(shown)
    return None


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", nargs=2, metavar=("PROGRAM", "FOLDER"))
    parser.add_argument("examples", type=pathlib.Path)
    parser.add_argument("prefix", type=pathlib.Path)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("documents", type=pathlib.Path, nargs="+")
    arguments = parser.parse_args()

    shutil.rmtree(arguments.work, ignore_errors=True)
    shutil.copytree(arguments.examples, arguments.work)
    env = environment(arguments.prefix.resolve(), arguments.python)
    for document in arguments.documents:
        ran = 0
        for command, shown in commands(document.read_text()):
            if "python3" in command and arguments.python is None:
                continue
            if wrong := run(command, shown, arguments.work, env):
                print(f"{document.name}: $ {command}\n{wrong}")
                return 1
            ran += 1
        print(f"{document.name}: {ran} commands ran as it says")
        if ran == 0:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
