"""What the comparisons share: alternating repetitions, medians, ratios, and a record of the machine."""

import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]


def arguments(description):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build" / "cohort", help="the cohort program")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build" / "bench", help="folder for data")
    parser.add_argument("--repetitions", type=int, default=5, help="of each side, alternating")
    parser.add_argument("--out", type=pathlib.Path, default=None, help="the record; bench/results/<name>.json if not given")
    return parser


def environment():
    """One thread a rank; mpirun may run as root and share cores."""
    return os.environ | {"OMP_NUM_THREADS": "1", "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
                         "OMPI_MCA_rmaps_base_oversubscribe": "1", "COHORT_PYTHON": sys.executable}


def run(*command, cwd=None):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=environment(), cwd=cwd)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} gave {done.returncode}\n{done.stderr[-3000:]}")
    return done.stdout


def last_json(text):
    """The JSON on the last line that holds one."""
    return json.loads([line for line in text.splitlines() if line.startswith("{")][-1])


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    return {"cpu": model, "cores": os.cpu_count(), "load_before": os.getloadavg()[0]}


def alternate(sides, repetitions, unit="rows/s"):
    """sides: name → function giving a figure. Each repetition runs every side once, in turn."""
    figures = {name: [] for name in sides}
    for repetition in range(repetitions):
        for name, measure in sides.items():
            figures[name].append(measure())
            print(f"  {repetition + 1}/{repetitions}  {name:<28} {figures[name][-1]:>12,.0f} {unit}", flush=True)
    return figures


def record(name, what, figures, ours, options, before, versions, unit="rows/s", pairs=None, found=None):
    """Prints and writes medians and the ratio of ours to each other side, or of the sides in `pairs`; and what was found besides."""
    medians = {side: statistics.median(values) for side, values in figures.items()}
    pairs = pairs or [(our, side) for our in ours for side in medians if side not in ours]
    ratios = {f"{our} / {side}": medians[our] / medians[side] for our, side in pairs}
    print(f"\n{what}: medians of {len(next(iter(figures.values())))} alternating repetitions")
    for side, value in medians.items():
        print(f"  {side:<28} {value:>12,.0f} {unit}   ({min(figures[side]):,.0f} to {max(figures[side]):,.0f})")
    for pair, ratio in ratios.items():
        print(f"  {pair:<44} {ratio:.2f}")
    result = {"what": what, "unit": unit, "date": datetime.date.today().isoformat(), "machine": before, "versions": versions,
              "options": {key: str(value) for key, value in options.items() if key not in ("program", "work", "out", "peers", "steps_program")}, "figures": figures, "medians": medians, "ratios": ratios}
    if found is not None:
        result["found"] = found
    target = options["out"] or ROOT / "bench" / "results" / f"{name}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(result, indent=2) + "\n")
    print(f"  recorded in {target}")
