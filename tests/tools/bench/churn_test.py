#!/usr/bin/env python3
"""Runs engram_churn_bench on small sets and holds its figures against what must be so.

usage: churn_test.py PROGRAM
"""
import json
import os
import pathlib
import random
import sys
import tempfile
import unittest

from bench_runs import run, write_rows

INDEXES = ["engram", "fresh", "hnswlib", "hnswlib-growing"]
TITLES = ["Engram", "Engram, fresh", "hnswlib", "hnswlib, growing"]
PROGRAM = ""


class EveryPart(unittest.TestCase):
    """One run of all parts, looked at from several sides."""

    @classmethod
    def setUpClass(cls):
        if len(os.sched_getaffinity(0)) < 2:
            raise RuntimeError("the parts readers and snapshots need two processors")
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        root = pathlib.Path(cls.directory.name)
        cls.work = root / "work"
        cls.work.mkdir()
        cls.ran = run(PROGRAM, cls.work, "all", "--set", "random-16-3000", "--patterns", 1200, "--changed", 20,
                      "--turnovers", 4, "--looks", "1,3", "--peers", "hnswlib,hnswlib-growing", "--queries", 100,
                      "--rounds", 2, "--slice", 30, "--seconds", 0.1, "--shares", "5,50", "--snapshots", 1000,
                      "--json", root / "all.json")
        if cls.ran.returncode != 0:
            raise RuntimeError(cls.ran.stdout + cls.ran.stderr)
        cls.report = json.loads((root / "all.json").read_text())

    def test_setting_says_what_was_measured(self):
        setting = self.report["setting"]
        self.assertEqual((setting["set"], setting["rows"], setting["patterns"], setting["dimensions"]),
                         ("random-16-3000", 3000, 1200, 16))
        self.assertEqual((setting["changed"], setting["leaving"], setting["at_ef"], setting["queries"]),
                         (20, "oldest", 100, 100))

    def test_every_index_is_looked_at_before_between_and_behind(self):
        looks = self.report["turnover"]
        self.assertEqual([look["turnovers"] for look in looks], [0, 1, 3, 4])  # the last one unasked
        for look in looks:
            self.assertEqual(list(look["indexes"]), INDEXES)

    def test_what_is_left_is_found(self):
        for look in self.report["turnover"]:
            for name, own in look["indexes"].items():
                self.assertGreater(own["recall"], 0.97, (look["turnovers"], name))
                self.assertLessEqual(own["recall"], 1)
                self.assertEqual(len(own["qps"]["rounds"]), 2)
                self.assertGreater(min(own["qps"]["rounds"]), 0)
            self.assertEqual(look["indexes"]["fresh"]["of_fresh"]["rounds"], [1, 1])

    def test_engram_loses_no_pattern(self):
        for look in self.report["turnover"]:
            for name in ("engram", "fresh"):
                self.assertEqual(look["indexes"][name]["unreachable"], 0, name)
                self.assertGreater(look["indexes"][name]["page_file_bytes"], 1200 * 16 * 4)
            self.assertEqual(look["indexes"]["fresh"]["dead"], 0)

    def test_only_what_changed_has_rates(self):
        for look in self.report["turnover"]:
            for name, own in look["indexes"].items():
                self.assertGreater(own["inserts_per_second"], 0)
                erased = look["turnovers"] > 0 and name != "fresh"
                self.assertEqual(own["erases_per_second"] is not None, erased, (look["turnovers"], name))

    def test_sweeping_is_measured_by_share(self):
        shares = self.report["sweep-cost"]
        self.assertEqual([(share["share"], share["patterns"]) for share in shares], [(5, 60), (50, 600)])
        for share in shares:
            for figure in ("erase_us", "sweep_us", "insert_us", "ratio", "wall_ratio"):
                self.assertEqual(len(share[figure]["rounds"]), 2)
                self.assertGreater(min(share[figure]["rounds"]), 0, figure)
            for with_erase, without in zip(share["ratio_with_erase"]["rounds"], share["ratio"]["rounds"]):
                self.assertGreater(with_erase, without)

    def test_readers_and_snapshots_are_measured_idle_and_busy(self):
        readers, snapshots = self.report["readers"], self.report["snapshots"]
        for clock in ("clock", "processor"):
            for state in ("idle", "busy", "compacting"):
                times = [readers[clock][state][name]["rounds"] for name in ("p50_us", "p99_us", "p99.9_us")]
                for p50, p99, p999 in zip(*times):
                    self.assertTrue(0 < p50 <= p99 <= p999, (clock, state, times))
        for state in ("idle", "busy"):
            self.assertGreater(min(snapshots[f"{state}_ns"]["rounds"]), 0)
        for part in (readers, snapshots):
            self.assertGreater(min(part["changes_per_second"]["rounds"]), 0)

    def test_tables_name_every_index_and_how_hnswlib_was_used(self):
        for title in TITLES:
            self.assertIn("4 " + title, self.ran.stdout)
        self.assertIn("markDelete()", self.ran.stdout)

    def test_nothing_is_left_behind(self):
        self.assertEqual(list(self.work.iterdir()), [])


class OneSet(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)

    def turnover(self, *arguments):
        ran = run(PROGRAM, self.root, "turnover", "--rounds", 1, "--json", self.root / "out.json", *arguments)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return json.loads((self.root / "out.json").read_text())

    def test_recall_is_against_those_who_live(self):
        # Everyone comes from one of two places, and who asks stands at the second: after one turnover only the
        # first is inhabited, from where nobody could tell who is near if the erased still counted.
        draw = random.Random(1)
        near = [[1000 + draw.gauss(0, 1) for _ in range(8)] for _ in range(400)]
        far = [[draw.gauss(0, 1) for _ in range(8)] for _ in range(400)]
        toy = self.root / "sets" / "toy"
        toy.mkdir(parents=True)
        write_rows(toy / "toy_base.fvecs", near + far)
        write_rows(toy / "toy_query.fvecs", near[:20])
        report = self.turnover("--data", self.root / "sets", "--set", "toy", "--patterns", 400, "--changed", 20,
                               "--turnovers", 1, "--at-ef", 200)
        for look in report["turnover"]:
            for name, own in look["indexes"].items():
                self.assertGreater(own["recall"], 0.95, (look["turnovers"], name))

    def test_whoever_leaves_a_turnover_replaces_all(self):
        report = self.turnover("--set", "random-8-2000", "--patterns", 600, "--changed", 30, "--turnovers", 2,
                               "--leaving", "random", "--peers", "none", "--metric", "cosine")
        self.assertEqual(list(report["turnover"][0]["indexes"]), ["engram", "fresh"])
        self.assertGreater(report["turnover"][-1]["indexes"]["engram"]["recall"], 0.97)

    def test_quick_is_what_nothing_else_said(self):
        report = self.turnover("--set", "random-4-1000", "--patterns", 700, "--peers", "none", "--quick", "--queries", 5)
        self.assertEqual((report["setting"]["patterns"], report["turnover"][-1]["turnovers"]), (700, 3))

    def test_wrong_command_lines_are_refused_with_a_reason(self):
        made_up = ["--set", "random-4-1000"]
        for arguments, reason in [(["nothing"], "no part nothing"), ([*made_up, "--peers", "annoy"], "no peer annoy"),
                                  ([], "ENGRAM_DATA"), ([*made_up, "--at-ef", "5"], "at least k"),
                                  ([*made_up, "--patterns", "300"], "610, found 300"),
                                  ([*made_up, "--shares", "101"], "at most 100"),
                                  ([*made_up, "--leaving", "nobody"], "oldest or random")]:
            ran = run(PROGRAM, self.root, *arguments)
            self.assertEqual(ran.returncode, 2, arguments)
            self.assertIn(reason, ran.stderr)
        ran = run(PROGRAM, self.root, "--data", self.root, "--set", "gone")
        self.assertEqual(ran.returncode, 1)
        self.assertIn("gone", ran.stderr)
        self.assertEqual(list(self.root.iterdir()), [])


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
