"""The main job as a user types it: data, training on any number of ranks, kills and resumes, the served artifact."""
import json
import os
import random
import shutil
import subprocess
import tempfile
import time
import unittest

import h5py
import numpy as np

from commands import PROGRAM, kill_tree, run, stop_once_running

SOURCE = os.environ["COHORT_SOURCE"]

EXPERIMENT = """
name = "journey"
seed = 3
[split]
method = "stratified"
valid = 0.2
test = 0.2
[[features.dense]]
steps = ["quantile_normal"]
[[features.dense]]
steps = ["piecewise_linear"]
bins = 8
indicator = false
[model]
name = "{model}"
dropout = 0.1
norm = "{norm}"
[objective]
name = "binary"
[optimizer]
name = "adamw"
[schedule]
name = "cosine"
warmup_epochs = 0.5
[train]
epochs = 4
global_batch = 500
lanes = 4
clip_norm = 1.0
checkpoint_every = 3
[early_stopping]
patience = 3
[artifact]
name = "journey"
"""


class Journey(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="cohort-journey-")
        cls.data = os.path.join(cls.folder, "data")
        run("synth", "credit", "--out", cls.data, "--rows", 8000, "--seed", 5)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def experiment(self, model="mlp", norm="none"):
        path = os.path.join(self.folder, f"{model}-{norm}.toml")
        with open(path, "w") as file:
            file.write(EXPERIMENT.format(model=model, norm=norm))
        return path

    def train(self, experiment, name, *more, ranks=0, check=0):
        runs = os.path.join(self.folder, "runs-" + name)
        done = run("train", experiment, "--data", self.data, "--runs", runs, "--registry", os.path.join(self.folder, "registry"),
                   "--json", "--quiet", *more, ranks=ranks, check=check)
        return json.loads(done.stdout) if check == 0 else done

    def test_any_number_of_ranks_and_threads_gives_the_same_weights_and_metrics(self):
        for model, norm in (("mlp", "batch"), ("resmlp", "layer")):
            experiment = self.experiment(model, norm)
            alone = self.train(experiment, "alone", "--set", "artifact.name=''")
            for ranks, threads in ((1, 2), (2, 1), (3, 1), (4, 1), (2, 2)):
                other = self.train(experiment, f"r{ranks}t{threads}", "--set", f"train.threads={threads}", "--set", "artifact.name=''", ranks=ranks)
                self.assertEqual(other["weights_sha256"], alone["weights_sha256"], f"{model}: {ranks} ranks, {threads} threads")
                self.assertEqual(other["metrics"], alone["metrics"], f"{model}: {ranks} ranks, {threads} threads")

    @staticmethod
    def newest_step(home):
        """Steps of the newest checkpoint of any run below `home`; 0 where there is none."""
        steps = [0]
        for run_id in os.listdir(home) if os.path.isdir(home) else []:
            folder = os.path.join(home, run_id, "checkpoints")
            steps += [int(name[5:]) for name in (os.listdir(folder) if os.path.isdir(folder) else []) if name.startswith("step-")]
        return max(steps)

    def test_a_killed_run_resumed_on_other_ranks_ends_like_the_undisturbed_one(self):
        experiment = self.experiment()
        longer = ["--set", "artifact.name=''", "--set", "train.epochs=40", "--set", "early_stopping.patience=0"]
        whole = self.train(experiment, "whole", *longer)
        runs = os.path.join(self.folder, "runs-killed")
        home = os.path.join(runs, "journey")
        chance = random.Random(11)
        command = [PROGRAM, "train", experiment, "--data", self.data, "--runs", runs, *longer, "--resume", "--json", "--quiet"]
        for ranks in (2, 1, 3):
            # Each attempt gets some way beyond the one before it, and is then killed wherever it happens to be.
            target = self.newest_step(home) + chance.randrange(3, 60)
            process = subprocess.Popen(["mpirun", "-n", str(ranks), *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
            deadline = time.time() + 60
            while time.time() < deadline and process.poll() is None and self.newest_step(home) < target:
                time.sleep(0.005)
            self.assertIsNone(process.poll(), "the run ended before it could be killed")
            kill_tree(process)
        done = run(*command[1:], ranks=4)
        end = json.loads(done.stdout)
        self.assertEqual(end["weights_sha256"], whole["weights_sha256"])
        self.assertEqual(end["metrics"], whole["metrics"])
        self.assertGreater(end["attempts"], 1)
        self.assertEqual(len(os.listdir(home)), 1, "one run, taken up again and again")

    def test_a_stop_by_signal_writes_a_checkpoint_and_exits_75(self):
        experiment = self.experiment()
        whole = self.train(experiment, "whole75", "--set", "artifact.name=''", "--set", "train.epochs=40", "--set", "early_stopping.patience=0")
        runs = os.path.join(self.folder, "runs-stopped")
        command = [PROGRAM, "train", experiment, "--data", self.data, "--runs", runs, "--set", "artifact.name=''", "--set", "train.epochs=40",
                   "--set", "early_stopping.patience=0", "--resume", "--json", "--quiet"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.assertEqual(stop_once_running(process, os.path.join(runs, "journey")), 75)
        end = json.loads(run(*command[1:], ranks=2).stdout)
        self.assertEqual(end["weights_sha256"], whole["weights_sha256"])

    def test_fast_trains_alike_on_any_ranks_and_says_what_it_gave_up(self):
        experiment = self.experiment()
        more = ["--set", "artifact.name=''", "--set", "train.epochs=2"]
        elastic = self.train(experiment, "elastic", *more)
        for ranks, threads, lanes in ((1, 2, 1), (3, 1, 4), (5, 1, 8)):
            fast = self.train(experiment, f"fast{ranks}", *more, "--set", "train.determinism='fast'", "--set", f"train.threads={threads}", ranks=ranks)
            self.assertEqual((fast["determinism"], fast["lanes"], fast["steps"]), ("fast", lanes, elastic["steps"]))
            self.assertAlmostEqual(fast["metrics"]["test"]["auc"], elastic["metrics"]["test"]["auc"], delta=0.02)
            self.assertEqual(json.loads(run("audit", fast["run"], "--json").stdout)["problems"], [], "the rows of every step are those of the experiment's order")

    def test_a_fast_run_resumes_on_other_ranks_with_a_warning(self):
        experiment = self.experiment()
        runs = os.path.join(self.folder, "runs-fast-stopped")
        command = [PROGRAM, "train", experiment, "--data", self.data, "--runs", runs, "--set", "artifact.name=''", "--set", "train.epochs=40",
                   "--set", "train.determinism='fast'", "--set", "early_stopping.patience=0", "--resume", "--json"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.assertEqual(stop_once_running(process, os.path.join(runs, "journey")), 75)
        done = run(*command[1:], ranks=3)
        self.assertEqual(json.loads(done.stdout)["attempts"], 2)
        self.assertIn("ranks differs since", done.stderr)
        self.assertIn("the result's bits depend on the number of ranks (3)", done.stderr)

    def test_the_artifact_scores_like_the_run_and_like_onnx_runtime(self):
        report = self.train(self.experiment(), "served", ranks=2)
        registry = os.path.join(self.folder, "registry")
        artifact = report["artifact"]
        self.assertTrue(artifact["parity"]["verified"])
        for file in ("model.onnx", "weights.safetensors", "manifest.json", "model-card.md"):
            self.assertTrue(os.path.exists(os.path.join(artifact["path"], file)), file)
        self.assertTrue(os.path.exists(os.path.join(registry, "journey", "config.pbtxt")))
        run("artifact", "verify", "journey", "--registry", registry)
        self.assertEqual(json.loads(run("artifact", "show", "journey", "--registry", registry, "--json").stdout)["weights_sha256"], report["weights_sha256"])

        out = os.path.join(self.folder, "scores.h5")
        run("predict", "journey", "--registry", registry, "--data", self.data, "--out", out)
        with h5py.File(out) as scored, h5py.File(os.path.join(report["run"], "predictions-test.h5")) as test:
            by_row = dict(zip(scored["row"][:], scored["prediction"][:]))
            for row, prediction in zip(test["row"][:], test["prediction"][:]):
                self.assertEqual(by_row[row], prediction)

        evaluated = json.loads(run("evaluate", "journey", "--registry", registry, "--data", self.data, "--split", "test", "--json", ranks=2).stdout)
        for name, value in evaluated["metrics"].items():
            self.assertEqual(value, report["metrics"]["test"][name], name)
        self.assertGreater(report["metrics"]["test"]["auc"], 0.6)
        self.assertLessEqual(report["metrics"]["test"]["auc"], report["metrics"]["test"]["auc_true"] + 0.02)

        with open(os.path.join(artifact["path"], "model.onnx"), "r+b") as model:
            model.seek(100)
            byte = model.read(1)
            model.seek(100)
            model.write(bytes([byte[0] ^ 1]))
        damaged = run("artifact", "verify", f"journey@{artifact['version']}", "--registry", registry, check=3)
        self.assertIn("model.onnx", damaged.stderr)

    def test_mistakes_are_reported_together_and_write_nothing(self):
        path = os.path.join(self.folder, "broken.toml")
        with open(path, "w") as file:
            file.write(EXPERIMENT.format(model="mlpp", norm="none").replace("epochs = 4", "epocs = 4").replace("lanes = 4", "lanes = 3"))
        runs = os.path.join(self.folder, "runs-broken")
        done = run("train", path, "--data", self.data, "--runs", runs, check=2)
        self.assertIn('did you mean "mlp"', done.stderr)
        self.assertIn("epocs", done.stderr)
        self.assertFalse(os.path.exists(runs))
        several = run("train", self.experiment(), "--data", self.data, "--runs", runs, "--set", "train.lanes=2", ranks=3, check=2)
        self.assertIn("3 ranks are more than train.lanes = 2", several.stderr)
        absent = run("train", self.experiment(), "--data", os.path.join(self.folder, "nowhere"), "--runs", runs, ranks=2, check=2)
        self.assertEqual(absent.stderr.count("error:"), 1)
        self.assertFalse(os.path.exists(runs))


if __name__ == "__main__":
    unittest.main()
