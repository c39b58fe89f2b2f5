"""Every task from a raw CSV to the served file: ONNX Runtime, given what a client would send, agrees with `cohort predict`."""
import csv
import json
import os
import pathlib
import random
import subprocess
import tempfile
import unittest

import numpy as np
import onnxruntime

PROGRAM = os.environ["COHORT_PROGRAM"]

IMPORT = """
missing = ["NA"]
[columns.id]
kind = "id"
[columns.plan]
kind = "categorical"
[columns.region]
kind = "categorical"
dtype = "int64"
[columns.charges]
kind = "dense"
missing = [" "]
[columns.months]
kind = "dense"
[columns.target]
kind = "label"
"""

EXPERIMENT = """
name = "served"
[split]
method = "stratified"
valid = 0.2
test = 0.2
[[features.dense]]
columns = ["charges"]
steps = ["log", "standardise"]
[[features.dense]]
columns = ["months"]
steps = ["quantile_normal"]
[[features.dense]]
columns = ["months", "charges"]
steps = ["piecewise_linear"]
bins = 4
[[features.categorical]]
min_count = 5
[model]
name = "{model}"
[objective]
{objective}
[optimizer]
name = "adamw"
[train]
epochs = 3
global_batch = 200
lanes = 4
[artifact]
name = "served"
"""

TASKS = {
    "binary": ('name = "binary"\nlabel_smoothing = 0.05', 'values = ["No", "Yes"]', lambda score: "Yes" if score > 0.4 else "No"),
    "multiclass": ('name = "multiclass"\nlabel_smoothing = 0.1', 'values = ["low", "mid", "high"]',
                   lambda score: "low" if score < 0 else "mid" if score < 1 else "high"),
    "mse": ('name = "regression"\nloss = "mse"', "", lambda score: f"{score:.4f}"),
    "mae": ('name = "regression"\nloss = "mae"', "", lambda score: f"{score:.4f}"),
    "huber": ('name = "regression"\nloss = "huber"\ndelta = 0.5', "", lambda score: f"{score:.4f}"),
}


def run(*arguments, ranks=0):
    command = [PROGRAM, *map(str, arguments)]
    if ranks:
        command = ["mpirun", "-n", str(ranks), *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise AssertionError(f"{command} exited {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def client_row(chance, unseen):
    """A customer as a file has it: blanks, markers, and with `unseen` also values that training never saw."""
    plans = ["basic", "plus, \"family\"", "füll", "", "NA"] + (["never seen", "überraschend"] if unseen else [])
    regions = ["1", "2", "70", "NA"] + (["12345", "-3"] if unseen else [])
    return {"id": str(chance.randrange(10**9)), "plan": chance.choice(plans), "region": chance.choice(regions),
            "charges": chance.choice([f"{chance.lognormvariate(3, 1):.2f}"] * 5 + [" ", "NA", "0"]),
            "months": str(chance.choice([0, 0, 1, 2, 5, 30, 72] + ([100000, -7] if unseen else [])))}


def score_of(row, chance):
    charges = float(row["charges"]) if row["charges"].strip() not in ("", "NA") else 50.0
    return (charges - 20) / 40 + (row["plan"] == "basic") * 0.6 - min(float(row["months"]), 72) / 72 + chance.gauss(0, 0.3)


def write_csv(path, rows, names):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def onnx_inputs(manifest, rows):
    """The columns as the manifest documents them: NaN, or the empty string, where a value is missing."""
    feed = {}
    for column in manifest["inputs"]:
        texts = [row[column["name"]] for row in rows]
        gone = [text.strip() == "" or text in column["missing_markers"] or text == "NA" for text in texts]
        if column["dtype"] == "string":
            values = np.array([["" if m else text] for text, m in zip(texts, gone)], dtype=object)
        elif column["dtype"] == "int64":
            values = np.array([[np.iinfo(np.int64).min if m else int(text)] for text, m in zip(texts, gone)], dtype=np.int64)
        else:
            values = np.array([[np.nan if m else float(text)] for text, m in zip(texts, gone)], dtype=np.float32)
        feed[column["name"]] = values
    return feed


class Served(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def serve(self, task, model):
        objective, label, target = TASKS[task]
        chance = random.Random(task)
        rows = [client_row(chance, unseen=False) for _ in range(3000)]
        for row in rows:
            row["target"] = target(score_of(row, chance))
        write_csv(self.folder / "train.csv", rows, list(rows[0]))
        (self.folder / "import.toml").write_text(IMPORT + (label or 'dtype = "float32"') + "\n")
        (self.folder / "experiment.toml").write_text(EXPERIMENT.format(model=model, objective=objective))
        run("import", "csv", self.folder / "train.csv", "--out", self.folder / "data", "--options", self.folder / "import.toml")
        return json.loads(run("train", self.folder / "experiment.toml", "--data", self.folder / "data", "--runs", self.folder / "runs",
                              "--registry", self.folder / "registry", "--json", ranks=2))

    def agree(self, report, task):
        artifact = pathlib.Path(report["artifact"]["path"])
        manifest = json.loads((artifact / "manifest.json").read_text())
        chance = random.Random(7)
        rows = [client_row(chance, unseen=True) for _ in range(2500)]
        # As a client's file may have it: columns in another order, one too many, no label.
        write_csv(self.folder / "new.csv", rows, ["months", "plan", "id", "charges", "region"])
        run("predict", "served", "--registry", self.folder / "registry", "--data", self.folder / "new.csv", "--out", self.folder / "scores.csv")
        scores = np.genfromtxt(self.folder / "scores.csv", delimiter=",", skip_header=1)
        self.assertEqual(scores[:, 0].tolist(), list(range(len(rows))))
        session = onnxruntime.InferenceSession(artifact / "model.onnx", providers=["CPUExecutionProvider"])
        self.assertEqual({i.name for i in session.get_inputs()}, {c["name"] for c in manifest["inputs"]})
        worst = 0.0
        for size in (1, 7, 1000):
            for start in range(0, len(rows) if size > 1 else 40, size):
                batch = rows[start:start + size]
                served = session.run(None, onnx_inputs(manifest, batch))[0]
                self.assertEqual(served.shape, (len(batch), 3 if task == "multiclass" else 1))
                worst = max(worst, float(np.max(np.abs(served - scores[start:start + size, 1:]))))
        self.assertLessEqual(worst, 1e-5)
        self.assertGreater(float(np.std(scores[:, 1])), 0.01, "a net that says the same of everyone proves nothing")

    def test_binary(self):
        report = self.serve("binary", "mlp")
        self.assertGreater(report["metrics"]["test"]["auc"], 0.75)
        self.agree(report, "binary")

    def test_multiclass(self):
        report = self.serve("multiclass", "resmlp")
        self.assertGreater(report["metrics"]["test"]["accuracy"], 0.5)
        self.agree(report, "multiclass")

    def test_regression_with_every_loss(self):
        for task in ("mse", "mae", "huber"):
            with self.subTest(loss=task):
                self.setUp()
                report = self.serve(task, "mlp")
                self.assertIn("rmse", report["metrics"]["test"])
                self.agree(report, task)


if __name__ == "__main__":
    unittest.main()
