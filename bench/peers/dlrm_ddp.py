"""Peers of bench/dlrm_vs_peers.py in PyTorch DistributedDataParallel over gloo, one thread a rank.

Run by torchrun: dlrm_ddp.py dlrm|mlp STEPS BATCH_A_RANK. dlrm: replicated tables with sparse gradients, Adagrad; mlp: 64-512-512-256-1, fused Adam.
"""

import sys
import warnings

warnings.filterwarnings("ignore")

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from dlrm_model import DIM, POOL, ROWS, TABLES, Dense, dlrm_batches, measure, mlp_batches, perceptron

FEATURES = 64


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.tables = nn.ModuleList([nn.EmbeddingBag(ROWS, DIM, mode="sum", sparse=True) for _ in range(TABLES)])
        self.dense = Dense()

    def forward(self, dense, ids):
        return self.dense(dense, torch.stack([table(ids[i].unsqueeze(1)) for i, table in enumerate(self.tables)], 1))


def main(kind, steps, batch):
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    torch.manual_seed(0)
    if kind == "mlp":
        model = DistributedDataParallel(perceptron(FEATURES, [512, 512, 256, 1], last_relu=False))
        optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
        pool = mlp_batches(batch, FEATURES, dist.get_rank())
    else:
        model = DistributedDataParallel(Net())
        optimizer = torch.optim.Adagrad(model.parameters(), 1e-2)
        pool = dlrm_batches(batch, dist.get_rank())

    def step(i):
        *inputs, labels = pool[i % POOL]
        optimizer.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(model(*inputs), labels)
        loss.backward()
        optimizer.step()
        return loss

    measure(step, steps, batch)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
