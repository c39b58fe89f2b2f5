"""All-reduce of floats in the communicator's own buffers against gloo and MPI_Allreduce: two ranks of one machine, one thread each, four
sizes, in place. Needs `ninja allreduce_ranks allreduce_mpi` (COHORT_BUILD_BENCH) and a Python with torch. Every side checks its sums while
it is timed. "copied" is Cohort's all-reduce of the caller's own memory; "fresh" means that before each all-reduce every rank wrote its vector
anew, so that it lay in its owner's cache; else sums are repeated in place."""

import importlib.metadata
import subprocess
import sys

import harness

SIZES = {f"{kib}{way}": f"{name}{way}" for kib, name in (("16", "16 KiB"), ("256", "256 KiB"), ("4096", "4 MiB"), ("32768", "32 MiB")) for way in ("", " fresh")}


def main():
    parser = harness.arguments(__doc__)
    parser.add_argument("--ranks", type=int, default=2)
    options = parser.parse_args()
    programs = options.program.parent / "bin"
    mpirun = ("mpirun", "-n", options.ranks)
    sides = {
        "cohort": (*mpirun, programs / "allreduce_ranks", "buffer"),
        "cohort, copied": (*mpirun, programs / "allreduce_ranks", "copied"),
        "MPI_Allreduce": (*mpirun, programs / "allreduce_mpi"),
        "gloo": (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", options.ranks, harness.ROOT / "bench" / "peers" / "allreduce_gloo.py"),
    }
    before = harness.machine()
    figures = {f"{side}, {size}": [] for size in SIZES.values() for side in sides}
    for repetition in range(options.repetitions):
        for side, command in sides.items():
            report = harness.last_json(harness.run(*command))
            for kib, size in SIZES.items():
                figures[f"{side}, {size}"].append(report[kib] / 1e6)
            print(f"  {repetition + 1}/{options.repetitions}  {side:<16}" + "".join(f"{report[kib] / 1e6:>9,.0f}" for kib in SIZES) + " MB/s", flush=True)
    pairs = [(f"{our}, {size}", f"{peer}, {size}") for size in SIZES.values() for our in ("cohort", "cohort, copied") for peer in ("MPI_Allreduce", "gloo")]
    version = subprocess.run(["mpirun", "--version"], capture_output=True, text=True).stdout.splitlines()[0]
    harness.record("allreduce_vs_peers", f"all-reduce of floats on {options.ranks} ranks", figures, [], vars(options), before,
                   {"torch": importlib.metadata.version("torch"), "mpi": version}, unit="MB/s", pairs=pairs)


if __name__ == "__main__":
    main()
