"""The peer's side of bench/allreduce_vs_peers: torch.distributed's all-reduce over gloo, one thread a rank.

Run by torchrun. Before each all-reduce every rank writes its vector anew; after it every value is compared; only the all-reduce is timed.
Prints bytes/s of the vector by its KiB, from the median time, as JSON, on rank 0.
"""

import json
import statistics
import sys
import time

import torch
import torch.distributed as dist


def seconds_of(values, rank, ranks, times):
    """Median of `times` all-reduces, after some that warm up."""
    pattern = (torch.arange(values.numel()) % 8).float()
    seconds = []
    for step in range(-(times // 10), times):
        torch.add(pattern, rank + step % 3, out=values)
        dist.barrier()
        start = time.perf_counter()
        dist.all_reduce(values)
        if step >= 0:
            seconds.append(time.perf_counter() - start)
        if not torch.equal(values, pattern * ranks + (ranks * (ranks - 1) // 2 + ranks * (step % 3))):
            sys.exit(f"rank {rank}: a sum of {values.numel()} values is wrong")
    return statistics.median(seconds)


def main():
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    rank, ranks = dist.get_rank(), dist.get_world_size()
    report = {}
    for kib in (16, 256, 4096, 32768):
        times = 1000 if kib < 1024 else 60 if kib < 8192 else 10
        report[kib] = kib * 1024 / seconds_of(torch.empty(kib * 256), rank, ranks, times)
    if rank == 0:
        print(json.dumps(report))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
