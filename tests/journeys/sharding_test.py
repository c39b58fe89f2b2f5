"""Embedding tables, single ids and ragged bags: the same bits on any number of ranks and threads, under any plan, bucket size and transport, and over a stop."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest
import unittest.mock

import numpy as np

from commands import PROGRAM, run, stop_once_running, train_words

EXPERIMENT = """
name = "sharding"
seed = 3
[data]
label = "churn"
[split]
method = "stratified"
valid = 0.2
test = 0.2
[features]
drop = ["customer", "observed_at", "months", "next_category", "true_segment", "true_hazard", "true_probability", "true_uplift", "propensity", "true_next"]
[[features.sequence]]
columns = ["event_item", "event_category"]
max_length = 30
[model]
name = "mlp"
hidden = [32]
dropout = 0.1
embedding_dim = 32
pooling = "mean"
[objective]
name = "binary"
[optimizer]
name = "adagrad"
rate = 0.05
[train]
epochs = 4
global_batch = 400
lanes = 8
clip_norm = 0.5
[artifact]
name = ""
"""

PLANS = {
    "table_wise": ["embeddings.plan=table_wise"],
    "row_wise": ["embeddings.plan=row_wise"],
    "column_wise": ["embeddings.plan=column_wise"],
    "replicated": ["embeddings.plan=replicated"],
    "auto": ["embeddings.plan=auto"],
    "hot": ["embeddings.plan=row_wise", 'embeddings.tables=[{match="*", hot_rows=3}]'],
}


class Sharding(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="cohort-sharding-")
        cls.data = os.path.join(cls.folder, "data")
        run("synth", "behaviour", "--out", cls.data, "--rows", 3000, "--seed", 2)
        cls.experiment = os.path.join(cls.folder, "experiment.toml")
        with open(cls.experiment, "w") as file:
            file.write(EXPERIMENT)
        cls.alone = json.loads(run(*cls.command("alone")).stdout)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    @classmethod
    def command(cls, runs, settings=(), *more):
        return train_words(cls.experiment, cls.data, os.path.join(cls.folder, runs), "--quiet", *more, settings=settings)

    def same(self, name, settings, ranks):
        done = json.loads(run(*self.command(name, settings), ranks=ranks).stdout)
        self.assertEqual(done["weights_sha256"], self.alone["weights_sha256"], name)
        self.assertEqual(done["metrics"], self.alone["metrics"], name)
        return done

    def test_every_plan_gives_the_bits_of_one_rank(self):
        for number, (plan, settings) in enumerate(PLANS.items()):
            ranks = (2, 3, 4, 8, 2, 3)[number]
            done = self.same(plan, [*settings, f"train.bucket_kib={(1, 64, 4096)[number % 3]}", f"train.threads={1 + number % 2}"], ranks)
            tables = done["embeddings"]["tables"]
            self.assertEqual(len(tables), 4)
            self.assertGreater(done["embeddings"]["measured"]["steps"], 0)
            if plan in ("table_wise", "row_wise", "column_wise", "replicated"):
                self.assertEqual({table["placement"] for table in tables}, {plan})

    def test_ranks_on_several_nodes_give_the_bits_of_one_rank(self):
        # Nodes of equal size, the last one smaller, of different sizes, and each rank on its own.
        for nodes, plan, ranks in (("2", "row_wise", 4), ("2", "hot", 3), ("1,3", "column_wise", 4), ("3,1", "auto", 4), ("1", "table_wise", 2)):
            with self.subTest(nodes=nodes, plan=plan), unittest.mock.patch.dict(os.environ, COHORT_RANKS_PER_NODE=nodes):
                done = self.same(f"{plan}-nodes-{nodes}", PLANS[plan], ranks)
                self.assertGreater(done["embeddings"]["measured"]["waiting"], 0)

    def test_a_run_stopped_and_resumed_on_other_ranks_under_another_plan_ends_with_the_same_bits(self):
        process = subprocess.Popen(["mpirun", "-n", "3", PROGRAM, *self.command("stopped", PLANS["column_wise"], "--resume")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertEqual(stop_once_running(process, os.path.join(self.folder, "stopped", "sharding")), 75)
        done = json.loads(run(*self.command("stopped", PLANS["hot"], "--resume"), ranks=2).stdout)
        self.assertEqual(done["weights_sha256"], self.alone["weights_sha256"])
        self.assertEqual(done["metrics"], self.alone["metrics"])

    def test_given_vectors_are_found_by_value_and_are_part_of_the_result(self):
        names, vectors = os.path.join(self.folder, "regions.txt"), os.path.join(self.folder, "regions.npy")
        known = self.values_of("region")[2:4]
        with open(names, "w") as file:
            file.write("\n".join(known) + "\n")
        np.save(vectors, np.full((len(known), 32), 0.25, dtype=np.float32))
        given = [f'embeddings.initial=[{{table="region", file="{vectors}", names="{names}"}}]']
        first = json.loads(run(*self.command("given", given)).stdout)
        self.assertNotEqual(first["weights_sha256"], self.alone["weights_sha256"])
        second = json.loads(run(*self.command("given-2", given + PLANS["column_wise"]), ranks=2).stdout)
        self.assertEqual(second["weights_sha256"], first["weights_sha256"])

    def values_of(self, column):
        with open(os.path.join(self.data, "dataset.json")) as file:
            manifest = json.load(file)
        for entry in manifest["schema"]["columns"]:
            if entry["name"] == column:
                return entry["dictionary"]
        raise AssertionError(column)

    def test_plans_that_cannot_hold_are_refused_with_a_remedy(self):
        for settings, words in ((["embeddings.memory_mib=0.001"], "memory_mib"), (['embeddings.tables=[{match="regoin", placement="replicated"}]'], "region"),
                                (['embeddings.tables=[{match="*", placement="table_wise", rank=7}]'], "rank")):
            done = run(*self.command("refused", settings), ranks=2, check=2)
            self.assertIn(words, done.stderr)
            self.assertFalse(os.path.exists(os.path.join(self.folder, "refused", "sharding", "checkpoints")))


if __name__ == "__main__":
    unittest.main()
