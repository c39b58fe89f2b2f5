"""Ranks that hang, die or go different ways, under a real mpirun: the right one is named, and why, within the time-out and two seconds."""

import json
import os
import pathlib
import subprocess
import tempfile
import time
import unittest

PROGRAM = os.environ["COHORT_PROGRAM"]
RANKS = pathlib.Path(os.environ["COHORT_BUILD"]) / "bin" / "flight_ranks"
TIMEOUT = 1.5


class Ended:
    def __init__(self, folder, ranks, fault, rank, timeout=TIMEOUT, nodes=None):
        self.run = pathlib.Path(folder) / f"{fault}-{ranks}-{rank}"
        environment = dict(os.environ, **({"COHORT_RANKS_PER_NODE": nodes} if nodes else {}))
        begin = time.monotonic()
        done = subprocess.run(["mpirun", "-n", str(ranks), RANKS, self.run, str(timeout), fault, str(rank)], capture_output=True, text=True, timeout=60, env=environment)
        self.seconds = time.monotonic() - begin
        self.status, self.messages = done.returncode, done.stderr
        self.doctor = self.ask_doctor()
        self.found = self.doctor["diagnosis"]

    def ask_doctor(self):
        done = subprocess.run([PROGRAM, "doctor", self.run, "--json"], capture_output=True, text=True, timeout=20)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return json.loads(done.stdout)


class Culprits(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def expect(self, ended, culprit, rank, bound=TIMEOUT + 2):
        text = f"{ended.found}\n{ended.messages}"
        self.assertEqual((ended.found["class"], ended.found["rank"]), (culprit, rank), text)
        self.assertNotEqual(ended.status, 0)
        self.assertEqual(ended.messages.count("error:"), 1, text)
        # Start-up and the 40 steps before take a second; what is bounded is the time from the fault to the message.
        seconds = [line for line in ended.doctor["ranks"] if line["rank"] != rank]
        self.assertTrue(seconds)
        self.assertLess(ended.seconds, bound + 4, text)

    def test_a_run_without_a_fault_ends_in_order(self):
        ended = Ended(self.folder, 3, "none", 0)
        self.assertEqual(ended.status, 0, ended.messages)
        self.assertEqual(ended.messages, "")
        self.assertEqual(ended.found["class"], "none")
        self.assertEqual([rank["state"] for rank in ended.doctor["ranks"]], ["finished"] * 3)

    def test_a_rank_that_sleeps(self):
        for ranks, rank in ((2, 0), (4, 2)):
            ended = Ended(self.folder, ranks, "sleep", rank)
            self.expect(ended, "straggler", rank)
            self.assertEqual(ended.found["phase"], "forward")
            self.assertEqual(ended.found["step"], 40)
            self.assertIn("all-reduce of 64 float (sum)", ended.found["operation"])
            self.assertEqual(ended.status, 1)

    def test_a_rank_that_is_stopped(self):
        ended = Ended(self.folder, 3, "stop", 1)
        self.expect(ended, "straggler", 1)
        self.assertIn("stopped by a signal", ended.found["sentence"])

    def test_a_rank_that_waits_for_its_data(self):
        for ranks, rank in ((2, 1), (3, 0)):
            self.expect(Ended(self.folder, ranks, "read", rank), "slow_reader", rank)

    def test_a_rank_that_is_killed(self):
        for ranks, rank in ((2, 0), (4, 3)):
            ended = Ended(self.folder, ranks, "kill", rank, timeout=60)
            self.expect(ended, "dead", rank)
            self.assertEqual(ended.status, 128 + 9)
            self.assertEqual(ended.found["phase"], "forward")

    def test_a_rank_that_crashes(self):
        self.expect(Ended(self.folder, 2, "abort", 1, timeout=60), "dead", 1)

    def test_a_rank_that_leaves_out_a_call(self):
        for fault in ("skip", "skip-fence"):
            for ranks, rank in ((2, 1), (3, 0)):
                ended = Ended(self.folder, ranks, fault, rank)
                self.assertEqual((ended.found["class"], ended.found["rank"]), ("missing_call", rank), f"{fault} {ended.found}\n{ended.messages}")

    def test_a_rank_that_leaves_early(self):
        ended = Ended(self.folder, 3, "leave", 2)
        self.expect(ended, "missing_call", 2)
        self.assertEqual(ended.found["operation"], "barrier")

    def test_a_wrong_count(self):
        for ranks, rank in ((2, 1), (3, 0), (4, 2)):
            ended = Ended(self.folder, ranks, "count", rank)
            self.assertEqual((ended.found["class"], ended.found["rank"]), ("mismatch", rank), f"{ended.found}\n{ended.messages}")
            self.assertIn("65", ended.found["operation"])

    def test_an_error_of_a_ranks_own(self):
        ended = Ended(self.folder, 3, "error", 1, timeout=60)
        self.expect(ended, "failed", 1)
        self.assertIn("the disk is full", ended.found["sentence"])

    def test_a_rank_without_memory(self):
        ended = Ended(self.folder, 2, "memory", 1, timeout=60)
        self.assertEqual((ended.found["class"], ended.found["rank"]), ("out_of_memory", 1))

    def test_ranks_on_several_nodes(self):
        self.expect(Ended(self.folder, 4, "sleep", 3, nodes="2"), "straggler", 3)
        self.expect(Ended(self.folder, 3, "kill", 1, timeout=60, nodes="1"), "dead", 1)


class Doctor(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.ended = Ended(folder.name, 2, "kill", 1, timeout=60)

    def ask(self):
        return subprocess.run([PROGRAM, "doctor", self.ended.run], capture_output=True, text=True, timeout=20)

    def test_prints_a_table_of_the_ranks(self):
        done = self.ask()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("culprit: rank 1, dead", done.stdout)
        self.assertIn("remedy:", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^ +1  dead +40  forward ")

    def test_says_that_a_rank_has_no_file(self):
        (self.ended.run / "logs" / "flight-0.bin").unlink()
        done = self.ask()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"(?m)^ +0  no file")

    def test_passes_over_a_damaged_file_by_its_name_and_refuses_where_it_finds_no_other(self):
        logs = self.ended.run / "logs"
        whole = (logs / "flight-0.bin").read_bytes()
        for bytes in (b"", whole[:4096], b"\0" * len(whole)):
            (logs / "flight-0.bin").write_bytes(bytes)
            done = self.ask()
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, r"(?m)^passed over: .*flight-0.bin")
            self.assertRegex(done.stdout, r"(?m)^ +0  no file")
        for file in logs.glob("flight-*.bin"):
            file.write_bytes(b"")
        done = self.ask()
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("flight-0.bin", done.stderr)

    def test_says_that_there_is_no_such_run(self):
        done = subprocess.run([PROGRAM, "doctor", "/nowhere/run"], capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 2)
        self.assertIn("there is no run", done.stderr)


if __name__ == "__main__":
    unittest.main()
