"""Faults made on purpose (COHORT_DRILL) on real ranks: one message names rank, phase and class in time, `cohort doctor` agrees, and --resume ends with the
undisturbed run's weights."""
import json
import os
import pathlib
import random
import signal
import subprocess
import tempfile
import time
import unittest

from commands import PROGRAM, run, small_experiment
from disturbed import ranks_of

TIMEOUT = 3
EXPERIMENT = small_experiment("drills", train="checkpoint_every = 5", more=f"[guard]\ntimeout = {TIMEOUT}")


class Ended:
    """A run with a fault: what it said and when, and what doctor says of it."""

    def __init__(self, folder, words, ranks, drill, disturb=None, environment=None):
        self.runs = folder
        environment = {**os.environ, **(environment or {}), "COHORT_DRILL": drill}
        command = ["mpirun", "-n", str(ranks), PROGRAM, *map(str, words)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)
        self.disturbed = disturb(process) if disturb else None
        self.messages, self.said = "", None
        for line in process.stderr:
            if "error:" in line and self.said is None:
                self.said = time.time()
            self.messages += line
        process.stderr.close()
        self.status = process.wait(timeout=60)
        (self.run,) = folder.glob("*/2*")
        self.doctor = json.loads(run("doctor", self.run, "--json").stdout)
        self.found = self.doctor["diagnosis"]

    def last_step(self):
        """The last step that was finished, and when."""
        ledger = self.run / "ledger.jsonl"
        return json.loads(ledger.read_text().splitlines()[-1])["step"], ledger.stat().st_mtime


class Drills(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory(prefix="cohort-drills-")
        cls.addClassCleanup(temporary.cleanup)
        cls.shared = pathlib.Path(temporary.name)
        (cls.shared / "e.toml").write_text(EXPERIMENT)
        run("synth", "credit", "--out", cls.shared / "data", "--rows", 3000, "--seed", 5)
        cls.expected = json.loads(run(*cls.words(cls.shared / "undisturbed"), ranks=2).stdout)["weights_sha256"]

    @classmethod
    def words(cls, runs, *more):
        return ["train", cls.shared / "e.toml", "--data", cls.shared / "data", "--runs", runs, "--json", "--quiet", *more]

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="cohort-drills-")
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def drill(self, fault, ranks, rank, *more, keys="", step=12, **others):
        return Ended(self.folder / "runs", self.words(self.folder / "runs", *more), ranks, f"fault={fault} rank={rank} step={step} {keys}", **others)

    def names(self, ended, culprit, rank, phase, status, *texts):
        text = f"{ended.messages}\n{ended.found}"
        self.assertEqual(ended.status, status, text)
        self.assertEqual(ended.messages.count("error:"), 1, text)
        self.assertEqual((ended.found["class"], ended.found["rank"], ended.found["phase"]), (culprit, rank, phase), text)
        self.assertIn(f"rank {rank}", ended.messages)
        for part in texts:
            self.assertIn(part, ended.messages)

    def in_time(self, ended, least):
        """From the end of the step before to the message: no sooner than `least`, no later than the time-out and two seconds."""
        step, finished = ended.last_step()
        self.assertEqual(step, 11, "the fault came with step 12")
        self.assertGreater(ended.said - finished, least, ended.messages)
        self.assertLess(ended.said - finished, TIMEOUT + 2, ended.messages)

    def goes_on(self, ended, ranks, *more):
        done = run(*self.words(ended.runs, "--resume", *more), ranks=ranks)
        self.assertEqual(json.loads(done.stdout)["weights_sha256"], self.expected)
        self.assertEqual(len(list(ended.runs.glob("drills/2*"))), 1, "another run was begun")

    # --- dead and hanging ranks -------------------------------------------------------------------------------------

    def test_a_killed_rank(self):
        ended = self.drill("kill", 3, 1)
        self.names(ended, "dead", 1, "other", 137, "ended without a last word at step 12, phase other")
        self.in_time(ended, 0)
        self.goes_on(ended, 2)

    def test_a_stopped_rank(self):
        ended = self.drill("stop", 2, 1)
        self.names(ended, "straggler", 1, "other", 1, "is stopped by a signal at step 12, phase other", "kill -CONT")
        self.in_time(ended, TIMEOUT - 0.2)
        self.goes_on(ended, 4)

    def test_a_sleeping_rank(self):
        ended = self.drill("sleep", 4, 2)
        self.names(ended, "straggler", 2, "other", 1, "is busy or asleep at step 12, phase other")
        self.in_time(ended, TIMEOUT - 0.2)
        self.goes_on(ended, 3)

    def test_a_slow_reader(self):
        # Rows are read a step ahead: at the end of step 11 those of 12.
        ended = self.drill("slow-reader", 3, 0, keys="seconds=60")
        self.names(ended, "slow_reader", 0, "data_wait", 1, "has waited for data")
        self.assertLess(ended.said - ended.last_step()[1], TIMEOUT + 2)
        self.goes_on(ended, 2)

    def test_a_skipped_collective(self):
        for ranks, rank in ((2, 1), (3, 0)):
            with self.subTest(ranks=ranks, rank=rank):
                runs = self.folder / f"runs-{ranks}"
                ended = Ended(runs, self.words(runs), ranks, f"fault=skip-collective rank={rank} step=12")
                self.names(ended, "missing_call", rank, "communication", 1, "left out a call that all ranks must make", "barrier")
                self.in_time(ended, 0)
                self.assertEqual(ended.found["operation"], "barrier")
        self.goes_on(ended, 2)

    def test_a_wrong_count(self):
        for ranks, rank in ((3, 1), (4, 0)):
            with self.subTest(ranks=ranks, rank=rank):
                runs = self.folder / f"runs-{ranks}"
                ended = Ended(runs, self.words(runs), ranks, f"fault=wrong-count rank={rank} step=12")
                self.names(ended, "mismatch", rank, "communication", 1,
                           f"rank {rank}: error: ranks went different ways: rank {rank} is in all-reduce (count 3", "at step 12")
                self.in_time(ended, 0)
                self.assertEqual(ended.found["operation"], "all-reduce of 3 int64 (sum)")
        self.goes_on(ended, 2)

    def test_of_two_ranks_that_differ_neither_is_right(self):
        ended = self.drill("wrong-count", 2, 0)
        self.assertEqual(ended.found["class"], "mismatch")
        self.assertEqual(ended.messages.count("error:"), 1, ended.messages)
        self.assertIn("which of them is wrong can't be told", ended.messages)

    def test_a_rank_without_memory(self):
        ended = self.drill("oom", 2, 1, keys="mib=64")
        self.names(ended, "out_of_memory", 1, "other", 1, "rank 1: error: out of memory", "at step 12, phase other", "remedy:")
        self.in_time(ended, 0)
        self.assertIn("ran out of memory at step 12, phase other", ended.found["sentence"])
        self.goes_on(ended, 3)

    def test_survivors_of_a_kill_say_so_within_a_second(self):
        chance = random.Random(31)

        def kill(process):
            home, deadline = self.folder / "runs", time.time() + 60
            while time.time() < deadline and sum(file.read_bytes().count(b"\n") for file in home.glob("*/*/ledger.jsonl")) < 20:
                time.sleep(0.002)
            time.sleep(chance.random() / 10)
            rank = chance.randrange(3)
            os.kill(ranks_of(process)[rank], signal.SIGKILL)
            return rank, time.time()

        ended = Ended(self.folder / "runs", self.words(self.folder / "runs", "--set", "train.epochs=4000"), 3, "", disturb=kill)
        rank, killed = ended.disturbed
        self.assertEqual((ended.status, ended.found["class"], ended.found["rank"]), (137, "dead", rank), ended.messages)
        self.assertEqual(ended.messages.count("error:"), 1, ended.messages)
        self.assertIn(f"rank {rank} (process", ended.messages)
        self.assertLess(ended.said - killed, 1)

    # --- what is computed or remembered wrongly ---------------------------------------------------------------------

    def test_a_gradient_that_is_not_a_number(self):
        ended = self.drill("nan", 4, 2)
        self.assertEqual((ended.status, ended.found["class"]), (1, "failed"), ended.messages)
        self.assertEqual(ended.messages.count("error:"), 1, ended.messages)
        self.assertRegex(ended.messages, r"the gradient isn't finite, the loss being [\d.]+ at step 12 \(epoch 1\)")
        self.assertRegex(ended.messages, r"the gradient of '[\w.]+' \(lane 2\), on rank 2, where it is finite when it is computed again")
        self.goes_on(ended, 2)

    def test_weights_that_grow_without_bounds(self):
        settings = ("--set", 'optimizer.name="sgd"', "--set", "optimizer.rate=10", "--set", "model.hidden=[16, 16, 16]", "--set", "train.epochs=40")
        ended = Ended(self.folder / "runs", self.words(self.folder / "runs", *settings), 2, "")
        self.assertEqual((ended.status, ended.messages.count("error:")), (1, 1), ended.messages)
        self.assertRegex(ended.messages, r"the first number that isn't finite: \S+ gave (inf|nan), in a tensor of shape \[.*\(lane \d\)")

    def test_a_roll_back_comes_to_the_same_weights_on_any_number_of_ranks(self):
        found = set()
        for ranks in (1, 2, 3):
            runs = self.folder / f"runs-{ranks}"
            command = [*(["mpirun", "-n", ranks] if ranks > 1 else []), PROGRAM, *self.words(runs, "--set", 'guard.on_divergence="roll_back"')]
            environment = {**os.environ, "COHORT_DRILL": "fault=nan rank=0 step=12"}
            done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, env=environment)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("going back to the checkpoint after step 10", done.stderr)
            report = json.loads(done.stdout)
            found.add(report["weights_sha256"])
            (folder,) = runs.glob("drills/2*")
            self.assertEqual(json.loads((folder / "run.json").read_text())["roll_backs"], 1)
            self.assertTrue(json.loads(run("audit", folder, "--json").stdout)["proven"])
        self.assertEqual(len(found), 1, found)
        self.assertNotIn(self.expected, found, "the rate after a roll-back is smaller")

    def test_a_bit_of_a_weight(self):
        # With step 14 comes a checkpoint, which must not have it.
        for step in (12, 14):
            with self.subTest(step=step):
                runs = self.folder / f"runs-{step}"
                ended = Ended(runs, self.words(runs, "--set", "guard.check_every=1"), 2, f"fault=flip-weight rank=1 step={step}")
                self.assertEqual(ended.messages.count("error:"), 1, ended.messages)
                self.assertEqual((ended.status, ended.found["class"], ended.found["rank"], ended.last_step()[0]), (1, "failed", 1, step), ended.messages)
                self.assertRegex(ended.messages, r"rank 1: error: '[\w.]+' changed in memory between two updates, within rows \d+ to \d+")
                self.goes_on(ended, 3)

    def test_a_bit_of_a_gradient(self):
        ended = self.drill("flip-gradient", 3, 2, "--set", "guard.check_every=1")
        self.names(ended, "failed", 2, "forward", 1, "at step 12, phase forward",
                   "rank 2: error: lane 2 of step 12 was computed twice with different results: the gradient of '")
        self.in_time(ended, 0)
        self.goes_on(ended, 1)

    def test_a_processor_that_goes_on_erring_is_found_at_the_next_check(self):
        orders = ";".join(f"fault=flip-gradient rank=1 step={step}" for step in range(9, 13))
        ended = Ended(self.folder / "runs", self.words(self.folder / "runs", "--set", "guard.check_every=4"), 2, orders)
        self.names(ended, "failed", 1, "forward", 1, "of step 11 was computed twice with different results")


if __name__ == "__main__":
    unittest.main()
