"""Writes arrays with NumPy itself, for initial_vectors_test.cpp: vectors in several types and formats, and names in several kinds."""

import pathlib
import sys

import numpy

folder = pathlib.Path(sys.argv[1])
vectors = (numpy.arange(12).reshape(4, 3) - 5.5) / 4  # exact in float16

for name in ("float16", "float32", "float64"):
    numpy.save(folder / f"{name}.npy", vectors.astype(name))
for major in (1, 2, 3):
    with open(folder / f"format{major}.npy", "wb") as file:
        numpy.lib.format.write_array(file, vectors.astype("<f4"), version=(major, 0))
numpy.save(folder / "fortran.npy", numpy.asfortranarray(vectors.astype("<f4")))
numpy.save(folder / "big.npy", vectors.astype(">f4"))
numpy.save(folder / "complex.npy", vectors.astype("c8"))
numpy.save(folder / "integers.npy", vectors.astype("i4"))
numpy.save(folder / "flat.npy", vectors.astype("<f4").ravel())
numpy.save(folder / "objects.npy", numpy.array([["a"], [1]], dtype=object), allow_pickle=True)
numpy.save(folder / "structured.npy", numpy.zeros(4, dtype=[("x", "<f4"), ("y", "<i8")]))

numpy.save(folder / "unicode.npy", numpy.array(["b", "Zoë", "a", "日本 𝄞"]))
numpy.save(folder / "bytes.npy", numpy.array([b"b", b"longer", b"a", b"c"]))
numpy.save(folder / "int64.npy", numpy.array([7, -3, 2**40, 0]))
numpy.save(folder / "int8.npy", numpy.array([7, -3, 127, 0], dtype="i1"))
numpy.save(folder / "uint64.npy", numpy.array([7, 2**64 - 1, 1, 0], dtype="u8"))
