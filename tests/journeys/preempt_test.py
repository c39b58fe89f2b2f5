"""Signals that ask for a stop: the ranks write a checkpoint of the same step and exit with 75; taken up on another number of ranks, weights, metrics and
row ledger are the undisturbed run's. A second signal ends at once."""
import json
import os
import pathlib
import random
import signal
import subprocess
import tempfile
import time
import unittest

from commands import PROGRAM
from disturbed import Journey

STOPS = 10


def listens(pid, number):
    """Whether the process holds the signal back or catches it."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return False
    masks = [int(line.split()[1], 16) for line in lines if line.startswith(("SigBlk", "SigCgt"))]
    return any(mask >> (number - 1) & 1 for mask in masks)


class Preempted(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory(prefix="cohort-stops-")
        cls.addClassCleanup(temporary.cleanup)
        cls.journeys = {net: Journey(temporary.name, net) for net in ("dense", "embeddings")}

    def check(self, net, seed):
        journey = self.journeys[net]
        chance = random.Random(seed)
        ranks = 0
        for _ in range(STOPS):
            ranks = chance.choice([n for n in range(1, 5) if n != ranks])
            process = journey.start("stopped", ranks)
            self.assertTrue(journey.wait_for_steps(process, "stopped", chance.randint(1, 40)), "the run ended before it could be stopped")
            process.send_signal(chance.choice((signal.SIGUSR1, signal.SIGUSR2)))
            _, message = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 75, message.decode())
            # Nothing is lost: the checkpoint is of the last step that the ledger has.
            (folder,) = (journey.folder / "stopped" / net).iterdir()
            last = json.loads((folder / "ledger.jsonl").read_text().splitlines()[-1])
            newest = max(int(path.name[5:]) for path in (folder / "checkpoints").glob("step-*"))
            self.assertEqual(newest, last["step"] + 1)
            self.assertEqual(json.loads((folder / "run.json").read_text())["state"], "stopped")
        self.assertEqual(journey.finish("stopped", chance.choice([n for n in range(1, 5) if n != ranks])), journey.expected)

    def test_a_dense_net(self):
        self.check("dense", 23)

    def test_a_net_with_sharded_embeddings(self):
        self.check("embeddings", 29)

    def test_a_second_signal_ends_at_once_and_loses_no_more_than_the_steps_since_the_checkpoint(self):
        journey = self.journeys["dense"]
        # A step that takes its time: the first signal waits for its end, the second doesn't.
        process = journey.start("twice", 2, COHORT_DRILL="fault=sleep rank=1 step=40 seconds=100")
        deadline = time.time() + 60
        while time.time() < deadline and process.poll() is None and journey.steps_logged("twice") < 40:
            time.sleep(0.002)
        process.send_signal(signal.SIGUSR1)
        with self.assertRaises(subprocess.TimeoutExpired):
            process.communicate(timeout=0.5)
        begin = time.time()
        process.send_signal(signal.SIGUSR1)
        _, message = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 75, message.decode())
        self.assertLess(time.time() - begin, 5)
        self.assertIn("ended at once by a second signal; the last checkpoint is of step 36", message.decode())
        (folder,) = (journey.folder / "twice" / "dense").iterdir()
        self.assertEqual(max(path.name for path in (folder / "checkpoints").glob("step-*")), "step-000000000036")
        self.assertEqual(journey.finish("twice", 3), journey.expected)

    def test_term_stops_a_single_process(self):
        journey = self.journeys["dense"]
        process = subprocess.Popen([PROGRAM, *journey.words("alone", "--resume")], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.assertTrue(journey.wait_for_steps(process, "alone", 20))
        process.send_signal(signal.SIGTERM)
        _, message = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 75, message.decode())
        self.assertEqual(journey.finish("alone", 2), journey.expected)

    def test_a_signal_from_the_first_moment_on(self):
        journey = self.journeys["dense"]
        for number in (signal.SIGUSR1, signal.SIGTERM):
            process = subprocess.Popen([PROGRAM, *journey.words("early", "--resume")], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            while process.poll() is None and not listens(process.pid, number):
                pass
            process.send_signal(number)
            _, message = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 75, message.decode())
            self.assertEqual(journey.steps_logged("early"), 0)
        self.assertEqual(journey.finish("early", 2), journey.expected)

    def test_a_signal_after_the_last_step(self):
        journey = self.journeys["dense"]
        process = subprocess.Popen([PROGRAM, *journey.words("late", "--resume")], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        home = journey.folder / "late" / "dense"
        state, deadline = "", time.time() + 60
        while time.time() < deadline and process.poll() is None and state != "evaluating":
            for file in home.glob("*/run.json"):
                state = json.loads(file.read_text())["state"]
        os.kill(process.pid, signal.SIGUSR1)
        _, message = process.communicate(timeout=60)
        # Where the signal came too late for any stop, the run is finished.
        self.assertIn(process.returncode, (0, 75), message.decode())
        if process.returncode == 75:
            self.assertEqual(journey.finish("late", 2), journey.expected)


if __name__ == "__main__":
    unittest.main()
