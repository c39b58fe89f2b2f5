"""The commands of docs/failures.md, run in their order in an empty folder: each ends with the status written beside it."""
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

PROGRAM = pathlib.Path(os.environ["COHORT_PROGRAM"])
GUIDE = pathlib.Path(os.environ["COHORT_SOURCE"]) / "docs" / "failures.md"


class FailuresGuide(unittest.TestCase):
    def test_its_commands_end_as_it_says(self):
        commands = []
        for block in re.findall(r"^```sh\n(.*?)^```", GUIDE.read_text(), re.S | re.M):
            pending = ""
            for line in block.splitlines():
                command, _, status = line.partition("   # exit ")
                pending += command + "\n"
                if status:
                    commands.append((pending, int(status)))
                    pending = ""
            if pending:
                commands.append((pending, 0))
        self.assertGreater(len(commands), 4)
        with tempfile.TemporaryDirectory(prefix="cohort-guide-") as folder:
            environment = {**os.environ, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}
            for command, status in commands:
                done = subprocess.run(["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
                self.assertEqual(done.returncode, status, command + done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
