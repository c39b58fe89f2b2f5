"""The rules that a machine can read from the sources: the direction of includes, where wide headers may stand, sizes of files."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(os.environ.get("COHORT_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
# launch → experiments → trainer → models → datasets → core: an include may point to the right, never to the left.
ARROWS = ["launch", "experiments", "trainer", "models", "datasets", "core"]
OUTSIDE = ["tests", "bench"]  # may include anything
MAX_LINES = 600
QUOTED = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
ANGLED = re.compile(r"^\s*#\s*include\s+<([^>]+)>")
TORCH = re.compile(r"^(torch|ATen|c10|caffe2)/")


def sources(root, suffixes=(".h", ".cpp", ".cu", ".cuh")):
    for folder in ARROWS + OUTSIDE:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in suffixes and path.is_file():
                yield path


def mistakes(root):
    """Every broken rule as `path:line: what`."""
    found = []
    for path in sources(root):
        name = path.relative_to(root)
        folder = name.parts[0]
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) > MAX_LINES:
            found.append(f"{name}:1: {len(lines)} lines, over {MAX_LINES}: split it by ideas")
        for number, line in enumerate(lines, 1):
            where = f"{name}:{number}"
            if match := QUOTED.match(line):
                target = match[1]
                first = target.split("/")[0]
                if first not in ARROWS + OUTSIDE or not (root / target).is_file():
                    found.append(f'{where}: "{target}" is no path from the repository root')
                elif folder in ARROWS and (first in OUTSIDE or ARROWS.index(first) < ARROWS.index(folder)):
                    found.append(f'{where}: the arrow points the wrong way: {folder} includes "{target}"')
            elif match := ANGLED.match(line):
                target = match[1]
                if target.split("/")[0] in ARROWS and (root / target).is_file():
                    found.append(f"{where}: <{target}> is the project's own: write it in quotes")
                if TORCH.match(target):
                    if target == "torch/torch.h":
                        found.append(f"{where}: <torch/torch.h> costs half a minute a file: include the narrow header")
                    if folder in ("core", "datasets") or (folder in ("experiments", "launch") and path.suffix == ".h"):
                        found.append(f"{where}: <{target}>: libtorch's headers stay in models, trainer and experiments' .cpp files")
                if target.startswith("toml++/") and not (folder == "core" and path.suffix == ".cpp"):
                    found.append(f"{where}: <{target}> is included by core's .cpp files alone")
                if target == "mpi.h" and folder != "core" and folder not in OUTSIDE:
                    found.append(f"{where}: <mpi.h> is included by core/comm alone")
    return found


class TheSources(unittest.TestCase):
    def test_follow_the_rules_of_the_architecture(self):
        self.assertGreater(len(list(sources(ROOT))), 20, f"{ROOT} does not look like the repository")
        found = mistakes(ROOT)
        self.assertEqual(found, [], "\n" + "\n".join(found))

    def test_have_a_readme_in_every_folder(self):
        for folder in ARROWS + OUTSIDE + ["docs"]:
            with self.subTest(folder=folder):
                self.assertTrue((ROOT / folder / "README.md").is_file(), f"{folder}/README.md is missing")

    def test_have_python_files_of_bounded_size_too(self):
        for path in sources(ROOT, (".py",)):
            with self.subTest(path=path):
                self.assertLessEqual(len(path.read_text(encoding="utf-8").splitlines()), MAX_LINES)

    def test_name_no_folder_of_the_machine_they_are_built_on(self):
        if shutil.which("git") is None:
            self.skipTest("git is not installed")
        listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True)
        if listed.returncode != 0:
            self.skipTest("not a git checkout")
        places = [str(place) for place in (ROOT.resolve(), pathlib.Path.home()) if len(place.parts) > 1]
        for name in listed.stdout.splitlines():
            path = ROOT / name
            if not path.is_file():
                continue
            text = path.read_text(encoding="utf-8", errors="replace")
            for place in places:
                self.assertIsNone(re.search(re.escape(place) + r"(?:/|\b)", text), f"{name} names {place}")


class TheRules(unittest.TestCase):
    """A test that can't fail is a defect: each rule is broken once."""

    def broken(self, name, text):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for existing in ("core/error.h", "trainer/loop.h", "tests/support/world.h"):
                (root / existing).parent.mkdir(parents=True, exist_ok=True)
                (root / existing).write_text("#pragma once\n")
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
            return mistakes(root)

    def test_an_include_to_the_right_is_welcome(self):
        self.assertEqual(self.broken("trainer/a.cpp", '#include "core/error.h"\n#include "trainer/loop.h"\n#include <vector>\n'), [])

    def test_an_include_to_the_left_is_a_mistake(self):
        self.assertIn("wrong way", self.broken("datasets/a.h", '#include "trainer/loop.h"\n')[0])

    def test_an_include_of_a_test_is_a_mistake(self):
        self.assertIn("wrong way", self.broken("launch/a.cpp", '#include "tests/support/world.h"\n')[0])

    def test_a_relative_include_is_a_mistake(self):
        self.assertIn("repository root", self.broken("core/a.cpp", '#include "error.h"\n')[0])
        self.assertIn("repository root", self.broken("core/comm/a.cpp", '#include "../error.h"\n')[0])

    def test_an_include_in_angles_is_a_mistake(self):
        self.assertIn("quotes", self.broken("trainer/a.cpp", "#include <core/error.h>\n")[0])

    def test_a_wide_header_in_the_wrong_place_is_a_mistake(self):
        self.assertEqual(len(self.broken("datasets/a.cpp", "#include <ATen/ATen.h>\n")), 1)
        self.assertEqual(len(self.broken("trainer/a.cpp", "#include <torch/torch.h>\n")), 1)
        self.assertEqual(len(self.broken("models/a.cpp", "#include <toml++/toml.h>\n")), 1)
        self.assertEqual(len(self.broken("core/a.h", "#include <toml++/toml.h>\n")), 1)
        self.assertEqual(len(self.broken("trainer/a.cpp", "#include <mpi.h>\n")), 1)

    def test_a_long_file_is_a_mistake(self):
        self.assertIn("601 lines", self.broken("core/a.cpp", "\n" * 601)[0])


if __name__ == "__main__":
    unittest.main()
