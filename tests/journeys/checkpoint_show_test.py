"""`cohort checkpoint show` of a run's checkpoint, and of one whose rightly hashed manifest has another state than a run writes."""
import hashlib
import json
import pathlib
import tempfile
import unittest

from commands import run, small_experiment

EXPERIMENT = small_experiment("shown", hidden="[8]", epochs=2, batch=256)


class CheckpointShow(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory(prefix="cohort-show-")
        cls.addClassCleanup(temporary.cleanup)
        folder = pathlib.Path(temporary.name)
        (folder / "e.toml").write_text(EXPERIMENT)
        run("synth", "credit", "--out", folder / "data", "--rows", 2000, "--seed", 5)
        report = json.loads(run("train", folder / "e.toml", "--data", folder / "data", "--runs", folder / "runs", "--json").stdout)
        cls.checkpoint = sorted((pathlib.Path(report["run"]) / "checkpoints").glob("step-*"))[-1]
        cls.manifest = json.loads((cls.checkpoint / "manifest.json").read_text())

    def setUp(self):
        self.forge(self.manifest)

    def forge(self, manifest):
        text = manifest if isinstance(manifest, str) else json.dumps(manifest)
        (self.checkpoint / "manifest.json").write_text(text)
        (self.checkpoint / "manifest.sha256").write_text(f"{hashlib.sha256(text.encode()).hexdigest()}  manifest.json\n")

    def refused(self, manifest, text):
        self.forge(manifest)
        done = run("checkpoint", "show", self.checkpoint, check=3)
        self.assertIn(text, done.stderr)
        self.assertEqual(done.stdout, "")

    def test_a_runs_checkpoint_is_told(self):
        done = run("checkpoint", "show", self.checkpoint)
        best = self.manifest["state"]["fit"]["best"]
        self.assertRegex(done.stdout, rf"best +{best['value']} at step {best['step']}\n")
        self.assertIn(f"after step {self.manifest['step']}, written by 1 rank", done.stdout)

    def test_a_state_that_lacks_something_or_has_another_type_is_damaged(self):
        for path, values in ((["fit"], (None, 5, [])), (["fit", "best"], (None, "x", [])), (["fit", "best", "any"], (None, 1)),
                             (["fit", "best", "value"], (None, "0.5")), (["fit", "best", "step"], (None, -1, 1.5, {}))):
            with self.subTest(path=path):
                manifest = json.loads(json.dumps(self.manifest))
                at = manifest["state"]
                for key in path[:-1]:
                    at = at[key]
                for value in values:
                    at[path[-1]] = value
                    self.refused(manifest, f'"{path[-1]}" of its state has the wrong type')
                del at[path[-1]]
                self.refused(manifest, f'"{path[-1]}" of its state is missing')

    def test_a_state_nested_without_end_is_damaged(self):
        deep = "[" * 100_000 + "]" * 100_000
        self.refused(json.dumps(self.manifest).replace('"state": {', '"state": {"deep": ' + deep + ", ", 1), "nested more than 64 deep")


if __name__ == "__main__":
    unittest.main()
