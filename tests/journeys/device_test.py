"""Runs on devices, as far as they go without one: the host's stand-in runs the device's step and its kernels, and comes to the bits of processors."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from commands import PROGRAM, run, stop_once_running, train_words

EXPERIMENT = """
name = "device"
seed = 3
[data]
label = "churn"
[split]
method = "stratified"
valid = 0.2
test = 0.2
[features]
drop = ["customer", "observed_at", "months", "next_category", "true_segment", "true_hazard", "true_probability", "true_uplift", "propensity", "true_next"]
[[features.sequence]]
columns = ["event_item", "event_category"]
max_length = 30
[model]
name = "mlp"
hidden = [32]
dropout = 0.1
embedding_dim = 32
pooling = "mean"
[objective]
name = "binary"
positive_weight = 2.0
[optimizer]
name = "adagrad"
rate = 0.05
[averaging]
name = "ema"
decay = 0.9
[train]
epochs = 3
global_batch = 400
lanes = 8
clip_norm = 0.5
[artifact]
name = ""
"""


class Device(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="cohort-device-")
        cls.data = os.path.join(cls.folder, "data")
        run("synth", "behaviour", "--out", cls.data, "--rows", 3000, "--seed", 2)
        cls.experiment = os.path.join(cls.folder, "experiment.toml")
        with open(cls.experiment, "w") as file:
            file.write(EXPERIMENT)
        cls.processors = json.loads(run(*cls.command("processors")).stdout)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def setUp(self):
        os.environ["COHORT_PRETEND_DEVICE"] = "1"
        self.addCleanup(os.environ.pop, "COHORT_PRETEND_DEVICE", None)

    @classmethod
    def command(cls, runs, settings=(), *more):
        return train_words(cls.experiment, cls.data, os.path.join(cls.folder, runs), "--quiet", *more, settings=settings)

    def same(self, done):
        self.assertEqual(done["weights_sha256"], self.processors["weights_sha256"])
        self.assertEqual(done["metrics"], self.processors["metrics"])

    def test_a_run_comes_to_the_bits_of_processors_on_any_ranks(self):
        self.assertEqual(self.processors["device"], "processors")
        for number, (ranks, settings) in enumerate(((0, []), (2, ["embeddings.plan=row_wise"]), (3, ["embeddings.plan=column_wise", "train.bucket_kib=1"]),
                                                    (2, ["embeddings.plan=replicated", "train.device_graphs=off"]))):
            done = json.loads(run(*self.command(f"ranks-{number}", settings), ranks=ranks).stdout)
            self.assertNotEqual(done["device"], "processors")
            self.same(done)

    def test_a_run_goes_over_from_devices_to_processors_and_back(self):
        for first, then, ranks in (("1", "0", 1), ("0", "1", 3)):
            runs = "stopped-" + first
            command = self.command(runs, ["embeddings.plan=row_wise"], "--resume")
            os.environ["COHORT_PRETEND_DEVICE"] = first
            process = subprocess.Popen(["mpirun", "-n", "2", PROGRAM, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.assertEqual(stop_once_running(process, os.path.join(self.folder, runs, "device")), 75)
            os.environ["COHORT_PRETEND_DEVICE"] = then
            self.same(json.loads(run(*command, ranks=ranks).stdout))

    def test_lower_precision_and_another_optimizer(self):
        settings = ["train.precision=fp16", "optimizer.name=adamw", "optimizer.rate=0.002"]
        on_device = json.loads(run(*self.command("fp16", settings), ranks=2).stdout)
        del os.environ["COHORT_PRETEND_DEVICE"]
        on_processors = json.loads(run(*self.command("fp16-processors", settings)).stdout)
        self.assertEqual(on_device["weights_sha256"], on_processors["weights_sha256"])
        self.assertEqual(on_device["skipped_steps"], on_processors["skipped_steps"])

    def test_a_device_that_is_not_there_is_refused_with_a_remedy(self):
        del os.environ["COHORT_PRETEND_DEVICE"]
        done = run(*self.command("cuda", ["train.device=cuda"]), check=None)
        if done.returncode != 0:  # with one, it trains
            self.assertEqual(done.returncode, 2)
            self.assertIn("train.device", done.stderr)
            self.assertIn("remedy:", done.stderr)


if __name__ == "__main__":
    unittest.main()
