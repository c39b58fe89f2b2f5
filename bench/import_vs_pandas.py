"""Import speed of `cohort import csv` against pandas and h5py writing the same columns with the same filter."""

import importlib.metadata
import shutil
import sys
import time

import csv_file
import harness


def main():
    parser = harness.arguments(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=2, help="of the import")
    options = parser.parse_args()
    source = csv_file.find(options.work, options.rows)
    target = options.work / "imported"

    def cohort(*how):
        def measure():
            shutil.rmtree(target, ignore_errors=True)
            begin = time.perf_counter()
            harness.run(options.program, "import", "csv", source, "--out", target, "--threads", options.threads, *how)
            return options.rows / (time.perf_counter() - begin)
        return measure

    def pandas():
        return options.rows / harness.last_json(harness.run(
            sys.executable, harness.ROOT / "bench" / "peers" / "import_csv.py", source, options.work / "imported.h5"))["seconds"]

    # Kinds stated beforehand, as a standing import has them; the file is the one that --infer leaves.
    cohort("--infer", "--label", "y")()
    stated = options.work / "import.toml"
    shutil.copy(target / "import.toml", stated)
    source.read_bytes()  # into the page cache
    before = harness.machine()
    figures = harness.alternate({"cohort import, inferring": cohort("--infer", "--label", "y"),
                                 "cohort import, kinds stated": cohort("--options", stated), "pandas and h5py": pandas}, options.repetitions)
    shutil.rmtree(target, ignore_errors=True)
    harness.record("import_vs_pandas", "importing a CSV to HDF5", figures, ["cohort import, inferring", "cohort import, kinds stated"], vars(options),
                   before, {name: importlib.metadata.version(name) for name in ("pandas", "h5py")})


if __name__ == "__main__":
    main()
