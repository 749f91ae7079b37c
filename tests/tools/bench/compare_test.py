#!/usr/bin/env python3
"""Runs tools/bench/compare with programs that only pretend to measure.

usage: compare_test.py COMPARE
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

COMPARE = ""

# Appends its name and arguments to a journal; its n-th run answers with the n-th of its figures.
FAKE = """#!/usr/bin/env python3
import json, pathlib, sys
own = pathlib.Path(__file__)
journal = own.parent.parent / "journal"
with journal.open("a") as out:
    out.write(json.dumps([own.parent.name, sys.argv[1:]]) + "\\n")
turn = sum(json.loads(line)[0] == own.parent.name for line in journal.open()) - 1
answers = json.loads((own.parent / "answers.json").read_text())
pathlib.Path(sys.argv[sys.argv.index("--json") + 1]).write_text(json.dumps({"figures": answers[turn]}))
"""


def figures(**values):
    better = {"speed": "higher", "bytes": "lower", "noisy": "higher", "mine": "higher", "zero": "lower"}
    return {name: {"value": value, "unit": "units", "better": better[name]} for name, value in values.items()}


class Compare(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)

    def program(self, side, text):
        folder = self.root / side
        folder.mkdir()
        program = folder / "engram-bench-peers"
        program.write_text(text)
        program.chmod(0o755)
        return folder

    def fake(self, side, answers):
        folder = self.program(side, FAKE)
        (folder / "answers.json").write_text(json.dumps(answers))
        return folder

    def compare(self, *arguments):
        return subprocess.run([COMPARE, *map(str, arguments)], capture_output=True, text=True)

    def lines(self, out):
        """The cells of each figure's line, which two blanks part."""
        return {line.split()[0]: re.split(r"\s{2,}", line.strip()) for line in out.splitlines() if "units" in line}

    def test_prints_medians_ratios_and_their_spread(self):
        old = self.fake("old", [figures(speed=speed, bytes=10, noisy=5, zero=0) for speed in (100, 200, 300)])
        new = self.fake("new", [figures(speed=110, bytes=12, noisy=4, zero=0),
                                figures(speed=240, bytes=11, noisy=6, zero=0),
                                figures(speed=390, bytes=13, noisy=5, zero=1)])
        ran = self.compare("--rounds", 3, old, new)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        lines = self.lines(ran.stdout)
        self.assertEqual(lines["speed"], ["speed", "units", "200", "240", "1.200", "1.100 to 1.300", "better"])
        self.assertEqual(lines["bytes"], ["bytes", "units", "10", "12", "1.200", "1.100 to 1.300", "worse"])
        self.assertEqual(lines["noisy"], ["noisy", "units", "5", "5", "1.000", "0.800 to 1.200"])
        self.assertEqual(lines["zero"], ["zero", "units", "0", "0", "-", "-"])

    def test_builds_take_turns_and_get_the_same_arguments(self):
        answers = [figures(speed=1)] * 4
        old, new = self.fake("old", answers), self.fake("new", answers)
        program = new / "engram-bench-peers"  # a directory or the program itself
        self.assertEqual(self.compare("--rounds", 4, old, program, "--", "insert", "--seconds", "1").returncode, 0)
        journal = [json.loads(line) for line in (self.root / "journal").open()]
        self.assertEqual([side for side, _ in journal], ["old", "new", "new", "old", "old", "new", "new", "old"])
        for _, arguments in journal:
            self.assertEqual(arguments[:-1], ["insert", "--seconds", "1", "--json"])

    def test_one_pair_is_no_verdict(self):
        old, new = self.fake("old", [figures(speed=1)]), self.fake("new", [figures(speed=9)])
        ran = self.compare("--rounds", 1, old, new)
        self.assertNotIn("better", ran.stdout)
        self.assertIn("9.000", ran.stdout)

    def test_names_figures_that_only_one_has(self):
        old, new = self.fake("old", [figures(speed=1)]), self.fake("new", [figures(speed=1, mine=2)])
        self.assertIn("only in new: mine", self.compare("--rounds", 1, old, new).stdout)

    def test_fails_where_a_program_fails(self):
        old = self.fake("old", [figures(speed=1)])
        for text, reason in [("#!/bin/sh\necho sorry >&2; exit 3\n", "sorry"), ("#!/bin/sh\n", "wrote no figures")]:
            with self.subTest(reason):
                new = self.program(f"new-{len(reason)}", text)
                (self.root / "journal").unlink(missing_ok=True)
                ran = self.compare("--rounds", 1, old, new)
                self.assertEqual(ran.returncode, 1)
                self.assertIn(reason, ran.stderr)

    def test_refuses_wrong_usage(self):
        old = self.fake("old", [figures(speed=1)])
        for arguments in ([old], [old, self.root / "gone"], [old, old, "--", "--keep", "there"],
                          ["--rounds", "0", old, old], [old, old, "--", "--json=mine"]):
            self.assertEqual(self.compare(*arguments).returncode, 2, arguments)


if __name__ == "__main__":
    COMPARE = sys.argv.pop(1)
    unittest.main()
