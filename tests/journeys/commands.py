"""The program as a user types it, for the journeys."""

import json
import os
import signal
import subprocess
import time

PROGRAM = os.environ["COHORT_PROGRAM"]


def run(*arguments, ranks=0, check=0):
    command = [PROGRAM, *map(str, arguments)]
    if ranks:
        command = ["mpirun", "-n", str(ranks), *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if check is not None and done.returncode != check:
        raise AssertionError(f"{command} exited {done.returncode}, not {check}\n{done.stdout}\n{done.stderr}")
    return done


def small_experiment(name, hidden="[16]", optimizer="", held_out=0.2, epochs=3, batch=128, train="", more=""):
    """A TOML text: a small net on a 0/1 label, in four lanes. `optimizer`, `train`: lines that go into these tables; `more`: tables."""
    return f"""
name = "{name}"
[split]
method = "stratified"
valid = {held_out}
test = {held_out}
[model]
name = "mlp"
hidden = {hidden}
[objective]
name = "binary"
[optimizer]
name = "adamw"
{optimizer}
[train]
epochs = {epochs}
global_batch = {batch}
lanes = 4
{train}
{more}
"""


def train_words(experiment, data, runs, *more, settings=()):
    """The words of `cohort train`, with --json."""
    words = ["train", experiment, "--data", data, "--runs", runs, "--json", *more]
    for setting in settings:
        words += ["--set", setting]
    return words


def kill_tree(process):
    """SIGKILL to a launcher and the ranks it started, each by its id: ranks have process groups of their own."""
    found, todo = [], [process.pid]
    while todo:
        pid = todo.pop()
        found.append(pid)
        try:
            with open(f"/proc/{pid}/task/{pid}/children") as children:
                todo += map(int, children.read().split())
        except OSError:
            pass
    for pid in found:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.wait()
    deadline = time.time() + 30
    while time.time() < deadline and any(os.path.exists(f"/proc/{pid}") for pid in found):
        time.sleep(0.01)


def statuses(home):
    """What the runs below `home` tell watchers: their status.json, each whole."""
    found = []
    for run_id in sorted(os.listdir(home)) if os.path.isdir(home) else []:
        try:
            with open(os.path.join(home, run_id, "status.json")) as file:
                found.append(json.load(file))
        except FileNotFoundError:
            pass
    return found


def stop_once_running(process, home):
    """SIGUSR1 as soon as a run below `home` says that it trains; the exit status."""
    deadline = time.time() + 60
    while time.time() < deadline and process.poll() is None:
        if any(status["state"] == "training" for status in statuses(home)):
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGUSR1)
    process.communicate(timeout=60)
    return process.returncode
