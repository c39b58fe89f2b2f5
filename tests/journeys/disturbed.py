"""Runs that are disturbed on their way, for the journeys: what they come to must be what an undisturbed run comes to."""

import json
import os
import pathlib
import subprocess
import time

from commands import PROGRAM, run

COMMON = """
[split]
method = "stratified"
valid = 0.2
test = 0.2
[objective]
name = "binary"
[optimizer]
name = "adam"
[train]
epochs = 40
global_batch = 128
lanes = 4
evaluate_every = 5
checkpoint_every = 9
"""
NETS = {
    "dense": (["credit"], 'name = "dense"\n[model]\nname = "mlp"\nhidden = [16]\n'),
    "embeddings": (["clicks", "--set", "dense=4", "--set", "categorical=4", "--set", "ids=30", "--set", "crosses=2"],
                   'name = "embeddings"\n[embeddings]\nplan = "row_wise"\n[model]\nname = "dlrm"\nembedding_dim = 8\nbottom = [16]\ntop = [16]\n'),
}


class Journey:
    """One net's data, experiment and undisturbed outcome below `folder`."""

    def __init__(self, folder, net):
        self.folder, self.net = pathlib.Path(folder) / net, net
        self.folder.mkdir()
        synth, head = NETS[net]
        run("synth", *synth, "--out", self.folder / "data", "--rows", 3000, "--seed", 5)
        (self.folder / "e.toml").write_text(head + COMMON)
        self.expected = self.outcome(json.loads(run(*self.words("undisturbed"), ranks=2).stdout))

    def words(self, runs, *more):
        return ["train", str(self.folder / "e.toml"), "--data", str(self.folder / "data"), "--runs", str(self.folder / runs), "--json", "--quiet", *more]

    def outcome(self, report):
        """Of a finished run: its weights, and each metric as the last attempt told it."""
        folder = pathlib.Path(report["run"])
        values = {}
        for line in (folder / "metrics.jsonl").read_text().splitlines():
            metric = json.loads(line)
            if metric["split"] in ("valid", "test") or metric["name"] in ("loss", "rate"):
                values[metric["split"], metric["name"], metric["step"]] = metric["value"]
        audit = json.loads(run("audit", folder, "--json").stdout)
        return {"weights": report["weights_sha256"], "metrics": values, "final": report["metrics"], "proven": audit["proven"],
                "epochs": [(epoch["state"], epoch["rows"]) for epoch in audit["epochs"]]}

    def steps_logged(self, runs):
        return sum(file.read_bytes().count(b"\n") for file in (self.folder / runs).glob("*/*/ledger.jsonl"))

    def start(self, runs, ranks, **environment):
        command = ["mpirun", "-n", str(ranks), PROGRAM, *self.words(runs, "--resume")]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, **environment}, start_new_session=True)

    def wait_for_steps(self, process, runs, steps):
        """Until so many steps more than now are in the ledger; False where the process ends before."""
        target, deadline = self.steps_logged(runs) + steps, time.time() + 60
        while time.time() < deadline and process.poll() is None and self.steps_logged(runs) < target:
            time.sleep(0.002)
        return process.poll() is None

    def finish(self, runs, ranks):
        return self.outcome(json.loads(run(*self.words(runs, "--resume"), ranks=ranks).stdout))


def ranks_of(process):
    """Process ids of what mpirun started."""
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as children:
        return [int(pid) for pid in children.read().split()]


