"""The cost of a training step in ranks and nodes: fitted on measurements, and predicted from vendors' figures. docs/scaling.md explains the model.

    python bench/scaling_model.py fit MEASUREMENTS.json     # latency, bandwidth and a fixed cost; measured beside fitted
    python bench/scaling_model.py predict [--rates 0.5]     # 8 to 4,096 GPUs, from SOURCES below
    python bench/scaling_model.py tables                    # the predictions as they stand in docs/scaling.md

A file of measurements is

    {"what": "DLRM", "measurements": [
        {"ranks": 2, "nodes": 1, "lanes": 4, "step_seconds": 0.071, "compute_seconds": 0.066, "reduced_bytes": 9502720, "exchanged_bytes": 6815744}, …]}

step_seconds: median seconds of a step. compute_seconds: the same step and lanes in as many processes at once, without a communicator. reduced_bytes:
length of the vector that is summed over ranks. exchanged_bytes: what a rank sends to other ranks in the three all-to-alls (ids, vectors, gradients), 0 where
nothing is sharded. nodes may be left out where it is 1; other keys are ignored.
"""

import argparse
import itertools
import json
import math
import pathlib
import sys

SOURCES = {
    "H100": "https://www.nvidia.com/en-us/data-center/h100/ (H100 SXM)",
    "HGX": "https://developer.nvidia.com/blog/introducing-nvidia-hgx-h100-an-accelerated-server-platform-for-ai-and-high-performance-computing/",
    "CX7": "https://docs.nvidia.com/networking/display/ConnectX7VPI/Introduction",
    "DGX": "https://docs.nvidia.com/dgx/dgxh100-user-guide/ (network modules: an adapter for each GPU)",
    "NCCL": "https://github.com/NVIDIA/nccl/blob/b6475625fbcaa2c3c0e50eed2fa1255d7514d4a2/src/graph/tuning.cc",
    "DLRM": "https://github.com/facebookresearch/dlrm/blob/181c5ff7fac50f8a255c85727090c338f4f2fa03/bench/run_and_time.sh",
    "tables": "https://github.com/facebookresearch/dlrm/blob/3d2148a8676da6a180b95bae22b45f5a1d274d0c/torchrec_dlrm/README.MD",
}

# name: (value, unit, source, what it is)
CONSTANTS = {
    "flops": (67e12, "FLOP/s", "H100", "float32 products outside tensor cores"),
    "memory": (3.35e12, "bytes/s", "H100", "HBM3"),
    "node_bandwidth": (450e9, "bytes/s", "HGX", "NVLink, each direction: half of 900 GB/s"),
    "network_bandwidth": (50e9, "bytes/s", "CX7", "InfiniBand NDR, 400 Gb/s each direction, one adapter a GPU"),
    "gpus_a_node": (8, "", "DGX", "and as many adapters for the compute network"),
    "node_latency": (0.6e-6, "s", "NCCL", "a hop over NVLink (hwLat, ring, LL)"),
    "network_latency": (2.7e-6, "s", "NCCL", "a hop over the network (hwLat, ring, LL)"),
    "collective_latency": (6.6e-6, "s", "NCCL", "of any collective (baseLat, ring, LL)"),
}

CRITEO_ROWS = [40000000, 39060, 17295, 7424, 20265, 3, 7122, 1543, 63, 40000000, 3067956, 405282, 10, 2209, 11938, 155, 4, 976, 14, 40000000, 40000000,
               40000000, 590152, 12973, 108, 36]
GPUS = [8, 16, 64, 256, 1024, 4096]
ROWS_A_LANE = 128  # fewer make a lane's products inefficient (docs/notes/lanes.md)


def perceptron_parameters(widths):
    return sum(a * b + b for a, b in zip(widths, widths[1:]))


def dlrm():
    """The MLPerf DLRM: 26 tables of width 128, one id each; pairwise products of 27 vectors, of which the lower triangle and the dense vector go on."""
    vectors, width = len(CRITEO_ROWS) + 1, 128
    top = vectors * (vectors - 1) // 2 + width
    parameters = perceptron_parameters([13, 512, 256, width]) + perceptron_parameters([top, 1024, 1024, 512, 256, 1])
    return {"name": "DLRM", "parameters": parameters, "tables": CRITEO_ROWS, "width": width, "extra_flops": 3 * 2 * vectors * vectors * width}


def mlp():
    return {"name": "MLP 64-512-512-256-1", "parameters": perceptron_parameters([64, 512, 512, 256, 1]), "tables": [], "width": 0, "extra_flops": 0}


def different(draws, rows):
    """Expected different rows among as many draws, all rows alike: N·(1 − (1 − 1/N)ⁿ)."""
    return 1.0 if rows == 1 else -rows * math.expm1(draws * math.log1p(-1 / rows))


def all_reduce(size, nodes, in_node, c):
    """Halving and doubling, neighbours first: within a node all of the vector, between nodes a GPU's part of it (Thakur et al. 2005, § 4.5, in two levels)."""
    seconds = c["collective_latency"]
    if in_node > 1:
        seconds += 2 * math.log2(in_node) * c["node_latency"] + 2 * (in_node - 1) / in_node * size / c["node_bandwidth"]
    if nodes > 1:
        seconds += 2 * math.log2(nodes) * c["network_latency"] + 2 * (nodes - 1) / nodes * size / in_node / c["network_bandwidth"]
    return seconds


def all_to_all(size, nodes, in_node, c):
    """Each rank sends `size` bytes, evenly to all ranks. The cheaper of pairwise exchange in two levels and Bruck's algorithm (Thakur et al. 2005, § 4.3)."""
    ranks = nodes * in_node
    if ranks == 1:
        return 0.0
    # Two levels: first to the rank of one's own node that is the receiver's partner, then between partners. Everything crosses the node once.
    levels = c["collective_latency"] + (in_node - 1) * c["node_latency"] + (nodes - 1) * c["network_latency"]
    levels += (in_node - 1) / in_node * size / c["node_bandwidth"] + (nodes - 1) / nodes * size / c["network_bandwidth"]
    latency, bandwidth = (c["network_latency"], c["network_bandwidth"]) if nodes > 1 else (c["node_latency"], c["node_bandwidth"])
    rounds = math.ceil(math.log2(ranks))
    return min(levels, c["collective_latency"] + rounds * (latency + size / 2 / bandwidth))


def predict(net, gpus, rows, rates=1.0):
    """Seconds of the parts of one step with `rows` rows a GPU. `rates`: the share of each stated rate that is reached; latencies are divided by it."""
    c = {name: value for name, (value, *_) in CONSTANTS.items()}
    in_node = c["gpus_a_node"]
    for name in c:
        if name != "gpus_a_node":
            c[name] = c[name] / rates if name.endswith("latency") else c[name] * rates
    nodes = gpus // in_node
    # Forward 2 and backward 4 operations a parameter and row.
    compute = rows * (6 * net["parameters"] + net["extra_flops"]) / c["flops"]
    reduction = all_reduce(4 * net["parameters"], nodes, in_node, c)
    own = sum(different(rows, n) for n in net["tables"])
    everywhere = sum(different(rows * gpus, n) for n in net["tables"])
    vector = 4 * net["width"]
    exchange = all_to_all(8 * own, nodes, in_node, c) + 2 * all_to_all(vector * own, nodes, in_node, c) if net["tables"] else 0.0
    # Read and written: rows packed and unpacked on both sides, vectors spread over samples and their gradients gathered; then rows with their state.
    table_bytes = 2 * (2 * own * vector + 2 * rows * len(net["tables"]) * vector) + 2 * everywhere / gpus * (vector + 4)
    optimizer = 28 * net["parameters"] / c["memory"]  # Adam: four arrays read, three written
    parts = {"compute": compute, "reduction": reduction, "exchange": exchange, "tables": table_bytes / c["memory"], "optimizer": optimizer}
    apart = sum(parts.values())
    together = max(compute, reduction + exchange) + parts["tables"] + optimizer
    return parts | {"apart": apart, "together": together}


def scaling(net, rows_of):
    """One line a number of GPUs; rows_of(gpus) is the rows a GPU."""
    lines = []
    for gpus in GPUS:
        rows = rows_of(gpus)
        if rows < 1:
            continue
        lines.append({"gpus": gpus, "rows": rows} | predict(net, gpus, rows))
    first = lines[0]
    for line in lines:
        for way in ("apart", "together"):
            line[f"efficiency_{way}"] = (line["rows"] / line[way]) / (first["rows"] / first[way])
    return lines


CASES = [
    ("DLRM, 8,192 rows a GPU", dlrm, lambda gpus: 8192),
    ("DLRM, 65,536 rows in all", dlrm, lambda gpus: 65536 // gpus),
    ("MLP 64-512-512-256-1, 256 rows a GPU", mlp, lambda gpus: 256),
]


def markdown():
    text = ""
    for title, net, rows_of in CASES:
        text += f"**{title}** (microseconds)\n\n"
        text += "| GPUs | rows a GPU | compute | reduction | exchange | tables | optimizer | one after another | overlapped | efficiency |\n"
        text += "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        for line in scaling(net(), rows_of):
            us = [f"{line[part] * 1e6:,.0f}" for part in ("compute", "reduction", "exchange", "tables", "optimizer", "apart", "together")]
            few = "*" if line["rows"] < ROWS_A_LANE else ""
            efficiency = f"{line['efficiency_apart']:.2f} – {line['efficiency_together']:.2f}"
            text += f"| {line['gpus']:,} | {line['rows']:,}{few} | {' | '.join(us)} | {efficiency} |\n"
        text += "\n"
    return text


# ---- fitting --------------------------------------------------------------------------------------------------------


def tree_nodes(lanes, rank, ranks):
    """Partial vectors that a rank with its contiguous lanes has: the fewest aligned nodes of the lane tree (trainer/lane_tree.h)."""
    first, last, nodes = lanes * rank // ranks, lanes * (rank + 1) // ranks, 0
    while first < last:
        count = lanes if first == 0 else first & -first
        while count > last - first:
            count //= 2
        first, nodes = first + count, nodes + 1
    return nodes


def communication(measured):
    """What latency and bandwidth are multiplied by: messages one after another, and bytes through a rank."""
    ranks, lanes = measured["ranks"], measured["lanes"]
    if ranks == 1:
        return 0.0, 0.0
    partial = max(tree_nodes(lanes, rank, ranks) for rank in range(ranks))
    exchanged = measured.get("exchanged_bytes", 0)
    rounds = 2 * math.ceil(math.log2(ranks)) + (3 * (ranks - 1) if exchanged > 0 else 0)
    return rounds, (partial + 1) * (ranks - 1) / ranks * measured["reduced_bytes"] + exchanged


def check(measurements):
    if not measurements:
        sys.exit("no measurements")
    for i, measured in enumerate(measurements):
        for key in ("ranks", "lanes", "step_seconds", "compute_seconds", "reduced_bytes"):
            if not isinstance(measured.get(key), (int, float)) or measured[key] < (0 if key == "reduced_bytes" else 1e-12):
                sys.exit(f"measurement {i} has no proper \"{key}\"")
        if measured["lanes"] & (measured["lanes"] - 1) or measured["lanes"] < measured["ranks"]:
            sys.exit(f"measurement {i}: lanes are a power of two, no fewer than ranks")


def solve(matrix, values):
    """Least squares by the normal equations and elimination; None where columns depend on each other."""
    n = len(matrix[0])
    a = [[sum(row[i] * row[j] for row in matrix) for j in range(n)] + [sum(row[i] * v for row, v in zip(matrix, values))] for i in range(n)]
    for i in range(n):
        pivot = max(range(i, n), key=lambda r: abs(a[r][i]))
        if abs(a[pivot][i]) < 1e-12:
            return None
        a[i], a[pivot] = a[pivot], a[i]
        for r in range(n):
            if r != i:
                factor = a[r][i] / a[i][i]
                a[r] = [x - factor * y for x, y in zip(a[r], a[i])]
    return [a[i][n] / a[i][i] for i in range(n)]


def non_negative(matrix, values):
    """Least squares with no negative unknown: the best of all choices of which are zero (there are few)."""
    n = len(matrix[0])
    scales = [max(abs(row[j]) for row in matrix) or 1.0 for j in range(n)]
    best, best_error = [0.0] * n, sum(v * v for v in values)
    for chosen in itertools.chain.from_iterable(itertools.combinations(range(n), k) for k in range(1, n + 1)):
        found = solve([[row[j] / scales[j] for j in chosen] for row in matrix], values)
        if found is None or min(found) < 0:
            continue
        unknowns = [0.0] * n
        for j, value in zip(chosen, found):
            unknowns[j] = value / scales[j]
        error = sum((sum(x * u for x, u in zip(row, unknowns)) - v) ** 2 for row, v in zip(matrix, values))
        if error < best_error * (1 - 1e-9):
            best, best_error = unknowns, error
    return best


def fit(measurements):
    """{"fixed", "node": (latency, seconds a byte), "network": …}, by least squares of relative errors. Ranks of several nodes wait for the network alone."""
    check(measurements)
    networks = [m.get("nodes", 1) > 1 for m in measurements]
    matrix, values = [], []
    for measured, network in zip(measurements, networks):
        rounds, size = communication(measured)
        many = 1.0 if measured["ranks"] > 1 else 0.0
        row = [many] + ([0.0, 0.0, rounds, size] if network else [rounds, size, 0.0, 0.0])
        weight = 1 / measured["step_seconds"]
        matrix.append([x * weight for x in row])
        values.append((measured["step_seconds"] - measured["compute_seconds"]) * weight)
    fixed, node_latency, node_byte, network_latency, network_byte = non_negative(matrix, values)
    return {"fixed": fixed, "node": (node_latency, node_byte), "network": (network_latency, network_byte)}


def fitted_step(model, measured):
    rounds, size = communication(measured)
    latency, byte = model["network" if measured.get("nodes", 1) > 1 else "node"]
    return measured["compute_seconds"] + (model["fixed"] if measured["ranks"] > 1 else 0) + latency * rounds + byte * size


def print_fit(document):
    measurements = document["measurements"]
    model = fit(measurements)
    print(document.get("what", "measurements"))
    print(f"  fixed cost with more ranks than one: {model['fixed'] * 1e6:.1f} us")
    for name in ("node", "network"):
        latency, byte = model[name]
        if latency or byte:
            rate = f"{1 / byte / 1e9:.2f} GB/s" if byte else "not seen"
            print(f"  {name}: latency {latency * 1e6:.2f} us a message, bandwidth {rate}")
    print(f"  {'ranks':>5} {'nodes':>5} {'lanes':>5} {'compute ms':>11} {'measured ms':>12} {'fitted ms':>10} {'error':>7}  left out")
    for i, measured in enumerate(measurements):
        step = fitted_step(model, measured)
        others = measurements[:i] + measurements[i + 1:]
        # What the model says of a measurement that it hasn't seen.
        unseen = fitted_step(fit(others), measured) / measured["step_seconds"] - 1 if others else float("nan")
        print(f"  {measured['ranks']:>5} {measured.get('nodes', 1):>5} {measured['lanes']:>5} {measured['compute_seconds'] * 1e3:>11.3f} "
              f"{measured['step_seconds'] * 1e3:>12.3f} {step * 1e3:>10.3f} {step / measured['step_seconds'] - 1:>+7.1%} {unseen:>+9.1%}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    fitting = commands.add_parser("fit", help="fits measurements")
    fitting.add_argument("file", type=pathlib.Path)
    predicting = commands.add_parser("predict", help="predicts from vendors' figures")
    predicting.add_argument("--rates", type=float, default=1.0, help="share of every stated rate that is reached, in (0, 1]")
    commands.add_parser("tables", help="the tables of docs/scaling.md")
    options = parser.parse_args()
    if options.command == "fit":
        print_fit(json.loads(options.file.read_text()))
    elif options.command == "tables":
        print(markdown(), end="")
    else:
        if not 0 < options.rates <= 1:
            parser.error("--rates is a share, above 0 and at most 1")
        for title, net, rows_of in CASES:
            for gpus in GPUS:
                if rows_of(gpus) >= 1:
                    print(json.dumps({"case": title, "gpus": gpus, "rows": rows_of(gpus)} | predict(net(), gpus, rows_of(gpus), options.rates)))


if __name__ == "__main__":
    main()
