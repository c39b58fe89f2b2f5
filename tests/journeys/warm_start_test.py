"""Incremental training: a run goes on from an artifact on newer data; vocabularies grow, keep what wasn't seen, and forget what is missing too often."""
import csv
import json
import os
import random
import shutil
import struct
import tempfile
import unittest

import numpy as np

from commands import run, train_words

EXPERIMENT = """
name = "weekly"
seed = 3
[split]
method = "stratified"
valid = 0.2
[model]
name = "mlp"
hidden = [8]
embedding_dim = 4
[objective]
name = "binary"
[optimizer]
name = "adagrad"
rate = 0.05
[train]
epochs = 2
global_batch = 64
lanes = 4
[checks]
enabled = false
[artifact]
name = "weekly"
"""


def tensors_of(folder):
    """The tensors of a safetensors file, by name."""
    with open(os.path.join(folder, "weights.safetensors"), "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    return {name: np.frombuffer(data[slice(*entry["data_offsets"])], dtype="<f4").reshape(entry["shape"]) for name, entry in header.items() if name != "__metadata__"}


class WarmStart(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="cohort-warm-")
        cls.experiment = os.path.join(cls.folder, "weekly.toml")
        with open(cls.experiment, "w") as file:
            file.write(EXPERIMENT)
        for week, colours in enumerate((["amber", "blue", "cyan"], ["blue", "cyan", "denim"], ["cyan", "denim"])):
            cls.write_week(week, colours)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    @classmethod
    def write_week(cls, week, colours):
        draw = random.Random(week)
        path = os.path.join(cls.folder, f"week-{week}.csv")
        with open(path, "w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["amount", "colour", "bought"])
            for _ in range(800):
                colour, amount = draw.choice(colours), round(draw.gauss(0, 1), 3)
                rows.writerow([amount, colour, int(draw.random() < (0.7 if colour in ("blue", "denim") else 0.3))])
        run("import", "csv", path, "--out", os.path.join(cls.folder, f"data-{week}"), "--infer", "--label", "bought")

    def train(self, week, home, *settings, ranks=0, check=0):
        words = train_words(self.experiment, os.path.join(self.folder, f"data-{week}"), os.path.join(self.folder, home, "runs"),
                            "--registry", os.path.join(self.folder, home, "registry"), settings=settings)
        done = run(*words, ranks=ranks, check=check)
        return (json.loads(done.stdout) if check == 0 else None), done.stderr

    def version(self, home, number):
        return os.path.join(self.folder, home, "registry", "weekly", str(number))

    def vocabulary(self, folder):
        with open(os.path.join(folder, "features.json")) as file:
            return json.load(file)["categorical"][0]["values"]

    def test_vocabularies_grow_by_value_and_forget(self):
        self.train(0, "a")
        first = self.version("a", 1)
        outcome, log = self.train(1, "a", f'start.from="{first}"')
        self.assertIn("1 new values, 1 kept that this training split doesn't have, 0 forgotten", log)
        second = self.version("a", 2)
        self.assertEqual(self.vocabulary(second), ["amber", "blue", "cyan", "denim"])
        then, now = tensors_of(first)["tables.colour"], tensors_of(second)["tables.colour"]
        # Rows: unknown, missing, then the values. No row names amber any more: its vector stands still; the others went on.
        np.testing.assert_array_equal(now[2], then[2])
        self.assertFalse(np.array_equal(now[3], then[3]))
        again, _ = self.train(1, "b", f'start.from="{first}"', 'embeddings.plan="row_wise"', ranks=2)
        self.assertEqual(again["weights_sha256"], outcome["weights_sha256"])
        # Amber is missing for the second time, blue for the first.
        _, log = self.train(2, "a", f'start.from="{second}"', "start.forget_after=2")
        self.assertIn("0 new values, 1 kept that this training split doesn't have, 1 forgotten", log)
        self.assertEqual(self.vocabulary(self.version("a", 3)), ["blue", "cyan", "denim"])

    def test_what_cannot_go_on_is_refused(self):
        self.train(0, "c")
        first = self.version("c", 1)
        _, errors = self.train(1, "c", f'start.from="{first}"', "model.hidden=[9]", check=2)
        self.assertIn("another shape", errors)
        _, errors = self.train(1, "c", f'start.from="{self.folder}"', check=2)
        self.assertIn("manifest", errors)


if __name__ == "__main__":
    unittest.main()
