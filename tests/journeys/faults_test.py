"""What a user meets when the machine, the data or another rank lets the run down: one message, the right exit status, nothing half-written."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

PROGRAM = os.environ["COHORT_PROGRAM"]

EXPERIMENT = """
name = "faults"
[split]
method = "stratified"
valid = 0.2
test = 0.2
[model]
name = "mlp"
[objective]
name = "binary"
[optimizer]
name = "adamw"
[train]
epochs = 3
global_batch = 256
lanes = 4
checkpoint_every = 5
[artifact]
name = "faults"
"""


def can_mount():
    """Whether a mount of our own is allowed here: a small disk and a read-only folder need one."""
    return subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0 if shutil.which("unshare") else False


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory(prefix="cohort-faults-")
        cls.addClassCleanup(temporary.cleanup)
        cls.shared = pathlib.Path(temporary.name)
        cls.data = cls.shared / "data"
        (cls.shared / "e.toml").write_text(EXPERIMENT)
        subprocess.run([PROGRAM, "synth", "credit", "--out", cls.data, "--rows", "6000", "--seed", "5"], check=True, capture_output=True)

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="cohort-faults-")
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def command(self, *more, data=None):
        return [PROGRAM, "train", str(self.shared / "e.toml"), "--data", str(data or self.data), "--runs", str(self.folder / "runs"),
                "--registry", str(self.folder / "registry"), "--quiet", *map(str, more)]

    def fails(self, command, status, *texts, ranks=0, within=120):
        """The command exits with `status`, says each of `texts`, and says one error."""
        if ranks:
            command = ["mpirun", "-n", str(ranks), *command]
        begin = time.time()
        done = subprocess.run(command, capture_output=True, text=True, timeout=within)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        for text in texts:
            self.assertIn(text, done.stderr)
        self.assertEqual(done.stderr.count("error:"), 1, done.stderr)
        self.assertLess(time.time() - begin, within)
        return done.stderr

    def mounted(self, mount, command):
        """The command in a mount namespace of its own, `mount` done first."""
        quoted = " ".join("'" + word.replace("'", "'\\''") + "'" for word in command)
        return ["unshare", "-m", "sh", "-c", f"{mount} && exec {quoted}"]

    def copy_of_data(self):
        copy = self.folder / "data"
        shutil.copytree(self.data, copy)
        return copy

    # --- data -------------------------------------------------------------------------------------------------------

    def flip(self, file, at=0.5):
        content = bytearray(file.read_bytes())
        content[int(len(content) * at)] ^= 1
        file.write_bytes(content)

    def test_damaged_data_ends_every_rank_with_the_file_named(self):
        data = self.copy_of_data()
        shard = next(data.glob("data-*.h5"))
        for damage in (lambda: self.flip(shard), lambda: os.truncate(shard, shard.stat().st_size // 2), shard.unlink):
            damage()
            for ranks in (0, 3):
                self.fails(self.command(data=data), 3, str(shard), ranks=ranks, within=30)
                self.assertEqual(self.files(self.folder / "registry"), [])
            shutil.copyfile(self.data / shard.name, shard)

    @unittest.skipUnless(can_mount(), "no mount of one's own is allowed here")
    def test_what_one_rank_alone_meets_ends_all_with_its_message(self):
        damaged = self.copy_of_data()
        shard = next(damaged.glob("data-*.h5"))
        os.truncate(shard, shard.stat().st_size // 2)
        odd = self.mounted(f"mount --bind '{damaged}' '{self.data}'", self.command())
        # Rank 1 of 3 sees the damaged files in the place of the whole ones.
        command = ["mpirun", "-n", "1", *self.command(), ":", "-n", "1", *odd, ":", "-n", "1", *self.command()]
        self.fails(command, 3, str(self.data / shard.name), within=30)

    def test_a_dataset_that_changed_since_the_checkpoint_is_refused(self):
        data = self.folder / "data"
        shutil.copytree(self.data, data)
        self.stop_early(self.command("--set", "train.epochs=400", data=data))
        shutil.rmtree(data)
        subprocess.run([PROGRAM, "synth", "credit", "--out", data, "--rows", "6000", "--seed", "6"], check=True, capture_output=True)
        before = self.files(self.folder / "runs")
        self.fails(self.command("--set", "train.epochs=400", f"--resume={self.run_id()}", data=data), 2, "dataset")
        self.assertEqual(self.files(self.folder / "runs"), before)

    def test_a_changed_experiment_is_no_resume(self):
        self.stop_early(self.command("--set", "train.epochs=400"))
        self.fails(self.command("--set", "train.epochs=400", "--set", "optimizer.rate=0.5", f"--resume={self.run_id()}"), 2, "experiment")

    # --- runs -------------------------------------------------------------------------------------------------------

    def files(self, folder):
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))

    def run_id(self):
        return next((self.folder / "runs" / "faults").iterdir()).name

    def wait_for_checkpoint(self, process):
        deadline = time.time() + 60
        while time.time() < deadline and process.poll() is None:
            if list((self.folder / "runs").glob("faults/*/checkpoints/step-*")):
                return
            time.sleep(0.01)
        self.fail("no checkpoint came: " + (process.communicate()[1] or b"").decode())

    def stop_early(self, command):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.wait_for_checkpoint(process)
        process.send_signal(signal.SIGUSR1)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 75)

    def test_a_run_in_use_is_refused_and_goes_on(self):
        process = subprocess.Popen(self.command("--set", "train.epochs=4000"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            self.wait_for_checkpoint(process)
            self.fails(self.command("--set", "train.epochs=4000", f"--resume={self.run_id()}"), 2, "in use")
            self.assertIsNone(process.poll(), "the run that had the folder was disturbed")
        finally:
            process.send_signal(signal.SIGUSR1)
            process.communicate(timeout=60)
        self.assertEqual(process.returncode, 75)

    # --- machine ----------------------------------------------------------------------------------------------------

    @unittest.skipUnless(can_mount(), "no mount of one's own is allowed here")
    def test_a_full_disk_ends_the_run_and_keeps_what_was_there(self):
        runs = self.folder / "runs"
        runs.mkdir()
        small = f"mount -t tmpfs -o size=192k none '{runs}'"
        message = self.fails(self.mounted(small, self.command()), 1, "No space left on device", "remedy:")
        self.assertIn(str(runs), message)
        self.assertEqual(self.files(self.folder / "registry"), [])

    @unittest.skipUnless(can_mount(), "no mount of one's own is allowed here")
    def test_a_full_disk_under_an_import_leaves_nothing(self):
        out = self.folder / "out"
        out.mkdir()
        small = f"mount -t tmpfs -o size=192k none '{out}'"
        command = [PROGRAM, "synth", "credit", "--rows", "100000", "--out", str(out / "data")]
        listing = ["sh", "-c", "\"$0\" \"$@\"; status=$?; ls -A " + str(out) + "; exit $status", *command]
        done = subprocess.run(self.mounted(small, listing), capture_output=True, text=True)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("No space left on device", done.stderr)
        self.assertEqual(done.stdout.strip(), "")

    @unittest.skipUnless(can_mount(), "no mount of one's own is allowed here")
    def test_a_read_only_registry_is_said_before_training(self):
        registry = self.folder / "registry"
        registry.mkdir()
        sealed = f"mount --bind '{registry}' '{registry}' && mount -o remount,bind,ro '{registry}'"
        self.fails(self.mounted(sealed, self.command()), 1, str(registry), "remedy:")
        self.assertFalse((self.folder / "runs").exists())


if __name__ == "__main__":
    unittest.main()
