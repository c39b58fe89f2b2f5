"""The peers' side of bench/loader_vs_peers: shuffled batches of the same rows by other means. Usage: load_rows.py make FOLDER ROWS |
load_rows.py SIDE FOLDER SECONDS. A side takes an epoch, or as much of it as it gets in so many seconds; prints rows and seconds."""

import json
import pathlib
import shutil
import sys
import time

import h5py
import numpy

WIDTH, BATCH, STREAMED = 40, 1024, 100_000


def make(folder, rows):
    """rows × 40 float32 of two decimals as CSV, HDF5 (shuffled and deflated), and MDS shards of the first of them."""
    import pandas
    from streaming import MDSWriter
    values = numpy.round(numpy.random.default_rng(0).standard_normal((rows, WIDTH)), 2).astype("f4")
    pandas.DataFrame(values.astype("f8").round(2), columns=[f"x{i}" for i in range(WIDTH)]).to_csv(folder / "rows.csv", index=False)
    with h5py.File(folder / "rows.h5", "w") as file:
        file.create_dataset("x", data=values, chunks=(4096, WIDTH), shuffle=True, compression="gzip", compression_opts=1)
    shutil.rmtree(folder / "mds", ignore_errors=True)
    with MDSWriter(out=str(folder / "mds"), columns={"x": f"ndarray:float32:{WIDTH}"}, compression=None) as writer:
        for row in values[:STREAMED]:
            writer.write({"x": row})
    (folder / "complete").touch()


def gather(folder):
    """A plain gather from memory: what no loader can avoid."""
    values = h5py.File(folder / "rows.h5")["x"][:]
    order = numpy.random.default_rng(0).permutation(len(values))
    yield 0
    for begin in range(0, len(values), BATCH):
        yield len(values[order[begin:begin + BATCH]])


def loaded(dataset, **options):
    import torch
    torch.set_num_threads(1)
    batches = iter(torch.utils.data.DataLoader(dataset, batch_size=BATCH, num_workers=2, **options))
    for batch in batches:
        yield len(batch["x"] if isinstance(batch, dict) else batch)


class Rows:
    """Rows in memory, or read from the file one by one."""

    def __init__(self, path, in_memory):
        with h5py.File(path) as file:
            self.length = len(file["x"])
            self.values = file["x"][:] if in_memory else None
        self.path = path

    def __len__(self):
        return self.length

    def __getitem__(self, row):
        if self.values is None:
            self.values = h5py.File(self.path)["x"]
        return self.values[row]


def main(side, folder, argument):
    folder = pathlib.Path(folder)
    if side == "make":
        make(folder, int(argument))
        return
    if side == "gather":
        batches = gather(folder)
        next(batches)  # the rows are in memory from here on
    elif side == "streaming":
        from streaming import StreamingDataset
        batches = loaded(StreamingDataset(local=str(folder / "mds"), shuffle=True, batch_size=BATCH))
    else:
        batches = loaded(Rows(folder / "rows.h5", side == "memory"), shuffle=True)
    begin, rows = time.perf_counter(), 0
    for count in batches:
        rows += count
        if time.perf_counter() - begin > float(argument):
            break
    print(json.dumps({"rows": rows, "seconds": time.perf_counter() - begin}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
