"""Measures what bench/scaling_model.py fits: steps on several ranks, within a node and over as many nodes as ranks (pretended ones: messages instead of shared memory), beside the same
step and lanes without a communicator in as many processes at once. Medians of alternating repetitions; writes bench/results/scaling_steps_<net>.json and prints the fit.

More ranks than cores share them: the processes without a communicator do, too.
"""

import json
import os
import pathlib
import statistics

import harness
import scaling_model
from dlrm_vs_peers import together

LANES = 4
NETS = {"mlp": (64, 256), "dlrm": (256,)}
RANKS = (2, 4)
TABLES, DIM = 26, 16


def reduced_bytes(net):
    if net == "mlp":
        return 4 * scaling_model.perceptron_parameters([64, 512, 512, 256, 1])
    return 4 * (scaling_model.perceptron_parameters([13, 512, 256, DIM]) + scaling_model.perceptron_parameters([DIM + 27 * 26 // 2, 512, 256, 1]))


def exchanged_bytes(net, batch, ranks):
    """Ids, vectors, and gradients with row and node, of the rows that others keep; nearly all ids of a batch differ."""
    return 0 if net == "mlp" else batch * TABLES * (4 + 4 * DIM + 4 * DIM + 8) * (ranks - 1) // ranks


def main():
    parser = harness.arguments(__doc__)
    parser.add_argument("--steps-program", type=pathlib.Path, default=harness.ROOT / "build" / "bin" / "train_steps", help="what is measured")
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args()

    def seconds(command):
        return harness.last_json(harness.run(*command))["ms_per_step"] / 1e3

    for net, batches in NETS.items():
        before, cases = harness.machine(), []
        for ranks in RANKS:
            for batch in batches:
                common = ["--net", net, "--batch", batch, "--steps", options.steps]
                cases.append((ranks, batch, ["mpirun", "-n", ranks, options.steps_program, *common, "--lanes", LANES],
                              [options.steps_program, *common, "--lanes", LANES // ranks, "--alone"]))
        times = {}
        for repetition in range(options.repetitions):
            for ranks, batch, step, alone in cases:
                outputs = together([alone] * ranks)
                times.setdefault((ranks, batch, 0), []).append(statistics.mean(harness.last_json(output)["ms_per_step"] for output in outputs) / 1e3)
                for nodes in (1, ranks):
                    os.environ["COHORT_RANKS_PER_NODE"] = str(ranks // nodes)
                    times.setdefault((ranks, batch, nodes), []).append(seconds(step))
                    os.environ.pop("COHORT_RANKS_PER_NODE")
            print(f"  {net}: {repetition + 1}/{options.repetitions}", flush=True)
        median = {key: statistics.median(values) for key, values in times.items()}
        measurements = [{"ranks": ranks, "nodes": nodes, "lanes": LANES, "batch": batch, "step_seconds": median[ranks, batch, nodes],
                         "compute_seconds": median[ranks, batch, 0], "reduced_bytes": reduced_bytes(net), "exchanged_bytes": exchanged_bytes(net, batch, ranks)}
                        for ranks in RANKS for batch in batches for nodes in (1, ranks)]
        document = {"what": f"{net}: steps on one machine of {os.cpu_count()} cores, nodes pretended", "machine": before, "measurements": measurements}
        target = harness.ROOT / "bench" / "results" / f"scaling_steps_{net}.json"
        target.write_text(json.dumps(document, indent=2) + "\n")
        scaling_model.print_fit(document)


if __name__ == "__main__":
    main()
