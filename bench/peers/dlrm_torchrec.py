"""A peer of bench/dlrm_vs_peers.py: DLRM in TorchRec over gloo, tables placed by its planner, fbgemm's fused row-wise Adagrad.

Run by torchrun: dlrm_torchrec.py STEPS BATCH_A_RANK. Needs an environment with torchrec and fbgemm-gpu-cpu (bench/README.md).
"""

import logging
import sys
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

import torch
import torch.distributed as dist
import torchrec
from torch import nn
from torchrec.distributed.model_parallel import DistributedModelParallel
from torchrec.optim.apply_optimizer_in_backward import apply_optimizer_in_backward
from torchrec.sparse.jagged_tensor import KeyedJaggedTensor

from dlrm_model import DIM, POOL, ROWS, TABLES, Dense, dlrm_batches, measure

FIELDS = [f"field{i}" for i in range(TABLES)]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.tables = torchrec.EmbeddingBagCollection(
            device=torch.device("meta"),
            tables=[torchrec.EmbeddingBagConfig(name=f"table{i}", embedding_dim=DIM, num_embeddings=ROWS, feature_names=[field])
                    for i, field in enumerate(FIELDS)])
        self.dense = Dense()

    def forward(self, dense, ids):
        return self.dense(dense, self.tables(ids).values().view(-1, TABLES, DIM))


def main(steps, batch):
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    torch.manual_seed(0)
    net = Net()
    apply_optimizer_in_backward(torchrec.optim.RowWiseAdagrad, net.tables.parameters(), {"lr": 1e-2})
    model = DistributedModelParallel(net, device=torch.device("cpu"))
    optimizer = torch.optim.Adagrad([p for name, p in model.named_parameters() if "tables" not in name], 1e-2)
    one_each = torch.ones(TABLES * batch, dtype=torch.int32)
    pool = [(dense, KeyedJaggedTensor.from_lengths_sync(keys=FIELDS, values=ids.reshape(-1), lengths=one_each), labels)
            for dense, ids, labels in dlrm_batches(batch, dist.get_rank())]

    def step(i):
        dense, ids, labels = pool[i % POOL]
        optimizer.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(model(dense, ids), labels)
        loss.backward()
        optimizer.step()
        return loss

    measure(step, steps, batch)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
