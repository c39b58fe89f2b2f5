"""Shared memory as a run meets it: a /dev/shm that is too small, and what a killed run leaves. Each test has a /dev/shm of its own, in a mount
namespace of its own."""

import os
import pathlib
import shutil
import subprocess
import sys
import time
import unittest

PROGRAM = os.environ["COHORT_PROGRAM"]
RANKS_TESTS = pathlib.Path(os.environ["COHORT_BUILD"]) / "bin" / "ranks_tests"


def can_mount():
    return subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0 if shutil.which("unshare") else False


def with_shared_memory(size, *command):
    """Runs a command that sees a /dev/shm of this size."""
    script = f"mount -t tmpfs -o size={size} tmpfs /dev/shm && exec \"$@\""
    return subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", *map(str, command)], capture_output=True, text=True, timeout=120)


@unittest.skipUnless(can_mount(), "a mount of our own is not allowed here (unshare -m)")
class SmallSharedMemory(unittest.TestCase):
    def test_a_run_that_finds_too_little_at_its_start_says_so_once(self):
        for ranks in (2, 3):
            done = with_shared_memory("512k", "mpirun", "-n", ranks, PROGRAM, "verify", "/nowhere")
            self.assertNotEqual(done.returncode, 0)
            self.assertEqual(done.stderr.count("shared memory is too small"), 1, done.stderr)
            self.assertRegex(done.stderr, r"ranks need [0-9.]+ MiB, /dev/shm has 0\.[0-9] MiB free")
            self.assertIn("--shm-size=", done.stderr)
            self.assertNotIn("signal", done.stderr)

    def test_a_window_that_finds_too_little_is_an_error_on_all_ranks(self):
        done = with_shared_memory("8m", "mpirun", "-n", 2, RANKS_TESTS, "--gtest_filter=Window.*")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


@unittest.skipUnless(can_mount(), "a mount of our own is not allowed here (unshare -m)")
class KilledRun(unittest.TestCase):
    def test_leaves_no_shared_memory_in_use(self):
        done = with_shared_memory("64m", sys.executable, __file__, "--kill-a-run")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


def kill_a_run():
    """In a /dev/shm of its own: ranks that hold a window of 4 MiB each are killed; what is left is Open MPI's, and the next run removes it."""
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "journeys"))
    from commands import kill_tree

    def used():
        about = os.statvfs("/dev/shm")
        return (about.f_blocks - about.f_bfree) * about.f_frsize

    def files():
        return sorted(pathlib.Path("/dev/shm").iterdir())

    run = subprocess.Popen(["mpirun", "-n", "2", RANKS_TESTS, "--gtest_also_run_disabled_tests",
                            "--gtest_filter=Window.DISABLED_IsHeldUntilTheRunIsKilled"], stdout=subprocess.DEVNULL)
    deadline = time.time() + 60
    while used() < 8 << 20 and time.time() < deadline:
        time.sleep(0.01)
    if used() < 8 << 20:
        sys.exit("the run never took its window")
    kill_tree(run)
    named = sum(file.stat().st_blocks * 512 for file in files())
    if used() > named:
        sys.exit(f"{used() - named} bytes are in use that no file holds")
    strangers = [file.name for file in files() if not file.name.startswith("vader_segment.")]
    if strangers:
        sys.exit(f"left: {strangers}")
    for file in files():
        os.utime(file, (time.time() - 3600, time.time() - 3600))
    subprocess.run(["mpirun", "-n", "2", RANKS_TESTS, "--gtest_filter=RanksPerNode.*"], check=True, stdout=subprocess.DEVNULL)
    if files():
        sys.exit(f"the next run left {[file.name for file in files()]}")


if __name__ == "__main__":
    if "--kill-a-run" in sys.argv:
        kill_a_run()
    else:
        unittest.main()
