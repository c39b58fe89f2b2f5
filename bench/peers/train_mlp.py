"""The peer's side of bench/train_vs_ddp: an MLP in PyTorch DistributedDataParallel over gloo, one thread a rank.

Run by torchrun: train_mlp.py DATASET slice|loader EPOCHS GLOBAL_BATCH WIDTH,WIDTH,…
Prints rows/s of all epochs but the first, as JSON, on rank 0.
"""

import json
import pathlib
import sys
import time

import h5py
import numpy
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset


def read_rows(folder):
    """All dense columns, standardised, and the label, in memory."""
    columns, labels = [], []
    for shard in sorted(pathlib.Path(folder).glob("data-*.h5"), key=lambda path: int(path.stem.split("-")[1])):
        with h5py.File(shard) as file:
            names = [name for name in file if name not in ("row", "y")]
            columns.append(numpy.stack([file[name][:] for name in names], axis=1))
            labels.append(file["y"][:])
    x = numpy.concatenate(columns).astype(numpy.float32)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    return torch.from_numpy(x), torch.from_numpy(numpy.concatenate(labels).astype(numpy.float32)).unsqueeze(1)


def slices(x, y, epoch, batch, rank, world):
    """Each rank's part of each global batch, gathered by a permutation that all ranks share."""
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(epoch))
    share = batch // world
    for first in range(0, len(x) - batch + 1, batch):
        rows = order[first + rank * share : first + (rank + 1) * share]
        yield x[rows], y[rows]


def main(dataset, kind, epochs, batch, widths):
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    rank, world = dist.get_rank(), dist.get_world_size()
    x, y = read_rows(dataset)

    torch.manual_seed(0)
    layers, width = [], x.shape[1]
    for hidden in widths:
        layers += [torch.nn.Linear(width, hidden), torch.nn.ReLU()]
        width = hidden
    model = DistributedDataParallel(torch.nn.Sequential(*layers, torch.nn.Linear(width, 1)))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, fused=True)
    if kind == "loader":
        sampler = DistributedSampler(TensorDataset(x, y), seed=0, drop_last=True)
        loader = DataLoader(sampler.dataset, batch_size=batch // world, sampler=sampler, drop_last=True)

    rows, seconds = 0, 0.0
    for epoch in range(epochs):
        if kind == "loader":
            sampler.set_epoch(epoch)
        dist.barrier()
        begin = time.perf_counter()
        seen = 0
        for features, labels in loader if kind == "loader" else slices(x, y, epoch, batch, rank, world):
            optimizer.zero_grad()
            loss = torch.nn.functional.binary_cross_entropy_with_logits(model(features), labels)
            loss.backward()
            optimizer.step()
            seen += len(features) * world
        dist.barrier()
        if epoch > 0:
            rows, seconds = rows + seen, seconds + time.perf_counter() - begin
    if rank == 0:
        print(json.dumps({"rows_per_second": rows / seconds, "loss": loss.item()}))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), [int(width) for width in sys.argv[5].split(",")])
