"""Appending makes a new version that shares the old files, and is what an import of all files at once would be; `dataset diff` shows the difference."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import h5py

PROGRAM = os.environ["COHORT_PROGRAM"]

OPTIONS = """
on_error = "drop"
[columns.x]
kind = "dense"
[columns.city]
kind = "categorical"
[columns.zone]
kind = "categorical"
dtype = "int64"
[columns.tags]
kind = "sequence"
of = "categorical"
separator = "|"
[columns.note]
kind = "text"
[columns.y]
kind = "label"
values = ["no", "yes"]
[store]
rows_per_shard = 40
chunk_rows = 16
"""


def rows(first, count, cities=("basel", "lyon", "ulm"), label=None):
    text = "x,city,zone,tags,note,y\n"
    for i in range(first, first + count):
        # Every 17th record is unreadable and left out; its number stays taken.
        x = "?" if i % 17 == 5 else f"{i / 4}"
        text += f"{x},{cities[i % len(cities)]},{i % 5},{'|'.join('abc'[: i % 4])},note {i},{label or ('yes' if i % 3 else 'no')}\n"
    return text


class Case(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="cohort-append-")
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.write("import.toml", OPTIONS)

    def write(self, name, content):
        (self.folder / name).write_text(content)
        return self.folder / name

    def cohort(self, *arguments, ranks=1, status=0):
        command = [PROGRAM, "--quiet", *map(str, arguments)]
        done = subprocess.run(command if ranks == 1 else ["mpirun", "-n", str(ranks), *command], capture_output=True, text=True)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout if status == 0 else done.stderr

    def load(self, out, *inputs, options="import.toml", ranks=1):
        self.cohort("import", "csv", *inputs, "--out", self.folder / out, "--options", self.folder / options, ranks=ranks)
        return self.manifest(out)

    def append(self, out, to, *inputs, ranks=1):
        report = self.cohort("import", "csv", *inputs, "--out", self.folder / out, "--append-to", self.folder / to, "--json", ranks=ranks)
        return json.loads(report), self.manifest(out)

    def refused(self, *arguments):
        message = self.cohort("import", "csv", *arguments, "--out", self.folder / "refused", status=2)
        self.assertEqual([name for name in os.listdir(self.folder) if "refused" in name], [])
        return message

    def manifest(self, out):
        return json.loads((self.folder / out / "dataset.json").read_text())

    def files(self, out):
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (self.folder / out).iterdir()}

    def diff(self, a, b):
        return json.loads(self.cohort("dataset", "diff", self.folder / a, self.folder / b, "--json"))


class Append(Case):
    def check_whole(self, out, *inputs):
        """The dataset is what an import of all these inputs is, whole, and its counts are theirs."""
        all_at_once = self.load("all-" + out, *inputs)
        manifest = self.manifest(out)
        self.assertEqual(manifest["identity"], all_at_once["identity"])
        for key in ("inputs", "records", "rows", "dropped", "unreadable", "cleaned"):
            self.assertEqual(manifest["source"][key], all_at_once["source"][key], key)
        self.cohort("verify", "--deep", self.folder / out)
        difference = self.diff(out, "all-" + out)
        self.assertTrue(difference["equal"])
        self.assertTrue(all(column["content"] == "equal" for column in difference["columns"]))

    def test_without_new_values_all_shards_are_shared(self):
        one, two, three = self.write("1.csv", rows(0, 100)), self.write("2.csv", rows(100, 70)), self.write("3.csv", rows(170, 30))
        first = self.load("v1", one)
        before = self.files("v1")
        report, manifest = self.append("v2", "v1", two)
        shards = len(first["shards"])
        self.assertEqual(report["appended_to"], {"identity": first["identity"], "rows": first["rows"], "shards_linked": shards,
                                                 "shards_copied": 0, "shards_rewritten": 0})
        self.assertEqual(manifest["shards"][:shards], first["shards"])
        for shard in first["shards"]:
            self.assertTrue(os.path.samefile(self.folder / "v1" / shard["file"], self.folder / "v2" / shard["file"]))
        self.check_whole("v2", one, two)
        _, third = self.append("v3", "v2", three, ranks=2)
        self.check_whole("v3", one, two, three)
        self.assertEqual([step["base"] for step in third["source"]["lineage"]], [first["identity"], manifest["identity"]])
        self.assertEqual([step["appended"][0]["file"] for step in third["source"]["lineage"]], ["2.csv", "3.csv"])
        self.assertEqual(self.files("v1"), before)
        shutil.rmtree(self.folder / "v1")
        self.cohort("verify", "--deep", self.folder / "v3")

    def test_row_numbers_go_on_after_the_records_of_the_base(self):
        one, two = self.write("1.csv", rows(0, 23)), self.write("2.csv", rows(23, 7))
        self.load("v1", one)
        _, manifest = self.append("v2", "v1", two)
        with h5py.File(self.folder / "v2" / manifest["shards"][-1]["file"]) as file:
            self.assertEqual(file["row"][:].tolist(), [23, 24, 25, 26, 27, 28, 29])

    def test_values_that_sort_before_change_the_codes_and_the_shards_are_written_anew(self):
        one, two = self.write("1.csv", rows(0, 100)), self.write("2.csv", rows(100, 70, ("aarau", "lyon", "ulm", "zug")))
        first = self.load("v1", one)
        before = self.files("v1")
        for ranks in (1, 2):
            report, _ = self.append(f"v2-{ranks}", "v1", two, ranks=ranks)
            self.assertEqual(report["appended_to"]["shards_rewritten"], len(first["shards"]))
            self.assertEqual(report["appended_to"]["shards_linked"], 0)
            self.check_whole(f"v2-{ranks}", one, two)
        self.assertEqual(self.files("v2-1"), self.files("v2-2"))
        self.assertEqual(self.files("v1"), before)

    def test_values_that_sort_behind_leave_the_codes_and_the_shards(self):
        one, two = self.write("1.csv", rows(0, 100)), self.write("2.csv", rows(100, 70, ("lyon", "zug")))
        first = self.load("v1", one)
        report, _ = self.append("v2", "v1", two)
        self.assertEqual(report["appended_to"]["shards_linked"], len(first["shards"]))
        self.check_whole("v2", one, two)

    def test_parts_stay_apart(self):
        one, two, three = self.write("1.csv", rows(0, 50)), self.write("2.csv", rows(50, 50)), self.write("3.csv", rows(100, 50, ("aarau",)))
        self.load("v1", f"train={one}", f"test={two}")
        self.append("v2", "v1", f"train={three}")
        self.check_whole("v2", f"train={one}", f"test={two}", f"train={three}")

    def test_new_values_can_be_missing_or_refused(self):
        one, two = self.write("1.csv", rows(0, 100)), self.write("2.csv", rows(100, 20, ("aarau", "lyon")))
        first = self.load("v1", one)
        message = self.refused(two, "--append-to", self.folder / "v1", "--new-values", "fail")
        self.assertIn('column "city" has 1 values that the dataset doesn\'t know: "aarau"', message)
        self.cohort("import", "csv", two, "--out", self.folder / "v2", "--append-to", self.folder / "v1", "--new-values", "missing")
        manifest = self.manifest("v2")
        self.assertEqual(manifest["schema"]["columns"][1]["dictionary"], first["schema"]["columns"][1]["dictionary"])
        self.assertEqual(manifest["shards"][: len(first["shards"])], first["shards"])
        self.assertEqual(manifest["source"]["cleaned"], {'column "city": new values taken for missing': 1})
        with h5py.File(self.folder / "v2" / manifest["shards"][-1]["file"]) as file:
            self.assertEqual(set(file["city"][:].tolist()), {-1, 1})
        self.cohort("verify", "--deep", self.folder / "v2")

    def test_appended_rows_may_all_have_one_label(self):
        one, two = self.write("1.csv", rows(0, 40)), self.write("2.csv", rows(40, 10, label="yes"))
        self.load("v1", one)
        self.append("v2", "v1", two)
        self.check_whole("v2", one, two)

    @unittest.skipUnless(os.path.isdir("/dev/shm") and os.access("/dev/shm", os.W_OK), "no second file system")
    def test_where_links_are_impossible_shards_are_copied(self):
        one, two = self.write("1.csv", rows(0, 100)), self.write("2.csv", rows(100, 20))
        first = self.load("v1", one)
        with tempfile.TemporaryDirectory(prefix="cohort-append-", dir="/dev/shm") as other:
            if os.stat(other).st_dev == os.stat(self.folder).st_dev:
                self.skipTest("no second file system")
            report = json.loads(self.cohort("import", "csv", two, "--out", f"{other}/v2", "--append-to", self.folder / "v1", "--json"))
            self.assertEqual(report["appended_to"]["shards_copied"], len(first["shards"]))
            self.cohort("verify", "--deep", f"{other}/v2")

    def test_another_schema_is_refused(self):
        one = self.write("1.csv", rows(0, 40))
        self.load("v1", one)
        for old, new, expected in (('kind = "dense"', 'kind = "dense"\ndtype = "float64"', 'column "x": dtype would be "float64"'),
                                   ("[columns.note]", '[columns.note]\nrename = "remark"', 'has no column "remark", the new rows have'),
                                   ('values = ["no", "yes"]', 'values = ["yes", "no"]', 'column "y": classes would be ["yes","no"]')):
            other = self.write("other.toml", OPTIONS.replace(old, new))
            self.assertIn(expected, self.refused(one, "--append-to", self.folder / "v1", "--options", other))
        narrow = self.write("2.csv", "x,y\n1,yes\n")
        self.assertIn('the input has no column "city"', self.refused(narrow, "--append-to", self.folder / "v1"))

    def test_rules_that_need_all_rows_are_refused(self):
        one = self.write("1.csv", rows(0, 100))
        for name, options in (("duplicates", 'duplicates = "drop"\n' + OPTIONS),
                              ("rare values", OPTIONS.replace('[columns.city]\nkind = "categorical"', '[columns.city]\nkind = "categorical"\nmin_count = 2')),
                              ("quantiles", OPTIONS.replace('kind = "dense"', 'kind = "dense"\nclip_quantiles = [0.1, 0.9]'))):
            self.write("other.toml", options)
            self.load(name, one, options="other.toml")
            message = self.refused(one, "--append-to", self.folder / name)
            self.assertIn(name, message)
            self.assertIn("need all rows at once", message)

    def test_a_base_that_no_import_made_is_refused(self):
        self.cohort("synth", "credit", "--rows", 100, "--out", self.folder / "synth")
        message = self.refused(self.write("1.csv", rows(0, 5)), "--append-to", self.folder / "synth")
        self.assertIn("was made by no import", message)


class Diff(Case):
    def test_a_dataset_equals_itself_in_other_shards(self):
        one = self.write("1.csv", rows(0, 100))
        self.load("a", one)
        self.write("other.toml", OPTIONS.replace("= 40", "= 1000").replace("[store]", '[store]\nfilter = "none"'))
        self.load("b", one, options="other.toml")
        difference = self.diff("a", "b")
        self.assertTrue(difference["equal"])
        self.assertEqual(difference["shards"], {"a": 3, "b": 1, "shared": 0})
        self.assertEqual({column["content"] for column in difference["columns"]}, {"equal"})
        self.assertIn("the same dataset", self.cohort("dataset", "diff", self.folder / "a", self.folder / "b"))

    def test_differing_rows_are_counted_and_named_by_column(self):
        text = rows(0, 100)
        self.load("a", self.write("1.csv", text))
        self.load("b", self.write("2.csv", text.replace("note 7,", "note seven,").replace("\n12.5,", "\n99,").replace("\n2.25,", "\n77,")))
        difference = self.diff("a", "b")
        self.assertFalse(difference["equal"])
        found = {column["name"]: (column["content"], column["differing_rows"], column["first_differing"]) for column in difference["columns"]}
        # Record 5 and every 17th after it were left out.
        self.assertEqual(found["x"], ("different", 2, [8, 47]))
        self.assertEqual(found["note"], ("different", 1, [6]))
        self.assertEqual({name for name, (content, _, _) in found.items() if content == "equal"}, {"city", "zone", "tags", "y", "row"})
        self.assertEqual(difference["shards"]["shared"], 1)
        self.assertIn("column x: 2 rows differ, at 8, 47", self.cohort("dataset", "diff", self.folder / "a", self.folder / "b"))

    def test_values_are_compared_not_codes(self):
        text = rows(0, 60)
        self.load("a", self.write("1.csv", text))
        self.load("b", self.write("2.csv", text.replace("lyon", "aarau", 2)))
        city = next(column for column in self.diff("a", "b")["columns"] if column["name"] == "city")
        self.assertEqual((city["values_added"], city["first_added"], city["values_removed"]), (1, ["aarau"], 0))
        self.assertEqual((city["differing_rows"], city["first_differing"]), (2, [1, 4]))

    def test_appended_rows_leave_the_common_rows_equal(self):
        self.load("a", self.write("1.csv", rows(0, 100)))
        self.append("b", "a", self.write("2.csv", rows(100, 50, ("aarau",))))
        difference = self.diff("a", "b")
        self.assertFalse(difference["equal"])
        self.assertEqual({column["content"] for column in difference["columns"]}, {"equal"})
        self.assertLess(difference["rows"]["a"], difference["rows"]["b"])

    def test_changed_columns_are_named(self):
        one = self.write("1.csv", rows(0, 40))
        self.load("a", one)
        self.write("other.toml", 'drop = ["note"]\n' + OPTIONS.replace('[columns.note]\nkind = "text"\n', "").replace(
            'kind = "dense"', 'kind = "dense"\ndtype = "float64"').replace("[columns.zone]", '[columns.zone]\nrename = "area"'))
        self.load("b", one, options="other.toml")
        difference = self.diff("a", "b")
        self.assertEqual(difference["columns_removed"], ["zone", "note"])
        self.assertEqual(difference["columns_added"], ["area"])
        x = difference["columns"][0]
        self.assertEqual(x["changes"], {"dtype": {"a": "float32", "b": "float64"}})
        self.assertEqual(x["content"], "incomparable")

    def test_damage_is_named(self):
        one = self.write("1.csv", rows(0, 40))
        self.load("a", one)
        shutil.copytree(self.folder / "a", self.folder / "b")
        shard = next((self.folder / "b").glob("data-*.h5"))
        os.truncate(shard, shard.stat().st_size // 2)
        self.assertIn(shard.name, self.cohort("dataset", "diff", self.folder / "a", self.folder / "b", status=3))


if __name__ == "__main__":
    unittest.main()
