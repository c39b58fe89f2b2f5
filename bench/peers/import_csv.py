"""The peer's side of bench/import_vs_pandas: pandas reads the CSV, h5py writes it with the same filter. Usage: import_csv.py FILE.csv OUT.h5"""

import json
import sys
import time

import h5py
import pandas


def main(source, target):
    begin = time.perf_counter()
    table = pandas.read_csv(source)
    read = time.perf_counter() - begin
    with h5py.File(target, "w") as file:
        for name in table:
            column = table[name]
            values = column.to_numpy() if pandas.api.types.is_numeric_dtype(column) else pandas.factorize(column)[0].astype("int32")
            file.create_dataset(name, data=values, chunks=(16384,), shuffle=True, compression="gzip", compression_opts=1)
    whole = time.perf_counter() - begin
    print(json.dumps({"rows": len(table), "read_seconds": read, "seconds": whole}))


if __name__ == "__main__":
    main(*sys.argv[1:])
