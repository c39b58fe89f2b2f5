"""`cohort trace`: one trace of all ranks that follows the Trace Event Format, of a run that has ended, one that was killed and one that goes on.

The checks stand in for a viewer: required keys of each kind of event, their types, spans nested on each track, flows that bind to a span, ranks on one clock."""
import json
import os
import pathlib
import subprocess
import tempfile
import time
import unittest
from collections import defaultdict

from commands import PROGRAM, kill_tree, run, small_experiment

EXPERIMENT = small_experiment("traced", hidden="[256, 128]", batch=256, train="checkpoint_every = 5", more="[loader]\nthreads = 2\n[artifact]\nname = \"\"")

PHASES = ("data_wait", "copy", "forward", "backward", "communication", "optimizer")
# What each kind must have, beside name, ph and pid.
REQUIRED = {
    "X": {"ts": float, "dur": float, "tid": int, "cat": str, "args": dict},
    "i": {"ts": float, "tid": int, "s": str},
    "C": {"ts": float, "args": dict},
    "M": {"tid": int, "args": dict},
    "s": {"ts": float, "tid": int, "cat": str, "id": int},
    "t": {"ts": float, "tid": int, "cat": str, "id": int},
    "f": {"ts": float, "tid": int, "cat": str, "id": int, "bp": str},
}
METADATA = {"process_name": ("name", str), "thread_name": ("name", str), "process_sort_index": ("sort_index", int), "thread_sort_index": ("sort_index", int)}


def no_constant(text):
    raise ValueError(f"{text} is no JSON")


def no_key_twice(pairs):
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError(f"a key stands twice in {keys}")
    return dict(pairs)


def nanoseconds(microseconds):
    return round(microseconds * 1000)


class Trace(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory(prefix="cohort-trace-")
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name)
        cls.data = cls.folder / "data"
        (cls.folder / "e.toml").write_text(EXPERIMENT)
        run("synth", "credit", "--out", cls.data, "--rows", 6000, "--seed", 5)

    def words(self, name, *more):
        return ["train", self.folder / "e.toml", "--data", self.data, "--runs", self.folder / name, "--quiet", *more]

    def run_folder(self, name):
        (found,) = (self.folder / name / "traced").iterdir()
        return found

    def checked(self, path):
        """The trace, after all that a viewer asks of it; its events by kind."""
        document = json.loads(pathlib.Path(path).read_text(encoding="utf-8"), parse_constant=no_constant, object_pairs_hook=no_key_twice)
        self.assertEqual(document["displayTimeUnit"], "ms")
        kinds = defaultdict(list)
        for event in document["traceEvents"]:
            self.assertIsInstance(event["name"], str)
            self.assertIsInstance(event["pid"], int)
            self.assertIn(event["ph"], REQUIRED)
            for key, kind in REQUIRED[event["ph"]].items():
                self.assertIsInstance(event[key], (int, float) if kind is float else kind, event)
            if event["ph"] != "M":
                self.assertGreaterEqual(event["ts"], 0)
            kinds[event["ph"]].append(event)
        self.check_names(kinds)
        self.check_nesting(kinds["X"])
        self.check_flows(kinds)
        self.assertEqual(min(event["ts"] for event in kinds["X"]), 0)
        for event in kinds["i"]:
            self.assertIn(event["s"], ("g", "p", "t"))
        for event in kinds["C"]:
            self.assertTrue(all(isinstance(value, (int, float)) for value in event["args"].values()))
        return document, kinds

    def check_names(self, kinds):
        """Each process and each track has its name, once."""
        named = defaultdict(int)
        for event in kinds["M"]:
            key, kind = METADATA[event["name"]]
            self.assertIsInstance(event["args"][key], kind)
            named[event["name"], event["pid"], event["tid"] if event["name"].startswith("thread") else 0] += 1
        self.assertTrue(all(times == 1 for times in named.values()), named)
        for event in kinds["X"] + kinds["i"]:
            self.assertIn(("thread_name", event["pid"], event["tid"]), named)
            self.assertIn(("process_name", event["pid"], 0), named)

    def check_nesting(self, spans):
        tracks = defaultdict(list)
        for event in spans:
            begin = nanoseconds(event["ts"])
            self.assertGreaterEqual(event["dur"], 0)
            tracks[event["pid"], event["tid"]].append((begin, begin + nanoseconds(event["dur"]), event["name"]))
        for track, events in tracks.items():
            around = []
            for begin, end, name in sorted(events, key=lambda event: (event[0], -event[1])):
                while around and around[-1][1] <= begin:
                    around.pop()
                if around:
                    self.assertLessEqual(end, around[-1][1], f"{name} and {around[-1][2]} cross on track {track}")
                around.append((begin, end, name))

    def check_flows(self, kinds):
        begins = {(event["pid"], event["tid"], nanoseconds(event["ts"])) for event in kinds["X"] if event["cat"] == "collective"}
        flows = defaultdict(list)
        for kind in "stf":
            for event in kinds[kind]:
                self.assertIn((event["pid"], event["tid"], nanoseconds(event["ts"])), begins, "a flow hangs in the air")
                flows[event["cat"], event["id"]].append((event["ts"], kind, event["pid"], event["name"]))
        for parts in flows.values():
            ordered = sorted(parts, key=lambda part: (part[0], "stf".index(part[1])))
            self.assertEqual("".join(part[1] for part in ordered), "s" + "t" * (len(parts) - 2) + "f")
            self.assertEqual(len({part[2] for part in parts}), len(parts), "a rank twice in one call")
            self.assertEqual(len({part[3] for part in parts}), 1)

    def check_aligned(self, spans, ranks):
        """Nobody leaves a fence before all have come. (Of calls that are started and waited for later a span is the waiting alone.)"""
        calls = defaultdict(dict)
        for event in spans:
            if event["cat"] == "collective" and event["name"] == "fence" and "unfinished" not in event["args"]:
                begin = nanoseconds(event["ts"])
                calls[event["args"]["call"], event["name"]][event["pid"]] = (begin, begin + nanoseconds(event["dur"]))
        whole = [times for times in calls.values() if len(times) == ranks]
        self.assertGreater(len(whole), 20)
        for times in whole:
            self.assertLessEqual(max(begin for begin, _ in times.values()), min(end for _, end in times.values()))

    def phases(self, spans):
        """[rank, step] -> phases on the main thread."""
        found = defaultdict(set)
        for event in spans:
            if event["tid"] == 0:
                found[event["pid"], event["args"]["step"]].add(event["args"]["phase"])
        return found

    def tracks(self, kinds):
        return {(event["pid"], event["args"]["name"]) for event in kinds["M"] if event["name"] == "thread_name"}

    def test_a_run_of_two_ranks(self):
        run(*self.words("ended"), ranks=2)
        folder = self.run_folder("ended")
        told = json.loads(run("trace", folder, "--json").stdout)
        self.assertEqual(told["trace"], str(folder / "trace.json"))
        self.assertEqual((told["missing"], told["dead"]), ([], []))
        document, kinds = self.checked(folder / "trace.json")
        self.assertEqual(document["otherData"]["world"], 2)
        self.assertEqual([rank["state"] for rank in document["otherData"]["ranks"]], ["finished", "finished"])
        self.assertGreater(told["joined_calls"], 20)
        self.check_aligned(kinds["X"], 2)
        self.assertEqual({event["pid"] for event in kinds["C"]}, {0, 1})
        phases = self.phases(kinds["X"])
        steps = 3600 // 256 * 3
        for rank in (0, 1):
            for step in range(1, steps - 3):  # rows of the last steps are asked for before
                self.assertLessEqual(set(PHASES), phases[rank, step], f"rank {rank}, step {step}")
            self.assertIn("checkpoint", set().union(*(phases[rank, step] for step in range(steps))))
            for name in ("main", "loader", "checkpoint writer"):
                self.assertIn((rank, name), self.tracks(kinds))
        by_track = defaultdict(set)
        for event in kinds["X"]:
            by_track[event["cat"]].add(event["name"])
        self.assertLessEqual({"read chunk", "make batch"}, by_track["loader"])
        self.assertLessEqual({"write shard", "wait for ranks", "commit"}, by_track["checkpoint"])
        self.assertFalse(list(folder.glob("trace.json.tmp*")))

        # The last steps alone, to another place, by the id and by the program with libtorch.
        out = self.folder / "last.json"
        nets = str(pathlib.Path(PROGRAM).parent / "cohort-nets")
        subprocess.run([nets, "trace", folder, "--last", "3", "--out", out], check=True, capture_output=True)
        _, kinds = self.checked(out)
        self.assertLessEqual(len({event["args"]["step"] for event in kinds["X"]}), 3)

    def test_a_run_whose_rank_was_killed(self):
        os.environ["COHORT_DRILL"] = "fault=kill rank=1 step=12"
        self.addCleanup(os.environ.pop, "COHORT_DRILL", None)
        self.assertNotEqual(run(*self.words("killed"), ranks=2, check=None).returncode, 0)
        folder = self.run_folder("killed")
        done = run("trace", folder)
        self.assertIn("rank 1 died without a last word", done.stderr)
        document, kinds = self.checked(folder / "trace.json")
        self.assertEqual(document["otherData"]["dead"], [1])
        self.check_aligned(kinds["X"], 2)
        phases = self.phases(kinds["X"])
        for rank in (0, 1):
            for step in range(1, 11):
                self.assertLessEqual(set(PHASES), phases[rank, step], f"rank {rank}, step {step}")
        self.assertEqual(max(step for rank, step in phases if rank == 1), 12)
        # A file of a rank that never came: told, and the others' trace made.
        (folder / "logs" / "flight-0.bin").unlink()
        done = run("trace", folder)
        self.assertIn("no flight file of rank 0", done.stderr)
        document, _ = self.checked(folder / "trace.json")
        self.assertEqual(document["otherData"]["missing"], [0])

    def test_a_run_that_goes_on(self):
        command = ["mpirun", "-n", "2", PROGRAM, *map(str, self.words("going", "--set", "train.epochs=100000", "--set", "train.checkpoint_every=50"))]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                home = self.folder / "going" / "traced"
                deadline = time.time() + 60
                while time.time() < deadline and not list(home.glob("*/status.json")):
                    time.sleep(0.02)
                time.sleep(1)
                folder = self.run_folder("going")
                for _ in range(5):
                    told = json.loads(run("trace", folder, "--json").stdout)
                    self.assertEqual(told["dead"], [])
                    _, kinds = self.checked(folder / "trace.json")
                    self.check_aligned(kinds["X"], 2)
            finally:
                kill_tree(process)

    def test_what_is_no_run(self):
        for words in (["trace", self.folder / "nowhere"], ["trace", self.data], ["trace"], ["trace", self.folder, "--last", "0"]):
            self.assertEqual(run(*words, check=None).returncode, 2, words)
        logs = self.folder / "torn" / "logs"
        logs.mkdir(parents=True)
        (logs / "flight-0.bin").write_bytes(b"COFIGHT1" + bytes(100))
        done = run("trace", self.folder / "torn", check=3)
        self.assertIn("flight-0.bin", done.stderr)
        self.assertEqual(list((self.folder / "torn").iterdir()), [logs])


if __name__ == "__main__":
    unittest.main()
