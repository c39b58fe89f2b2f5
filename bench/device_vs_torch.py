"""Training steps on one GPU against PyTorch, eager and torch.compile, on the same nets and batches from memory; recorded steps against steps that aren't; and whether two runs
come to the same bits.

Also the share of the memory's bandwidth that a step of the DLRM reaches: bytes that no implementation can avoid (parameters, gradients and optimizer state read and
written once, vectors of rows seen, activations left out) over the bandwidth of a plain copy in the same run.
"""

import json
import pathlib
import sys

import harness

NETS = {"mlp": 4096, "dlrm": 8192}
VERSIONS = """
import json, torch
print(json.dumps({"torch": torch.__version__, "cuda": torch.version.cuda, "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "processor"}))
"""
COPY = """
import json, sys, torch
n, repetitions = 1 << 28, 20
a, b = (torch.empty(n, device=sys.argv[1]) for _ in range(2))
b.copy_(a)
torch.cuda.synchronize()
begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
begin.record()
for _ in range(repetitions):
    b.copy_(a)
end.record()
torch.cuda.synchronize()
print(json.dumps({"bytes_per_second": 2 * 4 * n * repetitions / begin.elapsed_time(end) * 1000}))
"""


def unavoidable_bytes(net, batch):
    """A sample's share of what a step must read and write at least."""
    widths = {"mlp": [64, 512, 512, 256, 1], "dlrm": [13, 512, 256, 16]}[net]
    parameters = sum(a * b + b for a, b in zip(widths, widths[1:]))
    if net == "mlp":
        return 28 * parameters / batch + 64 * 4  # Adam reads four arrays and writes three
    top = [16 + 27 * 26 // 2, 512, 256, 1]
    parameters += sum(a * b + b for a, b in zip(top, top[1:]))
    # Adagrad reads three arrays and writes two; a row's vector is read, its gradient written and read, the row read and written, with its state.
    return 20 * parameters / batch + 26 * (16 * 4 * 5 + 2 * 4) + 13 * 4 + 26 * 4


def main():
    parser = harness.arguments(__doc__)
    parser.add_argument("--peers", type=pathlib.Path, default=pathlib.Path(sys.executable), help="Python with a CUDA build of torch")
    parser.add_argument("--steps-program", type=pathlib.Path, default=harness.ROOT / "build-cuda" / "bin" / "train_steps", help="our side")
    parser.add_argument("--device", default="cuda", help="cuda, or cpu to try the script")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--threads", type=int, default=8, help="that sort our ids")
    options = parser.parse_args()

    def ours(net, *more):
        return harness.last_json(harness.run(options.steps_program, "--net", net, "--batch", NETS[net], "--steps", options.steps, "--lanes", 1, "--alone",
                                             "--threads", options.threads, "--device", options.device, *more))

    def peer(net, way):
        return harness.last_json(harness.run(options.peers, harness.ROOT / "bench" / "peers" / "steps_torch.py", net, way, options.steps, NETS[net],
                                             options.device))["samples_per_second"]

    before, versions = harness.machine(), json.loads(harness.run(options.peers, "-c", VERSIONS))
    for net, batch in NETS.items():
        first, second = ours(net), ours(net)
        if first["weights_sha256"] != second["weights_sha256"]:
            sys.exit(f"{net}: two runs came to different bits")
        print(f"{net}: two runs came to the same bits, {first['weights_sha256'][:16]}")
        figures = harness.alternate({
            "cohort": lambda: ours(net)["samples_per_second"],
            "cohort, not recorded": lambda: ours(net, "--eager")["samples_per_second"],
            "PyTorch": lambda: peer(net, "eager"),
            "PyTorch, compiled": lambda: peer(net, "compiled"),
        }, options.repetitions, "samples/s")
        if options.device != "cpu":
            copied = harness.last_json(harness.run(options.peers, "-c", COPY, options.device))["bytes_per_second"]
            figures["limit of memory"] = [copied / unavoidable_bytes(net, batch)]
        harness.record(f"device_{net}_vs_torch", f"{net} steps on one device, {batch} rows, 1 lane", figures, ["cohort"], vars(options) | {"out": None}, before, versions,
                       "samples/s")


if __name__ == "__main__":
    main()
