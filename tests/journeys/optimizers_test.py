"""Every optimizer, with groups, schedules and averages of the weights: the same bits on any number of ranks, threads and lives of a run."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from commands import PROGRAM, run, stop_once_running

EXPERIMENT = """
name = "optimizers"
seed = 3
[split]
method = "stratified"
valid = 0.2
test = 0.2
[model]
name = "mlp"
hidden = [16, 16]
dropout = 0.1
norm = "batch"
[objective]
name = "binary"
{rest}
[train]
epochs = 30
global_batch = 500
lanes = 4
checkpoint_every = 7
[artifact]
name = ""
"""

SETTINGS = {
    "adam": '[optimizer]\nname = "adam"\nrate = 0.01\nweight_decay = 0.001\n[schedule]\nname = "one_cycle"\n[averaging]\nname = "ema"\ndecay = 0.9',
    "adagrad": '[optimizer]\nname = "adagrad"\nrate = 0.05\n[[optimizer.groups]]\nmatch = "tables.*"\nrate_factor = 2\n[schedule]\nname = "inverse_sqrt"\nwarmup_epochs = 0.5\n'
               '[averaging]\nname = "swa"\nfrom_epoch = 2',
    "lamb": '[optimizer]\nname = "lamb"\nrate = 0.02\n[[optimizer.groups]]\nmatch = "*bias"\nrate_factor = 0.5\n[schedule]\nname = "polynomial"',
    "sgd": '[optimizer]\nname = "sgd"\nnesterov = true\n[averaging]\nname = "ema"\nfrom_epoch = 2',
}


class Optimizers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="cohort-optimizers-")
        cls.data = os.path.join(cls.folder, "data")
        run("synth", "credit", "--out", cls.data, "--rows", 4000, "--seed", 5)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def train(self, name, runs, *more, ranks=0):
        path = os.path.join(self.folder, name + ".toml")
        with open(path, "w") as file:
            file.write(EXPERIMENT.format(rest=SETTINGS[name]))
        done = run("train", path, "--data", self.data, "--runs", os.path.join(self.folder, runs), "--json", "--quiet", *more, ranks=ranks)
        return json.loads(done.stdout)

    def interrupted(self, name, ranks):
        """Stopped by a signal somewhere on the way, then resumed."""
        command = ["train", os.path.join(self.folder, name + ".toml"), "--data", self.data, "--runs", os.path.join(self.folder, name + "-stopped"), "--resume",
                   "--json", "--quiet"]
        process = subprocess.Popen([PROGRAM, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertEqual(stop_once_running(process, os.path.join(self.folder, name + "-stopped", "optimizers")), 75)
        return json.loads(run(*command, ranks=ranks).stdout)

    def test_any_number_of_ranks_and_threads_and_a_resume_give_the_same_bits(self):
        seen = {}
        for name in SETTINGS:
            with self.subTest(name):
                alone = self.train(name, name)
                seen[alone["weights_sha256"]] = name
                for ranks, threads in ((3, 1), (2, 2)):
                    other = self.train(name, f"{name}-{ranks}", "--set", f"train.threads={threads}", ranks=ranks)
                    self.assertEqual(other["weights_sha256"], alone["weights_sha256"], f"{ranks} ranks, {threads} threads")
                    self.assertEqual(other["metrics"], alone["metrics"])
                self.assertEqual(self.interrupted(name, ranks=2)["weights_sha256"], alone["weights_sha256"], "stopped, and resumed on two ranks")
        self.assertEqual(len(seen), len(SETTINGS))

    def test_averages_change_the_result(self):
        self.assertNotEqual(self.train("sgd", "plain", "--set", "averaging.name='none'")["weights_sha256"], self.train("sgd", "average")["weights_sha256"])


if __name__ == "__main__":
    unittest.main()
