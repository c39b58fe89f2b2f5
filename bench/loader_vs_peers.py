"""Rows/s of shuffled batches from compressed shards in the page cache, all on two threads or workers: Cohort's loader with a full shuffle (first
epoch, everything still to be read and inflated; the same again in a process whose memory was used before; later ones), and with a block shuffle and room for a quarter of the rows, against a plain
gather from memory (to be at least 0.35 of it in the first epoch, 0.6 later), a PyTorch DataLoader over rows in memory and over h5py, and MosaicML
Streaming. Needs `ninja loader_rows` (COHORT_BUILD_BENCH) and a Python with torch, h5py, pandas and mosaicml-streaming."""

import importlib.metadata
import statistics
import sys

import harness

PEERS = {"gather from memory": "gather", "DataLoader in memory": "memory", "DataLoader over h5py": "h5py", "MosaicML Streaming": "streaming"}
EPOCHS = 5


def datasets(options):
    """The folder with everything in it, made where it is absent."""
    work = options.work / f"loader-{options.rows}"
    work.mkdir(parents=True, exist_ok=True)
    peer = harness.ROOT / "bench" / "peers" / "load_rows.py"
    if not (work / "complete").exists():
        harness.run(sys.executable, peer, "make", work, options.rows)
    (work / "full.toml").write_text("memory_mib = 1024\n")
    # Rows take 176 bytes here, and the peers' 160: the bound is a quarter of these.
    (work / "block.toml").write_text(f'memory_mib = {options.rows * 160 // 4 >> 20}\nshuffle = "block"\nblock_chunks = 4\n')
    for name, store in (("rows", ""), ("rows-4096", "[store]\nchunk_rows = 4096\n")):
        if not (work / name).exists():
            (work / "import.toml").write_text('default_kind = "dense"\n' + store)
            harness.run(options.program, "import", "csv", work / "rows.csv", "--out", work / name, "--options", work / "import.toml")
    return work, peer


def main():
    parser = harness.arguments(__doc__)
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--seconds", type=float, default=10, help="most time for a peer's epoch")
    options = parser.parse_args()
    work, peer = datasets(options)
    loader = options.program.parent / "bin" / "loader_rows"

    def ours(dataset, toml):
        done = harness.last_json(harness.run(loader, work / dataset, work / toml, 1024, EPOCHS))
        if done["rows"] != options.rows:
            sys.exit(f"loader_rows gave {done}")
        fresh, warm = done["seconds"]
        return options.rows / fresh[0], options.rows / warm[0], options.rows / statistics.median(fresh[1:] + warm[1:])

    def theirs(side):
        done = harness.last_json(harness.run(sys.executable, peer, side, work, options.seconds))
        return done["rows"] / done["seconds"]

    for path in work.rglob("*"):
        if path.is_file():
            path.read_bytes()  # into the page cache
    before = harness.machine()
    ours_are = ["full shuffle, first epoch", "full shuffle, again", "full shuffle, later epochs", "block shuffle, a quarter"]
    names = [*ours_are, *PEERS]
    figures = {name: [] for name in names}
    for repetition in range(options.repetitions):
        measured = [*ours("rows", "full.toml"), ours("rows-4096", "block.toml")[1], *(theirs(side) for side in PEERS.values())]
        for name, value in zip(names, measured):
            figures[name].append(value)
            print(f"  {repetition + 1}/{options.repetitions}  {name:<28} {value:>12,.0f} rows/s", flush=True)
    versions = {name: importlib.metadata.version(name) for name in ("torch", "h5py", "numpy", "mosaicml-streaming")}
    harness.record("loader_vs_peers", "shuffled batches of rows", figures, ours_are, vars(options), before, versions)


if __name__ == "__main__":
    main()
