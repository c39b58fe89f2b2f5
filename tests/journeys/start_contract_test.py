"""Ranks that were started with different experiments, data or programs: the run ends before step 0, naming the odd rank and what differs in it."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

from commands import PROGRAM, run, small_experiment

EXPERIMENT = small_experiment("contract", epochs=2, batch=256, optimizer="rate = {rate}")


def can_mount():
    """Whether a mount of our own is allowed here: two datasets under one path need one."""
    return subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0 if shutil.which("unshare") else False


class StartContract(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory(prefix="cohort-contract-")
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name)
        for name, seed in (("data", 5), ("other", 6)):
            run("synth", "credit", "--out", cls.folder / name, "--rows", 3000, "--seed", seed)
        for name, rate in (("e", 0.01), ("odd", 0.05)):
            (cls.folder / f"{name}.toml").write_text(EXPERIMENT.format(rate=rate))

    def setUp(self):
        self.runs = pathlib.Path(tempfile.mkdtemp(dir=self.folder))

    def command(self, *more, experiment="e", data="data", program=PROGRAM):
        return [str(program), "train", str(self.folder / f"{experiment}.toml"), "--data", str(self.folder / data), "--runs", str(self.runs / "runs"),
                "--registry", str(self.runs / "registry"), "--quiet", *map(str, more)]

    def start(self, *commands):
        """One rank a command."""
        words = ["mpirun"]
        for i, command in enumerate(commands):
            words += ([":"] if i else []) + ["-n", "1", *command]
        return words

    def disagree(self, commands, odd, *lines):
        begin = time.time()
        done = subprocess.run(self.start(*commands), capture_output=True, text=True, timeout=60)
        took = time.time() - begin
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        self.assertEqual(done.stderr.count("error:"), 1, done.stderr)
        self.assertIn(f"error: {odd} of {len(commands)} ha", done.stderr)
        for line in lines:
            self.assertIn(line, done.stderr)
        self.assertIn("remedy:", done.stderr)
        self.assertFalse((self.runs / "runs").exists(), "a run was begun")
        # What starting the program and MPI takes is no part of the agreement.
        self.assertLess(took - self.starting, 2)
        return done.stderr

    @property
    def starting(self):
        cls = type(self)
        if not hasattr(cls, "_starting"):
            begin = time.time()
            subprocess.run(self.start(*[self.command("--dry-run")] * 3), check=True, capture_output=True)
            cls._starting = time.time() - begin
        return cls._starting

    def test_another_experiment_file_is_told_key_by_key(self):
        message = self.disagree([self.command(), self.command(experiment="odd"), self.command()], "rank 1", "optimizer.rate: 0.01 on ranks 0 and 2, 0.05 on rank 1")
        self.assertNotIn("train.lanes", message)

    def test_rank_0_can_be_the_odd_one(self):
        self.disagree([self.command(experiment="odd"), self.command(), self.command()], "rank 0", "optimizer.rate: 0.05 on rank 0, 0.01 on ranks 1 and 2")

    def test_other_options_and_overrides_are_told(self):
        self.disagree([self.command(), self.command("--set", "train.lanes=8", "--set", "seed=9")], "rank 1", "seed: 1 on rank 0, 9 on rank 1",
                      "train.lanes: 4 on rank 0, 8 on rank 1")
        self.disagree([self.command(), self.command("--resume")], "rank 1", "--resume: no on rank 0, yes on rank 1")
        self.disagree([self.command(), self.command(data="other")], "rank 1", f'data.path: "{self.folder}/data" on rank 0, "{self.folder}/other" on rank 1')

    def test_one_rank_alone_with_a_mistaken_file(self):
        (self.folder / "mistaken.toml").write_text(EXPERIMENT.format(rate=0.01).replace("lanes", "lames"))
        self.disagree([self.command(), self.command(experiment="mistaken")], "rank 1", "experiment file: is right on rank 0", "mistaken.toml:18:1", "on rank 1")

    def test_equal_values_written_otherwise_are_no_difference(self):
        (self.folder / "spaced.toml").write_text("# the same\n" + EXPERIMENT.format(rate="1e-2"))
        done = subprocess.run(self.start(self.command("--dry-run"), self.command("--dry-run", experiment="spaced")), capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_rank_without_the_file_takes_rank_0s(self):
        here = self.runs / "here"
        here.mkdir()
        shutil.copy(self.folder / "e.toml", here / "e.toml")
        (self.runs / "empty").mkdir()
        command = [PROGRAM, "train", "e.toml", "--data", str(self.folder / "data"), "--dry-run", "--quiet"]
        start = ["mpirun", "--wdir", here, "-n", "1", *command, ":", "--wdir", self.runs / "empty", "-n", "1", *command]
        done = subprocess.run(start, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_another_command(self):
        done = subprocess.run(self.start(self.command(), [PROGRAM, "verify", str(self.folder / "data")]), capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("rank 1 was started with `cohort verify`, rank 0 with `cohort train`", done.stderr)

    @unittest.skipUnless(can_mount(), "no mount of one's own is allowed here")
    def test_another_dataset_under_the_same_path(self):
        quoted = " ".join(f"'{word}'" for word in self.command())
        odd = ["unshare", "-m", "sh", "-c", f"mount --bind '{self.folder / 'other'}' '{self.folder / 'data'}' && exec {quoted}"]
        self.disagree([self.command(), self.command(), odd], "rank 2", "dataset: ", "manifest: ", " on ranks 0 and 1, ", "on rank 2")

    def test_another_build_of_the_program(self):
        other = self.runs / "build"
        other.mkdir()
        nets = pathlib.Path(PROGRAM).with_name("cohort-nets")
        shutil.copy(PROGRAM, other / "cohort")
        (other / "cohort-nets").write_bytes(nets.read_bytes() + b"\0")
        (other / "cohort-nets").chmod(0o755)
        self.disagree([self.command(), self.command(program=other / "cohort"), self.command()], "rank 1", "program (SHA-256): ", " on ranks 0 and 2, ", " on rank 1")

    def test_another_environment(self):
        self.disagree([self.command(), ["env", "MKL_CBWR=COMPATIBLE", *self.command()]], "rank 1", "mkl_cbwr: ", "COMPATIBLE on rank 1")


if __name__ == "__main__":
    unittest.main()
