"""MB/s of decoded float columns on two threads, files in the page cache: Cohort's readers against H5Dread, for shuffled and deflated chunks
(to be at least 1.8 times as fast), and against memcpy for uncompressed ones (at least 0.6). Values are compared after each measurement."""

import json
import pathlib
import re

import harness

OURS = {"own reader": "own_reader", "shard reader, sums checked": "shard_reader"}
COMPARISONS = {
    "hdf5_reader_vs_library": ("reading shuffled and deflated floats", 0, OURS | {"H5Dread": "library"}),
    "hdf5_reader_vs_memcpy": ("reading uncompressed floats", 1, OURS | {"memcpy": "copy_memory", "H5Dread": "library"}),
}


def main():
    parser = harness.arguments(__doc__)
    parser.set_defaults(program=harness.ROOT / "build" / "bin" / "cohort_bench")
    parser.add_argument("--threads", type=int, default=2, choices=(1, 2))
    options = parser.parse_args()

    def side(benchmark, uncompressed):
        def measure():
            name = f"{benchmark}/uncompressed:{uncompressed}/real_time/threads:{options.threads}"
            report = json.loads(harness.run(options.program, f"--benchmark_filter=^{re.escape(name)}$", "--benchmark_format=json"))
            result, = report["benchmarks"]
            if result.get("error_occurred"):
                raise SystemExit(f"{name}: {result['error_message']}")
            return result["bytes_per_second"] / 1e6
        return measure

    header = pathlib.Path("/usr/include/hdf5/serial/H5public.h")
    versions = {"hdf5": re.search(r"H5_VERS_INFO\s+\"[^\"]*?([\d.]+)\"", header.read_text())[1] if header.exists() else "unknown"}
    for name, (what, uncompressed, sides) in COMPARISONS.items():
        before = harness.machine()
        figures = harness.alternate({label: side(benchmark, uncompressed) for label, benchmark in sides.items()}, options.repetitions, "MB/s")
        harness.record(name, what, figures, list(OURS), vars(options) | {"out": options.out and options.out.with_name(f"{name}.json")}, before, versions, "MB/s")


if __name__ == "__main__":
    main()
