"""The formats `sequences` and `events` on real data, read back by h5py, equal what pandas makes of the sources; ranks and threads change nothing."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import h5py
import numpy
import pandas

SOURCE = pathlib.Path(os.environ.get("COHORT_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
PROGRAM = os.environ.get("COHORT_PROGRAM", str(SOURCE / "build" / "cohort"))
SHARED = pathlib.Path(os.environ.get("COHORT_SHARED") or SOURCE.parent / "shared")
IMPORTS = SOURCE / "experiments" / "imports"


def run_import(form, inputs, options, out, *more, ranks=0):
    command = [PROGRAM, "--quiet", "import", form, *map(str, inputs), "--out", str(out), "--options", str(options), *more]
    if ranks:
        command = ["mpirun", "-n", str(ranks), *command]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return json.loads((out / "dataset.json").read_text())


def local_options(name, folder):
    """The checked-in file, with paths of joined tables as they are here."""
    text = (IMPORTS / name).read_text().replace("../../../shared/", str(SHARED) + "/")
    (folder / name).write_text(text)
    return folder / name


class Columns:
    """All shards' columns of a dataset."""

    def __init__(self, folder, manifest):
        self.manifest = manifest
        self.schema = {column["name"]: column for column in manifest["schema"]["columns"]}
        self.files = [h5py.File(folder / shard["file"], "r") for shard in manifest["shards"]]

    def flat(self, name):
        return numpy.concatenate([file[name][:] for file in self.files])

    def texts(self, name):
        values = []
        for file in self.files:
            offsets, data = file[name]["offsets"][:], file[name]["values"][:].tobytes()
            values += [data[a:b].decode() for a, b in zip(offsets[:-1], offsets[1:])]
        return values

    def lengths(self, name):
        return numpy.concatenate([numpy.diff(file[name]["offsets"][:]) for file in self.files])

    def elements(self, name):
        """Codes as the values they stand for, missing ones as None."""
        values = numpy.concatenate([file[name]["values"][:] for file in self.files])
        dictionary = self.schema[name].get("dictionary")
        if dictionary is None:
            return values
        return numpy.array([*dictionary, None], dtype=object)[values]

    def categories(self, name):
        return numpy.array([*self.schema[name]["dictionary"], None], dtype=object)[self.flat(name)]


class GroupedImports(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def source(self, path):
        if not (SHARED / path).exists():
            self.skipTest(f"{SHARED / path} is not here: set COHORT_SHARED to the folder of real data")
        return SHARED / path

    def check_pairs(self, columns, pairs, item="item", user="user"):
        """Users ascending, each with its items in the order of the file."""
        self.assertEqual(columns.flat(user).tolist(), sorted(pairs["user"].unique()))
        ordered = pairs.sort_values("user", kind="stable")
        self.assertEqual(columns.lengths(item).tolist(), pairs.groupby("user").size().tolist())
        self.assertEqual(columns.elements(item).tolist(), ordered["item"].tolist())
        self.assertEqual(columns.schema[item]["dictionary"], sorted(pairs["item"].unique()))

    def test_video_games(self):
        source = self.source("data/amazon-video-games/Video.txt.gz")
        manifest = run_import("sequences", [source], IMPORTS / "amazon-video-games.toml", self.folder / "out", "--rows-per-shard", "10000")
        pairs = pandas.read_csv(source, sep=" ", names=["user", "item"])
        self.assertEqual((manifest["rows"], len(pairs)), (31013, 287107))
        columns = Columns(self.folder / "out", manifest)
        self.check_pairs(columns, pairs)
        self.assertEqual(len(columns.schema["item"]["dictionary"]), 23715)
        self.assertEqual(int((columns.lengths("item") < 3).sum()), 112)

    def test_core_of_video_games(self):
        source = self.source("data/amazon-video-games/Video.txt.gz")
        (self.folder / "core.toml").write_text("min_user = 6\nmin_item = 8\nmax_length = 20\n")
        manifest = run_import("sequences", [source], self.folder / "core.toml", self.folder / "out")
        pairs = pandas.read_csv(source, sep=" ", names=["user", "item"])
        while True:
            before = len(pairs)
            users, items = pairs["user"].map(pairs["user"].value_counts()), pairs["item"].map(pairs["item"].value_counts())
            pairs = pairs[(users >= 6) & (items >= 8)]
            if len(pairs) == before:
                break
        self.assertGreater(len(pairs), 10000)
        self.check_pairs(Columns(self.folder / "out", manifest), pairs.groupby("user").tail(20))

    def test_movielens_sequences_with_profiles(self):
        source = self.source("data/ml-1m/ml-1m-sasrec.txt.gz")
        manifest = run_import("sequences", [source], local_options("ml-1m-sasrec.toml", self.folder), self.folder / "out")
        pairs = pandas.read_csv(source, sep=" ", names=["user", "item"])
        self.assertEqual((manifest["rows"], len(pairs)), (6040, 999611))
        columns = Columns(self.folder / "out", manifest)
        self.check_pairs(columns, pairs)
        self.assertEqual(columns.lengths("item").min(), 18)
        numbers = pandas.read_csv(SHARED / "data/ml-1m/sas_to_original_users.txt", sep=" ", names=["user", "id"])
        users = pandas.read_csv(SHARED / "data/ml-1m/users.dat", sep="::", engine="python", names=["id", "gender", "age", "occupation", "zip"])
        users = numbers.merge(users, on="id").sort_values("user")
        self.assertEqual(columns.flat("gender").tolist(), (users["gender"] == "F").astype(float).tolist())
        self.assertEqual(columns.categories("age").tolist(), users["age"].tolist())
        self.assertEqual(columns.categories("occupation").tolist(), users["occupation"].tolist())

    def test_online_retail(self):
        source = self.source("data/online-retail/online_retail.csv.gz")
        manifest = run_import("events", [source], IMPORTS / "online-retail.toml", self.folder / "out")
        columns = Columns(self.folder / "out", manifest)
        labels = pandas.read_csv(self.source("baselines/online-retail-churn/labels.csv"))
        features = pandas.read_csv(self.source("baselines/online-retail-churn/features.csv"))
        self.assertEqual(manifest["rows"], 1941)
        customers = [text.removesuffix(".0") for text in columns.texts("CustomerID")]
        self.assertEqual(customers, labels["customer_id"].astype(str).tolist())
        self.assertEqual(columns.flat("churn").tolist(), labels["churn"].astype(float).tolist())
        self.assertAlmostEqual(float(columns.flat("churn").mean()), 0.3045, places=4)
        self.assertEqual(features["customer_id"].astype(str).tolist(), customers)
        for name in features.columns[1:]:
            with self.subTest(feature=name):
                wanted = features[name].to_numpy()  # written with six decimals
                self.assertTrue(numpy.allclose(columns.flat(name), wanted, rtol=2**-23, atol=6e-7), numpy.abs(columns.flat(name) - wanted).max())
        # The sequences: purchases before the cut, the last 200 of a customer.
        rows = pandas.read_csv(source, dtype={"InvoiceNo": str, "StockCode": str}, parse_dates=["InvoiceDate"])
        rows = rows[rows["CustomerID"].notna() & ~rows["InvoiceNo"].str.startswith("C") & (rows["Quantity"] > 0) & (rows["UnitPrice"] > 0)]
        rows = rows[(rows["InvoiceDate"] < "2011-09-01") & rows["CustomerID"].isin(features["customer_id"])]
        rows = rows.sort_values(["CustomerID", "InvoiceDate"], kind="stable").groupby("CustomerID").tail(200)
        self.assertEqual(columns.lengths("StockCode").tolist(), rows.groupby("CustomerID").size().tolist())
        self.assertEqual(columns.elements("StockCode").tolist(), rows["StockCode"].tolist())
        self.assertEqual(columns.elements("Quantity").tolist(), rows["Quantity"].tolist())
        self.assertEqual(columns.elements("amount").tolist(), (rows["Quantity"] * rows["UnitPrice"]).tolist())
        seconds = (rows["InvoiceDate"] - pandas.Timestamp(0)) // pandas.Timedelta(seconds=1)
        self.assertEqual(columns.elements("InvoiceDate").tolist(), seconds.tolist())

    def test_complete_journey(self):
        source = self.source("data/complete-journey/transactions_sample.csv.gz")
        manifest = run_import("events", [source], local_options("complete-journey.toml", self.folder), self.folder / "out")
        columns = Columns(self.folder / "out", manifest)
        people = pandas.read_csv(SHARED / "data/complete-journey/demographics.csv", keep_default_na=False).sort_values("household_id")
        products = pandas.read_csv(SHARED / "data/complete-journey/products.csv.gz", keep_default_na=False)
        rows = pandas.read_csv(source, parse_dates=["transaction_timestamp"])
        rows = rows[rows["household_id"].isin(people["household_id"])].merge(products[["product_id", "department"]], on="product_id", how="left")
        rows = rows.sort_values(["household_id", "transaction_timestamp"], kind="stable")
        self.assertEqual((manifest["rows"], len(rows)), (801, 42199))
        self.assertEqual(columns.flat("household_id").tolist(), people["household_id"].tolist())
        classes = columns.schema["age"]["classes"]
        self.assertEqual([classes[k] for k in columns.flat("age")], people["age"].tolist())
        self.assertEqual([value or "" for value in columns.categories("home_ownership")], people["home_ownership"].tolist())
        self.assertEqual(columns.lengths("product_id").tolist(), rows.groupby("household_id").size().tolist())
        self.assertEqual(columns.elements("product_id").tolist(), rows["product_id"].tolist())
        self.assertEqual([value or "" for value in columns.elements("department")], rows["department"].fillna("").tolist())
        self.assertEqual(columns.elements("sales_value").tolist(), rows["sales_value"].astype("float32").tolist())
        self.assertEqual(columns.elements("weekday").tolist(), (rows["transaction_timestamp"].dt.day_of_week + 1).tolist())

    def test_any_number_of_ranks_gives_the_same_shards(self):
        if shutil.which("mpirun") is None:
            self.skipTest("mpirun is not here")
        lines = [f"u{i * 7919 % 3001},{'2020-01-%02d' % (i * 31 % 28 + 1)},{i % 977},i{i * 104729 % 499},{i % 7 - 1},{i % 13}.25" for i in range(120000)]
        (self.folder / "log.csv").write_text("who,at,bill,what,n,price\n" + "\n".join(lines) + "\n")
        (self.folder / "events.toml").write_text("""
entity = "who"
time = "at"
group = "bill"
sequences = ["what", "n", "at"]
columns.what = { kind = "categorical" }
columns.n = { kind = "dense" }
columns.price = { kind = "dense" }
where = [{ column = "n", min = 1 }]
window = { cuts = ["2020-01-10", "2020-01-20"], predict = "4d" }
label.next = { function = "first", of = "what", none = "nothing" }
label.paid = { function = "sum", of = "price" }
aggregate.money = { function = "sum", of = "price" }
aggregate.bills = { per = "group" }
aggregate.spread = { function = "sd", of = "price", per = "group" }
aggregate.back = { from = "left_out" }
""")
        (self.folder / "sequences.toml").write_text("""
user = "who"
item = "what"
time = "at"
min_item = 200
csv = { delimiter = ",", header = true }
drop = ["bill"]
columns.n = { kind = "dense" }
columns.price = { kind = "dense" }
""")
        for form in ("events", "sequences"):
            manifests = []
            for ranks in (0, 1, 2, 3):
                out = self.folder / f"{form}-{ranks}"
                manifests.append(run_import(form, [self.folder / "log.csv"], self.folder / f"{form}.toml", out, "--rows-per-shard", "1000", ranks=ranks))
                self.assertEqual([file.name for file in out.iterdir() if file.suffix == ".tmp"], [])
            self.assertGreater(manifests[0]["rows"], 2500)
            for manifest in manifests[1:]:
                self.assertEqual(manifest["identity"], manifests[0]["identity"])
                self.assertEqual(manifest["shards"], manifests[0]["shards"])
                self.assertEqual(manifest["source"], manifests[0]["source"])


if __name__ == "__main__":
    unittest.main()
