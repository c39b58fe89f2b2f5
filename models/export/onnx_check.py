"""Runs an ONNX model on raw columns: onnx_check.py MODEL FOLDER.

FOLDER holds request.json ({"rows": n, "columns": [{"name", "type"}]}) and for column i the file i.values: little-endian float32 or
int64, or for strings UTF-8 bytes that i.offsets (int64, rows + 1) cuts into values. Left there: all.f32 (one batch of all rows), one.f32
(the first 64 rows one by one), seven.f32 (the first 448 by sevens), each little-endian float32, row after row.
Exit status 4: onnxruntime is not installed.
"""

import json
import pathlib
import sys

try:
    import numpy as np
    import onnxruntime
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(4)


def read_column(stem, kind):
    if kind != "string":
        return np.fromfile(f"{stem}.values", dtype="<f4" if kind == "float32" else "<i8").reshape(-1, 1)
    text = pathlib.Path(f"{stem}.values").read_bytes()
    offsets = np.fromfile(f"{stem}.offsets", dtype="<i8")
    values = [text[begin:end].decode("utf-8") for begin, end in zip(offsets[:-1], offsets[1:])]
    return np.array(values, dtype=object).reshape(-1, 1)


def predict(session, columns, rows, batch):
    parts = []
    for begin in range(0, rows, max(batch, 1)):
        feeds = {name: values[begin:min(begin + batch, rows)] for name, values in columns.items()}
        parts.append(session.run(["prediction"], feeds)[0])
    return np.concatenate(parts).astype("<f4") if parts else np.zeros(0, "<f4")


def main(model, folder):
    folder = pathlib.Path(folder)
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    columns = {column["name"]: read_column(folder / str(i), column["type"]) for i, column in enumerate(request["columns"])}
    needed = {value.name for value in session.get_inputs()}
    columns = {name: values for name, values in columns.items() if name in needed}
    rows = request["rows"]
    for name, batch, count in (("all", rows, rows), ("one", 1, min(rows, 64)), ("seven", 7, min(rows, 448))):
        predict(session, columns, count, batch).tofile(folder / f"{name}.f32")


if __name__ == "__main__":
    main(*sys.argv[1:])
