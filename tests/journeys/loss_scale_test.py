"""float16: steps whose gradient overflows are skipped by all ranks alike, and the scale of the loss, the skips and the averages go on where a run was stopped."""
import csv
import json
import os
import random
import shutil
import subprocess
import tempfile
import unittest

from commands import PROGRAM, run, stop_once_running, train_words

EXPERIMENT = """
name = "prices"
seed = 3
[split]
method = "hash"
column = "town"
valid = 0.2
[model]
name = "mlp"
hidden = [16]
[objective]
name = "regression"
{rest}
[optimizer]
name = "adam"
rate = 0.01
[train]
epochs = 40
global_batch = 100
lanes = 4
precision = "fp16"
checkpoint_every = 25
[checks]
enabled = false
[artifact]
name = ""
"""


class LossScale(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="cohort-loss-scale-")
        # The gradient of the squared error overflows in float16 at the first scales, and at all that a run of a few steps can try.
        for data, unit in (("few", 1), ("all", 1e11)):
            path = os.path.join(cls.folder, data + ".csv")
            draw = random.Random(1)
            with open(path, "w", newline="") as file:
                rows = csv.writer(file)
                rows.writerow(["size", "town", "price"])
                for number in range(1000):
                    size = draw.gauss(0, 1)
                    rows.writerow([round(size, 3), f"town {number % 50}", unit * round(30000 + 9000 * size + draw.gauss(0, 500))])
            run("import", "csv", path, "--out", os.path.join(cls.folder, data), "--infer", "--label", "price")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def command(self, runs, data, averaging, *settings):
        path = os.path.join(self.folder, "prices.toml")
        rest = f'[averaging]\nname = "{averaging}"\n' + ("decay = 0.9\n" if averaging == "ema" else "")
        with open(path, "w") as file:
            file.write(EXPERIMENT.format(rest=rest))
        return train_words(path, os.path.join(self.folder, data), os.path.join(self.folder, runs), "--quiet", settings=settings)

    def train(self, *arguments, ranks=0):
        return json.loads(run(*self.command(*arguments), ranks=ranks).stdout)

    def test_a_stopped_run_goes_on_with_its_scale_its_skips_and_its_average(self):
        alone = self.train("alone", "few", "ema")
        self.assertGreater(alone["skipped_steps"], 2)
        self.assertNotEqual(alone["weights_sha256"], self.train("plain", "few", "none")["weights_sha256"])
        two = self.train("two", "few", "ema", ranks=2)
        self.assertEqual((two["weights_sha256"], two["skipped_steps"]), (alone["weights_sha256"], alone["skipped_steps"]))

        command = self.command("stopped", "few", "ema")
        process = subprocess.Popen([PROGRAM, *command, "--resume"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertEqual(stop_once_running(process, os.path.join(self.folder, "stopped", "prices")), 75)
        done = json.loads(run(*command, "--resume", ranks=2).stdout)
        # With the first scale again it would skip steps that the run in one piece doesn't.
        self.assertEqual((done["weights_sha256"], done["skipped_steps"]), (alone["weights_sha256"], alone["skipped_steps"]))

    def test_steps_that_are_skipped_count_for_no_average(self):
        few = ["train.epochs=1"]
        plain, average = self.train("skipped", "all", "none", *few), self.train("skipped-ema", "all", "ema", *few)
        self.assertEqual(average["skipped_steps"], average["steps"])
        self.assertEqual(average["weights_sha256"], plain["weights_sha256"])


if __name__ == "__main__":
    unittest.main()
