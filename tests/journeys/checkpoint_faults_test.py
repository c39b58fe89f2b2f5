"""A process killed at any write, sync or rename of a checkpoint, a full or failing disk there, and torn checkpoints: the next attempt finds the state
before or the state after, and ends with the bits of an undisturbed run; or it refuses what is damaged by name.

COHORT_SLOW=1 takes every call instead of some.
"""
import json
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import unittest

from commands import PROGRAM, run, small_experiment

FAULTS = os.environ.get("COHORT_FILE_FAULTS", "")
SLOW = bool(os.environ.get("COHORT_SLOW"))
EXPERIMENT = small_experiment("torn", epochs=2, batch=256, train="checkpoint_every = 5\nkeep_checkpoints = 2")


@unittest.skipUnless(os.path.exists(FAULTS), "COHORT_FILE_FAULTS names no library")
class CheckpointFaults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory(prefix="cohort-torn-")
        cls.addClassCleanup(temporary.cleanup)
        cls.shared = pathlib.Path(temporary.name)
        (cls.shared / "e.toml").write_text(EXPERIMENT)
        run("synth", "credit", "--out", cls.shared / "data", "--rows", 3000, "--seed", 5)
        cls.expected = json.loads(run(*cls.words(cls.shared / "undisturbed")).stdout)["weights_sha256"]

    @classmethod
    def words(cls, runs, *more):
        return ["train", cls.shared / "e.toml", "--data", cls.shared / "data", "--runs", runs, "--json", "--quiet", *more]

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="cohort-torn-")
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def train(self, runs, ranks, rank=0, **faults):
        """A first attempt with these faults on that rank."""
        environment = {f"FILE_FAULTS_{key.upper()}": str(value) for key, value in faults.items()}
        environment.update(LD_PRELOAD=FAULTS, FILE_FAULTS_RANK=str(rank), FILE_FAULTS_PATH=f"{runs}/*/checkpoints/*", ASAN_OPTIONS="verify_asan_link_order=0")
        command = ["env", *(f"{key}={value}" for key, value in environment.items()), PROGRAM, *map(str, self.words(runs))]
        if ranks > 1:
            command = ["mpirun", "-n", str(ranks), *command]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    def calls(self, ranks, rank):
        """Names and paths of the calls of a run in which nothing fails."""
        log = self.folder / f"log-{ranks}-{rank}"
        log.unlink(missing_ok=True)
        done = self.train(self.folder / "counted", ranks, rank, log=log)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["weights_sha256"], self.expected)
        shutil.rmtree(self.folder / "counted")
        return [line.split(" ", 3)[2:] for line in log.read_text().splitlines()] if log.exists() else []

    def checkpoints(self, runs):
        return sorted(path.name for path in runs.glob("torn/*/checkpoints/step-*"))

    def resume(self, runs, ranks):
        """The next attempt: it must end with the undisturbed run's weights, and nothing half-written may be left."""
        done = run(*self.words(runs, "--resume"), ranks=ranks if ranks > 1 else 0)
        self.assertEqual(json.loads(done.stdout)["weights_sha256"], self.expected)
        self.assertEqual(len(list((runs / "torn").iterdir())), 1, "another run was begun")
        self.assertEqual([str(path) for path in runs.glob("torn/*/checkpoints/.tmp-*")], [])

    def some(self, calls, most):
        """Numbers of calls, from 1: all, or renames and those after them, and some of the others."""
        numbers = range(1, len(calls) + 1)
        if SLOW or len(calls) <= most:
            return list(numbers)
        commits = [n for n in numbers if calls[n - 1][0] == "rename" and os.path.basename(calls[n - 1][1]).startswith("step-")]
        chosen = {1, len(calls), *commits[:2], *(n + 1 for n in commits[:2] if n < len(calls))}
        rest = [n for n in numbers if n not in chosen]
        chosen.update(random.Random(len(calls)).sample(rest, max(0, most - len(chosen))))
        return sorted(chosen)

    def check_kills(self, ranks, rank, most):
        calls = self.calls(ranks, rank)
        hit = 0
        for number in self.some(calls, most):
            name, path = calls[number - 1]
            ways = {"write": ["tear"], "pwrite": ["tear"], "fwrite": ["tear"], "rename": ["kill", "kill-after"]}.get(name, ["kill"])
            for way in ways:
                with self.subTest(call=number, name=name, path=os.path.basename(path), way=way):
                    runs = self.folder / f"{ranks}-{rank}-{number}-{way}"
                    done = self.train(runs, ranks, rank, at=number, do=way)
                    if done.returncode == 0:
                        shutil.rmtree(runs)
                        continue  # this time there were fewer calls
                    self.assertIn(done.returncode, (-9, 137), done.stderr)
                    hit += 1
                    self.resume(runs, random.Random(number).choice((1, 2)))
                    shutil.rmtree(runs)
        print(f"killed at {hit} failpoints of rank {rank} of {ranks}")
        self.assertGreater(hit, len(self.some(calls, most)) // 2 if calls else 0)

    def test_killed_at_any_call_of_one_process(self):
        self.check_kills(1, 0, 14)

    def test_rank_0_of_2_killed_at_any_call(self):
        self.check_kills(2, 0, 6)

    def test_rank_1_of_2_killed_at_any_call(self):
        if not self.calls(2, 1):
            self.skipTest("rank 1 writes nothing")
        self.check_kills(2, 1, 6)

    def check_failures(self, error, text, ranks, rank, most):
        calls = self.calls(ranks, rank)
        hit = 0
        for number in self.some(calls, most):
            if calls[number - 1][0] in ("unlink", "rmdir"):
                continue  # what is no longer needed and can't be removed is no reason to end
            with self.subTest(call=number, name=calls[number - 1][0], path=os.path.basename(calls[number - 1][1])):
                runs = self.folder / f"{error}-{ranks}-{number}"
                done = self.train(runs, ranks, rank, at=number, do=error)
                if done.returncode == 0:
                    continue
                hit += 1
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(text, done.stderr)
                self.assertIn("remedy:", done.stderr)
                self.assertEqual(done.stderr.count("error:"), 1, done.stderr)
                self.resume(runs, ranks)
                shutil.rmtree(runs)
        print(f"{error} at {hit} failpoints of rank {rank} of {ranks}")

    def test_a_disk_that_gets_full_at_any_call(self):
        self.check_failures("ENOSPC", "No space left on device", 1, 0, 10)
        self.check_failures("ENOSPC", "No space left on device", 2, 0, 3)

    def test_a_disk_that_fails_at_any_call(self):
        self.check_failures("EIO", "Input/output error", 1, 0, 4)

    def test_torn_checkpoints_are_refused_or_passed_over(self):
        whole = self.folder / "whole"
        commits = [n for n, (name, path) in enumerate(self.calls(1, 0), 1) if name == "rename" and os.path.basename(path).startswith("step-")]
        self.assertEqual(self.train(whole, 1, at=commits[2], do="kill-after").returncode, -9)
        older, newest = self.checkpoints(whole)[-2:]

        def truncate(file, _):
            os.truncate(file, file.stat().st_size // 2)

        def empty(file, _):
            os.truncate(file, 0)

        def flip(file, _):
            content = bytearray(file.read_bytes())
            content[len(content) * 2 // 3] ^= 4
            file.write_bytes(content)

        def swap(file, other):
            file.write_bytes(other.read_bytes())

        files = sorted(str(path.relative_to(folder)) for folder in whole.glob(f"torn/*/checkpoints/{newest}") for path in folder.rglob("*") if path.is_file())
        self.assertGreater(len(files), 0)
        for name in files:
            for damage in (truncate, empty, flip, swap, lambda file, _: file.unlink()):
                with self.subTest(file=name, damage=damage.__name__):
                    runs = self.folder / "damaged"
                    shutil.copytree(whole, runs)
                    (folder,) = runs.glob(f"torn/*/checkpoints/{newest}")
                    other = folder.parent / older / name
                    damage(folder / name, other if other.exists() else folder / files[0])
                    done = run(*self.words(runs, "--resume"), check=None)
                    if done.returncode == 0:
                        self.assertEqual(json.loads(done.stdout)["weights_sha256"], self.expected)
                    else:
                        self.assertEqual(done.returncode, 3, done.stderr)
                        self.assertIn(newest, done.stderr)
                        self.assertEqual(done.stderr.count("error:"), 1, done.stderr)
                    shutil.rmtree(runs)


if __name__ == "__main__":
    unittest.main()
