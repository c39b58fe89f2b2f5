"""Training throughput of `cohort train` against PyTorch DDP over gloo: the same MLP, the same rows, two ranks, one thread a rank."""

import importlib.metadata
import json
import shutil
import sys

import numpy

import harness

FEATURES = 64
WIDTHS = [512, 512, 256]

EXPERIMENT = """
name = "train-vs-ddp"

[split]
method = "stratified"
valid = 0.01
test = 0.01

[model]
name = "mlp"
hidden = {widths}

[objective]
name = "binary"

[optimizer]
name = "adamw"
rate = 1e-3

[train]
epochs = {epochs}
global_batch = {batch}
lanes = {lanes}
evaluate_every = {epochs}
"""


def make_dataset(options):
    """The rows, written once: a CSV, imported by Cohort; the peer reads the shards into memory."""
    dataset = options.work / f"train-{options.rows}"
    if (dataset / "dataset.json").exists():
        return dataset
    options.work.mkdir(parents=True, exist_ok=True)
    source = options.work / "train.csv"
    draw = numpy.random.default_rng(0)
    x = draw.standard_normal((options.rows, FEATURES)).astype(numpy.float32)
    label = (x[:, :8].sum(axis=1) + draw.standard_normal(options.rows) > 0).astype(int)
    with open(source, "w") as file:
        file.write(",".join(f"f{i}" for i in range(FEATURES)) + ",y\n")
        for i in range(options.rows):
            file.write(",".join(f"{value:.4f}" for value in x[i]) + f",{label[i]}\n")
    harness.run(options.program, "import", "csv", source, "--infer", "--label", "y", "--out", dataset)
    source.unlink()
    return dataset


def main():
    parser = harness.arguments(__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--epochs", type=int, default=3, help="the first is left out of the figure")
    parser.add_argument("--batch", type=int, default=2048, help="global batch")
    parser.add_argument("--lanes", type=int, default=8)
    options = parser.parse_args()
    dataset = make_dataset(options)
    experiment = options.work / "train-vs-ddp.toml"
    experiment.write_text(EXPERIMENT.format(widths=WIDTHS, epochs=options.epochs, batch=options.batch, lanes=options.lanes))

    def cohort():
        shutil.rmtree(options.work / "runs", ignore_errors=True)
        report = harness.run("mpirun", "-n", 2, options.program, "train", experiment, "--data", dataset, "--runs", options.work / "runs", "--json")
        return json.loads(report)["throughput"]["train_rows_per_second"]

    def ddp(kind):
        return lambda: harness.last_json(harness.run(
            sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", 2, harness.ROOT / "bench" / "peers" / "train_mlp.py",
            dataset, kind, options.epochs, options.batch, ",".join(map(str, WIDTHS))))["rows_per_second"]

    before = harness.machine()
    figures = harness.alternate({"cohort train": cohort, "DDP, rows in memory": ddp("slice"), "DDP, DataLoader": ddp("loader")}, options.repetitions)
    harness.record("train_vs_ddp", "training an MLP on two ranks", figures, ["cohort train"], vars(options), before,
                   {"torch": importlib.metadata.version("torch")})


if __name__ == "__main__":
    main()
