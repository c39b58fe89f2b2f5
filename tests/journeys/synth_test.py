"""`cohort synth` as a user types it."""
import json
import os
import subprocess
import tempfile
import unittest

import h5py
import numpy as np

PROGRAM = os.environ["COHORT_PROGRAM"]


def cohort(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True)


class Synth(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def make(self, name, *arguments):
        done = cohort("--json", "synth", "credit", "--out", self.path(name), *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

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
        with open(os.path.join(self.path("a"), "dataset.json"), encoding="utf-8") as file:
            manifest = json.load(file)
        self.assertEqual(manifest["source"]["not_features"], ["true_probability"])
        truth, label = self.column("a", "true_probability"), self.column("a", "default")
        self.assertAlmostEqual(float(truth.mean()), float(label.mean()), delta=0.01)
        high = truth > 0.5
        self.assertAlmostEqual(float(truth[high].mean()), float(label[high].mean()), delta=0.04)

    def test_generator_options_are_set_on_the_command_line(self):
        steady = self.make("a", "--rows", 500, "--set", "drift=0", "--set", "missing=0")
        self.assertEqual(steady["rows"], 500)
        self.assertFalse(np.isnan(self.column("a", "income")).any())

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
        ]:
            with self.subTest(arguments=arguments):
                done = cohort("synth", *arguments)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(expected, done.stderr)
                self.assertEqual(done.stdout, "")
                self.assertEqual(os.listdir(self.folder.name), ["there"])


if __name__ == "__main__":
    unittest.main()
