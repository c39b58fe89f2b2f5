"""A program outside the tree, as docs/your-own-model.md has it, built against the installed package: it trains and publishes its own model."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["COHORT_SOURCE"])
BUILD = pathlib.Path(os.environ["COHORT_BUILD"])
GUIDE = SOURCE / "docs" / "your-own-model.md"


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} gave {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return done.stdout


def block(language):
    """The guide's only block in that language."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1, f"{GUIDE} has {len(blocks)} blocks of {language}"
    return blocks[0]


class TheInstalledPackage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.work = pathlib.Path(cls.folder.name)
        cls.prefix = cls.work / "prefix"
        run("cmake", "--install", BUILD, "--prefix", cls.prefix)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_has_a_program_that_starts(self):
        self.assertIn("0.1.0", run(self.prefix / "bin" / "cohort", "--version", cwd=self.work))

    def test_has_every_header_where_includes_look_for_it(self):
        for header in SOURCE.glob("*/**/*.h"):
            below = header.relative_to(SOURCE)
            if below.parts[0] in ("core", "datasets", "models", "trainer", "experiments", "launch"):
                self.assertTrue((self.prefix / "include" / "cohort" / below).is_file(), below)

    def test_has_the_recipes_and_what_the_program_reads(self):
        share = self.prefix / "share" / "cohort"
        self.assertTrue((share / "models" / "export" / "onnx_check.py").is_file())
        self.assertTrue(list((share / "experiments" / "recipes").glob("*.toml")))
        self.assertTrue(list((share / "experiments" / "imports").glob("*.toml")))

    def test_lets_a_program_of_ones_own_add_a_model_in_under_sixty_lines(self):
        source = block("cpp")
        self.assertLess(len(source.splitlines()), 60)
        (self.work / "main.cpp").write_text(source)
        (self.work / "CMakeLists.txt").write_text(block("cmake"))
        (self.work / "experiment.toml").write_text(block("toml"))
        run("cmake", "-S", self.work, "-B", self.work / "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={self.prefix}",
            f"-DCOHORT_TORCH={os.environ['COHORT_TORCH']}", *self.like_cohort())
        run("cmake", "--build", self.work / "build")
        program = self.work / "build" / "my-cohort"

        self.assertIn("factors a value", run(program, "describe", "model", "fm"))
        run(program, "synth", "credit", "--out", self.work / "credit", "--rows", 4000)
        report = json.loads(run(program, "train", "experiment.toml", "--data", "credit", "--json", cwd=self.work))
        self.assertTrue((self.work / report["artifact"]["path"] / "model.onnx").is_file())
        manifest = json.loads((self.work / report["artifact"]["path"] / "manifest.json").read_text())
        self.assertTrue(manifest["parity"]["verified"])

    def like_cohort(self):
        """Sanitizers, where Cohort was built with them; ccache, where there."""
        cache = dict(re.findall(r"^([^#/:]+):[A-Z]+=(.*)$", (BUILD / "CMakeCache.txt").read_text(), re.MULTILINE))
        options = []
        if cache.get("COHORT_SANITIZE"):
            options += [f"-DCMAKE_CXX_FLAGS=-fsanitize={cache['COHORT_SANITIZE']}"]
        if cache.get("COHORT_CCACHE") and not cache["COHORT_CCACHE"].endswith("NOTFOUND"):
            options += [f"-DCMAKE_CXX_COMPILER_LAUNCHER={cache['COHORT_CCACHE']}"]
        return options


if __name__ == "__main__":
    unittest.main()
