"""DLRM on synthetic clicks as a user trains it: the same bits on one and two ranks, near the AUC of the truth, and served alike by ONNX Runtime."""
import json
import pathlib
import tempfile
import unittest

import h5py
import numpy as np
import onnxruntime

from commands import run

EXPERIMENT = """
name = "clicks"
seed = 3
[split]
method = "time"
column = "shown_at"
valid = 0.1
test = 0.2
{dense}
[[features.dense]]
steps = ["log", "standardise"]
[model]
name = "{model}"
{options}
[objective]
name = "binary"
[optimizer]
name = "adam"
rate = 3e-3
embedding_weight_decay = 1e-3
[train]
epochs = 8
global_batch = 512
lanes = 4
[artifact]
name = "clicks"
"""

SMALL = 'embedding_dim = 8\nembedding_std = 0.1\nbottom = [32]\ntop = [64]'


class Dlrm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.folder = pathlib.Path(cls.temporary.name)
        options = ["dense=4", "categorical=8", "ids=30", "crosses=4", "crossed_effect=1.6"]
        run("synth", "clicks", "--out", cls.folder / "data", "--rows", 40000, "--seed", 5, *[word for o in options for word in ("--set", o)])

    def train(self, home, ranks=0, model="dlrm", options=SMALL, dense="", check=0):
        home = self.folder / home
        home.mkdir(exist_ok=True)
        (home / "experiment.toml").write_text(EXPERIMENT.format(model=model, options=options, dense=dense))
        done = run("train", home / "experiment.toml", "--data", self.folder / "data", "--runs", home / "runs", "--registry", home / "registry", "--json",
                   ranks=ranks, check=check)
        return json.loads(done.stdout) if check == 0 else done

    def test_any_number_of_ranks_gives_the_same_net_near_the_truth_and_served_alike(self):
        one, two = self.train("one"), self.train("two", ranks=2)
        self.assertEqual(one["weights_sha256"], two["weights_sha256"])
        self.assertEqual(one["metrics"], two["metrics"])
        test = one["metrics"]["test"]
        # What of the truth's ranking above chance the net has found.
        found = (test["auc"] - 0.5) / (test["auc_true"] - 0.5)
        self.assertGreater(found, 0.88, test)
        self.assertLessEqual(test["auc"], test["auc_true"] + 0.005)

        registry = self.folder / "one" / "registry"
        evaluated = json.loads(run("evaluate", "clicks", "--registry", registry, "--data", self.folder / "data", "--json").stdout)
        self.assertIn("auc", json.dumps(evaluated))
        self.served_alike(pathlib.Path(one["artifact"]["path"]), registry)

    def served_alike(self, artifact, registry):
        run("predict", "clicks", "--registry", registry, "--data", self.folder / "data", "--out", self.folder / "scores.csv")
        scores = np.genfromtxt(self.folder / "scores.csv", delimiter=",", skip_header=1)
        manifest = json.loads((artifact / "manifest.json").read_text())
        rows = 3000
        with h5py.File(self.folder / "data" / "data-00000.h5") as shard:
            feed = {column["name"]: self.client_values(column, shard[column["name"]][:rows]) for column in manifest["inputs"]}
        session = onnxruntime.InferenceSession(artifact / "model.onnx", providers=["CPUExecutionProvider"])
        served = session.run(None, feed)[0]
        self.assertEqual(scores[:rows, 0].tolist(), list(range(rows)))
        self.assertLessEqual(float(np.max(np.abs(served[:, 0] - scores[:rows, 1]))), 1e-5)
        self.assertGreater(float(np.std(served)), 0.05, "a net that says the same of every row proves nothing")

    @staticmethod
    def client_values(column, stored):
        if column["dtype"] != "int64":
            return stored.astype(np.float32)[:, None]
        gone = stored < 0  # the dataset's code of a missing value
        return np.where(gone, np.iinfo(np.int64).min, stored.astype(np.int64))[:, None]

    def test_the_crosses_are_found_by_pairs_that_an_additive_net_lacks(self):
        additive = self.train("additive", model="mlp", options='hidden = [1]\nactivation = "silu"\nembedding_dim = 2')
        paired = self.train("paired", ranks=2)
        self.assertLess(additive["metrics"]["test"]["auc"] + 0.05, paired["metrics"]["test"]["auc"])

    def test_refuses_data_without_categories(self):
        columns = ", ".join(f'"c{f}"' for f in range(1, 9))
        done = self.train("refused", dense=f"[features]\ndrop = [{columns}]", check=2)
        self.assertIn("needs categorical features", done.stderr)
        self.assertIn("mlp", done.stderr)


if __name__ == "__main__":
    unittest.main()
