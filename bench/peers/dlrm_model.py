"""What the peers of bench/dlrm_vs_peers.py share: the nets, batches at hand, and the clock."""

import json
import os
import time

import torch
import torch.distributed as dist
from torch import nn

DENSE, TABLES, ROWS, DIM = 13, 26, 100_000, 16
POOL = 20  # batches in memory, used in turn
WARM_UP = 3


def perceptron(width, widths, last_relu):
    layers = []
    for i, hidden in enumerate(widths):
        layers.append(nn.Linear(width, hidden))
        if last_relu or i + 1 < len(widths):
            layers.append(nn.ReLU())
        width = hidden
    return nn.Sequential(*layers)


class Dense(nn.Module):
    """DLRM without its tables: dense features [B, 13] and embedded vectors [B, 26, 16] to a logit [B, 1]."""

    def __init__(self):
        super().__init__()
        vectors = TABLES + 1
        self.bottom = perceptron(DENSE, [512, 256, DIM], last_relu=True)
        self.top = perceptron(DIM + vectors * (vectors - 1) // 2, [512, 256, 1], last_relu=False)
        first, second = torch.triu_indices(vectors, vectors, 1)
        self.register_buffer("first", first)
        self.register_buffer("second", second)

    def forward(self, dense, embedded):
        own = self.bottom(dense)
        vectors = torch.cat([own.unsqueeze(1), embedded], 1)
        pairs = torch.bmm(vectors, vectors.transpose(1, 2))[:, self.first, self.second]
        return self.top(torch.cat([own, pairs], 1))


def dlrm_batches(batch, seed):
    """[(dense, ids [26, B], labels)], the same every time."""
    draw = torch.Generator().manual_seed(seed)
    return [(torch.randn(batch, DENSE, generator=draw), torch.randint(0, ROWS, (TABLES, batch), generator=draw),
             torch.randint(0, 2, (batch, 1), generator=draw).float()) for _ in range(POOL)]


def mlp_batches(batch, width, seed):
    draw = torch.Generator().manual_seed(seed)
    return [(torch.randn(batch, width, generator=draw), torch.randint(0, 2, (batch, 1), generator=draw).float()) for _ in range(POOL)]


def measure(step, steps, batch):
    """Prints samples/s of all ranks together on rank 0; step(i) trains on batch i."""
    for i in range(WARM_UP):
        step(i)
    dist.barrier()
    begin = time.perf_counter()
    for i in range(steps):
        loss = step(WARM_UP + i)
    dist.barrier()
    seconds = time.perf_counter() - begin
    if dist.get_rank() == 0:
        print(json.dumps({"samples_per_second": steps * batch * dist.get_world_size() / seconds, "step_ms": 1000 * seconds / steps, "loss": loss.item()}),
              flush=True)
    dist.barrier()
    # gloo's threads may abort a rank whose peer has closed its connection first: leave without taking the group apart.
    os._exit(0)
