"""`cohort launch`: it starts mpirun, names who failed, starts it again, on fewer ranks where one can't come back, and passes on what no restart mends."""
import fcntl
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

from commands import PROGRAM, run, small_experiment

EXPERIMENT = small_experiment("launched", train="checkpoint_every = 5")


class Launch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory(prefix="cohort-launch-")
        cls.addClassCleanup(temporary.cleanup)
        cls.shared = pathlib.Path(temporary.name)
        (cls.shared / "e.toml").write_text(EXPERIMENT)
        run("synth", "credit", "--out", cls.shared / "data", "--rows", 3000, "--seed", 5)
        cls.expected = json.loads(run("train", cls.shared / "e.toml", "--data", cls.shared / "data", "--runs", cls.shared / "undisturbed", "--json").stdout)["weights_sha256"]

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="cohort-launch-")
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def command(self, *options, more=()):
        return [PROGRAM, "launch", *([] if "--pause" in options else ["--pause", "0.05"]), *map(str, options), "--", "train", str(self.shared / "e.toml"), "--data", str(self.shared / "data"),
                "--runs", str(self.folder / "runs"), "--json", *map(str, more)]

    def launch(self, *options, status=0, drill="", more=(), **environment):
        environment = {**os.environ, **environment, **({"COHORT_DRILL": drill} if drill else {})}
        done = subprocess.run(self.command(*options, more=more), capture_output=True, text=True, timeout=120, env=environment)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def attempts(self):
        (file,) = (self.folder / "runs").glob("launched/*/launch.json")
        return json.loads(file.read_text())["attempts"]

    def test_a_killed_rank_is_named_and_the_run_goes_on_to_the_same_weights(self):
        done = self.launch("-n", 2, drill="fault=kill rank=1 step=12")
        self.assertEqual(json.loads(done.stdout)["weights_sha256"], self.expected)
        first, second = self.attempts()
        self.assertEqual((first["ranks"], first["status"], first["rank"]), (2, 137, 1))
        self.assertEqual((second["ranks"], second["status"]), (2, 0))
        self.assertIn(second["from_step"], (5, 10), "that of step 10 may have been on its way")
        self.assertIn("rank 1", done.stderr)
        self.assertIn("attempt 2 on 2 ranks", done.stderr)

    def test_a_rank_that_fails_again_at_the_same_place_is_left_out(self):
        done = self.launch("-n", 3, drill="fault=die-at-start rank=2 attempt=0")
        self.assertEqual(json.loads(done.stdout)["weights_sha256"], self.expected)
        self.assertIn("rank 2 failed twice at the same place: going on with 2 ranks", done.stderr)
        self.assertIn("attempt 3 on 2 ranks", done.stderr)

    def test_never_fewer_ranks_than_asked_for_and_never_without_end(self):
        done = self.launch("-n", 2, "--min-ranks", 2, "--restarts", 2, drill="fault=die-at-start rank=1 attempt=0", status=1)
        self.assertIn("launch gives up: 3 attempts in a row got no further than the start", done.stderr)
        self.assertEqual(done.stderr.count("error:"), 1, done.stderr)

    def test_a_hang_is_ended_and_the_run_goes_on_to_the_same_weights(self):
        done = self.launch("-n", 2, drill="fault=sleep rank=1 step=12 seconds=100", more=["--set", "guard.timeout=2"])
        self.assertEqual(json.loads(done.stdout)["weights_sha256"], self.expected)
        first, second = self.attempts()
        self.assertEqual((first["status"], first["rank"]), (1, 1))
        self.assertIn("is busy or asleep at step 12", first["reason"])
        self.assertEqual((second["ranks"], second["status"]), (2, 0))
        self.assertIn(second["from_step"], (5, 10))

    def test_ranks_are_left_out_down_to_the_least_number_and_no_further(self):
        # The checkpoint of step 10 is whole by step 12.
        drill = "fault=sleep rank=1 step=11 seconds=0.5 attempt=0; fault=kill rank=1 step=12 attempt=0"
        done = self.launch("-n", 3, "--min-ranks", 2, "--restarts", 4, drill=drill, status=1)
        self.assertEqual([attempt["ranks"] for attempt in self.attempts()], [3, 3, 2, 2, 2])
        self.assertEqual({attempt["rank"] for attempt in self.attempts()}, {1})
        self.assertIn("launch gives up: 5 attempts in a row got no further than step 10: rank 1", done.stderr)
        # A later launch without the fault goes on from there.
        resumed = json.loads(self.launch("-n", 3, more=["--resume"]).stdout)
        self.assertEqual(resumed["weights_sha256"], self.expected)

    def test_restarts_count_only_while_the_run_gets_no_further(self):
        drill = "; ".join(f"fault=kill rank=0 step={10 * attempt - 1} attempt={attempt}" for attempt in (1, 2, 3, 4))
        done = self.launch("-n", 2, "--restarts", 1, drill=drill)
        self.assertEqual(json.loads(done.stdout)["weights_sha256"], self.expected)
        from_steps = [attempt["from_step"] for attempt in self.attempts()]
        self.assertEqual(len(from_steps), 5)
        # Before its first checkpoint was whole a run may fail once.
        self.assertEqual(from_steps[1:], sorted(set(from_steps[1:])), "each attempt began later than the one before")

    def test_two_launches_of_one_experiment_go_on_with_their_own_runs(self):
        # Both runs are there when the first of them dies.
        environment = {**os.environ, "COHORT_DRILL": "fault=sleep rank=1 step=11 seconds=2; fault=kill rank=1 step=12"}
        both = [subprocess.Popen(self.command("-n", 2), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) for _ in range(2)]
        for process in both:
            output, message = process.communicate(timeout=120)
            self.assertEqual(process.returncode, 0, output + message)
            report = json.loads(output)
            self.assertEqual(report["weights_sha256"], self.expected)
            self.assertIn(f"going on with {report['run']}", message)
        files = sorted((self.folder / "runs").glob("launched/*/launch.json"))
        self.assertEqual([len(json.loads(file.read_text())["attempts"]) for file in files], [2, 2])
        tokens = {json.loads((file.parent / "run.json").read_text())["launch"] for file in files}
        self.assertEqual(len(tokens), 2)

    def test_a_run_that_is_in_use_a_moment_longer_is_waited_for(self):
        words = self.command("--pause", 2, "-n", 2)
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "COHORT_DRILL": "fault=kill rank=1 step=12"})
        deadline = time.time() + 60
        while time.time() < deadline and process.poll() is None and not list((self.folder / "runs").glob("launched/*/launch.json")):
            time.sleep(0.01)
        (run_folder,) = (self.folder / "runs").glob("launched/*")
        with open(run_folder / "lock") as lock:  # as a process that lingers would hold it
            while time.time() < deadline:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    time.sleep(0.01)
            time.sleep(5)
        output, message = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, output + message)
        self.assertEqual(json.loads(output)["weights_sha256"], self.expected)
        self.assertEqual(message.count("is still in use by the attempt before"), 1, message)

    def test_a_mistake_is_not_tried_again(self):
        done = self.launch("-n", 2, more=["--set", "train.lames=4"], status=2)
        self.assertNotIn("attempt 2", done.stderr)
        self.assertFalse((self.folder / "runs").exists())
        self.launch("-n", 8, status=2)  # more ranks than lanes

    def test_damage_is_not_tried_again(self):
        data = self.folder / "data"
        subprocess.run(["cp", "-r", self.shared / "data", data], check=True)
        shard = next(data.glob("data-*.h5"))
        os.truncate(shard, shard.stat().st_size // 2)
        done = subprocess.run(
            [PROGRAM, "launch", "-n", "2", "--", "train", str(self.shared / "e.toml"), "--data", str(data), "--runs", str(self.folder / "runs")], capture_output=True, text=True)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertNotIn("attempt 2", done.stderr)

    def test_signals_become_a_checkpoint_and_75(self):
        for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
            words = self.command("-n", 2, more=["--set", "train.epochs=400", "--resume"])
            process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
            before = self.ledger()
            deadline = time.time() + 60
            while time.time() < deadline and process.poll() is None and self.ledger() < before + 10:
                time.sleep(0.005)
            process.send_signal(number)
            _, message = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 75, message.decode())
            self.assertEqual(self.attempts()[-1]["status"], 75)
            self.assertEqual(len(self.attempts()), 1, "an attempt of this launch")
        self.assertGreater(self.ledger(), 30)

    def ledger(self):
        return sum(file.read_bytes().count(b"\n") for file in (self.folder / "runs").glob("*/*/ledger.jsonl"))

    def test_a_host_that_does_not_answer_is_left_out(self):
        (self.folder / "hosts").write_text("localhost slots=2\nlost.invalid slots=1\n")
        agent = self.folder / "agent"
        agent.write_text("#!/bin/sh\necho 'no route to lost.invalid' >&2\nexit 255\n")
        agent.chmod(0o755)
        done = self.launch("--hostfile", self.folder / "hosts", OMPI_MCA_plm_rsh_agent=str(agent))
        self.assertEqual(json.loads(done.stdout)["weights_sha256"], self.expected)
        self.assertIn("lost.invalid doesn't answer: going on without it", done.stderr)
        self.assertIn("attempt 2 on 2 ranks", done.stderr)

    def test_mistakes_on_its_own_command_line(self):
        for words, text in ((["-n", "2", "--", "inspect", "data"], "supervises `train`"), (["-n", "2", "--min-ranks", "3", "--", "train", "e.toml"], "--min-ranks 3 is more than -n 2"),
                            (["-n", "2", "--", "train", "absent.toml"], "absent.toml"), (["-n", "0", "--", "train", "e.toml"], "--ranks"),
                            (["--hostfile", "absent", "--", "train", str(self.shared / "e.toml")], "absent")):
            done = run("launch", *words, check=2)
            self.assertIn(text, done.stderr)
        (self.folder / "hosts").write_text("# none\nnode slots=x\n")
        self.assertIn("hosts:2:6: error: 'slots=x'", run("launch", "--hostfile", self.folder / "hosts", "--", "train", self.shared / "e.toml", check=2).stderr)


if __name__ == "__main__":
    unittest.main()
