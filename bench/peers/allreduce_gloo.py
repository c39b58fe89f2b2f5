"""The peer's side of bench/allreduce_vs_peers: torch.distributed's all-reduce over gloo, one thread a rank.

Run by torchrun. Times both ways: again and again in place, and "fresh", where before each all-reduce every rank writes its vector anew.
All sums are checked. Prints bytes/s by the KiB of the vector, from the median time, as JSON, on rank 0.
"""

import json
import statistics
import sys
import time

import torch
import torch.distributed as dist


def speed_of(values, rank, ranks, times, period):
    """Of `times` all-reduces, after some that warm up. Every `period`-th time the vector is written anew: small integers stay exact so long."""
    pattern = (torch.arange(values.numel()) % 8).float()
    seconds = []
    for step in range(-(times // 10) * period, times):
        if step % period == 0:
            torch.add(pattern, rank, out=values)
            dist.barrier()
        start = time.perf_counter()
        dist.all_reduce(values)
        if step >= 0:
            seconds.append(time.perf_counter() - start)
        if step % period == period - 1 and not torch.equal(values, (pattern * ranks + ranks * (ranks - 1) // 2) * ranks ** (period - 1)):
            sys.exit(f"rank {rank}: a sum of {values.numel()} values is wrong")
    return values.numel() * 4 / statistics.median(seconds)


def main():
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    rank, ranks = dist.get_rank(), dist.get_world_size()
    report = {}
    for kib in (16, 256, 4096, 32768):
        times = 1000 if kib < 1024 else 60 if kib < 8192 else 10
        values = torch.empty(kib * 256)
        report[f"{kib}"] = speed_of(values, rank, ranks, times, 5)
        report[f"{kib} fresh"] = speed_of(values, rank, ranks, times, 1)
    if rank == 0:
        print(json.dumps(report))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
