"""The CSV that imports and parsers are measured on: ten floats of four decimals, five integers, five strings of 5,000 values and a label."""

import numpy
import pandas

FLOATS, INTEGERS, STRINGS, WORDS = 10, 5, 5, 5000


def make(path, rows):
    """The same bytes for the same number of rows; about 155 a row."""
    draw = numpy.random.default_rng(0)
    words = numpy.array([f"cat_{i:05d}" for i in range(WORDS)])
    columns = {}
    for i in range(FLOATS):
        columns[f"f{i}"] = draw.standard_normal(rows).round(4)
    for i in range(INTEGERS):
        columns[f"i{i}"] = draw.integers(0, 100_000, rows)
    for i in range(STRINGS):
        columns[f"s{i}"] = words[draw.integers(0, WORDS, rows)]
    columns["y"] = draw.integers(0, 2, rows)
    unfinished = path.with_suffix(".tmp")
    pandas.DataFrame(columns).to_csv(unfinished, index=False)
    unfinished.rename(path)


def options():
    """An import.toml for it."""
    lines = ['default_kind = "dense"']
    for i in range(STRINGS):
        lines += [f"[columns.s{i}]", 'kind = "categorical"']
    return "\n".join(lines + ["[columns.y]", 'kind = "label"', 'values = ["0", "1"]']) + "\n"


def find(folder, rows):
    """The file below `folder`, made where it is absent."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"table-{rows}.csv"
    if not path.exists():
        make(path, rows)
    return path
