"""Importing and training stay within few bytes a row: both run under a limit of memory (RLIMIT_DATA) that anything kept for each row breaks.

The limit of the training run is what a run of few rows takes, the loader's budget, and BYTES_A_ROW for each row. Splits that keep 8-byte positions, row
numbers and keys need 30 and more a row; codes of a byte need about 3."""
import os
import random
import re
import resource
import subprocess
import tempfile
import time
import unittest

PROGRAM = os.environ["COHORT_PROGRAM"]

MIB = 1 << 20
ROWS, FEW_ROWS = 4_000_000, 20_000
BYTES_A_ROW = 20
LOADER_MIB = 16
IMPORT_MIB = 224  # measured: 147 for 3 million rows, on one thread; a list of a column's doubles alone would double it

EXPERIMENT = f"""
name = "memory"
[split]
method = "METHOD"
valid = 0.02
test = 0.02
[checks]
enabled = false
[loader]
memory_mib = {LOADER_MIB}
shuffle = "block"
threads = 1
prefetch = 1
[model]
name = "mlp"
hidden = [4]
[objective]
name = "binary"
[optimizer]
name = "adamw"
[train]
epochs = 1
global_batch = 32768
lanes = 1
"""

IMPORT = """
[columns.x]
kind = "dense"
[columns.c]
kind = "categorical"
[columns.at]
kind = "time"
format = "unix_s"
[columns.y]
kind = "label"
values = ["0", "1"]
"""


def run(*arguments, limit=0):
    """Exit status, output, and the most memory that the process held (VmData, in bytes), as far as polling saw it."""
    def lower():
        if limit:
            resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))

    with tempfile.TemporaryFile("w+") as output:
        # setrlimit alone runs between fork and exec.
        process = subprocess.Popen([PROGRAM, *map(str, arguments)], stdout=output, stderr=subprocess.STDOUT, preexec_fn=lower)
        most = 0
        while process.poll() is None:
            try:
                with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
                    found = re.search(r"VmData:\s+(\d+)", status.read())
                most = max(most, int(found[1]) * 1024 if found else 0)
            except OSError:
                pass
            time.sleep(0.005)
        output.seek(0)
        return process.returncode, output.read(), most


@unittest.skipUnless(os.path.exists("/proc/self/status"), "needs /proc")
class Memory(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        chance = random.Random(5)
        block = "".join(f"{chance.gauss(0, 1):.3f},{chance.randrange(50)},{1600000000 + chance.randrange(10**8)},{int(chance.random() < 0.3)}\n"
                        for _ in range(4000))
        for name, rows in [("few", FEW_ROWS), ("many", ROWS)]:
            with open(cls.path(name + ".csv"), "w", encoding="ascii") as file:
                file.write("x,c,at,y\n")
                for _ in range(rows // 4000):
                    file.write(block)
        cls.write("import.toml", IMPORT)
        for name in ("few", "many"):
            code, output, _ = run("import", "csv", cls.path(name + ".csv"), "--out", cls.path(name), "--options", cls.path("import.toml"), "--threads", 1,
                                  limit=IMPORT_MIB * MIB)
            if code != 0:
                raise AssertionError(f"the import of {name} rows under {IMPORT_MIB} MiB ended with {code}:\n{output}")

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    @classmethod
    def write(cls, name, text):
        with open(cls.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def train(self, method, data, limit=0):
        self.write("memory.toml", EXPERIMENT.replace("METHOD", method))
        return run("train", self.path("memory.toml"), "--data", self.path(data), "--set", "split.column=at" if method != "stratified" else "split.column=",
                   "--runs", self.path("runs"), "--registry", self.path("registry"), limit=limit)

    def test_training_takes_few_bytes_a_row_however_rows_are_split(self):
        for method in ("stratified", "time", "hash"):
            with self.subTest(method=method):
                code, output, base = self.train(method, "few")
                self.assertEqual(code, 0, output)
                limit = base + LOADER_MIB * MIB + BYTES_A_ROW * ROWS
                code, output, most = self.train(method, "many", limit)
                self.assertEqual(code, 0, f"{method}: {ROWS} rows under {limit // MIB} MiB, {base // MIB} of them for few rows:\n{output}")
                print(f"{method}: {most // MIB} of {limit // MIB} MiB, {base // MIB} for few rows", flush=True)


if __name__ == "__main__":
    unittest.main()
