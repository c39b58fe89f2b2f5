"""Every broken experiment file below tests/golden/experiments exits 2 with its golden message and writes nothing."""
import os
import shutil
import subprocess
import tempfile
import unittest

PROGRAM = os.environ["COHORT_PROGRAM"]
GOLDEN = os.path.join(os.environ["COHORT_SOURCE"], "tests", "golden", "experiments")


class BrokenExperiments(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="cohort-broken-")
        cls.data = os.path.join(cls.folder, "data")
        subprocess.run([PROGRAM, "synth", "credit", "--out", cls.data, "--rows", "500", "--seed", "1", "--quiet"], check=True)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def test_each_has_its_message(self):
        cases = sorted(os.listdir(GOLDEN))
        self.assertGreaterEqual(len(cases), 40)
        runs, registry = os.path.join(self.folder, "runs"), os.path.join(self.folder, "registry")
        for case in cases:
            with self.subTest(case):
                folder = os.path.join(GOLDEN, case)
                before = sorted(os.listdir(folder))
                done = subprocess.run([PROGRAM, "train", "experiment.toml", "--data", self.data, "--runs", runs, "--registry", registry, "--quiet"],
                                      cwd=folder, capture_output=True, text=True, timeout=60)
                with open(os.path.join(folder, "expected.txt")) as file:
                    self.assertEqual(done.stderr.replace(self.data, "{data}"), file.read())
                self.assertEqual(done.returncode, 2)
                self.assertEqual(done.stdout, "")
                self.assertEqual(sorted(os.listdir(folder)), before)
                self.assertFalse(os.path.exists(runs) or os.path.exists(registry))


if __name__ == "__main__":
    unittest.main()
