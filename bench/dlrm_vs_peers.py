"""Training steps on two ranks of one thread against peers: DLRM against TorchRec and DDP with sparse gradients, an MLP against DDP, both against compute alone.

Every side draws from batches in memory, so that no reading of data counts. Compute alone is the same step and lanes without a communicator, in as many
processes at once. Peers run in an environment of their own (--peers), since TorchRec brings its own torch.
"""

import json
import pathlib
import subprocess
import sys

import harness

RANKS = 2
MLP_BATCH = 256

VERSIONS = """
import importlib.metadata, json
have = {package.metadata["Name"].replace("_", "-"): package.version for package in importlib.metadata.distributions()}
print(json.dumps({name: have.get(name) for name in ("torch", "torchrec", "fbgemm-gpu-cpu")}))
"""


def together(commands):
    """Runs the commands at the same time; what each printed."""
    running = [subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=harness.environment())
               for command in commands]
    ended = [(process, *process.communicate()) for process in running]  # all of them, also where one failed
    for process, _, errors in ended:
        if process.returncode != 0:
            sys.exit(f"{' '.join(map(str, process.args))} gave {process.returncode}\n{errors[-3000:]}")
    return [output for _, output, _ in ended]


def main():
    parser = harness.arguments(__doc__)
    parser.add_argument("--peers", type=pathlib.Path, default=pathlib.Path(sys.executable), help="Python of the peers' environment")
    parser.add_argument("--steps-program", type=pathlib.Path, default=harness.ROOT / "build" / "bin" / "train_steps", help="our side")
    parser.add_argument("--net", choices=["dlrm", "mlp", "both"], default="both")
    parser.add_argument("--batch", type=int, default=1024, help="rows a rank of the DLRM; the MLP has 256")
    parser.add_argument("--lanes", type=int, default=2 * RANKS, help="of a global batch")
    parser.add_argument("--steps", type=int, default=100, help="timed, of the DLRM by us and by TorchRec")
    options = parser.parse_args()
    lanes = set()

    def ours(net, steps, batch):
        report = harness.last_json(harness.run("mpirun", "-n", RANKS, options.steps_program, "--net", net, "--batch", batch, "--steps", steps,
                                               "--lanes", options.lanes))
        lanes.add(report["lanes"])
        return report["samples_per_second"]

    def fast(net, steps, batch):
        # Determinism "fast": a lane a rank, and no demand for deterministic algorithms.
        return harness.last_json(harness.run("mpirun", "-n", RANKS, options.steps_program, "--net", net, "--batch", batch, "--steps", steps,
                                             "--lanes", RANKS, "--fast"))["samples_per_second"]

    def alone(net, steps, batch):
        # A process alone has the lanes that a rank has in the run on all ranks.
        command = [options.steps_program, "--net", net, "--batch", batch, "--steps", steps, "--lanes", options.lanes // RANKS, "--alone"]
        return sum(harness.last_json(output)["samples_per_second"] for output in together([command] * RANKS))

    def peer(script, *arguments):
        return harness.last_json(harness.run(options.peers, "-m", "torch.distributed.run", "--nproc-per-node", RANKS,
                                             harness.ROOT / "bench" / "peers" / script, *arguments))["samples_per_second"]

    versions = json.loads(harness.run(options.peers, "-c", VERSIONS))
    before = harness.machine()
    if options.net != "mlp":
        figures = harness.alternate({
            "cohort": lambda: ours("dlrm", options.steps, options.batch),
            "compute alone": lambda: alone("dlrm", options.steps, options.batch),
            "cohort, fast": lambda: fast("dlrm", options.steps, options.batch),
            "TorchRec": lambda: peer("dlrm_torchrec.py", options.steps, options.batch),
            "DDP, sparse gradients": lambda: peer("dlrm_ddp.py", "dlrm", max(1, options.steps // 5), options.batch),
        }, options.repetitions, "samples/s")
        harness.record("dlrm_vs_peers", f"DLRM steps on {RANKS} ranks, {options.batch} rows a rank, {sorted(lanes)} lanes", figures, ["cohort"],
                       vars(options), before, versions, "samples/s")
    if options.net != "dlrm":
        figures = harness.alternate({
            "cohort": lambda: ours("mlp", 5 * options.steps, MLP_BATCH),
            "compute alone": lambda: alone("mlp", 5 * options.steps, MLP_BATCH),
            "cohort, fast": lambda: fast("mlp", 5 * options.steps, MLP_BATCH),
            "DDP, fused Adam": lambda: peer("dlrm_ddp.py", "mlp", 5 * options.steps, MLP_BATCH),
        }, options.repetitions, "samples/s")
        harness.record("mlp_vs_ddp", f"MLP steps on {RANKS} ranks, {MLP_BATCH} rows a rank, {sorted(lanes)} lanes", figures, ["cohort"],
                       vars(options) | ({"out": None} if options.net == "both" else {}), before, versions, "samples/s")


if __name__ == "__main__":
    main()
