"""Import speed of `cohort import csv` against pandas and h5py writing the same columns with the same filter."""

import importlib.metadata
import shutil
import sys
import time

import numpy

import harness

FLOATS, INTEGERS, STRINGS, WORDS = 10, 5, 5, 5000


def make_csv(path, rows):
    """Ten floats, five integers, five strings of 5,000 values, and a label."""
    draw = numpy.random.default_rng(1)
    words = [f"value {i:05d}" for i in range(WORDS)]
    with open(path, "w") as file:
        names = [f"f{i}" for i in range(FLOATS)] + [f"i{i}" for i in range(INTEGERS)] + [f"s{i}" for i in range(STRINGS)] + ["y"]
        file.write(",".join(names) + "\n")
        for first in range(0, rows, 10_000):
            count = min(10_000, rows - first)
            floats = draw.standard_normal((count, FLOATS))
            integers = draw.integers(0, 100_000, (count, INTEGERS))
            strings = draw.integers(0, WORDS, (count, STRINGS))
            labels = draw.integers(0, 2, count)
            for f, i, s, y in zip(floats, integers, strings, labels):
                file.write(",".join([*(f"{v:.4f}" for v in f), *map(str, i), *(words[k] for k in s), str(y)]) + "\n")


def main():
    parser = harness.arguments(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    source = options.work / f"import-{options.rows}.csv"
    if not source.exists():
        make_csv(source, options.rows)
    target = options.work / "imported"

    def cohort(*how):
        def measure():
            shutil.rmtree(target, ignore_errors=True)
            begin = time.perf_counter()
            harness.run(options.program, "import", "csv", source, "--out", target, *how)
            return options.rows / (time.perf_counter() - begin)
        return measure

    def pandas():
        return options.rows / harness.last_json(harness.run(
            sys.executable, harness.ROOT / "bench" / "peers" / "import_csv.py", source, options.work / "imported.h5"))["seconds"]

    # Kinds stated beforehand, as a standing import has them; the file is the one that --infer leaves.
    cohort("--infer", "--label", "y")()
    stated = options.work / "import.toml"
    shutil.copy(target / "import.toml", stated)
    before = harness.machine()
    figures = harness.alternate({"cohort import, inferring": cohort("--infer", "--label", "y"),
                                 "cohort import, kinds stated": cohort("--options", stated), "pandas and h5py": pandas}, options.repetitions)
    shutil.rmtree(target, ignore_errors=True)
    harness.record("import_vs_pandas", "importing a CSV to HDF5", figures, ["cohort import, inferring", "cohort import, kinds stated"], vars(options),
                   before, {name: importlib.metadata.version(name) for name in ("pandas", "h5py")})


if __name__ == "__main__":
    main()
