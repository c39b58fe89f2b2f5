"""Imports as a user types them: messages, compressed and odd files, inference, inspection, and what damage looks like."""

import gzip
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import h5py
import numpy

SOURCE = pathlib.Path(os.environ.get("COHORT_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
PROGRAM = os.environ.get("COHORT_PROGRAM", str(SOURCE / "build" / "cohort"))
GOLDEN = SOURCE / "tests" / "golden" / "imports"

LABEL = '[columns.y]\nkind = "label"\nvalues = ["no", "yes"]\n'
DENSE = 'default_kind = "dense"\n' + LABEL


def cohort(*arguments, **options):
    return subprocess.run([PROGRAM, "--quiet", *map(str, arguments)], capture_output=True, text=True, **options)


class ImportCase(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.out = self.folder / "dataset"

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def succeed(self, *arguments):
        result = cohort(*arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def import_csv(self, content, options=DENSE, *more, name="input.csv"):
        source = self.write(name, content)
        self.succeed("import", "csv", source, "--out", self.out, "--options", self.write("import.toml", options), *more)
        return json.loads((self.out / "dataset.json").read_text())

    def array(self, name, shard="data-00000.h5"):
        with h5py.File(self.out / shard, "r") as file:
            return file[name][:]

    def names(self):
        return sorted(path.name for path in self.folder.iterdir())


class BrokenInputs(unittest.TestCase):
    """Every case of tests/golden/imports: exit 2, exactly this message, nothing written."""

    maxDiff = None

    def test_every_case_gives_its_message_and_writes_nothing(self):
        cases = sorted(path for path in GOLDEN.iterdir() if path.is_dir())
        self.assertGreaterEqual(len(cases), 40)
        for case in cases:
            with self.subTest(case=case.name), tempfile.TemporaryDirectory() as temporary:
                result = cohort("import", "csv", case / "input.csv", "--out", pathlib.Path(temporary) / "out", "--options",
                                case / "import.toml")
                self.assertEqual(result.stderr.replace(str(case), "{dir}"), (case / "expected.txt").read_text())
                self.assertEqual(result.returncode, 2)
                self.assertEqual(result.stdout, "")
                self.assertEqual(os.listdir(temporary), [])


class Files(ImportCase):
    DATA = "a,b,y\n1,2,no\n3,4,yes\n5,,no\n"

    def test_plain_gzip_and_zstd_files_give_the_same_dataset(self):
        identities = set()
        zstd = shutil.which("zstd")
        contents = {"plain.csv": self.DATA.encode(), "one.csv.gz": gzip.compress(self.DATA.encode()),
                    "two_members.csv": gzip.compress(self.DATA[:9].encode()) + gzip.compress(self.DATA[9:].encode())}
        if zstd:
            contents["z.csv.zst"] = subprocess.run([zstd, "-q", "-c"], input=self.DATA.encode(), capture_output=True, check=True).stdout
        for name, content in contents.items():
            self.out = self.folder / ("out-" + name)
            identities.add(self.import_csv(content, name=name)["identity"])
        self.assertEqual(len(identities), 1)

    def test_a_cut_off_gzip_file_is_damaged(self):
        source = self.write("x.csv.gz", gzip.compress(self.DATA.encode() * 1000)[:-20])
        result = cohort("import", "csv", source, "--out", self.out, "--options", self.write("i.toml", DENSE))
        self.assertEqual(result.returncode, 3)
        self.assertIn(str(source), result.stderr)
        self.assertIn("cut off", result.stderr)
        self.assertEqual(self.names(), ["i.toml", "x.csv.gz"])

    def test_byte_order_mark_crlf_blank_lines_and_no_last_line_end_are_no_data(self):
        manifest = self.import_csv(b"\xef\xbb\xbfa,b,y\r\n1,2,no\r\n\r\n3,4,yes")
        self.assertEqual([c["name"] for c in manifest["schema"]["columns"]], ["a", "b", "y"])
        self.assertEqual(self.array("b").tolist(), [2, 4])
        self.assertEqual(self.array("row").tolist(), [0, 1])

    def test_quoted_fields_hold_delimiters_quotes_and_line_ends(self):
        manifest = self.import_csv('a,s,y\n1,"x, ""y""\nz",no\n2,"",yes\n3,"plain",no\n',
                                   DENSE + '[columns.s]\nkind = "categorical"\n')
        column = manifest["schema"]["columns"][1]
        self.assertEqual(column["dictionary"], ["plain", 'x, "y"\nz'])
        self.assertEqual(self.array("s").tolist(), [1, -1, 0])

    def test_without_quoting_quotes_are_characters(self):
        manifest = self.import_csv('a,s,y\n1,5" pipe,no\n2,",yes\n', DENSE + '[columns.s]\nkind = "categorical"\n[csv]\nquote = ""\n')
        self.assertEqual(manifest["schema"]["columns"][1]["dictionary"], ['"', '5" pipe'])

    def test_iso_8859_1_becomes_utf_8(self):
        manifest = self.import_csv("a,né,y\n1,café,no\n2,thé,yes\n".encode("latin-1"),
                                   DENSE + '[columns."né"]\nkind = "categorical"\n[csv]\nencoding = "iso-8859-1"\n')
        self.assertEqual(manifest["schema"]["columns"][1]["dictionary"], ["café", "thé"])
        self.assertEqual(self.array("né").tolist(), [0, 1])

    def test_files_without_a_header_take_names(self):
        manifest = self.import_csv("1\t2\tno\n3\t4\tyes\n", DENSE + '[csv]\ndelimiter = "\\t"\nheader = false\nnames = ["a", "b", "y"]\n')
        self.assertEqual(manifest["rows"], 2)
        self.assertEqual(self.array("a").tolist(), [1, 3])

    def test_parts_keep_files_apart_and_row_counts_over_all(self):
        train, test = self.write("train.csv", self.DATA), self.write("test.csv", "9,8,yes\n")
        options = self.write("i.toml", DENSE + '[[inputs]]\npart = "train"\nfiles = ["train.csv"]\n'
                                               '[[inputs]]\npart = "test"\nfiles = ["test.csv"]\nheader = false\n')
        self.succeed("import", "csv", "--out", self.out, "--options", options)
        self.assertEqual(self.array("row", "train-00000.h5").tolist(), [0, 1, 2])
        self.assertEqual(self.array("row", "test-00000.h5").tolist(), [3])
        other = self.folder / "other"
        test.write_text("a,b,y\n9,8,yes\n")
        self.succeed("import", "csv", f"train={train}", f"test={test}", "--out", other, "--options", self.write("j.toml", DENSE))
        manifests = [json.loads((folder / "dataset.json").read_text()) for folder in (self.out, other)]
        self.assertEqual(manifests[0]["identity"], manifests[1]["identity"])

    def test_files_with_another_header_are_refused(self):
        one, two = self.write("one.csv", self.DATA), self.write("two.csv", "b,a,y\n1,2,no\n")
        result = cohort("import", "csv", one, two, "--out", self.out, "--options", self.write("i.toml", DENSE))
        self.assertEqual(result.returncode, 2)
        self.assertIn(f'{two}:1:1: error: column 1 is named "b", in the first input "a"', result.stderr)

    def test_dropped_rows_are_counted_and_keep_their_numbers(self):
        manifest = self.import_csv("a,b,y\n1,2,no\nx,2,no\n1,2\n7,8,yes\n5,6,\n", 'on_error = "drop"\n' + DENSE)
        self.assertEqual(self.array("row").tolist(), [0, 3])
        self.assertEqual(manifest["source"]["dropped"], {'column "a": is not a number': 1, 'column "y": the label is missing': 1,
                                                         "a wrong number of fields": 1})
        self.assertEqual(manifest["source"]["records"], 5)

    def test_unreadable_values_can_be_missing_but_labels_can_not(self):
        manifest = self.import_csv("a,b,y\n1,2,no\nx,2,yes\n3,4,perhaps\n", 'on_error = "missing"\n' + DENSE)
        numpy.testing.assert_array_equal(self.array("a"), [1, numpy.nan])
        self.assertEqual(manifest["source"]["unreadable"], {'column "a": is not a number': 1})
        self.assertEqual(manifest["source"]["dropped"], {'column "y": is none of the label\'s values': 1})

    def test_values_left_out_leave_no_trace_in_the_dictionary(self):
        manifest = self.import_csv("s,b,y\nu,1,no\nv,x,no\nw,2,yes\n",
                                   'on_error = "drop"\n' + DENSE + '[columns.s]\nkind = "categorical"\n')
        self.assertEqual(manifest["schema"]["columns"][0]["dictionary"], ["u", "w"])

    def test_kinds_are_stored_as_the_design_says(self):
        options = """
[columns.key]
kind = "id"
dtype = "uint64"
[columns.when]
kind = "time"
format = "%d.%m.%Y %H:%M"
[columns.note]
kind = "text"
[columns.w]
kind = "weight"
[columns.big]
kind = "dense"
dtype = "float64"
[columns.code]
kind = "categorical"
dtype = "int64"
missing = ["-1"]
[columns.y]
kind = "label"
values = ["low", "mid", "high"]
"""
        data = ("key,when,note,w,big,code,y\n18446744073709551615,01.02.2020 03:04,grün,0.5,1e300,7,mid\n"
                "2,,,2,,-1,low\n3,01.01.1970 00:00,b c,1,-1,-5,high\n")
        manifest = self.import_csv(data, options)
        self.assertEqual(self.array("key").dtype, numpy.uint64)
        self.assertEqual(self.array("key").tolist(), [18446744073709551615, 2, 3])
        self.assertEqual(self.array("when").tolist(), [1580526240, -(2**63), 0])
        self.assertEqual(self.array("note/offsets").tolist(), [0, 5, 5, 8])
        self.assertEqual(self.array("note/values").tobytes().decode(), "grünb c")
        self.assertEqual(self.array("w").dtype, numpy.float32)
        numpy.testing.assert_array_equal(self.array("big"), [1e300, numpy.nan, -1])
        self.assertEqual(self.array("code").tolist(), [1, -1, 0])
        self.assertEqual(self.array("y").dtype, numpy.int32)
        self.assertEqual(self.array("y").tolist(), [1, 0, 2])
        self.assertEqual([c["missing"] for c in manifest["schema"]["columns"]], [0, 1, 1, 0, 1, 1, 0])

    def test_an_existing_target_is_refused(self):
        self.out.mkdir()
        result = cohort("import", "csv", self.write("a.csv", self.DATA), "--out", self.out, "--options", self.write("i.toml", DENSE))
        self.assertEqual(result.returncode, 2)
        self.assertIn("exists already", result.stderr)
        self.assertEqual(list(self.out.iterdir()), [])


class Same(ImportCase):
    """What must not change the data, and what must not change a byte."""

    def setUp(self):
        super().setUp()
        generator = numpy.random.default_rng(3)
        lines = ["a,s,t,y"]
        for i in range(50000):
            word = f"w{generator.integers(0, 300)}"
            lines.append(f"{generator.normal():.6g},{word},\"t {i}\",{'yes' if generator.random() < 0.3 else 'no'}")
        self.source = self.write("big.csv", "\n".join(lines) + "\n")
        self.options = DENSE + '[columns.s]\nkind = "categorical"\n[columns.t]\nkind = "text"\n'

    def build(self, name, *more, store=""):
        options = self.write(name + ".toml", self.options + store)
        out = self.folder / name
        self.succeed("import", "csv", self.source, "--out", out, "--options", options, *more)
        return out, json.loads((out / "dataset.json").read_text())

    def test_threads_do_not_change_a_byte(self):
        one, _ = self.build("one", "--threads", "1")
        three, _ = self.build("three", "--threads", "3")
        self.assertEqual((one / "data-00000.h5").read_bytes(), (three / "data-00000.h5").read_bytes())
        self.assertEqual((one / "dataset.json").read_bytes(), (three / "dataset.json").read_bytes())

    def test_shards_chunks_and_filters_do_not_change_the_identity(self):
        identities = {self.build("whole")[1]["identity"], self.build("shards", "--rows-per-shard", "7001")[1]["identity"],
                      self.build("chunks", store="[store]\nchunk_rows = 1000\n")[1]["identity"],
                      self.build("plain", store='[store]\nfilter = "none"\n')[1]["identity"],
                      self.build("zstd", store='[store]\nfilter = "zstd"\n')[1]["identity"]}
        self.assertEqual(len(identities), 1)
        for name in ("whole", "shards", "chunks", "plain", "zstd"):
            self.succeed("verify", self.folder / name, "--deep")

    def test_a_changed_value_changes_the_identity(self):
        before = self.build("before")[1]["identity"]
        start, last = self.source.read_text().rstrip("\n").rsplit(",", 1)
        self.source.write_text(f"{start},{'no' if last == 'yes' else 'yes'}\n")
        self.assertNotEqual(self.build("after")[1]["identity"], before)


class Inference(ImportCase):
    DATA = ("customerID,when,amount,,group,flag,note,churn\n" + "".join(
        f"K{i:04d},2024-01-{i % 28 + 1:02d},{'NA' if i % 7 == 0 else i * 1.5},{i},{'abc'[i % 3]},{i % 2},"
        f"\"a rather long remark about customer number {i}, which differs\",{'Yes' if i % 3 == 0 else 'No'}\n" for i in range(60)))

    def test_kinds_are_found_and_left_in_the_dataset(self):
        source = self.write("c.csv", self.DATA)
        self.succeed("import", "csv", source, "--out", self.out, "--infer", "--label", "churn")
        manifest = json.loads((self.out / "dataset.json").read_text())
        kinds = {c["name"]: c["kind"] for c in manifest["schema"]["columns"]}
        self.assertEqual(kinds, {"customerID": "id", "when": "time", "amount": "dense", "column_4": "id", "group": "categorical",
                                 "flag": "dense", "note": "text", "churn": "label"})
        columns = {c["name"]: c for c in manifest["schema"]["columns"]}
        self.assertEqual(columns["amount"]["missing"], 9)
        self.assertEqual(columns["churn"]["classes"], ["No", "Yes"])
        again = self.folder / "again"
        self.succeed("import", "csv", source, "--out", again, "--options", self.out / "import.toml")
        self.assertEqual(json.loads((again / "dataset.json").read_text())["identity"], manifest["identity"])

    def test_infer_only_writes_the_options_alone(self):
        source = self.write("c.csv", self.DATA)
        printed = self.succeed("import", "csv", source, "--infer-only", "--label", "churn")
        self.assertIn('[columns.churn]', printed)
        self.succeed("import", "csv", source, "--infer-only", "--label", "churn", "--out", self.folder / "guess.toml")
        self.assertEqual((self.folder / "guess.toml").read_text(), printed)
        self.succeed("import", "csv", source, "--infer-only", "--label", "churn", "--out", self.folder / "guess")
        self.assertEqual((self.folder / "guess" / "import.toml").read_text(), printed)
        self.assertEqual(self.names(), ["c.csv", "guess", "guess.toml"])

    def test_semicolons_iso_8859_1_and_no_header_are_found_out(self):
        rows = "".join(f"{i};caf\u00e9{i % 3};{i % 4}\n" for i in range(40))
        source = self.write("x.csv", rows.encode("latin-1"))
        text = self.succeed("import", "csv", source, "--infer-only", "--label", "column_3")
        self.assertIn('delimiter = ";"', text)
        self.assertIn('encoding = "iso-8859-1"', text)
        self.assertIn("header = false", text)
        self.assertIn('values = ["0", "1", "2", "3"]', text)
        self.succeed("import", "csv", source, "--out", self.out, "--infer", "--label", "column_3")
        self.assertEqual(self.array("column_3").dtype, numpy.int32)

    def test_a_label_that_is_not_there_is_named(self):
        result = cohort("import", "csv", self.write("c.csv", self.DATA), "--out", self.out, "--infer", "--label", "chrun")
        self.assertEqual(result.returncode, 2)
        self.assertIn('did you mean "churn"?', result.stderr)
        self.assertEqual(self.names(), ["c.csv"])

    def test_arguments_that_contradict_are_refused(self):
        source, options = self.write("c.csv", self.DATA), self.write("i.toml", DENSE)
        for arguments in (["--out", self.out], ["--infer", "--out", self.out], ["--infer", "--options", options, "--out", self.out],
                          ["--options", options], ["--options", options, "--label", "y", "--out", self.out]):
            result = cohort("import", "csv", source, *arguments)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertIn("remedy:", result.stderr)
        self.assertEqual(cohort("import", "parqet", source, "--out", self.out, "--options", options).returncode, 2)


class Inspect(ImportCase):
    def setUp(self):
        super().setUp()
        rows = "".join(f"{i},{'ab'[i % 2] if i % 5 else ''},{'yes' if i % 4 == 0 else 'no'}\n" for i in range(1, 101))
        self.import_csv("n,s,y\n" + rows, DENSE + '[columns.s]\nkind = "categorical"\n')

    def test_json_holds_the_figures(self):
        report = json.loads(self.succeed("inspect", self.out, "--json"))
        n, s, y = report["columns"]
        self.assertEqual((report["rows"], report["parts"]), (100, {"data": 100}))
        self.assertEqual((n["min"], n["max"], n["mean"], n["distinct"], n["missing"]), (1, 100, 50.5, 100, 0))
        self.assertEqual([n["quantiles"][q] for q in ("0.01", "0.25", "0.5", "0.99")], [1, 25, 50, 99])
        self.assertEqual((s["missing"], s["distinct"]), (20, 2))
        self.assertEqual(s["top"], [{"value": "a", "rows": 40}, {"value": "b", "rows": 40}])
        self.assertEqual(y["top"], [{"value": "no", "rows": 75}, {"value": "yes", "rows": 25}])

    def test_the_table_names_every_column(self):
        text = self.succeed("inspect", self.out)
        self.assertIn("label y: no 75.0 %, yes 25.0 %", text)
        self.assertRegex(text, r"\ns +categorical +string +20.0 % +2 ")

    def test_what_is_no_dataset_is_said(self):
        for arguments in (["inspect", self.folder], ["inspect", self.folder / "none"], ["verify", self.folder]):
            self.assertEqual(cohort(*arguments).returncode, 2)


class Damage(ImportCase):
    def setUp(self):
        super().setUp()
        rows = "".join(f"{i * 0.37},{'abcde'[i % 5]},{'yes' if i % 4 == 0 else 'no'}\n" for i in range(3000))
        self.import_csv("n,s,y\n" + rows, DENSE + '[columns.s]\nkind = "categorical"\n', "--rows-per-shard", "1000")
        self.shard = self.out / "data-00001.h5"

    def refused(self, file, *commands):
        for command in commands or (["verify", self.out], ["verify", self.out, "--deep"], ["inspect", self.out]):
            result = cohort(*command)
            self.assertEqual(result.returncode, 3, (command, result.stdout, result.stderr))
            self.assertIn(str(file), result.stderr)

    def test_a_whole_dataset_passes(self):
        self.succeed("verify", self.out)
        self.succeed("verify", self.out, "--deep")
        self.assertTrue(json.loads(self.succeed("verify", self.out, "--json"))["whole"])

    def test_a_flipped_bit_anywhere_is_found(self):
        whole = self.shard.read_bytes()
        for position in range(0, len(whole), 997):
            self.shard.write_bytes(whole[:position] + bytes([whole[position] ^ 0x10]) + whole[position + 1:])
            self.refused(self.shard, ["verify", self.out])

    def test_a_flipped_bit_in_a_chunk_is_found_by_reading_it(self):
        manifest = json.loads((self.out / "dataset.json").read_text())
        chunk = manifest["shards"][1]["arrays"]["n"]
        whole = bytearray(self.shard.read_bytes())
        whole[chunk["offsets"][0] + chunk["bytes"][0] // 2] ^= 1
        self.shard.write_bytes(whole)
        self.refused(self.shard)

    def test_a_flipped_bit_in_the_structure_is_found_by_reading(self):
        whole = bytearray(self.shard.read_bytes())
        whole[40] ^= 1
        self.shard.write_bytes(whole)
        self.refused(self.shard)

    def test_a_truncated_shard_is_found(self):
        os.truncate(self.shard, self.shard.stat().st_size - 100)
        self.refused(self.shard)

    def test_a_missing_shard_is_found(self):
        self.shard.unlink()
        self.refused(self.shard)

    def test_an_unlisted_shard_is_found_by_verify(self):
        shutil.copy(self.shard, self.out / "data-00009.h5")
        self.refused(self.out / "data-00009.h5", ["verify", self.out])

    def test_swapped_shards_are_found(self):
        other = self.out / "data-00002.h5"
        a, b = self.shard.read_bytes(), other.read_bytes()
        self.shard.write_bytes(b)
        other.write_bytes(a)
        self.refused(self.shard, ["verify", self.out])

    def test_every_damage_is_listed(self):
        self.shard.unlink()
        (self.out / "import.toml").write_text("changed")
        result = cohort("verify", self.out, "--json")
        self.assertEqual(result.returncode, 3)
        report = json.loads(result.stdout)
        self.assertFalse(report["whole"])
        self.assertEqual([p["file"] for p in report["problems"]], ["data-00001.h5", "import.toml"])

    def test_a_manifest_that_disagrees_is_found(self):
        manifest = self.out / "dataset.json"
        text = manifest.read_text()
        document = json.loads(text)
        changes = {"rows": lambda d: d.update(rows=2999), "a class": lambda d: d["schema"]["columns"][2].update(classes=["yes", "no"]),
                   "a shard's rows": lambda d: d["shards"][0].update(rows=999), "no shards": lambda d: d.update(shards=[]),
                   "a type": lambda d: d.update(rows="3000"), "no schema": lambda d: d.pop("schema"),
                   "a path": lambda d: d["shards"][0].update(file="../x.h5"), "a chunk": lambda d: d.update(chunk_rows=0)}
        for what, change in changes.items():
            with self.subTest(change=what):
                changed = json.loads(text)
                change(changed)
                self.assertNotEqual(changed, document)
                manifest.write_text(json.dumps(changed))
                self.refused(manifest)

    def test_a_manifest_that_is_no_json_is_found(self):
        manifest = self.out / "dataset.json"
        text = manifest.read_text()
        for content in ("", "{", "[]", "null", "[" * 100000, text[: len(text) // 2], '{"format": "cohort dataset"}',
                        text.replace('"version": 1', '"version": 99')):
            manifest.write_text(content)
            self.refused(manifest)

    def test_a_reindented_manifest_is_no_damage(self):
        manifest = self.out / "dataset.json"
        manifest.write_text(json.dumps(json.loads(manifest.read_text())))
        self.succeed("verify", self.out, "--deep")


if __name__ == "__main__":
    unittest.main()
