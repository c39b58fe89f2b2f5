"""The row ledger: every training row exactly once an epoch, across kills, resumes and changes of the number of ranks; and what doesn't fit is named."""
import json
import pathlib
import random
import shutil
import subprocess
import tempfile
import time
import unittest

from commands import PROGRAM, kill_tree, run

EXPERIMENT = """
name = "audited"
seed = 3
[split]
method = "stratified"
valid = 0.2
test = 0.2
[loader]
shuffle = "{shuffle}"
block_chunks = 1
[model]
name = "mlp"
hidden = [8]
[objective]
name = "binary"
[optimizer]
name = "adamw"
[train]
epochs = {epochs}
global_batch = 250
lanes = 4
checkpoint_every = 7
"""


class Audit(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory(prefix="cohort-audit-")
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name)
        cls.data = cls.folder / "data"
        run("synth", "credit", "--out", cls.data, "--rows", 8000, "--seed", 5)

    def command(self, name, shuffle="full", epochs=4):
        file = self.folder / f"{name}.toml"
        file.write_text(EXPERIMENT.format(shuffle=shuffle, epochs=epochs))
        return ["train", file, "--data", self.data, "--runs", self.folder / f"runs-{name}", "--json", "--quiet"]

    def train(self, name, *more, ranks=0, **options):
        return pathlib.Path(json.loads(run(*self.command(name, **options), *more, ranks=ranks).stdout)["run"])

    def audit(self, folder, *more, check=0):
        done = run("audit", folder, "--json", *more, check=check)
        return json.loads(done.stdout), done.stderr

    def test_kills_resumes_and_other_numbers_of_ranks_leave_every_row_used_once(self):
        for shuffle in ("full", "block"):
            name = f"killed-{shuffle}"
            chance = random.Random(17)
            # Long enough that no attempt ends by itself before it is killed.
            command = [PROGRAM, *map(str, self.command(name, shuffle, epochs=60)), "--resume"]
            home = self.folder / f"runs-{name}" / "audited"

            def lines():
                return sum(len(file.read_bytes().splitlines()) for file in home.glob("*/ledger.jsonl"))

            for ranks in (1, 3, 2, 1):
                target = lines() + chance.randrange(9, 60)
                process = subprocess.Popen(["mpirun", "-n", str(ranks), *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
                deadline = time.time() + 60
                while time.time() < deadline and process.poll() is None and lines() < target:
                    time.sleep(0.002)
                self.assertIsNone(process.poll(), "the run ended before it could be killed")
                kill_tree(process)
            (folder,) = home.iterdir()
            report, _ = self.audit(folder)
            self.assertTrue(report["proven"])
            self.assertIn(report["epochs"][-1]["state"], ("incomplete", "each row once"))

            finished = json.loads(run(*command[1:], "--set", "train.epochs=60", ranks=3).stdout)
            self.assertEqual(finished["run"], str(folder))
            report, _ = self.audit(folder)
            self.assertTrue(report["proven"])
            self.assertEqual(report["steps"], finished["steps"])
            self.assertEqual(report["attempts"], 5)
            self.assertEqual([epoch["state"] for epoch in report["epochs"]], ["each row once"] * 60)
            self.assertEqual({epoch["rows"] for epoch in report["epochs"]}, {report["training_rows"]})
            self.assertGreater(len((folder / "ledger.jsonl").read_text().splitlines()), report["steps"] + 5, "steps were repeated")

    def test_a_changed_ledger_fails_and_the_place_is_named(self):
        folder = self.train("changed", ranks=2)
        ledger = folder / "ledger.jsonl"
        whole = ledger.read_text()
        self.assertTrue(self.audit(folder)[0]["proven"])
        lines = whole.splitlines(keepends=True)

        ledger.write_text(whole.replace('"step":30,', '"step":31,', 1))
        self.assertIn(f"{ledger}:32", run("audit", folder, check=3).stderr)

        ledger.write_text("".join(lines[:-1]))
        report, message = self.audit(folder, check=3)
        self.assertFalse(report["proven"])
        self.assertIn(f"the run did {len(lines) - 1} steps, its ledger holds {len(lines) - 2}", message)

        # The lines of two steps of another seed's run, with their own checksums, in the place of this one's.
        other = (self.train("other", "--set", "seed=4") / "ledger.jsonl").read_text().splitlines(keepends=True)
        ledger.write_text("".join(lines[:46] + other[46:48] + lines[48:]))
        report, message = self.audit(folder, check=3)
        per_epoch = report["steps_per_epoch"]
        self.assertEqual([(p["epoch"], p["step"]) for p in report["problems"]], [(45 // per_epoch, 45)])
        self.assertEqual([e["state"] for e in report["epochs"]].count("wrong"), 1)
        self.assertIn(f"epoch {45 // per_epoch}, step 45", message)

        ledger.write_text("".join(other))
        report, message = self.audit(folder, check=3)
        self.assertEqual([e["state"] for e in report["epochs"]], ["wrong"] * 4)
        self.assertIn("the ledger of seed 4", message)

    def test_a_run_without_a_ledger_and_another_dataset_are_mistakes(self):
        folder = self.train("mistaken", "--set", "train.epochs=1")
        self.assertIn("epoch 0", run("audit", folder).stdout)
        moved = self.folder / "moved"
        shutil.copytree(self.data, moved)
        self.assertTrue(self.audit(folder, "--data", moved)[0]["proven"])
        other = self.folder / "elsewhere"
        run("synth", "credit", "--out", other, "--rows", 8000, "--seed", 6)
        self.assertIn("is not the dataset that the run used", run("audit", folder, "--data", other, check=2).stderr)
        (folder / "ledger.jsonl").unlink()
        self.assertIn("ledger.jsonl", run("audit", folder, check=2).stderr)
        self.assertIn("is no run", run("audit", self.folder, check=2).stderr)


if __name__ == "__main__":
    unittest.main()
