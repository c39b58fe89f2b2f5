"""Parsing a CSV into typed columns in memory, against Polars on as many threads. Nothing is written; strings become codes here and
views there. Needs `ninja csv_parse` (COHORT_BUILD_BENCH) and a Python with polars. A process reads the file several times: the first
read pays for fresh memory, later ones (their median) reuse it."""

import importlib.metadata
import os
import statistics
import sys

import csv_file
import harness

READS = 5


def main():
    parser = harness.arguments(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    source = csv_file.find(options.work, options.rows)
    kinds = options.work / "table.toml"
    kinds.write_text(csv_file.options())
    parse = options.program.parent / "bin" / "csv_parse"
    os.environ["POLARS_MAX_THREADS"] = str(options.threads)

    def speed(*command):
        """Rows/s of the first read and of the others."""
        done = harness.last_json(harness.run(*command))
        if done["rows"] != options.rows or done.get("threads", options.threads) != options.threads:
            sys.exit(f"{command[0]} read {done}")
        return {"first": options.rows / done["seconds"][0], "later": options.rows / statistics.median(done["seconds"][1:])}

    def cohort():
        return speed(parse, source, kinds, options.threads, READS)

    def polars():
        return speed(sys.executable, harness.ROOT / "bench" / "peers" / "read_csv_polars.py", source, READS)

    source.read_bytes()  # into the page cache
    before = harness.machine()
    figures = {f"{side}, {read}": [] for side in ("cohort", "polars") for read in ("first", "later")}
    for repetition in range(options.repetitions):
        for side, measure in (("cohort", cohort), ("polars", polars)):
            for read, value in measure().items():
                figures[f"{side}, {read}"].append(value)
                print(f"  {repetition + 1}/{options.repetitions}  {side + ', ' + read:<28} {value:>12,.0f} rows/s", flush=True)
    harness.record("csv_parse_vs_polars", "parsing a CSV into memory", figures, ["cohort, first", "cohort, later"], vars(options), before,
                   {"polars": importlib.metadata.version("polars")})


if __name__ == "__main__":
    main()
