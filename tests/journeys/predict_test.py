"""`cohort predict` on raw files: the same scores, bit by bit, as on the dataset that `cohort import` makes of them."""
import csv
import hashlib
import json
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ.get("COHORT_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
PROGRAM = os.environ.get("COHORT_PROGRAM", str(SOURCE / "build" / "cohort"))

IMPORT = """
missing = ["NA"]
drop = ["note"]
on_error = "missing"
[csv]
delimiter = ";"
[columns.customer]
kind = "categorical"
pseudonym = "customer"
min_count = 2
[columns.age]
kind = "categorical"
generalise = { bands = [18, 30, 45, 60] }
[columns.income]
kind = "dense"
generalise = { round = 100 }
clip_quantiles = [0.02, 0.98]
[columns.months]
kind = "dense"
sentinels = [-1, 999]
clip_min = 0
clip_max = 48
[columns.postcode]
kind = "categorical"
generalise = { prefix = 2 }
min_count = 20
rare_value = "other"
rename = "area"
[columns.joined]
kind = "categorical"
generalise = { date = "month" }
format = "%d.%m.%Y"
[columns.shop]
kind = "categorical"
dtype = "int64"
min_count = 5
[columns.items]
kind = "sequence"
of = "categorical"
separator = "|"
max_length = 5
[columns.amounts]
kind = "sequence"
of = "dense"
separator = " "
[columns.words]
kind = "sequence"
from = "note"
tokenizer = { words = [1, 1], characters = [2, 2], min_documents = 3 }
[columns.churned]
kind = "label"
values = ["no", "yes"]
[privacy]
key_file = "pseudonym.key"
scan = "off"
"""

EXPERIMENT = """
name = "raw"
[checks]
enabled = false
[split]
method = "stratified"
valid = 0.2
test = 0.2
[[features.dense]]
columns = ["income"]
steps = ["log", "standardise"]
[[features.dense]]
columns = ["months"]
steps = ["piecewise_linear"]
bins = 4
[[features.categorical]]
min_count = 2
{sequence}
[model]
name = "mlp"
[objective]
name = "binary"
[optimizer]
name = "adamw"
[train]
epochs = 3
global_batch = 200
lanes = 4
[artifact]
name = "raw"
"""

SEQUENCE = "[[features.sequence]]\nmax_length = 4\n"
NAMES = ["customer", "age", "income", "months", "postcode", "joined", "shop", "items", "amounts", "note", "churned"]


def cohort(*arguments):
    return subprocess.run([PROGRAM, "--quiet", *map(str, arguments)], capture_output=True, text=True, timeout=300)


def raw_rows(count, seed, unseen=False):
    """Customers as a shop's file has them, messy; with `unseen` also values that the training file doesn't hold."""
    chance = random.Random(seed)
    rows = []
    for _ in range(count):
        age = chance.choice([str(chance.randint(16, 80))] * 9 + ["NA", "unknown"])
        months = chance.choice([str(chance.randint(0, 60))] * 8 + ["-1", "999", "", "-5"])
        income = chance.choice([f"{chance.lognormvariate(8, 1):.2f}"] * 9 + ["NA", " 1e9 "])
        items = chance.choices(["tea", "cup", "pot", "tin"] + (["new item"] if unseen else []), k=chance.randint(0, 8))
        score = (len(items) - 4) / 4 + (40 - (int(age) if age.isdigit() else 40)) / 20 + chance.gauss(0, 0.5)
        rows.append({
            "customer": str(chance.randint(1, 300) + (10_000 if unseen and chance.random() < 0.3 else 0)) + chance.choice(["", "", ".0"]),
            "age": age, "income": income, "months": months,
            "postcode": chance.choice(["10115", "10999", "80331", "80802", "50667", "01067"] + (["99999", "Ä1"] if unseen else [])) if chance.random() < 0.98
            else f"{chance.randint(20, 49)}000",
            "joined": f"{chance.randint(1, 28):02}.{chance.randint(1, 12):02}.20{chance.randint(20, 23)}",
            "shop": str(chance.choice([1, 1, 2, 2, 3, 3, "NA", chance.randint(1000, 1400)])),
            "items": "|".join(items), "amounts": " ".join(str(round(chance.uniform(1, 90), 2)) for _ in items),
            "note": chance.choice(["very good tea", "zu spät geliefert", "茶很好喝", "", "Good POT; nice cup", f"rare{chance.randint(0, 999)} tea"]),
            "churned": "yes" if score > 0 else "no"})
    return rows


def write_raw(path, rows, names=NAMES, delimiter=";"):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore", delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


class RawFiles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name)
        cls.key = cls.write_key("pseudonym.key", 1)
        (cls.folder / "import.toml").write_text(IMPORT)
        cls.rows = raw_rows(2500, seed=3)
        write_raw(cls.folder / "raw.csv", cls.rows)
        cls.done(cohort("import", "csv", cls.folder / "raw.csv", "--out", cls.folder / "data", "--options", cls.folder / "import.toml"))
        cls.train("registry", SEQUENCE)
        cls.artifact = cls.folder / "registry" / "raw" / "1"
        cls.scores = cls.predict("data")
        # All that follows has the artifact alone.
        shutil.move(cls.folder / "data", cls.folder / "moved")

    @classmethod
    def train(cls, registry, sequence, data="data"):
        (cls.folder / "experiment.toml").write_text(EXPERIMENT.format(sequence=sequence))
        cls.done(cohort("train", cls.folder / "experiment.toml", "--data", cls.folder / data, "--runs", cls.folder / f"runs-{registry}",
                        "--registry", cls.folder / registry))

    @classmethod
    def write_key(cls, name, seed):
        path = cls.folder / name
        path.write_text(random.Random(seed).randbytes(32).hex() + "\n")
        path.chmod(0o600)
        return path

    @classmethod
    def done(cls, result):
        if result.returncode != 0:
            raise AssertionError(f"{result.args} exited {result.returncode}\n{result.stdout}\n{result.stderr}")
        return result

    @classmethod
    def try_predict(cls, data, *more, registry="registry"):
        return cohort("predict", "raw", "--registry", cls.folder / registry, "--data", cls.folder / data, "--out", cls.folder / "scores.csv", *more)

    @classmethod
    def predict(cls, data, *more, registry="registry"):
        cls.done(cls.try_predict(data, *more, registry=registry))
        return (cls.folder / "scores.csv").read_text().splitlines()

    def refused(self, result, *texts):
        self.assertEqual(result.returncode, 2, result.stderr)
        for text in texts:
            self.assertIn(text, result.stderr)

    def copy_of_artifact(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        shutil.copytree(self.folder / "registry", pathlib.Path(temporary.name) / "registry")
        return pathlib.Path(temporary.name) / "registry"

    def test_a_raw_file_has_exactly_the_scores_of_its_dataset(self):
        self.assertEqual(self.predict("raw.csv", "--key-file", self.key), self.scores)
        self.assertEqual(len(self.scores), 2501)
        self.assertGreater(len(set(line.split(",")[1] for line in self.scores[1:])), 1000, "a net that says the same of everyone proves nothing")

    def test_every_rule_is_at_work_in_the_scores(self):
        # The file as it is, but read without one of the rules: some scores must differ, or the equality above shows nothing of it.
        changes = {"age": {"generalise": None}, "income": {"clip_min": None, "clip_max": None}, "months": {"sentinels": None},
                   "postcode": {"rare_value": None}, "joined": {"generalise": None}, "customer": {"pseudonym": None}}
        for column, change in changes.items():
            with self.subTest(column=column):
                registry = self.copy_of_artifact()
                version = registry / "raw" / "1"
                rules = json.loads((version / "import.json").read_text())
                for name in change:
                    self.assertIn(name, rules["columns"][column])
                    del rules["columns"][column][name]
                self.rewrite(version, "import.json", json.dumps(rules))
                self.assertNotEqual(self.predict("raw.csv", "--key-file", self.key, registry=registry), self.scores)
        for column in ("area", "shop"):
            with self.subTest(kept=column):
                registry = self.copy_of_artifact()
                rules = json.loads((registry / "raw" / "1" / "import.json").read_text())
                del rules["kept"][column]
                self.rewrite(registry / "raw" / "1", "import.json", json.dumps(rules))
                self.assertNotEqual(self.predict("raw.csv", "--key-file", self.key, registry=registry), self.scores)

    def rewrite(self, version, name, text):
        """Another file with its checksum in the manifest, as nobody but a test would do."""
        (version / name).write_text(text)
        manifest = json.loads((version / "manifest.json").read_text())
        manifest["files"][name] = {"bytes": len(text.encode()), "sha256": hashlib.sha256(text.encode()).hexdigest()}
        (version / "manifest.json").write_text(json.dumps(manifest))

    def test_values_that_the_import_took_for_missing_are_counted_in_the_report(self):
        report = json.loads(self.done(self.try_predict("raw.csv", "--key-file", self.key, "--json")).stdout)
        bad = sum(row["age"] == "unknown" for row in self.rows)
        self.assertEqual(report["unreadable"], {'column "age": is not a number': bad})
        self.assertEqual(report["rows"], 2500)
        self.assertNotIn("dropped", report)

    def test_a_compressed_file_has_the_same_scores(self):
        subprocess.run(["gzip", "-kf", self.folder / "raw.csv"], check=True)
        self.assertEqual(self.predict("raw.csv.gz", "--key-file", self.key), self.scores)

    def test_columns_may_stand_in_another_order_and_the_label_be_absent(self):
        write_raw(self.folder / "other.csv", self.rows, [name for name in reversed(NAMES) if name != "churned"], ",")
        self.assertEqual(self.predict("other.csv", "--key-file", self.key), self.scores)

    def test_new_customers_have_the_scores_of_a_dataset_imported_under_the_same_rules(self):
        # Rules that were settled by the training data (bounds at quantiles, which values are rare) are the artifact's; so only columns
        # without such rules are compared with a fresh import.
        rows = raw_rows(600, seed=9, unseen=True)
        write_raw(self.folder / "new.csv", rows)
        plain = IMPORT.replace("clip_quantiles = [0.02, 0.98]\n", "clip_max = 20000\n").replace("min_count = 20\nrare_value = \"other\"\n", "")
        plain = plain.replace("min_count = 5\n", "").replace("min_count = 2\n", "").replace(", min_documents = 3", "")
        (self.folder / "plain.toml").write_text(plain)
        for name, file in (("old-plain", "raw.csv"), ("new-plain", "new.csv")):
            self.done(cohort("import", "csv", self.folder / file, "--out", self.folder / name, "--options", self.folder / "plain.toml"))
        self.train("plain-registry", SEQUENCE, "old-plain")
        expected = self.predict("new-plain", registry="plain-registry")
        self.assertEqual(self.predict("new.csv", "--key-file", self.key, registry="plain-registry"), expected)
        # And with all rules nothing is refused.
        self.assertEqual(len(self.predict("new.csv", "--key-file", self.key)), 601)

    def test_pseudonyms_need_the_key_of_the_import(self):
        self.refused(self.try_predict("raw.csv"), 'column "customer" is a feature as pseudonyms', "--key-file FILE")
        other = self.write_key("other.key", 2)
        self.refused(self.try_predict("raw.csv", "--key-file", other), "holds another key than the pseudonyms of the training data were made with")
        other.chmod(0o644)
        self.refused(self.try_predict("raw.csv", "--key-file", other), "chmod 600")
        self.assertEqual(self.predict("moved"), self.scores, "a dataset needs no key")
        (self.folder / "other.toml").write_text(IMPORT.replace("pseudonym.key", "other.key"))
        other.chmod(0o600)
        self.done(cohort("import", "csv", self.folder / "raw.csv", "--out", self.folder / "other-data", "--options", self.folder / "other.toml"))
        for command in ("predict", "evaluate"):
            more = ["--out", self.folder / "no.csv"] if command == "predict" else []
            result = cohort(command, "raw", "--registry", self.folder / "registry", "--data", self.folder / "other-data", *more)
            self.refused(result, "the net knows pseudonyms made under the key")

    def test_the_key_is_nowhere(self):
        secret = self.key.read_text().strip()
        found = self.try_predict("raw.csv", "--key-file", self.key, "--log-level", "debug")
        self.assertNotIn(secret, found.stdout + found.stderr)
        for folder in ("registry", "runs-registry", "moved"):
            for path in (self.folder / folder).rglob("*"):
                if path.is_file():
                    content = path.read_bytes()
                    self.assertNotIn(secret.encode(), content, path)
                    self.assertNotIn(bytes.fromhex(secret), content, path)

    def test_the_artifact_holds_tokenizers_and_rules_under_its_checksums(self):
        manifest = json.loads((self.artifact / "manifest.json").read_text())
        for name in ("tokenizer.json", "import.json"):
            content = (self.artifact / name).read_bytes()
            self.assertEqual(manifest["files"][name], {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()})
        tokenizers = json.loads((self.artifact / "tokenizer.json").read_text())
        self.assertEqual([entry["column"] for entry in tokenizers["columns"]], ["words"])
        self.assertIn("tea", tokenizers["columns"][0]["vocabulary"])
        self.assertEqual((self.artifact / "tokenizer.json").read_bytes(), (self.folder / "moved" / "tokenizer.json").read_bytes())
        self.done(cohort("artifact", "verify", "raw", "--registry", self.folder / "registry"))
        for name in ("tokenizer.json", "import.json"):
            for damage in ("changed", "gone"):
                with self.subTest(file=name, damage=damage):
                    registry = self.copy_of_artifact()
                    path = registry / "raw" / "1" / name
                    if damage == "gone":
                        path.unlink()
                    else:
                        path.write_bytes(path.read_bytes().replace(b"tea" if name == "tokenizer.json" else b"month", b"TEA", 1))
                    result = cohort("artifact", "verify", "raw", "--registry", registry)
                    self.assertEqual(result.returncode, 3)
                    self.assertIn(name, result.stderr)
                    self.assertEqual(self.try_predict("raw.csv", "--key-file", self.key, registry=registry).returncode, 3)

    def test_a_file_without_the_sequences_is_refused_and_names_them(self):
        write_raw(self.folder / "short.csv", self.rows[:5], ["customer", "age", "income", "months", "postcode", "joined", "shop", "amounts"])
        self.refused(self.try_predict("short.csv", "--key-file", self.key), "the file lacks columns that are needed", '"items"', '"note"')


class GroupedImports(unittest.TestCase):
    def test_rows_of_several_records_are_predicted_as_a_dataset_alone(self):
        with tempfile.TemporaryDirectory() as temporary:
            folder = pathlib.Path(temporary)
            chance = random.Random(5)
            with open(folder / "log.csv", "w", encoding="utf-8") as file:
                file.write("user,item,time,city,active\n")
                for user in range(1000):
                    active = chance.choice(["no", "yes"])
                    city = chance.choice("abc" if active == "no" else "bcd")
                    for _ in range(chance.randint(1, 6)):
                        file.write(f"{user},{chance.choice('tuvwxyz')},{chance.randint(0, 10**6)},{city},{active}\n")
            (folder / "import.toml").write_text(
                'user = "user"\nitem = "item"\ntime = "time"\nprofile = ["city", "active"]\ncsv = { delimiter = ",", header = true }\n'
                'columns.time = { kind = "time", format = "unix_s" }\ncolumns.city = { kind = "categorical" }\n'
                'columns.active = { kind = "label", values = ["no", "yes"] }\n')
            text = EXPERIMENT.format(sequence=SEQUENCE)
            first, last = text.index("[[features.dense]]"), text.index("[[features.categorical]]")
            (folder / "experiment.toml").write_text(text[:first] + text[last:])
            for arguments in (["import", "sequences", folder / "log.csv", "--out", folder / "data", "--options", folder / "import.toml"],
                              ["train", folder / "experiment.toml", "--data", folder / "data", "--runs", folder / "runs", "--registry", folder / "registry"],
                              ["predict", "raw", "--registry", folder / "registry", "--data", folder / "data", "--out", folder / "scores.csv"]):
                result = cohort(*arguments)
                self.assertEqual(result.returncode, 0, result.stderr)
            # A record of the log has a column of that name: it isn't a user's row for all that.
            result = cohort("predict", "raw", "--registry", folder / "registry", "--data", folder / "log.csv", "--out", folder / "no.csv")
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertIn("rows that an import of the format sequences made", result.stderr)
            self.assertIn("import the file as a dataset, with the import.toml of the training data, and predict that", result.stderr)
            self.assertFalse((folder / "no.csv").exists())


if __name__ == "__main__":
    unittest.main()
