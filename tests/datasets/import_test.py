"""The shards of the five public datasets, read back by h5py, equal what pandas reads from the sources."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import h5py
import numpy
import pandas

SOURCE = pathlib.Path(os.environ.get("COHORT_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
PROGRAM = os.environ.get("COHORT_PROGRAM", str(SOURCE / "build" / "cohort"))
SHARED = pathlib.Path(os.environ.get("COHORT_SHARED") or SOURCE.parent / "shared") / "data"
NO_MARKERS = {"keep_default_na": False, "na_values": []}


def import_csv(inputs, options, out, *more):
    command = [PROGRAM, "--quiet", "import", "csv", *map(str, inputs), "--out", str(out), "--options", str(options), *more]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return json.loads((out / "dataset.json").read_text())


def read_column(folder, manifest, column):
    """All shards' values of one column as a list of raw values, missing ones as None."""
    parts = []
    for shard in manifest["shards"]:
        with h5py.File(folder / shard["file"], "r") as file:
            node = file[column["name"]]
            if isinstance(node, h5py.Group):
                offsets, values = node["offsets"][:], node["values"][:].tobytes()
                parts += [values[a:b].decode() for a, b in zip(offsets[:-1], offsets[1:])]
            elif column["kind"] == "categorical":
                parts += [None if code < 0 else column["dictionary"][code] for code in node[:]]
            else:
                parts += list(node[:])
    return parts


class RealData(unittest.TestCase):
    def check(self, name, file, rows, positives, label, read, dropped=(), renamed=None):
        source = SHARED / file
        if not source.exists():
            self.skipTest(f"{source} is not here: set COHORT_SHARED to the folder of real data")
        frame = pandas.read_csv(source, dtype=str, **NO_MARKERS, **read)
        frame = frame.rename(columns=renamed or {})
        with tempfile.TemporaryDirectory() as temporary:
            # Small shards, so that their seams are read too.
            folder = pathlib.Path(temporary) / name
            manifest = import_csv([source], SOURCE / f"experiments/imports/{name}.toml", folder, "--rows-per-shard", "20000")
            self.assertEqual(manifest["rows"], rows)
            self.assertEqual(len(frame), rows)
            columns = manifest["schema"]["columns"]
            self.assertEqual([c["name"] for c in columns], [c for c in frame.columns if c not in dropped])
            row = numpy.concatenate([h5py.File(folder / s["file"], "r")["row"][:] for s in manifest["shards"]])
            self.assertEqual(row.dtype, numpy.uint64)
            self.assertTrue((row == numpy.arange(rows)).all())
            for column in columns:
                with self.subTest(column=column["name"]):
                    self.check_column(folder, manifest, column, frame[column["name"]])
            values = numpy.array(read_column(folder, manifest, next(c for c in columns if c["kind"] == "label")))
            self.assertEqual(int((values == 1).sum()), positives)
            self.assertEqual([c["name"] for c in columns if c["kind"] == "label"], [label])
        return columns

    def check_column(self, folder, manifest, column, raw):
        stored = read_column(folder, manifest, column)
        markers = set(column.get("missing_markers", [])) | {""}
        if column["kind"] in ("dense", "weight"):
            text = raw.str.strip()
            wanted = text.where(~text.isin(markers), "nan").astype("float64").astype("float32").to_numpy()
            numpy.testing.assert_array_equal(numpy.array(stored, dtype=numpy.float32), wanted)
            self.assertEqual(column["missing"], int(numpy.isnan(wanted).sum()))
        elif column["kind"] == "label":
            wanted = [column["classes"].index(value) for value in raw]
            self.assertEqual([int(v) for v in stored], wanted)
            self.assertEqual(column["missing"], 0)
        elif column["kind"] == "categorical":
            parse = int if column["dtype"] == "int64" else str
            self.assertEqual(stored, [None if v in markers else parse(v) for v in raw])
            self.assertEqual(column["dictionary"], sorted(set(column["dictionary"])))
        elif column["dtype"] == "string":
            self.assertEqual(stored, list(raw))
        else:
            self.assertEqual([int(v) for v in stored], [int(v) for v in raw])

    def test_uci_credit_default(self):
        columns = self.check("uci-credit-default", "uci-credit-default/UCI_Credit_Card.csv.gz", 30000, 6636,
                             "DEFAULT_PAYMENT_NEXT_MONTH", {})
        kinds = {c["name"]: (c["kind"], c["dtype"]) for c in columns}
        self.assertEqual(kinds["ID"], ("id", "int64"))
        self.assertEqual({n for n, k in kinds.items() if k == ("categorical", "int64")}, {"SEX", "EDUCATION", "MARRIAGE"})
        education = next(c for c in columns if c["name"] == "EDUCATION")
        self.assertEqual(education["dictionary"], [0, 1, 2, 3, 4, 5, 6])
        self.assertEqual(sum(kind == ("dense", "float32") for kind in kinds.values()), 20)

    def test_give_me_some_credit(self):
        columns = self.check("give-me-some-credit", "give-me-some-credit/cs-training.csv.gz", 150000, 10026, "SeriousDlqin2yrs", {},
                             renamed={"": "row_number", "Unnamed: 0": "row_number"})
        missing = {c["name"]: c["missing"] for c in columns if c["missing"]}
        self.assertEqual(missing, {"MonthlyIncome": 29731, "NumberOfDependents": 3924})

    def test_bank_full(self):
        columns = self.check("bank-full", "bank-marketing/bank-full.csv.gz", 45211, 5289, "y", {"sep": ";"}, dropped=("duration",))
        job = next(c for c in columns if c["name"] == "job")
        self.assertIn("unknown", job["dictionary"])
        self.assertEqual(sum(c["kind"] == "categorical" for c in columns), 9)
        self.assertEqual(sum(c["kind"] == "dense" for c in columns), 6)

    def test_bank_additional_full(self):
        columns = self.check("bank-additional-full", "bank-marketing/bank-additional-full.csv.gz", 41188, 4640, "y", {"sep": ";"},
                             dropped=("duration",))
        self.assertEqual(sum(c["missing"] for c in columns), 0)

    def test_telco_churn(self):
        columns = self.check("telco-churn", "telco-churn/Telco-Customer-Churn.csv.gz", 7043, 1869, "Churn", {})
        missing = {c["name"]: c["missing"] for c in columns if c["missing"]}
        self.assertEqual(missing, {"TotalCharges": 11})
        self.assertEqual(sum(c["kind"] == "categorical" for c in columns), 15)


if __name__ == "__main__":
    unittest.main()
