"""The public datasets by their ready imports: counts as published, and every value as pandas reads it from the sources."""

import gzip
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
TEXT = {"dtype": str, "keep_default_na": False, "na_values": []}


def lines_of(path):
    with gzip.open(SHARED / path, "rt") as file:
        return file.read().splitlines()


class Imported:
    """A dataset read back by h5py alone."""

    def __init__(self, folder):
        self.folder = folder
        self.manifest = json.loads((folder / "dataset.json").read_text())
        self.columns = {c["name"]: c for c in self.manifest["schema"]["columns"]}

    def arrays(self, path):
        return [h5py.File(self.folder / s["file"], "r")[path][:] for s in self.manifest["shards"]]

    def dictionary(self, name):
        column = self.columns[name]
        if column["dictionary"]:
            return column["dictionary"]
        entry = next((d for d in self.manifest["dictionaries"] if d["column"] == name), None)
        if entry is None:
            return []
        with h5py.File(self.folder / entry["file"], "r") as file:
            values = file["values"][:]
            if column["dtype"] == "int64":
                return values.tolist()
            offsets = file["offsets"][:]
            data = values.tobytes()
            return [data[a:b].decode() for a, b in zip(offsets[:-1], offsets[1:])]

    def numbers(self, name):
        return numpy.concatenate(self.arrays(name))

    def categories(self, name):
        words = numpy.array(self.dictionary(name) + [None], dtype=object)
        return words[self.numbers(name)]

    def texts(self, name):
        result = []
        for shard in self.manifest["shards"]:
            with h5py.File(self.folder / shard["file"], "r") as file:
                offsets, data = file[name]["offsets"][:], file[name]["values"][:].tobytes()
                result += [data[a:b].decode() for a, b in zip(offsets[:-1], offsets[1:])]
        return result

    def sequences(self, name):
        """Elements of all rows one after another, and each row's length."""
        values, lengths = [], []
        for shard in self.manifest["shards"]:
            with h5py.File(self.folder / shard["file"], "r") as file:
                offsets = file[name]["offsets"][:]
                values.append(file[name]["values"][:])
                lengths.append(numpy.diff(offsets))
        words = numpy.array(self.dictionary(name) + [None], dtype=object)
        return words[numpy.concatenate(values)], numpy.concatenate(lengths)

    def parts(self):
        rows = {}
        for shard in self.manifest["shards"]:
            rows[shard["part"]] = rows.get(shard["part"], 0) + shard["rows"]
        return rows


class PublicData(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def imported(self, file_format, inputs, options, *more):
        for source in inputs:
            path = SHARED / source.split("=")[-1]
            if not path.exists():
                self.skipTest(f"{path} is not here: set COHORT_SHARED to the folder of real data")
        named = [f"{s.split('=')[0]}={SHARED / s.split('=')[1]}" if "=" in s else str(SHARED / s) for s in inputs]
        done = subprocess.run([PROGRAM, "--quiet", "import", file_format, *named, "--out", self.folder / "d", "--options",
                               SOURCE / f"experiments/imports/{options}.toml", *more], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return Imported(self.folder / "d")

    def assert_floats(self, data, name, text, missing=("",)):
        wanted = text.where(~text.isin(missing), "nan").astype("float64").astype("float32").to_numpy()
        numpy.testing.assert_array_equal(data.numbers(name), wanted, name)

    def assert_categories(self, data, name, text, parse=str, missing=("",)):
        self.assertEqual(data.categories(name).tolist(), [None if v in missing else parse(v) for v in text], name)

    def test_movielens_1m_with_users_and_movies_joined(self):
        data = self.imported("movielens", ["ml-1m/ratings.csv.gz"], "ml-1m")
        ratings = pandas.read_csv(SHARED / "ml-1m/ratings.csv.gz")
        self.assertEqual(data.manifest["rows"], 1_000_209)
        rating = data.numbers("rating")
        self.assertEqual([int((rating == r).sum()) for r in (1, 2, 3, 4, 5)], [56174, 107557, 261197, 348971, 226310])
        self.assertTrue((data.categories("user_id").astype(int) == ratings["user_id"]).all())
        self.assertTrue((data.categories("movie_id").astype(int) == ratings["movie_id"]).all())
        self.assertEqual(int(numpy.isnan(data.numbers("seq")).sum()), 598)
        users = pandas.read_csv(SHARED / "ml-1m/users.dat", sep="::", engine="python", header=None, **TEXT).set_index(0)
        movies = pandas.read_csv(SHARED / "ml-1m/movies.dat", sep="::", engine="python", header=None, encoding="iso-8859-1", **TEXT).set_index(0)
        keys = ratings["user_id"].astype(str)
        for name, field in (("Gender", 1), ("Zip", 4)):
            self.assertTrue((data.categories(name) == users[field].loc[keys].to_numpy()).all(), name)
        for name, field in (("Age", 2), ("Occupation", 3)):
            self.assertTrue((data.categories(name).astype(int) == users[field].astype(int).loc[keys].to_numpy()).all(), name)
        self.assertEqual(data.texts("Title"), movies[1].loc[ratings["movie_id"].astype(str)].tolist())
        genres, lengths = data.sequences("Genres")
        wanted = [g.split("|") for g in movies[2].loc[ratings["movie_id"].astype(str)]]
        self.assertEqual(lengths.tolist(), [len(g) for g in wanted])
        self.assertEqual(genres.tolist(), [genre for g in wanted for genre in g])
        joins = {j["files"][0]: j for j in data.manifest["source"]["joins"]}
        self.assertEqual((joins["users.dat"]["rows"], joins["users.dat"]["rows_without_partner"]), (6040, 0))
        self.assertEqual((joins["movies.dat"]["rows"], joins["movies.dat"]["rows_without_partner"]), (3883, 3883 - 3706))

    def test_movielens_small(self):
        data = self.imported("movielens", ["ml-latest-small/ratings.csv.gz"], "ml-latest-small")
        ratings = pandas.read_csv(SHARED / "ml-latest-small/ratings.csv.gz")
        movies = pandas.read_csv(SHARED / "ml-latest-small/movies.csv.gz").set_index("movieId").loc[ratings["movieId"]]
        self.assertEqual(len(data.dictionary("userId")), 610)
        self.assertEqual(len(data.dictionary("movieId")), 9724)
        self.assertTrue((data.numbers("rating") == ratings["rating"].astype("float32")).all())
        self.assertTrue((data.numbers("timestamp") == ratings["timestamp"]).all())
        self.assertEqual(data.texts("title"), movies["title"].tolist())
        _, lengths = data.sequences("genres")
        self.assertEqual(lengths.tolist(), [0 if g == "(no genres listed)" else g.count("|") + 1 for g in movies["genres"]])

    def test_criteo(self):
        data = self.imported("criteo", ["train=criteo-sample/train.csv.gz", "valid=criteo-sample/dev.csv", "test=criteo-sample/test.csv"], "criteo-sample")
        frame = pandas.concat([pandas.read_csv(SHARED / "criteo-sample" / f, sep="\t", header=None, **TEXT) for f in ("train.csv.gz", "dev.csv", "test.csv")])
        self.assertEqual(data.parts(), {"train": 7200, "valid": 409, "test": 391})
        self.assertEqual(int(data.numbers("label").sum()), 1728)
        for i in range(1, 14):
            self.assert_floats(data, f"I{i}", frame[i])
        for i in range(1, 27):
            self.assert_categories(data, f"C{i}", frame[13 + i])
        self.assertEqual(sum(len(data.dictionary(f"C{i}")) for i in range(1, 27)), 37_088)

    def test_avazu(self):
        data = self.imported("avazu", ["train=avazu-sample/train.csv.gz", "valid=avazu-sample/dev.csv", "test=avazu-sample/test.csv"], "avazu-sample")
        train = pandas.read_csv(SHARED / "avazu-sample/train.csv.gz", **TEXT)
        others = [pandas.read_csv(SHARED / "avazu-sample" / f, header=None, names=train.columns, **TEXT) for f in ("dev.csv", "test.csv")]
        frame = pandas.concat([train, *others])
        self.assertEqual(data.parts(), {"train": 8087, "valid": 480, "test": 432})
        self.assertEqual(data.texts("id"), frame["id"].tolist())
        self.assertEqual(max(len(i) for i in data.texts("id")), 20)
        self.assertEqual(set(data.numbers("hour").tolist()), {1413849600})  # 2014-10-21 00:00 UTC
        for name in frame.columns:
            if name not in ("id", "click", "hour"):
                self.assert_categories(data, name, frame[name])

    def test_frappe_with_app_categories_joined(self):
        data = self.imported("tsv", ["frappe/frappe.csv.gz"], "frappe")
        frame = pandas.read_csv(SHARED / "frappe/frappe.csv.gz", sep="\t", **TEXT)
        self.assertEqual(data.manifest["rows"], 96_203)
        self.assertEqual((len(data.dictionary("user")), len(data.dictionary("item"))), (957, 4082))
        self.assert_floats(data, "cnt", frame["cnt"])
        for name in frame.columns.drop("cnt"):
            self.assert_categories(data, name, frame[name])
        meta = pandas.read_csv(SHARED / "frappe/meta.csv.gz", sep="\t", quoting=3, **TEXT).set_index("item")
        self.assert_categories(data, "app_category", meta["category"].loc[frame["item"]])

    def test_frappe_as_a_click_task(self):
        files = ("train", "valid", "test")
        data = self.imported("csv", [f"{f}=frappe-ctr/{f}.csv.gz" for f in files], "frappe-ctr")
        frame = pandas.concat([pandas.read_csv(SHARED / f"frappe-ctr/{f}.csv.gz", **TEXT) for f in files])
        self.assertEqual(data.parts(), {"train": 230_887, "valid": 28_861, "test": 28_861})
        self.assert_floats(data, "label", frame["label"])
        for name in frame.columns.drop("label"):
            self.assert_categories(data, name, frame[name])

    def check_lines(self, data, part_files):
        wanted = [line.split(" ") for file in part_files for line in lines_of(file)]
        self.assertEqual(data.categories("user").tolist(), [int(line[0]) for line in wanted])
        items, lengths = data.sequences("items")
        self.assertEqual(lengths.tolist(), [len([i for i in line[1:] if i]) for line in wanted])
        self.assertEqual(items.tolist(), [int(i) for line in wanted for i in line[1:] if i])
        return lengths

    def test_amazon_sports_sequences(self):
        data = self.imported("interactions", ["amazon-sports/Sports_and_Outdoors.txt.gz"], "amazon-sports")
        lengths = self.check_lines(data, ["amazon-sports/Sports_and_Outdoors.txt.gz"])
        self.assertEqual((len(lengths), int(lengths.sum()), int(lengths.min())), (35_598, 296_337, 5))
        self.assertEqual(len(data.dictionary("items")), 18_357)

    def test_gowalla_train_and_test(self):
        data = self.imported("interactions", ["train=gowalla/train.txt.gz", "test=gowalla/test.txt.gz"], "gowalla")
        lengths = self.check_lines(data, ["gowalla/train.txt.gz", "gowalla/test.txt.gz"])
        self.assertEqual(data.parts(), {"train": 29_858, "test": 29_858})
        self.assertEqual((int(lengths[:29_858].sum()), int(lengths[29_858:].sum())), (810_128, 217_242))
        self.assertEqual(len(data.dictionary("items")), 40_981)

    def test_kuairand_watch_time(self):
        data = self.imported("tsv", ["kuairand-watchtime/processed_standard_kcore_15.csv.gz"], "kuairand-watchtime")
        frame = pandas.read_csv(SHARED / "kuairand-watchtime/processed_standard_kcore_15.csv.gz", sep="\t", **TEXT)
        self.assertEqual((data.manifest["rows"], int(data.numbers("label").sum())), (41_828, 33_745))
        self.assertEqual((len(data.dictionary("user_id")), len(data.dictionary("video_id"))), (664, 9359))
        for name in ("is_click", "is_follow", "is_comment", "is_forward", "long_view", "play_time_ms", "comment_stay_time", "is_profile_enter"):
            self.assert_floats(data, name, frame[name])
        self.assert_floats(data, "duration_ms", frame["duration_ms"], missing=("0",))
        self.assertEqual(data.columns["duration_ms"]["missing"], 7738)
        self.assertTrue((data.numbers("time") == frame["time_ms"].astype("int64") // 1000).all())
        self.assertEqual(data.manifest["source"]["cleaned"]["duplicates of an earlier record, kept"], 116)

    def test_chinese_reviews_as_tokens(self):
        data = self.imported("text", ["chnsenticorp-hotel/ChnSentiCorp_htl_all.csv.gz"], "chnsenticorp-hotel")
        self.assertEqual((data.manifest["rows"], int(data.numbers("label").sum())), (7766, 5322))
        self.assertEqual(data.columns["review_tokens"]["missing"], 1)
        self.assertEqual(sorted(data.columns), ["label", "review_tokens"])
        self.assertIn("tokenizer.json", [f["file"] for f in data.manifest["files"]])
        tokens, lengths = data.sequences("review_tokens")
        self.assertEqual(int(lengths.sum()), len(tokens))
        self.assertLessEqual({"酒", "店", "酒店"}, set(data.dictionary("review_tokens")))

    def test_chinese_reviews_with_the_usual_split(self):
        files = {"train": "train", "valid": "dev", "test": "test"}
        data = self.imported("text", [f"{part}=chnsenticorp-9600/{file}.tsv.gz" for part, file in files.items()], "chnsenticorp-9600")
        self.assertEqual(data.parts(), {"train": 9600, "valid": 1200, "test": 1200})
        label = data.numbers("label")
        self.assertEqual([int(label[:9600].sum()), int(label[9600:10800].sum()), int(label[10800:].sum())], [4799, 593, 608])

    def test_shopping_reviews(self):
        data = self.imported("text", ["online-shopping-10-cats/online_shopping_10_cats.csv.gz"], "online-shopping-10-cats")
        self.assertEqual((data.manifest["rows"], int(data.numbers("label").sum())), (62_774, 31_728))
        counts = pandas.Series(data.categories("cat")).value_counts()
        self.assertEqual((counts["书籍"], counts["手机"], counts["热水器"], counts["蒙牛"], counts["计算机"]), (3851, 2323, 575, 2033, 3992))

    def test_financial_phrases_cut_at_the_last_mark(self):
        data = self.imported("text", ["financial-phrasebank/Sentences_50Agree.txt.gz"], "financial-phrasebank")
        with gzip.open(SHARED / "financial-phrasebank/Sentences_50Agree.txt.gz", "rt", encoding="iso-8859-1", newline="") as file:
            lines = [line.removesuffix("\r").rsplit("@", 1) for line in file.read().split("\n") if line]
        self.assertEqual(data.texts("sentence"), [line[0] for line in lines])
        label = data.numbers("label")
        self.assertEqual([int((label == k).sum()) for k in range(3)], [604, 2879, 1363])
        self.assertEqual([["negative", "neutral", "positive"][k] for k in label], [line[1] for line in lines])


if __name__ == "__main__":
    unittest.main()
