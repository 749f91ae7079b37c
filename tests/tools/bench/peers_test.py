#!/usr/bin/env python3
"""Runs engram-bench-peers on small sets and holds its figures and plots against what must be so.

usage: peers_test.py PROGRAM
"""
import json
import os
import pathlib
import random
import statistics
import struct
import sys
import tempfile
import unittest
import xml.etree.ElementTree
import zlib

from bench_runs import run, write_rows

PEERS = {"engram": "Engram", "hnswlib": "hnswlib", "faiss-hnsw": "FAISS HNSW flat",
         "faiss-hnsw-sq8": "FAISS HNSW SQ8"}
WIDTHS = [10, 40, 160]
SIZES = [1000, 3000]
PLOTS = ["recall-qps", "resources", "growth", "latency", "insert", "written"]
PROGRAM = ""


def pixels(png):
    """Width, height and the unpacked image data; every chunk's checksum is held against its bytes."""
    if png[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("no PNG")
    at, data, size = 8, b"", None
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at:at + 8])
        body = png[at + 8:at + 8 + length]
        (checksum,) = struct.unpack(">I", png[at + 8 + length:at + 12 + length])
        if zlib.crc32(kind + body) != checksum:
            raise ValueError(f"checksum of {kind}")
        if kind == b"IHDR":
            size = struct.unpack(">II", body[:8])
        if kind == b"IDAT":
            data += body
        at += 12 + length
    return size, zlib.decompress(data)


class EveryPart(unittest.TestCase):
    """One run of all parts, looked at from several sides."""

    @classmethod
    def setUpClass(cls):
        if len(os.sched_getaffinity(0)) < 2:
            raise RuntimeError("the parts readers and latency need two processors")
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        root = pathlib.Path(cls.directory.name)
        cls.work, cls.plots = root / "work", root / "plots"
        cls.work.mkdir()
        cls.ran = run(PROGRAM, cls.work, "all", "--set", "random-16-3000", "--queries", 200, "--threads", 2,
                      "--ef", ",".join(map(str, WIDTHS)), "--at-ef", 40, "--rounds", 2, "--slice", 50,
                      "--seconds", 0.1, "--batches", "1,100", "--replayed", 1500, "--written", 1500,
                      "--sizes", ",".join(map(str, SIZES)), "--json", root / "all.json", "--plots", cls.plots)
        if cls.ran.returncode != 0:
            raise RuntimeError(cls.ran.stdout + cls.ran.stderr)
        cls.report = json.loads((root / "all.json").read_text())

    def test_setting_says_what_was_measured(self):
        setting = self.report["setting"]
        self.assertEqual((setting["set"], setting["points"], setting["dimensions"], setting["queries"]),
                         ("random-16-3000", 3000, 16, 200))
        self.assertEqual((setting["m"], setting["ef_construction"], setting["threads"]), (16, 200, 2))
        self.assertRegex(setting["date"], r"^\d{4}-\d\d-\d\d \d\d:\d\d UTC$")

    def test_every_peer_is_built(self):
        self.assertEqual(list(self.report["build"]), list(PEERS))
        for peer, own in self.report["build"].items():
            for figure in ("seconds", "points_per_second", "memory_bytes"):
                self.assertGreater(own[figure], 0, (peer, figure))
        disk = {peer: own["disk_bytes"] for peer, own in self.report["build"].items()}
        vectors = 3000 * 16 * 4
        for peer in ("engram", "hnswlib", "faiss-hnsw"):
            self.assertGreater(disk[peer], vectors, peer)
        self.assertEqual(disk["faiss-hnsw"] - disk["faiss-hnsw-sq8"] > vectors // 2, True, disk)

    def check_curve(self, peer, curve):
        self.assertEqual([point["ef"] for point in curve], WIDTHS, peer)
        recalls = [point["recall"] for point in curve]
        for narrow, wide in zip(recalls, recalls[1:]):
            self.assertGreater(wide, narrow - 0.005, (peer, recalls))
        self.assertGreater(recalls[-1], 0.9 if peer == "faiss-hnsw-sq8" else 0.99, (peer, recalls))
        self.assertLessEqual(recalls[-1], 1, peer)
        for point in curve:
            self.assertEqual(len(point["rounds"]), 2, peer)
            self.assertGreater(min(point["rounds"]), 0, peer)
            self.assertLessEqual(min(point["rounds"]), point["qps"], peer)
            self.assertLessEqual(point["qps"], max(point["rounds"]), peer)

    def test_recall_rises_with_the_width(self):
        self.assertEqual(list(self.report["search"]["peers"]), list(PEERS))
        for peer, own in self.report["search"]["peers"].items():
            self.check_curve(peer, own["curve"])

    def test_speed_at_a_recall_lies_between_the_two_nearest_widths(self):
        between = 0
        for peer, own in self.report["search"]["peers"].items():
            for at in own["at_recall"]:
                pairs = [(low, high) for low, high in zip(own["curve"], own["curve"][1:])
                         if low["recall"] <= at["recall"] <= high["recall"] and low["recall"] < high["recall"]]
                if not pairs:
                    self.assertIsNone(at["qps"], (peer, at))
                    continue
                low, high = pairs[0]
                share = (at["recall"] - low["recall"]) / (high["recall"] - low["recall"])
                speeds = [one ** (1 - share) * two ** share for one, two in zip(low["rounds"], high["rounds"])]
                self.assertAlmostEqual(at["qps"], statistics.median(speeds), delta=1e-6 * max(speeds))
                between += 1
        self.assertGreater(between, 0)

    def test_ratios_are_of_engram_to_the_others(self):
        ratios = self.report["search"]["ratios"]
        self.assertEqual(list(ratios), [peer for peer in PEERS if peer != "engram"])
        at = {peer: {step["recall"]: step["qps"] for step in own["at_recall"]}
              for peer, own in self.report["search"]["peers"].items()}
        for peer, steps in ratios.items():
            for step in steps:
                self.assertIsNotNone(at[peer][step["recall"]])
                self.assertGreater(step["median"], 0)

    def test_every_peer_grows_and_serves_two_readers(self):
        self.assertEqual(list(self.report["growth"]), list(PEERS))
        self.assertEqual(list(self.report["readers"]), list(PEERS))
        for peer, sizes in self.report["growth"].items():
            self.assertEqual([size["points"] for size in sizes], SIZES)
            for size in sizes:
                self.check_curve(peer, size["curve"])
                self.assertEqual(size["at_ef"]["ef"], 40)
                self.assertGreater(size["built_per_second"], 0)
            self.assertGreater(min(self.report["readers"][peer]["two_qps"]["rounds"]), 0)

    def test_percentiles_are_in_order(self):
        for state in ("idle", "busy"):
            times = [self.report["latency"][state][name]["rounds"] for name in ("p50_us", "p99_us", "p99.9_us")]
            for p50, p99, p999 in zip(*times):
                self.assertTrue(0 < p50 <= p99 <= p999, (state, times))

    def test_inserts_are_measured_by_durability_and_batch(self):
        rates = self.report["insert"]["inserts_per_second"]
        self.assertEqual([(rate["batch"], rate["durability"]) for rate in rates],
                         [(batch, how) for batch in (1, 100) for how in ("sync", "interval", "none")])
        self.assertGreater(min(min(rate["rounds"]) for rate in rates), 0)
        self.assertGreater(self.report["insert"]["points_after"], self.report["insert"]["points_before"])

    def test_opening_replays_what_a_killed_process_left(self):
        self.assertEqual(self.report["open"]["killed"]["points"], 1500)
        self.assertGreater(self.report["open"]["killed"]["checkpoint_of_all"]["page_bytes"]["median"], 1500 * 16 * 4)
        self.assertGreater(self.report["open"]["killed"]["checkpoint_of_these"]["page_bytes"]["median"], 0)
        self.assertGreater(self.report["open"]["clean"]["open_seconds"]["median"], 0)

    def test_an_insert_writes_its_vector_to_log_journal_and_pages(self):
        written = self.report["written"]
        self.assertEqual([own["dimensions"] for own in written], [128, 768])
        for own in written:
            self.assertEqual(own["points"], 1500)
            for kind in ("log_bytes", "journal_bytes", "page_bytes"):
                self.assertGreater(own[kind], own["vector_bytes"], (kind, own))
            self.assertGreater(own["row_bytes"], 0)

    def test_figures_for_programs_are_all_there(self):
        figures = self.report["figures"]
        for name in [*(f"{peer}.built" for peer in PEERS), *(f"{peer}.ef_{ef}" for peer in PEERS for ef in WIDTHS),
                     "engram.insert_sync_1", "engram.busy_p99.9", "engram.open_killed", "engram.d768_log_written",
                     "faiss-hnsw.at_3000_searched"]:
            self.assertIn(name, figures)
        for name, figure in figures.items():
            self.assertIn(figure["better"], ("higher", "lower"), name)
            self.assertIsInstance(figure["value"], (int, float), name)

    def test_tables_name_every_peer(self):
        for title in PEERS.values():
            self.assertIn(title, self.ran.stdout)

    def test_plots_are_whole(self):
        self.assertEqual(sorted(file.name for file in self.plots.iterdir()),
                         sorted(f"{plot}.{ending}" for plot in PLOTS for ending in ("gnuplot", "png", "svg")))
        for plot in PLOTS:
            size, data = pixels((self.plots / f"{plot}.png").read_bytes())
            self.assertGreaterEqual(size, (900, 500), plot)
            self.assertGreater(len(set(data)), 16, plot)
            svg = xml.etree.ElementTree.parse(self.plots / f"{plot}.svg").getroot()
            self.assertTrue(svg.tag.endswith("svg"), plot)
            texts = " ".join("".join(svg.itertext()).split())  # a name may be broken into lines
            self.assertIn(self.report["setting"]["date"], texts, plot)
            if plot in ("recall-qps", "resources", "growth"):
                for title in PEERS.values():
                    self.assertIn(title, texts, plot)

    def test_nothing_is_left_behind(self):
        self.assertEqual(list(self.work.iterdir()), [])


class OneSet(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)

    def write_set(self):
        draw = random.Random(1)
        base = [[draw.gauss(0, 1) for _ in range(8)] for _ in range(400)]
        queries = [[draw.gauss(0, 1) for _ in range(8)] for _ in range(20)]
        toy = self.root / "sets" / "toy"
        toy.mkdir(parents=True)
        write_rows(toy / "toy_base.fvecs", base, "f")
        write_rows(toy / "toy_query.fvecs", queries, "f")
        return toy, base, queries

    def recall(self, *arguments):
        ran = run(PROGRAM, self.root, "--data", self.root / "sets", "--set", "toy", "--peers", "hnswlib,faiss-hnsw",
                  "--ef", "200", "--rounds", 1, "--json", self.root / "toy.json", *arguments)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        peers = json.loads((self.root / "toy.json").read_text())["search"]["peers"]
        return [own["curve"][0]["recall"] for own in peers.values()]

    def test_texmex_files_are_found_by_their_usual_names(self):
        toy, base, queries = self.write_set()
        nearest = [sorted(range(len(base)), key=lambda row: sum((a - b) ** 2 for a, b in zip(query, base[row])))[:10]
                   for query in queries]
        write_rows(toy / "toy_groundtruth.ivecs", nearest, "i")
        self.assertGreater(min(self.recall()), 0.99)
        # The file is what counts: if it calls only the nearest right, only that is a hit.
        write_rows(toy / "toy_groundtruth.ivecs", [[row[0]] * 10 for row in nearest], "i")
        self.assertLess(max(self.recall()), 0.2)

    def test_missing_truth_is_found_by_looking_at_everything(self):
        self.write_set()
        self.assertGreater(min(self.recall()), 0.99)
        self.assertGreater(min(self.recall("--points", "200")), 0.99)

    def test_kernels_of_the_package_find_the_same(self):
        self.write_set()
        self.assertGreater(min(self.recall("--faiss-kernels", "packaged")), 0.99)

    def test_cosine_is_compared_on_vectors_of_length_one(self):
        self.write_set()
        self.assertGreater(min(self.recall("--metric", "cosine")), 0.99)

    def test_kept_indexes_are_not_built_again(self):
        self.write_set()
        self.recall("--keep", self.root / "kept")
        built = {file.name: file.stat().st_mtime_ns for file in (self.root / "kept").iterdir()}
        self.assertGreater(min(self.recall("--keep", self.root / "kept")), 0.99)
        self.assertEqual({file.name: file.stat().st_mtime_ns for file in (self.root / "kept").iterdir()}, built)

    def test_wrong_command_lines_are_refused_with_a_reason(self):
        for arguments, reason in [(["nothing"], "no part nothing"), (["--peers", "annoy"], "no peer annoy"),
                                  ([], "ENGRAM_DATA"), (["--set", "random-4-100", "--ef", "5"], "at least k"),
                                  (["--rounds", "0"], "above 0"), (["--metric", "ip"], "l2 or cosine")]:
            ran = run(PROGRAM, self.root, *arguments)
            self.assertEqual(ran.returncode, 2, arguments)
            self.assertIn(reason, ran.stderr)
        for arguments, reason in [(["--data", self.root, "--set", "gone"], "gone"),
                                  (["--set", "random-4"], "random-DIMENSIONS-POINTS")]:
            ran = run(PROGRAM, self.root, *arguments)
            self.assertEqual(ran.returncode, 1, arguments)
            self.assertIn(reason, ran.stderr)
        self.assertEqual(list(self.root.iterdir()), [])


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
