"""Reads Parquet files with pyarrow for parquet_source.cpp, which starts it: requests on stdin, answers on stdout.

A request is a line of JSON, a frame is the length of its JSON (uint32, little-endian), the JSON, and the buffers whose sizes it lists.
  at the start  → {"pyarrow": version}; exit status 4 where there is no pyarrow
  {"open": path}
                → {"rows": n, "row_groups": [n, …], "columns": [{"name", "stored", "type", "list"}, …]}
  {"read": [column, …], "first": row, "rows": n, "batch": n}
                → {"rows": n, "columns": [{buffer: bytes, …}, …]} again and again, then {"rows": 0}
Whatever goes wrong with a file is answered by {"error": message}.

Types: int64, uint64, float32, float64, time (int64 seconds UTC), text; null where no value is known to be of any type; "" for what can't be imported.
Buffers of a column: `lengths` (int64, of the rows of a list), `valid` (uint8 an element; absent where all are valid), `values`, and for text
`offsets` (int64, elements + 1, not from 0) and `bytes`; where text is dictionary-encoded, these are the dictionary's and `indices` (int32) the
elements.
"""

import json
import os
import socket
import struct
import sys

try:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(4)

UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def element_type(arrow):
    """What an element becomes, or "" where nothing fits."""
    if pa.types.is_dictionary(arrow):
        return element_type(arrow.value_type)
    if pa.types.is_boolean(arrow) or pa.types.is_signed_integer(arrow):
        return "int64"
    if pa.types.is_unsigned_integer(arrow):
        return "uint64" if arrow.bit_width == 64 else "int64"
    if pa.types.is_floating(arrow):
        return "float64" if arrow.bit_width == 64 else "float32"
    if pa.types.is_timestamp(arrow) or pa.types.is_date(arrow):
        return "time"
    if is_bytes(arrow) or pa.types.is_decimal(arrow) or pa.types.is_time(arrow):
        return "text"
    return "null" if pa.types.is_null(arrow) else ""


def is_bytes(arrow):
    types = pa.types
    return (types.is_string(arrow) or types.is_large_string(arrow) or types.is_binary(arrow) or types.is_large_binary(arrow)
            or types.is_fixed_size_binary(arrow) or types.is_string_view(arrow) or types.is_binary_view(arrow))


def is_list(arrow):
    return pa.types.is_list(arrow) or pa.types.is_large_list(arrow) or pa.types.is_fixed_size_list(arrow)


def storage(arrow):
    return arrow.storage_type if isinstance(arrow, pa.BaseExtensionType) else arrow


def fields_of(schema):
    """Columns with their types; members of structs by dotted names."""
    result = []
    for field in schema:
        arrow = storage(field.type)
        if pa.types.is_struct(arrow):
            inner = pa.schema([arrow.field(i) for i in range(arrow.num_fields)])
            result += [(f"{field.name}.{name}", kind) for name, kind in fields_of(inner)]
        else:
            result.append((field.name, arrow))
    return result


def describe(name, arrow):
    listed = is_list(arrow)
    return {"name": name, "stored": str(arrow), "list": listed, "type": element_type(storage(arrow.value_type) if listed else arrow)}


class Output:
    """Frames to the socket that stands in for stdout; what else is printed goes to stderr."""

    def __init__(self):
        self.socket = socket.socket(fileno=os.dup(1))
        os.dup2(2, 1)

    def send(self, head, buffers=()):
        text = json.dumps(head).encode()
        self.socket.sendall(struct.pack("<I", len(text)) + text)
        for buffer in buffers:
            if len(buffer):
                self.socket.sendall(buffer)


def plain_buffer(array, index, width, extra=0):
    """The bytes of a fixed-width buffer that belong to the array, which may be a slice."""
    buffer = array.buffers()[index]
    if buffer is None:
        return b"\0" * ((len(array) + extra) * width) if extra else b""
    return memoryview(buffer)[array.offset * width:(array.offset + len(array) + extra) * width]


def text_buffers(array):
    array = array.cast(pa.large_binary())
    offsets = plain_buffer(array, 1, 8, extra=1)
    first, last = struct.unpack_from("<q", offsets, 0)[0], struct.unpack_from("<q", offsets, len(offsets) - 8)[0]
    data = array.buffers()[2]
    return {"offsets": offsets, "bytes": b"" if data is None else memoryview(data)[first:last]}


def seconds(array):
    """As int64 and the floor, so that a fraction before 1970 is cut towards the past too."""
    arrow = array.type
    if pa.types.is_date32(arrow):
        return pc.multiply(array.cast(pa.int32()).cast(pa.int64()), 86_400)
    per_second = 1_000 if pa.types.is_date64(arrow) else UNITS[arrow.unit]
    whole = array.cast(pa.int64())
    quotient = pc.divide(whole, per_second)
    below = pc.and_(pc.less(whole, 0), pc.not_equal(pc.multiply(quotient, per_second), whole))
    return pc.subtract(quotient, below.cast(pa.int64()))


def element_buffers(array, kind):
    if pa.types.is_dictionary(array.type):
        text = is_bytes(array.type.value_type) and array.dictionary.null_count == 0
        if text:
            buffers = valid_buffer(array)
            indices = pc.fill_null(array.indices.cast(pa.int32()), 0) if len(array.dictionary) else pa.array([], pa.int32())
            return buffers | {"indices": plain_buffer(indices, 1, 4)} | text_buffers(array.dictionary)
        array = array.dictionary_decode()
    buffers = valid_buffer(array)
    if kind == "text":
        if pa.types.is_decimal(array.type) or pa.types.is_time(array.type):
            array = array.cast(pa.string())
        return buffers | text_buffers(array)
    if kind == "time":
        values = pc.fill_null(seconds(array), 0)
    elif kind == "float64":
        values = pc.fill_null(array, float("nan"))
    elif kind == "float32":
        values = pc.fill_null(array.cast(pa.float32()), float("nan"))
    else:
        values = pc.fill_null(array.cast(pa.uint64() if kind == "uint64" else pa.int64()), 0)
    return buffers | {"values": plain_buffer(values, 1, 4 if kind == "float32" else 8)}


def valid_buffer(array):
    if array.null_count == 0:
        return {}
    return {"valid": plain_buffer(array.is_valid().cast(pa.uint8()), 1, 1)}


def column_buffers(array, kind, listed):
    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    buffers = {}
    if listed:
        lengths = pc.fill_null(pc.list_value_length(array).cast(pa.int64()), 0)
        buffers["lengths"] = plain_buffer(lengths, 1, 8)
        array = array.flatten()
        if isinstance(array.type, pa.BaseExtensionType):
            array = array.storage
    if kind == "null":
        return buffers | {"valid": b"\0" * len(array)}
    return buffers | element_buffers(array, kind)


def flat(batch):
    table = pa.Table.from_batches([batch])
    while any(pa.types.is_struct(storage(field.type)) for field in table.schema):
        table = table.flatten()
    return table


class File:
    def __init__(self, path):
        # Half of INT96's times lie beyond int64's nanoseconds.
        self.file = pq.ParquetFile(path, coerce_int96_timestamp_unit="us", pre_buffer=False)
        self.columns = [describe(name, arrow) for name, arrow in fields_of(self.file.schema_arrow)]
        metadata = self.file.metadata
        self.row_groups = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]

    def head(self):
        return {"rows": sum(self.row_groups), "row_groups": self.row_groups, "columns": self.columns}

    def batches(self, columns, first, rows, batch):
        """Batches of rows first … first + rows − 1, from the row groups that hold them."""
        names = list(dict.fromkeys(self.columns[i]["name"] for i in columns))
        begin = 0
        for group, size in enumerate(self.row_groups):
            if begin + size > first and begin < first + rows:
                at = begin
                for part in self.file.iter_batches(batch_size=batch, row_groups=[group], columns=names):
                    low, high = max(first - at, 0), min(first + rows - at, part.num_rows)
                    at += part.num_rows
                    if low < high:
                        yield part.slice(low, high - low)
                    if at >= first + rows:
                        break
            begin += size

    def frames(self, columns, first, rows, batch):
        for part in self.batches(columns, first, rows, batch):
            table = flat(part)
            parts = []
            for i in columns:
                column = self.columns[i]
                array = table.column(column["name"]).combine_chunks()
                if isinstance(array, pa.ChunkedArray):
                    array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
                parts.append(column_buffers(array, column["type"], column["list"]))
            sizes = [{name: len(buffer) for name, buffer in part.items()} for part in parts]
            yield {"rows": table.num_rows, "columns": sizes}, [buffer for part in parts for buffer in part.values()]


def main(threads):
    pa.set_cpu_count(threads)
    pa.set_io_thread_count(max(threads, 1))
    output = Output()
    output.send({"pyarrow": pa.__version__})
    file = None
    for line in sys.stdin.buffer:
        request = json.loads(line)
        try:
            if "open" in request:
                file = None
                file = File(request["open"])
                output.send(file.head())
            else:
                for head, buffers in file.frames(request["read"], request["first"], request["rows"], request["batch"]):
                    output.send(head, buffers)
                output.send({"rows": 0, "columns": []})
        except BrokenPipeError:
            return
        except (pa.ArrowException, OSError, ValueError, KeyError, NotImplementedError, MemoryError) as error:
            output.send({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main(int(sys.argv[1]))
