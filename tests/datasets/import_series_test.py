"""Windows of ETTh1 and of the store item demand, read back by h5py, equal those that numpy cuts from the sources."""

import hashlib
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


def import_series(file, options, out, ranks=1, *more):
    command = [PROGRAM, "--quiet", "import", "series", str(file), "--out", str(out), "--options", str(options), *more]
    if ranks > 1:
        command = ["mpirun", "-n", str(ranks), *command]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return json.loads((out / "dataset.json").read_text())


class Stored:
    """All shards of a dataset."""

    def __init__(self, folder, manifest):
        self.files = [h5py.File(folder / shard["file"], "r") for shard in manifest["shards"]]
        self.columns = {column["name"]: column for column in manifest["schema"]["columns"]}

    def close(self):
        for file in self.files:
            file.close()

    def plain(self, name):
        values = numpy.concatenate([file[name][:] for file in self.files])
        if "dictionary" in self.columns[name]:
            values = numpy.array(self.columns[name]["dictionary"])[values]
        return values

    def windows(self, name, length):
        """A sequence column of one length as a matrix."""
        parts = []
        for file in self.files:
            offsets = file[name]["offsets"][:]
            assert (numpy.diff(offsets) == length).all()
            parts.append(file[name]["values"][:].reshape(-1, length))
        values = numpy.concatenate(parts)
        if "dictionary" in self.columns[name]:
            values = numpy.array(self.columns[name]["dictionary"])[values]
        return values


def cut(values, origins, look_back, horizon):
    history = numpy.lib.stride_tricks.sliding_window_view(values, look_back)[origins - look_back + 1]
    ahead = numpy.lib.stride_tricks.sliding_window_view(values, horizon)[origins + 1]
    return history, ahead


def source_file(test, name):
    file = SHARED / name
    if not file.exists():
        test.skipTest(f"{file} is not here: set COHORT_SHARED to the folder of real data")
    return file


def hashes(folder):
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.glob("*.h5"))}


class EtTh1(unittest.TestCase):
    LOOK_BACK, HORIZON = 336, 96

    def test_every_window(self):
        file = source_file(self, "etth1/ETTh1.csv.gz")
        frame = pandas.read_csv(file)
        self.assertEqual(len(frame), 17420)
        times = pandas.to_datetime(frame["date"]).astype("datetime64[s]").astype("int64").to_numpy()
        # As in the papers: a split's targets are its own rows, histories reach back.
        origins, splits = [], []
        for name, begin, end in (("train", self.LOOK_BACK, 8640), ("valid", 8640, 11520), ("test", 11520, 14400)):
            own = numpy.arange(begin - 1, end - self.HORIZON)
            origins.append(own)
            splits += [name] * len(own)
        self.assertEqual([len(own) for own in origins], [8209, 2785, 2785])
        origins = numpy.concatenate(origins)
        with tempfile.TemporaryDirectory() as temporary:
            folder = pathlib.Path(temporary) / "etth1"
            manifest = import_series(file, SOURCE / "experiments/imports/etth1.toml", folder, 1, "--rows-per-shard", "5000")
            self.assertEqual(manifest["rows"], len(origins))
            stored = Stored(folder, manifest)
            self.addCleanup(stored.close)
            numpy.testing.assert_array_equal(stored.plain("origin"), times[origins])
            self.assertEqual(list(stored.plain("split")), splits)
            for channel in ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"):
                values = frame[channel].to_numpy().astype("float32")
                history, ahead = cut(values, origins, self.LOOK_BACK, self.HORIZON)
                numpy.testing.assert_array_equal(stored.windows(channel, self.LOOK_BACK), history)
                numpy.testing.assert_array_equal(stored.windows(channel + "_next", self.HORIZON), ahead)
                self.assertIs(stored.columns[channel + "_next"].get("feature"), False)
            numpy.testing.assert_array_equal(stored.plain("OT_in_24h"), frame["OT"].to_numpy().astype("float32")[origins + 24])
            hours = pandas.to_datetime(frame["date"]).dt.hour.to_numpy()
            days = pandas.to_datetime(frame["date"]).dt.day_of_year.to_numpy()
            numpy.testing.assert_allclose(stored.plain("hour_sin"), numpy.sin(2 * numpy.pi * hours[origins] / 24), atol=1e-7)
            _, ahead = cut(days, origins, self.LOOK_BACK, self.HORIZON)
            numpy.testing.assert_allclose(stored.windows("day_of_year_next_cos", self.HORIZON), numpy.cos(2 * numpy.pi * (ahead - 1) / 366), atol=1e-7)


class StoreItemDemand(unittest.TestCase):
    LOOK_BACK, HORIZON, STRIDE = 364, 92, 30
    TOML = SOURCE / "experiments/imports/store-item-demand.toml"

    def check(self, frame, folder, manifest):
        frame = frame.sort_values(["store", "item", "date"], kind="stable")
        values = frame["sales"].to_numpy().astype("float32").reshape(500, 1826)
        dates = pandas.to_datetime(frame["date"].iloc[:1826])
        ends = [(dates < until).sum() for until in ("2017-07-01", "2017-10-01", "2018-01-01")]
        train = numpy.arange(ends[0] - 1 - self.HORIZON, self.LOOK_BACK - 2, -self.STRIDE)[::-1]
        origins = numpy.concatenate([train, [ends[1] - 1 - self.HORIZON, ends[2] - 1 - self.HORIZON]])
        stored = Stored(folder, manifest)
        self.addCleanup(stored.close)
        self.assertEqual(manifest["rows"], 500 * len(origins))
        self.assertEqual(manifest["rows"], 21000)
        self.assertEqual(manifest["source"]["series"]["series"], 500)
        pairs = [cut(series, origins, self.LOOK_BACK, self.HORIZON) for series in values]
        numpy.testing.assert_array_equal(stored.windows("sales", self.LOOK_BACK), numpy.concatenate([p[0] for p in pairs]))
        ahead = numpy.concatenate([p[1] for p in pairs])
        numpy.testing.assert_array_equal(stored.windows("sales_next", self.HORIZON), ahead)
        numpy.testing.assert_array_equal(stored.plain("quarter_sales"), ahead.sum(axis=1))
        numpy.testing.assert_array_equal(stored.plain("store"), numpy.repeat(numpy.repeat(numpy.arange(1, 11), 50), len(origins)))
        numpy.testing.assert_array_equal(stored.plain("item"), numpy.repeat(numpy.tile(numpy.arange(1, 51), 10), len(origins)))
        self.assertEqual(list(stored.plain("split")), (["train"] * len(train) + ["valid", "test"]) * 500)
        weeks = dates.dt.isocalendar().week.to_numpy().astype("int64")
        weekdays = dates.dt.day_of_week.to_numpy()
        numpy.testing.assert_array_equal(stored.windows("week_next", self.HORIZON), numpy.tile(cut(weeks, origins, 1, self.HORIZON)[1], (500, 1)))
        numpy.testing.assert_array_equal(stored.plain("weekday"), numpy.tile(weekdays[origins], 500))

    def test_every_window_for_any_number_of_ranks_and_order_of_rows(self):
        file = source_file(self, "store-item-demand/train.csv.gz")
        frame = pandas.read_csv(file)
        self.assertEqual(len(frame), 913000)
        with tempfile.TemporaryDirectory() as temporary:
            temporary = pathlib.Path(temporary)
            one = import_series(file, self.TOML, temporary / "one")
            self.check(frame, temporary / "one", one)
            # Date after date: every series is scattered over the file, and plain text is read by all ranks.
            by_date = temporary / "by-date.csv"
            frame.sort_values(["date", "item", "store"]).to_csv(by_date, index=False)
            for ranks in (1, 2, 3):
                folder = temporary / f"ranks{ranks}"
                manifest = import_series(by_date, self.TOML, folder, ranks, "--rows-per-shard", "4096")
                self.assertEqual(manifest["identity"], one["identity"])
                if ranks == 1:
                    first = hashes(folder)
                self.assertEqual(hashes(folder), first)

    def test_a_file_without_sales_is_refused(self):
        file = source_file(self, "store-item-demand/test.csv.gz")
        with tempfile.TemporaryDirectory() as temporary:
            command = [PROGRAM, "import", "series", str(file), "--out", str(pathlib.Path(temporary) / "out"), "--options", str(self.TOML)]
            result = subprocess.run(command, capture_output=True, text=True)
            self.assertEqual(result.returncode, 2)
            self.assertIn('the input has no column "sales"', result.stderr)
            self.assertIn("makes no windows", result.stderr)


if __name__ == "__main__":
    unittest.main()
