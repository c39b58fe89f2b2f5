"""An import killed at any moment, or out of disk, leaves no dataset or a whole one, and the next one takes away what it left."""
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

PROGRAM = os.environ["COHORT_PROGRAM"]
ROWS = 120_000
OPTIONS = """
[columns.x]
kind = "dense"
[columns.city]
kind = "categorical"
[columns.note]
kind = "text"
[columns.y]
kind = "label"
values = ["0", "1"]
[store]
rows_per_shard = 10000
"""


def can_mount():
    """Whether a mount of our own is allowed here: a small disk needs one."""
    return subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0 if shutil.which("unshare") else False


def processes_below(pid):
    """The process and all that it started, as far as they still run."""
    found = [pid]
    for parent in found:
        try:
            for task in os.listdir(f"/proc/{parent}/task"):
                found += [int(child) for child in pathlib.Path(f"/proc/{parent}/task/{task}/children").read_text().split()]
        except OSError:
            pass
    return found


class KilledImports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory(prefix="cohort-kill-")
        cls.addClassCleanup(temporary.cleanup)
        cls.shared = pathlib.Path(temporary.name)
        draw = random.Random(7)
        with open(cls.shared / "rows.csv", "w") as file:
            file.write("x,city,note,y\n")
            for i in range(ROWS):
                file.write(f"{draw.random():.6f},c{draw.randrange(5000)},note {i} {draw.random()},{i % 2}\n")
        (cls.shared / "import.toml").write_text(OPTIONS)
        begin = time.time()
        subprocess.run(cls.command(cls.shared / "undisturbed"), check=True, capture_output=True)
        cls.duration = time.time() - begin
        cls.expected = cls.checksums(cls.shared / "undisturbed")

    @classmethod
    def command(cls, out, ranks=1):
        command = [PROGRAM, "--quiet", "import", "csv", str(cls.shared / "rows.csv"), "--options", str(cls.shared / "import.toml"), "--out", str(out)]
        return command if ranks == 1 else ["mpirun", "-n", str(ranks), *command]

    @staticmethod
    def checksums(dataset):
        manifest = json.loads((dataset / "dataset.json").read_text())
        return manifest["identity"], [(shard["file"], shard["sha256"]) for shard in manifest["shards"]], sorted(os.listdir(dataset))

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="cohort-kill-")
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.out = self.folder / "dataset"

    def kill_after(self, seconds, ranks, whole_tree):
        """True where the import was still at work."""
        process = subprocess.Popen(self.command(self.out, ranks), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(seconds)
            return False
        except subprocess.TimeoutExpired:
            pass
        tree = processes_below(process.pid)
        # All at once, or one rank alone: then mpirun ends the others.
        for pid in tree if whole_tree or ranks == 1 else tree[-1:]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        process.wait(60)
        deadline = time.time() + 30
        while any(pathlib.Path(f"/proc/{pid}/cmdline").exists() and pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() for pid in tree):
            self.assertLess(time.time(), deadline, "a killed process lives on")
            time.sleep(0.01)
        return True

    def check_kills(self, kills, ranks, whole_tree=True):
        draw = random.Random(ranks)
        seen_staging = 0
        for kill in range(kills):
            self.kill_after(self.duration * (kill + draw.random()) / kills, ranks, whole_tree)
            staging = [name for name in os.listdir(self.folder) if name != "dataset"]
            seen_staging += len(staging)
            self.assertLessEqual(len(staging), 1, "an import left what the one before had left")
            if self.out.exists():
                self.assertEqual(self.checksums(self.out), self.expected)
                shutil.rmtree(self.out)
        subprocess.run(self.command(self.out, ranks), check=True, capture_output=True)
        self.assertEqual(self.checksums(self.out), self.expected)
        self.assertEqual(os.listdir(self.folder), ["dataset"])
        self.assertEqual(subprocess.run([PROGRAM, "--quiet", "verify", "--deep", str(self.out)], capture_output=True).returncode, 0)
        return seen_staging

    def test_killed_at_any_moment_it_leaves_nothing_or_all(self):
        self.assertGreater(self.check_kills(12, 1), 0, "no kill came while a folder was under construction")

    def test_killed_with_all_ranks(self):
        self.check_kills(4, 2)

    def test_one_rank_killed_ends_all(self):
        self.check_kills(4, 2, whole_tree=False)

    def test_what_a_living_import_builds_stays(self):
        first = subprocess.Popen(self.command(self.out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while first.poll() is None and not os.listdir(self.folder):
                time.sleep(0.005)
            subprocess.run(self.command(self.out), capture_output=True)
        finally:
            first.wait(60)
        # Whichever came first has the name; neither was disturbed.
        self.assertEqual(self.checksums(self.out), self.expected)
        self.assertEqual(os.listdir(self.folder), ["dataset"])

    @unittest.skipUnless(can_mount(), "no mount of one's own is allowed here")
    def test_a_full_disk_leaves_nothing(self):
        # While rows are spooled, while shards are written.
        for ranks, size in ((1, "64k"), (1, "4m"), (1, "8m"), (2, "8m")):
            with self.subTest(ranks=ranks, size=size):
                out = self.folder / f"disk-{ranks}-{size}"
                out.mkdir()
                script = f"mount -t tmpfs -o size={size} none '{out}' && \"$0\" \"$@\"; status=$?; ls -A '{out}'; exit $status"
                done = subprocess.run(["unshare", "-m", "sh", "-c", script, *self.command(out / "data", ranks)], capture_output=True, text=True)
                self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
                self.assertIn("No space left on device", done.stderr)
                self.assertEqual(done.stderr.count("error:"), 1, done.stderr)
                self.assertEqual(done.stdout.strip(), "")


if __name__ == "__main__":
    unittest.main()
