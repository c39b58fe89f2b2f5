"""Parquet files for parquet_source_test.cpp, written with pyarrow, and what must be read from them, as plain values.

usage: parquet_files.py FOLDER      exit status 4: there is no pyarrow
FOLDER/expected.json: {file: [{"name", "type", "list", "cells": [text, null, or a list of these; …]}, …]}
"""

import datetime
import decimal
import json
import pathlib
import sys

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:
    sys.exit(4)

UTC = datetime.timezone.utc
FLOATS = [0.1, -0.0, 1e300, 5e-324, float("nan"), None, 1 / 3, 123456789.0]


class Expected:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.files = {}

    def write(self, name, columns, **options):
        """columns: (name, arrow array, type, list, cells)."""
        table = pa.table([array for _, array, *_ in columns], names=[column[0] for column in columns])
        self.write_table(name, table, [(column[0], *column[2:]) for column in columns], **options)

    def write_table(self, name, table, columns, **options):
        pq.write_table(table, self.folder / name, **options)
        self.files[name] = [{"name": n, "type": kind, "list": listed, "cells": cells} for n, kind, listed, cells in columns]


def scalars():
    days = [datetime.date(2024, 2, 29), None, datetime.date(1969, 12, 31)]
    times = [datetime.datetime(2024, 2, 29, 12, 30, 1, 999_000), None, datetime.datetime(1969, 12, 31, 23, 59, 59, 1_000)]
    shifted = [t and t.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=8))) for t in times]
    seconds = ["2024-02-29T12:30:01Z", None, "1969-12-31T23:59:59Z"]
    shifted_seconds = ["2024-02-29T04:30:01Z", None, "1969-12-31T15:59:59Z"]
    midnight = ["2024-02-29T00:00:00Z", None, "1969-12-31T00:00:00Z"]
    big = 2**63 - 1
    text = ["", None, "很好 \"a\",\n"]
    columns = [
        ("int8", pa.array([-128, None, 127], pa.int8()), "int64", ["-128", None, "127"]),
        ("uint16", pa.array([0, None, 65535], pa.uint16()), "int64", ["0", None, "65535"]),
        ("int64", pa.array([-big - 1, None, big], pa.int64()), "int64", [str(-big - 1), None, str(big)]),
        ("uint64", pa.array([0, None, 2**64 - 1], pa.uint64()), "uint64", ["0", None, str(2**64 - 1)]),
        ("bool", pa.array([True, None, False]), "int64", ["1", None, "0"]),
        ("half", pa.array([0.5, None, -2], pa.float16()), "float32", ["0.5", None, "-2"]),
        ("float", pa.array([0.1, None, 3e38], pa.float32()), "float32", ["0.1", None, "3e+38"]),
        ("string", pa.array(text), "text", text),
        ("large string", pa.array(text, pa.large_string()), "text", text),
        ("view", pa.array(text, pa.string_view()), "text", text),
        ("binary", pa.array([b"ab", None, b"\xe5\xa5\xbd"]), "text", ["ab", None, "好"]),
        ("fixed", pa.array([b"ab", None, b"cd"], pa.binary(2)), "text", ["ab", None, "cd"]),
        ("dictionary", pa.array(["x", None, "x"]).dictionary_encode(), "text", ["x", None, "x"]),
        ("codes", pa.DictionaryArray.from_arrays(pa.array([1, None, 0], pa.int8()), pa.array([10, 20])), "int64", ["20", None, "10"]),
        ("decimal", pa.array([decimal.Decimal("12.50"), None, decimal.Decimal("-0.01")], pa.decimal128(20, 2)), "text", ["12.50", None, "-0.01"]),
        ("date", pa.array(days), "time", midnight),
        ("date64", pa.array(days, pa.date64()), "time", midnight),
        *((f"ts {unit}", pa.array(times, pa.timestamp("us")).cast(pa.timestamp(unit), safe=False), "time", seconds) for unit in ("ms", "us", "ns")),
        ("zone", pa.array(shifted, pa.timestamp("us", tz="Asia/Shanghai")), "time", shifted_seconds),
        ("clock", pa.array([datetime.time(1, 2, 3), None, datetime.time(0)], pa.time32("ms")), "text", ["01:02:03.000", None, "00:00:00.000"]),
        ("nothing", pa.nulls(3), "null", [None] * 3),
    ]
    return [(name, array, kind, False, cells) for name, array, kind, cells in columns]


def lists():
    return [
        ("ints", pa.array([[1, 2], [], None, [None, 3]]), "int64", True, [["1", "2"], [], [], [None, "3"]]),
        ("texts", pa.array([["a", ""], None, ["好"], []]), "text", True, [["a", ""], [], ["好"], []]),
        ("words", pa.array([["a", "b"], ["b"], None, []], pa.list_(pa.dictionary(pa.int32(), pa.string()))), "text", True, [["a", "b"], ["b"], [], []]),
        ("floats", pa.array([[0.5], [None], [], [1.5, 2.5]], pa.large_list(pa.float32())), "float32", True, [["0.5"], [None], [], ["1.5", "2.5"]]),
        ("pairs", pa.array([[1, 2], None, [3, 4], [5, None]], pa.list_(pa.int16(), 2)), "int64", True, [["1", "2"], [], ["3", "4"], ["5", None]]),
        ("days", pa.array([[datetime.date(1970, 1, 2)], [], None, []]), "time", True, [["1970-01-02T00:00:00Z"], [], [], []]),
    ]


def main(folder):
    expected = Expected(folder)
    expected.write("scalars.parquet", scalars())
    expected.write("lists.parquet", lists())
    cells = [None if value is None or value != value else repr(value).removesuffix(".0") for value in FLOATS]
    expected.write("doubles.parquet", [("x", pa.array(FLOATS), "float64", False, cells)])

    # Many row groups, pages and batches; dictionaries that fall back to plain pages; every compression that Arrow has anyway.
    rows = 10_000
    numbers = [None if i % 7 == 0 else i * i for i in range(rows)]
    words = [None if i % 11 == 0 else f"word {i * 7919 % 3001}" for i in range(rows)]
    bags = [None if i % 5 == 0 else list(range(i % 4)) for i in range(rows)]
    columns = [("n", pa.array(numbers), "int64", False, [None if n is None else str(n) for n in numbers]),
               ("w", pa.array(words), "text", False, words),
               ("d", pa.array(words).dictionary_encode(), "text", False, words),
               ("b", pa.array(bags), "int64", True, [[str(v) for v in bag or []] for bag in bags])]
    for codec in ("none", "snappy", "gzip", "zstd", "lz4", "brotli"):
        expected.write(f"groups-{codec}.parquet", columns, row_group_size=1234, compression=codec, data_page_size=4096, dictionary_pagesize_limit=4096)
    expected.write("version-1.parquet", columns[:3], version="1.0", data_page_version="2.0")

    inner = pa.array([{"x": 1, "y": {"z": "a"}}, None, {"x": None, "y": None}])
    expected.write_table("structs.parquet", pa.table({"s": inner, "s.t": pa.array([1, 2, 3])}),
                         [("s.x", "int64", False, ["1", None, None]), ("s.y.z", "text", False, ["a", None, None]), ("s.t", "int64", False, ["1", "2", "3"])])
    expected.write("empty.parquet", [("x", pa.array([], pa.int64()), "int64", False, []), ("l", pa.array([], pa.list_(pa.string())), "text", True, [])])
    old = pa.table({"t": pa.array([datetime.datetime(1600, 1, 1), None, datetime.datetime(9999, 12, 31)], pa.timestamp("us"))})
    expected.write_table("int96.parquet", old, [("t", "time", False, ["1600-01-01T00:00:00Z", None, "9999-12-31T00:00:00Z"])],
                         use_deprecated_int96_timestamps=True)

    unsupported = pa.table({"good": pa.array([1]), "map": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())), "deep": pa.array([[[1]]]),
                            "structs": pa.array([[{"x": 1}]]), "span": pa.array([datetime.timedelta(1)])})
    pq.write_table(unsupported, expected.folder / "unsupported.parquet")
    whole = (expected.folder / "groups-snappy.parquet").read_bytes()
    (expected.folder / "cut.parquet").write_bytes(whole[:len(whole) // 2])
    (expected.folder / "no.parquet").write_bytes(b"a,b\n1,2\n")
    (expected.folder / "nothing.parquet").write_bytes(b"")
    holed = bytearray(whole)
    holed[200:5000] = b"\xff" * 4800
    (expected.folder / "holed.parquet").write_bytes(holed)
    (expected.folder / "expected.json").write_text(json.dumps(expected.files))


if __name__ == "__main__":
    main(sys.argv[1])
