"""The peer's side of bench/csv_parse_vs_polars: Polars reads the CSV into memory. Usage: read_csv_polars.py FILE.csv READS"""

import json
import sys
import time

import polars


def main(source, reads):
    seconds = []
    for _ in range(int(reads)):
        begin = time.perf_counter()
        table = polars.read_csv(source)
        seconds.append(time.perf_counter() - begin)
    print(json.dumps({"rows": len(table), "threads": polars.thread_pool_size(), "seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
