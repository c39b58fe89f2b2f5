"""Where the time goes, and what a watcher sees of a run: attribution over ranks, the bottleneck by name, status.json."""

import json
import os
import pathlib
import subprocess
import tempfile
import time
import unittest

from commands import PROGRAM, run, small_experiment, statuses, train_words

SLOW_LINK = os.environ.get("COHORT_SLOW_LINK", "")
EXPERIMENT = small_experiment("timed", hidden="[256, 256]", held_out=0.1, epochs=2, batch=2048)
RANKS = 2


class Telemetry(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory(prefix="cohort-timed-")
        cls.addClassCleanup(temporary.cleanup)
        cls.shared = pathlib.Path(temporary.name)
        (cls.shared / "e.toml").write_text(EXPERIMENT)
        run("synth", "credit", "--out", cls.shared / "data", "--rows", 40000, "--seed", 5)

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="cohort-timed-", dir=self.shared)
        self.addCleanup(temporary.cleanup)
        self.runs = pathlib.Path(temporary.name)

    def words(self, *settings):
        return train_words(self.shared / "e.toml", self.shared / "data", self.runs, settings=settings)

    def train(self, mpirun=(), environment=None, settings=()):
        command = ["mpirun", "-n", str(RANKS), *mpirun, PROGRAM, *map(str, self.words(*settings))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=dict(os.environ, **(environment or {})))
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout), done.stderr

    def test_the_whole_time_of_training_is_accounted_for(self):
        report, log = self.train()
        times = report["time"]
        self.assertEqual(times["steps"], 2 * 16)
        self.assertAlmostEqual(sum(times["shares"].values()) + times["remainder"], 1, delta=1e-4)
        self.assertLess(times["remainder"], 0.1)
        self.assertEqual(len(times["ranks"]), RANKS)
        for rank in times["ranks"]:
            # Ranks begin and end together.
            self.assertAlmostEqual(sum(rank["seconds"].values()), times["seconds"], delta=0.2 * times["seconds"])
            for phase in ("data_wait", "copy", "forward", "backward", "communication", "optimizer", "checkpoint", "evaluation"):
                self.assertGreater(rank["seconds"].get(phase, 0), 0, phase)
            self.assertGreater(rank["memory_bytes"], 1 << 20)
            self.assertGreaterEqual(rank["memory_peak_bytes"], rank["memory_bytes"])
        self.assertIn("time of training: ", log)
        self.assertIn(times["bottleneck"]["sentence"].split(" ")[0], log)

    def test_a_slow_reader_is_named(self):
        for rank in range(RANKS):
            report, log = self.train(environment={"COHORT_DRILL": f"fault=slow-reader rank={rank} step=0 seconds=0.05"})
            found = report["time"]["bottleneck"]
            self.assertEqual((found["kind"], found["rank"]), ("reading", rank), found)
            self.assertGreater(found["share"], 0.3)
            self.assertIn(f"what limits training: rank {rank} reads slower than the others", log)

    @unittest.skipUnless(os.path.exists(SLOW_LINK), "COHORT_SLOW_LINK names no library")
    def test_a_slow_link_is_named(self):
        # Ranks as on two machines, which talk by TCP.
        over_tcp = {"COHORT_RANKS_PER_NODE": "1", "OMPI_MCA_btl": "tcp,self", "OMPI_MCA_btl_tcp_if_include": "lo"}
        preload = ("-x", f"LD_PRELOAD={SLOW_LINK}", "-x", "SLOW_LINK_BYTES=5e6")
        report, log = self.train(preload, over_tcp)
        found = report["time"]["bottleneck"]
        self.assertEqual((found["kind"], found["rank"]), ("communication", None), found)
        self.assertGreater(found["share"], 0.3)
        self.assertIn("what limits training: ranks wait for the network", log)

    def test_a_watcher_sees_where_a_run_stands(self):
        slow = {"COHORT_DRILL": "fault=slow-reader rank=0 step=0 seconds=0.1"}
        command = ["mpirun", "-n", str(RANKS), PROGRAM, *map(str, self.words())]
        seen = []
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ, **slow)) as process:
            while process.poll() is None:
                seen += statuses(self.runs / "timed")  # each whole, whenever it is read
                time.sleep(0.005)
            process.communicate()
        seen += statuses(self.runs / "timed")
        states = [status["state"] for status in seen]
        order = ["starting", "training", "evaluating", "publishing", "finished"]
        self.assertEqual([order.index(state) for state in states], sorted(order.index(state) for state in states))
        self.assertIn("training", states)
        self.assertEqual(states[-1], "finished")
        training = [status for status in seen if status["state"] == "training"]
        self.assertGreater(len({status["step"] for status in training}), 1)
        self.assertEqual({status["total_steps"] for status in training}, {32})
        late = training[-1]
        self.assertEqual(late["bottleneck"]["kind"], "reading")
        self.assertEqual(len(late["memory_bytes"]), RANKS)
        self.assertLess(abs(time.time() - late["time"]), 3600)
        estimates = [status["seconds_left"] for status in training if 4 <= status["step"] < 32]
        self.assertTrue(estimates)
        self.assertTrue(all(0 < seconds < 60 for seconds in estimates), estimates)

    def test_a_run_that_fails_says_so(self):
        command = ["mpirun", "-n", str(RANKS), PROGRAM, *map(str, self.words())]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=dict(os.environ, COHORT_DRILL="fault=nan rank=0 step=5"))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual([status["state"] for status in statuses(self.runs / "timed")], ["failed"])


if __name__ == "__main__":
    unittest.main()
