"""Peers of bench/device_vs_torch.py: training steps in PyTorch on one device, eager or compiled.

    steps_torch.py dlrm|mlp eager|compiled STEPS BATCH DEVICE

Batches lie in page-locked memory and are copied while the one before is computed. mlp: 64-512-512-256-1, fused Adam; dlrm: 26 tables of 100,000 × 16 with sparse gradients, Adagrad.
"""

import json
import sys
import time
import warnings

warnings.filterwarnings("ignore")

import torch
from torch import nn

from dlrm_model import DIM, POOL, ROWS, TABLES, WARM_UP, Dense, dlrm_batches, mlp_batches, perceptron

FEATURES = 64


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.tables = nn.ModuleList([nn.Embedding(ROWS, DIM, sparse=True) for _ in range(TABLES)])
        self.dense = Dense()

    def forward(self, dense, ids):
        return self.dense(dense, torch.stack([table(ids[i]) for i, table in enumerate(self.tables)], 1))


def main(kind, way, steps, batch, device):
    torch.manual_seed(0)
    cuda = device.startswith("cuda")
    if kind == "mlp":
        model, pool = perceptron(FEATURES, [512, 512, 256, 1], last_relu=False), mlp_batches(batch, FEATURES, 0)
    else:
        model, pool = Net(), dlrm_batches(batch, 0)
    model.to(device)
    if kind == "mlp":
        optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    else:
        optimizer = torch.optim.Adagrad(model.parameters(), 1e-2)
    if cuda:
        pool = [[tensor.pin_memory() for tensor in tensors] for tensors in pool]
    loss_of = nn.functional.binary_cross_entropy_with_logits

    def forward(*tensors):
        *inputs, labels = tensors
        return loss_of(model(*inputs), labels)

    compute = torch.compile(forward, mode="reduce-overhead") if way == "compiled" else forward

    def step(i):
        optimizer.zero_grad()
        loss = compute(*[tensor.to(device, non_blocking=True) for tensor in pool[i % POOL]])
        loss.backward()
        optimizer.step()
        return loss.item()  # as our loop, which looks at the loss of every step

    for i in range(WARM_UP + (10 if way == "compiled" else 0)):
        step(i)
    if cuda:
        torch.cuda.synchronize()
    begin = time.perf_counter()
    for i in range(steps):
        loss = step(i)
    if cuda:
        torch.cuda.synchronize()
    seconds = time.perf_counter() - begin
    print(json.dumps({"samples_per_second": steps * batch / seconds, "step_ms": 1000 * seconds / steps, "loss": loss}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
