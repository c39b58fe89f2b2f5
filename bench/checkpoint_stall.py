"""What checkpoints cost while they are written beside training: the same run on two ranks with one every ten seconds and with one at its end alone, alternating. The stall is what
ranks stand still for, as the run's own time attribution has it, less what the one at the end takes; the ratio of speeds counts in all that the writer takes from training."""

import json
import statistics

import harness

EXPERIMENT = """
name = "checkpoints"
[split]
method = "stratified"
valid = 0.0
test = 0.1
[model]
name = "mlp"
hidden = {hidden}
[objective]
name = "binary"
[optimizer]
name = "adam"
rate = 0.001
[train]
epochs = {epochs}
global_batch = 1024
lanes = 2
"""


def main():
    parser = harness.arguments(__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--hidden", default="[2048, 2048, 1024]")
    parser.add_argument("--seconds", type=float, default=10, help="between two checkpoints")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    data, experiment = options.work / f"credit-{options.rows}", options.work / "checkpoints.toml"
    experiment.write_text(EXPERIMENT.format(hidden=options.hidden, epochs=options.epochs))
    if not data.exists():
        harness.run(options.program, "synth", "credit", "--out", data, "--rows", options.rows, "--seed", 3)
    reports = {}

    def train(name, every):
        words = ["train", experiment, "--data", data, "--runs", options.work / "runs", "--json", "--quiet", "--set", f"train.checkpoint_every={every}"]
        report = harness.last_json(" ".join(harness.run("mpirun", "-n", 2, options.program, *words).split()))
        reports.setdefault(name, []).append(report)
        return report["time"]["steps"] / report["time"]["seconds"]

    before = harness.machine()
    never = 1_000_000_000
    every = max(1, round(options.seconds * train("warm-up", never)))
    with_, without = f"one every {options.seconds:g} s", "one at the end"
    figures = harness.alternate({with_: lambda: train(with_, every), without: lambda: train(without, never)}, options.repetitions, unit="steps/s")

    def checkpoint_seconds(report):
        return max(rank["seconds"].get("checkpoint", 0) for rank in report["time"]["ranks"])

    at_end = statistics.median(map(checkpoint_seconds, reports[without]))
    stalls = [max(0, checkpoint_seconds(report) - at_end) / report["time"]["seconds"] for report in reports[with_]]
    remainders = [report["time"]["remainder"] for name in (with_, without) for report in reports[name]]
    run = reports[with_][-1]
    found = {"steps between checkpoints": every, "seconds of a run": run["time"]["seconds"], "checkpoints of a run": run["time"]["steps"] // every,
             "stall, share of the time": stalls, "the checkpoint at the end, s": at_end, "remainder of the attribution": remainders,
             "weights equal": len({report["weights_sha256"] for name in reports for report in reports[name]}) == 1}
    print(json.dumps(found, indent=2))
    harness.record("checkpoint_stall", "training with and without checkpoints", figures, [with_], vars(options), before, {}, unit="steps/s", found=found)


if __name__ == "__main__":
    main()
