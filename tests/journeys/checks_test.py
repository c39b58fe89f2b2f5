"""The gate before step 1 as a user meets it: what stops a run, what is said, and how a finding is accepted."""
import csv
import json
import os
import random
import shutil
import tempfile
import unittest

from commands import run

SOURCE = os.environ["COHORT_SOURCE"]
SHARED = os.environ.get("COHORT_SHARED", "")

EXPERIMENT = """
name = "gate"
[split]
method = "time"
column = "applied_at"
valid = 0.15
test = 0.15
[model]
name = "mlp"
hidden = [8]
[objective]
name = "binary"
[optimizer]
name = "adamw"
[train]
epochs = 1
global_batch = 256
lanes = 2
"""

IMPORT = """
default_kind = "dense"
[columns.applied_at]
kind = "time"
format = "unix_s"
[columns.closed_at]
kind = "time"
format = "unix_s"
[columns.channel]
kind = "categorical"
[columns.customer]
kind = "categorical"
[columns.y]
kind = "label"
values = ["0", "1"]
"""

ROWS = 2000


def rows():
    """Applications in order of time; `repaid` copies the label, `score_after` ranks it perfectly, `channel` changes at the end."""
    chance = random.Random(4)
    for i in range(ROWS):
        y = int(chance.random() < 0.3)
        yield {"x": chance.gauss(y, 1), "repaid": 1 - y, "score_after": chance.gauss(9 * y, 1), "flat": 1, "applied_at": 1600000000 + 3600 * i,
               "closed_at": 1600000000 + 3600 * i + 86400, "channel": chance.choice("aabbc" if i < 0.8 * ROWS else "abccc"), "customer": f"u{chance.randrange(10 ** 9)}", "y": y}


class Checks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="cohort-checks-")
        with open(cls.path("a.csv"), "w", newline="") as file:
            made = list(rows())
            writer = csv.DictWriter(file, fieldnames=made[0])
            writer.writeheader()
            writer.writerows(made)
        with open(cls.path("import.toml"), "w") as file:
            file.write(IMPORT)
        with open(cls.path("gate.toml"), "w") as file:
            file.write(EXPERIMENT)
        cls.data = cls.path("data")
        run("import", "csv", cls.path("a.csv"), "--out", cls.data, "--options", cls.path("import.toml"), "--quiet")

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def train(self, *more, ranks=0, check=0, data=None, runs="runs"):
        return run("train", self.path("gate.toml"), "--data", data or self.data, "--runs", self.path(runs), *more, ranks=ranks, check=check)

    def test_errors_stop_the_run_before_it_leaves_anything_all_at_once_with_remedies(self):
        for ranks in (0, 2):
            done = self.train("--quiet", ranks=ranks, check=2, runs="runs-none")
            self.assertEqual(done.stdout, "")
            self.assertFalse(os.path.exists(self.path("runs-none")))
            errors = [line for line in done.stderr.splitlines() if ": error: " in line]
            self.assertEqual([line.rsplit("[", 1)[1] for line in errors], ["label_copy]", "single_feature]", "id_like]", "unseen_values]"], done.stderr)
            self.assertTrue(all(line.startswith(self.data + ": error: column \"") for line in errors), done.stderr)
            self.assertEqual(done.stderr.count("  remedy: ") - done.stderr.count(" warning "), 4, done.stderr)
            self.assertIn('leave it out with features.drop = ["repaid"], or accept it with checks.allow = ["repaid:label_copy"]', done.stderr)
            self.assertIn('4 errors in the data stopped the run before step 1; checks.on_finding = "warn" would go on regardless', done.stderr)
            self.assertEqual(done.stderr.count('column "flat" has one value in the training rows'), 1, "a warning, from one rank")
            self.assertIn('column "channel" is distributed otherwise in the test rows', done.stderr)
            self.assertIn('column "closed_at" holds times after "applied_at" in 100.0 % of the training rows', done.stderr)

    def test_the_remedies_work_and_the_run_folder_keeps_what_was_found(self):
        drop = 'features.drop=["score_after"]'
        allow = 'checks.allow=["repaid:label_copy", "customer:*"]'
        report = json.loads(self.train("--set", drop, "--set", allow, "--json", "--quiet").stdout)
        with open(os.path.join(report["run"], "checks.json")) as file:
            kept = json.load(file)
        found = {(finding["column"], finding["check"]): finding for finding in kept["findings"]}
        self.assertEqual(set(found), {("repaid", "label_copy"), ("customer", "id_like"), ("customer", "unseen_values"), ("flat", "constant"),
                                      ("channel", "shift"), ("closed_at", "after_cut")})
        self.assertEqual({key for key, finding in found.items() if finding["allowed"]},
                         {("repaid", "label_copy"), ("customer", "id_like"), ("customer", "unseen_values")})
        for finding in kept["findings"]:
            self.assertEqual(set(finding), {"check", "column", "severity", "measured", "threshold", "message", "remedy", "allowed"})
        self.assertEqual(kept["rows"], {"train": 1400, "valid": 300, "test": 300})
        self.assertEqual(found["repaid", "label_copy"]["measured"], 1)

    def test_warn_goes_on_and_says_what_it_found(self):
        done = self.train("--set", "checks.on_finding=warn", "--quiet", runs="runs-warn")
        for name in ("repaid", "score_after", "customer", "flat", "channel", "closed_at"):
            self.assertIn(f'column "{name}"', done.stderr)
        done = self.train("--set", "checks.enabled=false", runs="runs-off")
        self.assertIn("nobody looks at the data", done.stderr)
        self.assertNotIn("label_copy", done.stderr)

    def test_a_dry_run_shows_the_findings_and_ends_as_the_run_would(self):
        done = self.train("--dry-run", "--quiet", check=2)
        plan = json.loads(done.stdout)
        self.assertEqual(plan["split"], {"train": 1400, "valid": 300, "test": 300})
        self.assertEqual(plan["checks"]["findings"][0]["column"], "repaid")
        measured = {item["column"]: item for item in plan["checks"]["columns"]}
        self.assertGreater(measured["score_after"]["separation"], 0.999)
        self.assertEqual(measured["repaid"]["agreement"], 1)
        self.assertIn("4 errors in the data stopped the run", done.stderr)
        several = json.loads(self.train("--dry-run", "--quiet", ranks=2, check=2).stdout)
        self.assertEqual(several["checks"], plan["checks"], "any number of ranks finds the same")
        accepted = self.train("--dry-run", "--quiet", "--set", 'features.drop=["score_after", "repaid", "customer"]')
        self.assertNotIn("error", accepted.stderr)

    def test_a_resumed_run_keeps_its_findings(self):
        options = ["--set", 'features.drop=["score_after", "repaid", "customer"]', "--json", "--quiet"]
        first = json.loads(self.train(*options, runs="runs-kept").stdout)
        path = os.path.join(first["run"], "checks.json")
        with open(path) as file:
            kept = json.load(file)
        kept["findings"][0]["message"] = "kept from the first attempt"
        with open(path, "w") as file:
            json.dump(kept, file)
        again = self.train(*options, "--resume=" + first["run"], runs="runs-kept")
        self.assertIn("kept from the first attempt", again.stderr)
        with open(path, "w") as file:
            file.write("{")
        self.assertNotIn("kept from the first attempt", self.train(*options, "--resume=" + first["run"], runs="runs-kept").stderr)

    def test_mistakes_in_the_table_are_located(self):
        done = self.train("--dry-run", "--set", 'checks.allow=["repayd:label_copy", "repaid:copy", "repaid"]', "--set", "checks.after_cut.cut=soon",
                          "--set", "checks.after_cut.cut_column=x", "--set", 'checks.after_cut.available_at=["x=later"]', check=2)
        for expected in ('the dataset has no column "repayd"', 'did you mean "repaid"?', 'there is no check "copy"', '"repaid" isn\'t COLUMN:CHECK', '"soon" is no time',
                         '"x" is of kind dense, not time', '"later" is neither a time nor a time column of the dataset'):
            self.assertIn(expected, done.stderr)
        done = self.train("--dry-run", "--set", "checks.shift.sevrity=error", check=2)
        self.assertIn('did you mean "severity"?', done.stderr)

    def test_the_synthetic_data_pass_without_a_word_but_for_their_planted_drift(self):
        for drift, found in ((0, []), (1, [("shift", "purpose")])):
            data = self.path(f"credit-{drift}")
            run("synth", "credit", "--out", data, "--rows", 20000, "--seed", 3, "--quiet", "--set", f"drift={drift}")
            for split, wanted in (([], found), (["--set", "split.method=stratified"], [])):
                done = self.train("--dry-run", "--quiet", *split, data=data)
                findings = json.loads(done.stdout)["checks"]["findings"]
                self.assertEqual([(f["check"], f["column"]) for f in findings], wanted)
                if not wanted:
                    self.assertNotIn("column ", done.stderr)

    def test_rows_in_order_of_time_show_their_shift(self):
        file = os.path.join(SHARED, "data", "bank-marketing", "bank-additional-full.csv.gz")
        if not os.path.exists(file):
            self.skipTest("needs ../shared/data/bank-marketing")
        data = self.path("bank")
        run("import", "csv", file, "--out", data, "--options", os.path.join(SOURCE, "experiments", "imports", "bank-additional-full.toml"), "--quiet")
        with open(self.path("late.csv"), "w") as folds:
            folds.write("row,fold\n" + "".join(f"{i},{int(i >= 32950)}\n" for i in range(41188)))
        late = ["--set", "split.method=folds", "--set", "split.fold_file=" + self.path("late.csv"), "--set", "data.fold=1"]
        plan = json.loads(self.train("--dry-run", "--quiet", *late, data=data).stdout)
        shifted = {finding["column"] for finding in plan["checks"]["findings"] if finding["check"] == "shift"}
        # The interest rate and the labour market of 2008 to 2010, and whom was called then.
        self.assertLessEqual({"euribor3m", "nr.employed", "emp.var.rate", "cons.price.idx", "month", "poutcome"}, shifted)
        self.assertNotIn("marital", shifted)
        plan = json.loads(self.train("--dry-run", "--quiet", "--set", "split.method=stratified", data=data).stdout)
        self.assertEqual(plan["checks"]["findings"], [])


if __name__ == "__main__":
    unittest.main()
