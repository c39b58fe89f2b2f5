"""`cohort synth` as a user types it."""
import hashlib
import json
import os
import subprocess
import tempfile
import unittest

import h5py
import numpy as np

PROGRAM = os.environ["COHORT_PROGRAM"]


GENERATORS = ["behaviour", "clicks", "credit", "demand", "interactions", "watch-time"]


def cohort(*arguments, ranks=None):
    launcher = [] if ranks is None else ["mpirun", "-n", str(ranks)]
    return subprocess.run([*launcher, PROGRAM, *map(str, arguments)], capture_output=True, text=True)


def sums(folder):
    """SHA-256 of every file by its name."""
    result = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            result[name] = hashlib.sha256(file.read()).hexdigest()
    return result


class Synth(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def make(self, name, *arguments, generator="credit", ranks=None):
        done = cohort("--json", "synth", generator, "--out", self.path(name), *arguments, ranks=ranks)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def manifest(self, name):
        with open(os.path.join(self.path(name), "dataset.json"), encoding="utf-8") as file:
            return json.load(file)

    def column(self, name, column):
        with h5py.File(os.path.join(self.path(name), "data-00000.h5")) as shard:
            return shard[column][:]

    def test_the_same_seed_makes_the_same_dataset_and_fewer_rows_are_the_first_ones(self):
        first = self.make("a", "--rows", 3000, "--seed", 5)
        self.assertEqual(first["rows"], 3000)
        self.assertEqual(first["identity"], self.make("b", "--rows", 3000, "--seed", 5)["identity"])
        self.assertNotEqual(first["identity"], self.make("c", "--rows", 3000, "--seed", 6)["identity"])
        self.make("d", "--rows", 1000, "--seed", 5)
        for column in ("income", "employment", "applied_at", "default", "true_probability"):
            np.testing.assert_array_equal(self.column("a", column)[:1000], self.column("d", column))

    def test_the_truth_is_no_feature_and_fits_the_label(self):
        self.make("a", "--rows", 20000)
        self.assertEqual(self.manifest("a")["source"]["not_features"], ["true_probability"])
        truth, label = self.column("a", "true_probability"), self.column("a", "default")
        self.assertAlmostEqual(float(truth.mean()), float(label.mean()), delta=0.01)
        high = truth > 0.5
        self.assertAlmostEqual(float(truth[high].mean()), float(label[high].mean()), delta=0.04)

    def test_generator_options_are_set_on_the_command_line(self):
        steady = self.make("a", "--rows", 500, "--set", "drift=0", "--set", "missing=0")
        self.assertEqual(steady["rows"], 500)
        self.assertFalse(np.isnan(self.column("a", "income")).any())

    def test_every_generator_makes_the_same_files_on_any_number_of_ranks_and_threads(self):
        for generator in GENERATORS:
            made = None
            for ranks, threads in [(None, 1), (1, 2), (2, 1), (3, 2)]:
                with self.subTest(generator=generator, ranks=ranks, threads=threads):
                    name = f"{generator}-{ranks}-{threads}"
                    report = self.make(name, "--rows", 2500, "--seed", 4, "--rows-per-shard", 1000, "--threads", threads,
                                       generator=generator, ranks=ranks)
                    files = sums(self.path(name))
                    self.assertIn("data-00002.h5", files)
                    self.assertNotIn("data-00003.h5", files)
                    made = made or (report["identity"], files)
                    self.assertEqual((report["identity"], files), made)

    def test_fewer_rows_are_the_first_ones_of_more_for_every_generator(self):
        for generator in GENERATORS:
            with self.subTest(generator=generator):
                self.make(generator + "-few", "--rows", 300, generator=generator)
                self.make(generator + "-more", "--rows", 700, generator=generator)
                with h5py.File(os.path.join(self.path(generator + "-few"), "data-00000.h5")) as few, \
                        h5py.File(os.path.join(self.path(generator + "-more"), "data-00000.h5")) as more:
                    for column in self.manifest(generator + "-few")["schema"]["columns"]:
                        name = column["name"]
                        if isinstance(few[name], h5py.Group):
                            end = few[name]["offsets"][300]
                            np.testing.assert_array_equal(few[name]["offsets"][:], more[name]["offsets"][:301])
                            np.testing.assert_array_equal(few[name]["values"][:], more[name]["values"][:end])
                        else:
                            np.testing.assert_array_equal(few[name][:], more[name][:300])

    def test_every_generator_is_whole_on_disk_and_hides_its_truth(self):
        hidden = {
            "behaviour": ["true_segment", "true_hazard", "true_probability", "true_uplift", "propensity", "true_next"],
            "clicks": ["true_probability"],
            "credit": ["true_probability"],
            "demand": ["future", "true_demand", "true_future", "true_pattern"],
            "interactions": ["policy", "propensity", "true_affinity", "true_probability"],
            "watch-time": ["true_interest", "true_watch", "true_probability"],
        }
        for generator in GENERATORS:
            with self.subTest(generator=generator):
                self.make(generator, "--rows", 500, generator=generator)
                self.assertEqual(self.manifest(generator)["source"]["not_features"], hidden[generator])
                done = cohort("verify", self.path(generator), "--deep")
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_row_a_user_holds_a_sequence_of_items(self):
        self.make("a", "--rows", 200, "--set", "layout=users", "--set", "items=100", generator="interactions")
        with h5py.File(os.path.join(self.path("a"), "data-00000.h5")) as shard:
            offsets, items = shard["items"]["offsets"][:], shard["items"]["values"][:]
            self.assertEqual(len(offsets), 201)
            self.assertEqual(offsets[-1], len(items))
            self.assertGreaterEqual(np.diff(offsets).min(), 2)
            self.assertTrue((0 <= items).all() and (items < 100).all())
            np.testing.assert_array_equal(shard["times"]["offsets"][:], offsets)
            np.testing.assert_array_equal(shard["propensity"]["offsets"][:], offsets)

    def test_the_truth_is_the_mean_of_the_label_where_there_is_one(self):
        for generator, label, truth, within in [("behaviour", "churn", "true_probability", 0.015), ("clicks", "click", "true_probability", 0.015),
                                                ("interactions", "click", "true_probability", 0.015), ("watch-time", "complete", "true_probability", 0.015),
                                                ("watch-time", "watch_seconds", "true_watch", 1.2)]:
            with self.subTest(generator=generator, label=label):
                name = generator + label
                self.make(name, "--rows", 10000, generator=generator)
                self.assertAlmostEqual(float(self.column(name, label).mean()), float(self.column(name, truth).mean()), delta=within)

    def test_help_and_describe_name_every_generator(self):
        text = cohort("synth", "--help").stdout
        for generator in GENERATORS:
            self.assertIn(f"\n                                {generator} ", text)
            described = cohort("describe", "generator", generator)
            self.assertEqual(described.returncode, 0, described.stderr)
            self.assertIn("missing", described.stdout)

    def test_progress_ends_with_all_rows_of_the_first_rank(self):
        done = cohort("synth", "clicks", "--out", self.path("a"), "--rows", 2500, "--rows-per-shard", 1000, ranks=2)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("1,500/1,500 rows", done.stderr)
        self.assertEqual(done.stdout.count("\n"), 1)
        self.assertIn("2500 rows of synthetic clicks data", done.stdout)

    def test_mistakes_end_with_2_and_leave_nothing(self):
        self.make("there", "--rows", 10)
        for arguments, expected in [
            (["credits", "--out", self.path("x")], 'did you mean "credit"?'),
            (["credit", "--out", self.path("x"), "--set", "drfit=0"], "drift"),
            (["credit", "--out", self.path("x"), "--set", "drift=-1"], "drift"),
            (["credit", "--out", self.path("x"), "--rows", "0"], "--rows"),
            (["credit", "--out", self.path("x"), "--rows", "many"], "--rows"),
            (["credit", "--out", self.path("there")], "there"),
            (["credit"], "--out"),
            (["credit", "--out", self.path("x"), "--threads", "-1"], "--threads"),
            (["credit", "--out", self.path("x"), "--rows-per-shard", "0"], "--rows-per-shard"),
            (["interactions", "--out", self.path("x"), "--set", "items=7"], "items is no multiple of groups"),
            (["clicks", "--out", self.path("x"), "--set", "crosses=20"], "crosses"),
            (["demand", "--out", self.path("x"), "--rows", "1000000000"], "demand has 2852500 rows"),
        ]:
            with self.subTest(arguments=arguments):
                done = cohort("synth", *arguments)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(expected, done.stderr)
                self.assertEqual(done.stdout, "")
                self.assertEqual(os.listdir(self.folder.name), ["there"])

    def test_a_mistake_on_several_ranks_is_told_once(self):
        done = cohort("synth", "demand", "--out", self.path("x"), "--rows", "1000000000", ranks=2)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stderr.count("demand has 2852500 rows"), 1)
        self.assertEqual(os.listdir(self.folder.name), [])


if __name__ == "__main__":
    unittest.main()
