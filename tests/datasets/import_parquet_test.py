"""Parquet files written by pyarrow, imported, and read back by h5py: what was written, and what a CSV file of the same rows gives; ranks change nothing."""

import datetime
import decimal
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import tempfile
import unittest

import h5py
import numpy

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:
    pa = None

SOURCE = pathlib.Path(os.environ.get("COHORT_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
PROGRAM = os.environ.get("COHORT_PROGRAM", str(SOURCE / "build" / "cohort"))
SMALL_SHARDS = "[store]\nrows_per_shard = 1024\nchunk_rows = 256\n"
EPOCH = datetime.datetime(1970, 1, 1)


def toml_columns(columns):
    """{name: {key: value}} as [columns.X] tables; JSON's strings, numbers and arrays are TOML's."""
    return "".join(f"\n[columns.{json.dumps(name)}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
                   for name, table in columns.items())


class Dataset:
    """All shards' columns."""

    def __init__(self, folder):
        self.folder = folder
        self.manifest = json.loads((folder / "dataset.json").read_text())
        self.schema = {column["name"]: column for column in self.manifest["schema"]["columns"]}
        self.files = [h5py.File(folder / shard["file"], "r") for shard in self.manifest["shards"]]

    def close(self):
        for file in self.files:
            file.close()

    def flat(self, name):
        return numpy.concatenate([file[name][:] for file in self.files])

    def decoded(self, name, codes):
        words = self.schema[name]["dictionary"]
        return [None if code < 0 else words[code] for code in codes]

    def categories(self, name):
        return self.decoded(name, self.flat(name))

    def texts(self, name):
        values = []
        for file in self.files:
            offsets, data = file[name]["offsets"][:], file[name]["values"][:].tobytes()
            values += [data[a:b].decode() for a, b in zip(offsets[:-1], offsets[1:])]
        return values

    def lists(self, name):
        rows = []
        for file in self.files:
            offsets, values = file[name]["offsets"][:], file[name]["values"][:]
            values = self.decoded(name, values) if "dictionary" in self.schema[name] else values.tolist()
            rows += [values[a:b] for a, b in zip(offsets[:-1], offsets[1:])]
        return rows

    def hashes(self):
        return [hashlib.sha256((self.folder / shard["file"]).read_bytes()).hexdigest() for shard in self.manifest["shards"]]


@unittest.skipIf(pa is None, "needs pyarrow: launch/requirements-test.txt")
class ParquetCase(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.count = 0

    def write(self, name, columns, **options):
        """Columns as arrow arrays or what becomes such; many row groups unless told otherwise."""
        table = columns if isinstance(columns, pa.Table) else pa.table(columns)
        pq.write_table(table, self.folder / name, **({"row_group_size": 700} | options))
        return self.folder / name

    def run_import(self, files, options="", *more, form="parquet", ranks=1, environment=None):
        """The result of the command, and the folder it was to make."""
        self.count += 1
        out = self.folder / f"out-{self.count}"
        command = [PROGRAM, "--quiet", "import", form, *map(str, files), "--out", str(out), *map(str, more)]
        if options:
            file = self.folder / f"import-{self.count}.toml"
            file.write_text(options)
            command += ["--options", str(file)]
        if ranks > 1:
            command = ["mpirun", "-n", str(ranks), *command]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240), out

    def imported(self, *arguments, **options):
        result, out = self.run_import(*arguments, **options)
        self.assertEqual(result.returncode, 0, result.stderr)
        dataset = Dataset(out)
        self.addCleanup(dataset.close)
        return dataset

    def refused(self, files, options="", *wanted, status=2, **more):
        result, out = self.run_import(files, options, **more)
        self.assertEqual(result.returncode, status, result.stderr)
        for text in (*wanted, "remedy:"):
            self.assertIn(text, result.stderr)
        self.assertFalse(out.exists())
        self.assertEqual([path.name for path in self.folder.iterdir() if path.name.startswith(f".out-{self.count}")], [])
        return result.stderr


class Types(ParquetCase):
    ROWS = 5000

    def source(self):
        random = numpy.random.default_rng(11)
        n = self.ROWS

        def holes(values, share=0.1):
            return [None if hole else value for hole, value in zip(random.random(n) < share, values)]

        words = ["red", "green", "蓝", 'a "quoted", word', "x\ny"]
        moments = [EPOCH + datetime.timedelta(seconds=int(s)) for s in random.integers(-10**9, 2 * 10**9, n)]
        self.raw = {
            "id": list(range(2**60, 2**60 + n)),
            "unsigned": [2**64 - 1 - i for i in range(n)],
            "small": holes(random.integers(-100, 100, n).tolist()),
            "float": holes([float(x) for x in random.normal(size=n).astype("float32")]),
            "double": holes((random.normal(size=n) * 10.0 ** random.integers(-30, 30, n)).tolist()),
            "half": holes([float(x) for x in random.normal(size=n).astype("float16")]),
            "flag": holes((random.random(n) < 0.3).tolist()),
            "word": holes([words[i] for i in random.integers(0, len(words), n)]),
            "coded": holes([words[i] for i in random.integers(0, len(words), n)]),
            "text": [f"row {i} of 好" for i in range(n)],
            "moment": holes(moments),
            "zoned": holes([m.replace(tzinfo=datetime.timezone.utc) for m in moments]),
            "day": holes([m.date() for m in moments]),
            "price": holes([decimal.Decimal(int(c)) / 100 for c in random.integers(-10**6, 10**6, n)]),
            "items": holes([random.integers(0, 50, random.integers(0, 5)).tolist() for _ in range(n)]),
            "tags": holes([[words[i] for i in random.integers(0, 3, random.integers(0, 4))] for _ in range(n)]),
            "place": holes([{"city": words[int(i)], "at": {"x": int(i)}} for i in random.integers(0, 3, n)]),
            "nothing": [None] * n,
            "y": random.integers(0, 2, n).tolist(),
        }
        types = {"id": pa.int64(), "unsigned": pa.uint64(), "small": pa.int8(), "float": pa.float32(), "double": pa.float64(), "half": pa.float16(),
                 "flag": pa.bool_(), "word": pa.string(), "coded": pa.dictionary(pa.int32(), pa.string()), "text": pa.large_string(),
                 "moment": pa.timestamp("us"), "zoned": pa.timestamp("ms", tz="Asia/Shanghai"), "day": pa.date32(), "price": pa.decimal128(12, 2),
                 "items": pa.list_(pa.int32()), "tags": pa.list_(pa.string()), "nothing": pa.null(), "y": pa.int32(),
                 "place": pa.struct([("city", pa.string()), ("at", pa.struct([("x", pa.int64())]))])}
        return pa.table({name: pa.array(numpy.array([numpy.nan if v is None else v for v in values], "float16"), mask=numpy.array([v is None for v in values]))
                         if name == "half" else pa.array(values, types[name]) for name, values in self.raw.items()})

    OPTIONS = toml_columns({
        "id": {"kind": "id", "dtype": "int64"}, "unsigned": {"kind": "id", "dtype": "uint64"}, "double": {"kind": "dense", "dtype": "float64"},
        "text": {"kind": "text"}, "items": {"kind": "sequence", "of": "categorical", "dtype": "int64"}, "flag": {"kind": "categorical", "dtype": "int64"},
        "y": {"kind": "label", "values": ["0", "1"]}, "place.city": {"rename": "city"}, "short": {"from": "tags", "kind": "sequence", "of": "categorical", "max_length": 1}})

    def seconds(self, value):
        if value is None:
            return numpy.iinfo("int64").min
        if isinstance(value, datetime.datetime):
            return int((value.replace(tzinfo=None) - EPOCH).total_seconds())
        return (value - EPOCH.date()).days * 86400

    def numbers(self, name, dtype):
        return numpy.array([numpy.nan if v is None else float(v) for v in self.raw[name]], "float64").astype(dtype)

    def test_every_type_is_stored_as_it_was_written(self):
        table = self.source()
        data = self.imported([self.write("all.parquet", table)], SMALL_SHARDS + self.OPTIONS)
        self.assertEqual(data.manifest["rows"], self.ROWS)
        self.assertEqual(len(data.files), 5)
        self.assertEqual(list(data.schema), ["id", "unsigned", "small", "float", "double", "half", "flag", "word", "coded", "text", "moment", "zoned", "day",
                                             "price", "items", "tags", "city", "place.at.x", "nothing", "y", "short"])
        numpy.testing.assert_array_equal(data.flat("row"), numpy.arange(self.ROWS))
        numpy.testing.assert_array_equal(data.flat("id"), numpy.array(self.raw["id"]))
        numpy.testing.assert_array_equal(data.flat("unsigned"), numpy.array(self.raw["unsigned"], "uint64"))
        for name in ("small", "float", "half", "price", "nothing"):
            numpy.testing.assert_array_equal(data.flat(name), self.numbers(name, "float32"), name)
        numpy.testing.assert_array_equal(data.flat("double"), self.numbers("double", "float64"))
        self.assertEqual(data.categories("flag"), [None if v is None else int(v) for v in self.raw["flag"]])
        for name in ("word", "coded"):
            self.assertEqual(data.categories(name), self.raw[name])
        self.assertEqual(data.texts("text"), self.raw["text"])
        for name in ("moment", "zoned", "day"):
            self.assertEqual(data.flat(name).tolist(), [self.seconds(v) for v in self.raw[name]], name)
        for name in ("items", "tags"):
            self.assertEqual(data.lists(name), [v or [] for v in self.raw[name]])
        self.assertEqual(data.lists("short"), [(v or [])[-1:] for v in self.raw["tags"]])
        self.assertEqual(data.categories("city"), [v and v["city"] for v in self.raw["place"]])
        numpy.testing.assert_array_equal(data.flat("place.at.x"), numpy.array([numpy.nan if v is None else v["at"]["x"] for v in self.raw["place"]], "float32"))
        numpy.testing.assert_array_equal(data.flat("y"), numpy.array(self.raw["y"], "float32"))

    def test_ranks_and_files_change_no_byte_of_the_shards(self):
        table = self.source()
        whole = self.write("all.parquet", table)
        alone = self.imported([whole], SMALL_SHARDS + self.OPTIONS).hashes()
        for ranks in (2, 3):
            self.assertEqual(self.imported([whole], SMALL_SHARDS + self.OPTIONS, ranks=ranks).hashes(), alone, ranks)
        for number, (first, rows) in enumerate([(0, 1), (1, 2999), (3000, 0), (3000, 2000)]):
            self.write(f"cut-{number}.parquet", table.slice(first, rows), row_group_size=64)
        for ranks in (1, 3):
            data = self.imported([self.folder / "cut-*.parquet"], SMALL_SHARDS + self.OPTIONS, ranks=ranks)
            self.assertEqual(data.hashes(), alone, ranks)
            self.assertEqual([entry["records"] for entry in data.manifest["source"]["inputs"]], [1, 2999, 0, 2000])
            self.assertEqual([entry["sha256"] for entry in data.manifest["source"]["inputs"]],
                             [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(self.folder.glob("cut-*"))])

    def test_a_csv_file_of_the_same_rows_gives_the_same_shards(self):
        table = self.source().drop_columns(["tags", "place", "nothing"])
        kinds = {"small": "dense", "float": "dense", "half": "dense", "price": "dense", "word": "categorical", "coded": "categorical", "moment": "time", "zoned": "time",
                 "day": "time"}
        options = toml_columns({name: {"kind": kind} for name, kind in kinds.items()}) + self.OPTIONS[:self.OPTIONS.index('\n[columns."place.city"]')]
        parquet = self.imported([self.write("all.parquet", table)], SMALL_SHARDS + options)

        def cell(name, value):
            if value is None:
                return ""
            if isinstance(value, datetime.datetime):
                return value.strftime("%Y-%m-%dT%H:%M:%SZ")
            if isinstance(value, list):
                return "|".join(map(str, value))
            if name == "flag":
                return str(int(value))
            text = str(value)
            return '"' + text.replace('"', '""') + '"' if name in ("word", "coded") else text
        names = table.column_names
        lines = [",".join(names)] + [",".join(cell(name, self.raw[name][i]) for name in names) for i in range(self.ROWS)]
        (self.folder / "all.csv").write_text("\n".join(lines) + "\n")
        options = options.replace('"sequence"', '"sequence"\nseparator = "|"')
        csv = self.imported([self.folder / "all.csv"], SMALL_SHARDS + options, form="csv")
        self.assertEqual(parquet.hashes(), csv.hashes())

    def test_without_options_the_types_say_the_kinds(self):
        data = self.imported([self.write("all.parquet", self.source())])
        kinds = {name: column["kind"] for name, column in data.schema.items()}
        self.assertEqual({kinds[name] for name in ("id", "small", "float", "flag", "price", "y")}, {"dense"})
        self.assertEqual({kinds[name] for name in ("word", "coded", "text", "place.city")}, {"categorical"})
        self.assertEqual({kinds[name] for name in ("moment", "zoned", "day")}, {"time"})
        self.assertEqual({kinds[name] for name in ("items", "tags")}, {"sequence"})
        numpy.testing.assert_array_equal(numpy.array([sum(row) for row in data.lists("items")]), [sum(v or []) for v in self.raw["items"]])

    def test_values_say_the_kinds_where_they_are_to_be_inferred(self):
        data = self.imported([self.write("all.parquet", self.source())], "", "--infer", "--label", "y")
        kinds = {name: column["kind"] for name, column in data.schema.items()}
        self.assertEqual((kinds["id"], kinds["y"], kinds["word"], kinds["day"], kinds["tags"], kinds["price"]), ("id", "label", "categorical", "time", "sequence", "dense"))
        self.assertEqual(data.schema["y"]["classes"], ["0", "1"])
        self.assertEqual(data.flat("id").tolist(), self.raw["id"])


class Rules(ParquetCase):
    def rows(self, n=3000):
        return {"user": [f"u{i % 97}" for i in range(n)], "mail": [f"u{i}@example.org" for i in range(n)], "x": [float(i % 1000) for i in range(n)],
                "y": [i % 2 for i in range(n)]}

    def test_tables_are_joined_from_csv_and_from_parquet(self):
        source = self.write("main.parquet", self.rows())
        self.write("users.parquet", {"spare": [[1]] * 90, "user": [f"u{i}" for i in range(90)], "city": [f"城{i % 7}" for i in range(90)]})
        (self.folder / "users.csv").write_text("user,city\n" + "".join(f"u{i},城{i % 7}\n" for i in range(90)))
        options = 'drop = ["mail"]\n[[join]]\nfiles = ["{}"]\non = "user"\ncolumns = ["city"]\n' + SMALL_SHARDS + toml_columns({"city": {"kind": "categorical"}})
        wanted = [f"城{i % 97 % 7}" if i % 97 < 90 else None for i in range(3000)]
        made = []
        for name, ranks in (("users.parquet", 1), ("users.parquet", 3), ("users.csv", 2)):
            made.append(self.imported([source], options.format(name), ranks=ranks))
            self.assertEqual(made[-1].categories("city"), wanted)
        self.assertEqual({tuple(data.hashes()) for data in made}, {tuple(made[0].hashes())})
        (self.folder / "main.csv").write_text("user,mail,x,y\n" + "".join(f"u{i % 97},,{i % 1000},{i % 2}\n" for i in range(3000)))
        csv = self.imported([self.folder / "main.csv"], options.format("users.parquet") + toml_columns({"user": {"kind": "categorical"}, "x": {"kind": "dense"}, "y": {"kind": "dense"}}),
                            form="csv")
        self.assertEqual(csv.hashes(), made[0].hashes())
        self.refused([source], options.format("users.parquet").replace('"city"]', '"spare"]').replace('"city"', '"spare"'), "spare", "lists")
        self.write("users.parquet", {"user": ["u1", "u2", "u1"], "city": ["a", "b", "c"]})
        self.refused([source], options.format("users.parquet"), "users.parquet, row 3: error:", '"u1"')
        (self.folder / "users.csv").write_bytes("user,city\nu1,Köln\n".encode("latin-1"))
        self.refused([self.folder / "main.csv"], options.format("users.csv") + toml_columns({"user": {"kind": "categorical"}, "x": {"kind": "dense"}, "y": {"kind": "dense"}}),
                     "main.csv:3:1: error: column \"city\"", "is not UTF-8", form="csv")

    def test_personal_data_are_found_and_pseudonyms_made(self):
        source = self.write("main.parquet", self.rows())
        report = self.refused([source], '[privacy]\nscan = "refuse"\n', "mail")
        self.assertNotIn("u1@example.org", report)
        key = self.folder / "key"
        key.write_text("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0NTY=\n")
        key.chmod(0o600)
        options = f'[privacy]\nscan = "refuse"\nkey_file = "{key}"\n' + toml_columns({"mail": {"kind": "id", "pseudonym": "mail"}})
        one, three = (self.imported([source], options, ranks=ranks) for ranks in (1, 3))
        self.assertEqual(one.hashes(), three.hashes())
        self.assertEqual(len(set(one.texts("mail"))), 3000)
        self.assertNotIn("@", "".join(one.texts("mail")))

    def test_duplicates_rare_values_and_cleaning(self):
        rows = self.rows()
        rows = {name: values + values[:10] for name, values in rows.items()}
        rows["x"] = [float(i) for i in range(3000)] + rows["x"][3000:]  # rows 3000 … 3009 are as rows 0 … 9
        rows["user"][5] = "once"
        options = 'drop = ["mail"]\nduplicates = "drop"\n' + toml_columns({"user": {"kind": "categorical", "min_count": 2, "rare_value": "rare"}, "x": {"kind": "dense", "clip_max": 500, "sentinels": [7]}})
        one, two = (self.imported([self.write("main.parquet", rows)], options, ranks=ranks) for ranks in (1, 2))
        self.assertEqual(one.hashes(), two.hashes())
        self.assertEqual(one.manifest["rows"], 3001)  # row 3005 is no duplicate any more
        self.assertEqual(one.categories("user")[5], "rare")
        self.assertTrue(numpy.isnan(one.flat("x")[7]))
        self.assertEqual(numpy.nanmax(one.flat("x")), 500)

    def test_texts_become_tokens(self):
        texts = [f"good day {i % 3}" for i in range(50)]
        data = self.imported([self.write("t.parquet", {"t": texts, "y": list(range(50))})], 'drop = ["t"]\n[columns.words]\nfrom = "t"\nkind = "sequence"\n[columns.words.tokenizer]\n')
        self.assertEqual([len(row) for row in data.lists("words")], [3] * 50)

    def test_rows_are_appended(self):
        rows = self.rows()
        first, second = ({name: values[a:b] for name, values in rows.items()} for a, b in ((0, 2048), (2048, 3000)))
        options = 'drop = ["mail"]\n' + SMALL_SHARDS + toml_columns({"y": {"kind": "label", "values": ["0", "1"]}})
        base = self.imported([self.write("a.parquet", first)], options)
        more = self.imported([self.write("b.parquet", second)], "", "--append-to", base.folder)
        whole = self.imported([self.write("all.parquet", rows)], options)
        self.assertEqual(more.hashes(), whole.hashes())

    def test_parts_and_the_described_options(self):
        a, b = self.write("a.parquet", {"x": [1, 2]}), self.write("b.parquet", {"x": [3]})
        data = self.imported([f"train={a}", f"test={b}"])
        self.assertEqual([(shard["part"], shard["rows"]) for shard in data.manifest["shards"]], [("train", 2), ("test", 1)])
        described = subprocess.run([PROGRAM, "describe", "import", "parquet"], check=True, capture_output=True, text=True).stdout
        self.assertIn("default_kind", described)
        self.assertIn("[privacy]", described.replace("privacy.", "[privacy]"))


class BadInputs(ParquetCase):
    def test_what_is_no_parquet_or_only_half_of_it(self):
        whole = self.write("a.parquet", {"x": list(range(5000))}).read_bytes()
        (self.folder / "half.parquet").write_bytes(whole[:len(whole) // 2])
        self.refused([self.folder / "half.parquet"], "", "half.parquet", status=3)
        (self.folder / "no.parquet").write_text("a,b\n1,2\n")
        self.refused([self.folder / "no.parquet"], "", "no.parquet", status=3)
        self.refused([self.folder / "absent.parquet"], "", "absent.parquet")
        self.refused([self.folder / "none-*.parquet"], "", "no file fits")
        holed = bytearray(whole)
        holed[20:len(whole) // 2] = b"\xff" * (len(whole) // 2 - 20)
        (self.folder / "holed.parquet").write_bytes(holed)
        self.refused([self.folder / "holed.parquet"], "", "holed.parquet", status=3, ranks=2)

    def test_texts_that_cannot_be_stored(self):
        good = ["a"] * 1500
        for bad, what in ((b"\xff\xfe", "is not UTF-8"), (b"a\0b", "holds a NUL byte")):
            column = pa.array([word.encode() for word in good] + [bad] + [b"z"] * 100, pa.binary())
            for kind, ranks in (("categorical", 2), ("text", 1)):
                file = self.write("bad.parquet", {"x": list(range(1601)), "t": column})
                options = toml_columns({"t": {"kind": kind}})
                self.refused([file], options, "bad.parquet, row 1501: error: column \"t\"", what, ranks=ranks)
            data = self.imported([file], 'on_error = "drop"\n' + options)
            self.assertEqual((data.manifest["rows"], list(data.manifest["source"]["dropped"].values())), (1600, [1]))
            self.write("joined.parquet", {"x": list(range(1601)), "t": column})
            main = self.write("main.parquet", {"x": list(range(1601))})
            self.refused([main], '[[join]]\nfiles = ["joined.parquet"]\non = "x"\n' + options, "main.parquet, row 1501", what)
        lists = self.write("lists.parquet", {"t": [["a"], ["b", "c\x1fd"]], "x": [1, 2]})
        self.refused([lists], "", "lists.parquet, row 2", "U+001F")
        self.assertEqual(self.imported([lists], 'drop = ["t"]\n').manifest["rows"], 2)

    def test_values_that_do_not_fit_their_kind(self):
        file = self.write("v.parquet", {"x": ["1", "2", "three"], "y": [0, 1, 2]})
        self.refused([file], toml_columns({"x": {"kind": "dense"}}), "v.parquet, row 3: error: column \"x\": \"three\" is not a number")
        self.refused([file], toml_columns({"y": {"kind": "label", "values": ["0", "1"]}}), "row 3", "none of the label's values")
        big = self.write("big.parquet", {"x": [1.0, 1e300]})
        self.refused([big], "", "big.parquet, row 2", "float64")

    def test_types_that_cannot_be_imported(self):
        file = self.write("u.parquet", {"x": [1, 2], "map": pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int64())), "deep": [[[1]], []]})
        self.refused([file], "", "u.parquet", '"map" (map<', '"deep" (list<', 'drop = ["map", "deep"]')
        self.assertEqual(list(self.imported([file], 'drop = ["map", "deep"]\n').schema), ["x"])
        self.assertEqual(list(self.imported([file], "", "--infer", "--label", "x").schema), ["x"])

    def test_files_that_do_not_belong_together(self):
        a = self.write("a.parquet", {"x": [1, 2], "s": ["u", "v"]})
        for name, columns, wanted in (("b", {"x": [1], "z": ["u"]}, 'no column "s"'), ("c", {"x": [1], "s": ["u"], "more": [1]}, 'a column "more"'),
                                      ("d", {"x": [1.5], "s": ["u"]}, "of type double")):
            file = self.write(f"{name}.parquet", columns)
            self.refused([a, file], "", f"{name}.parquet: error:", "a.parquet", wanted)
        swapped = self.write("swapped.parquet", {"s": pa.nulls(1), "x": [3]})
        data = self.imported([a, swapped])
        self.assertEqual((data.categories("s"), data.flat("x").tolist()), (["u", "v", None], [1, 2, 3]))
        files = [self.write("e.parquet", {"l": pa.array([[]], pa.list_(pa.null()))}), self.write("f.parquet", {"l": [["a", "b"]]}), self.write("g.parquet", {"l": pa.nulls(1)})]
        self.assertEqual(self.imported(files).lists("l"), [[], ["a", "b"], []])

    def test_options_that_do_not_fit(self):
        file = self.write("o.parquet", {"price": [1, 2], "tags": [["a"], []], "when": [EPOCH, EPOCH]})
        self.refused([file], toml_columns({"prize": {"kind": "dense"}}), 'did you mean "price"?', "import-1.toml:2")
        self.refused([file], toml_columns({"tags": {"kind": "categorical"}}), "holds lists", 'kind = "sequence"')
        self.refused([file], toml_columns({"tags": {"kind": "sequence", "of": "categorical", "separator": "|"}}), "no separator")
        self.refused([file], toml_columns({"when": {"kind": "time", "format": "unix_s"}}), "a time already")
        self.refused([file], "[csv]\nheader = true\n", "csv")
        twice = self.write("twice.parquet", pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"]))
        self.refused([twice], "", "two columns named \"x\"")
        self.refused([self.write("empty.parquet", {"x": pa.array([], pa.int64())})], "", "empty.parquet")

    def test_without_pyarrow_the_remedy_is_named(self):
        # Found before any installed one, in whichever interpreter.
        (self.folder / "pyarrow").mkdir()
        (self.folder / "pyarrow" / "__init__.py").write_text("raise ImportError('not here')\n")
        file = self.write("a.parquet", {"x": [1, 2]})
        environment = os.environ | {"PYTHONPATH": str(self.folder)}
        self.refused([file], "", "no Python interpreter here has pyarrow", "pip install pyarrow", status=1, environment=environment)


class Page(ParquetCase):
    """What docs/parquet.md shows works as it stands there."""

    def test_the_commands_and_the_options_of_the_page(self):
        blocks = re.findall(r"^```(\w*)\n(.*?)^```", (SOURCE / "docs" / "parquet.md").read_text(), re.M | re.S)
        commands = next(text for language, text in blocks if not language).splitlines()
        (self.folder / "import.toml").write_text(next(text for language, text in blocks if language == "toml"))
        clicks = {"user_id": list(range(100)), "items": [[i % 7, i % 3] for i in range(100)], "clicked": [i % 3 == 0 for i in range(100)], "click": ["yes", "no"] * 50}
        self.write("logs.parquet", clicks)
        (self.folder / "logs").mkdir()
        self.write("logs/1.parquet", clicks)
        self.assertEqual(len(commands), 3)
        kinds = []
        for number, line in enumerate(commands):
            words = shlex.split(re.split(r" {2,}", line)[0])
            words[words.index("--out") + 1] = f"made-{number}"
            subprocess.run([PROGRAM, "--quiet", *words[1:]], check=True, cwd=self.folder, stdout=subprocess.DEVNULL)
            data = Dataset(self.folder / f"made-{number}")
            self.addCleanup(data.close)
            self.assertEqual(data.manifest["rows"], 100)
            kinds.append({name: column["kind"] for name, column in data.schema.items()})
        self.assertEqual(kinds, [{"user_id": "dense", "items": "sequence", "clicked": "dense", "click": "categorical"},
                                 {"user_id": "id", "items": "sequence", "clicked": "dense", "click": "label"},
                                 {"user_id": "id", "items": "sequence", "clicked": "label", "click": "categorical"}])


if __name__ == "__main__":
    unittest.main()
