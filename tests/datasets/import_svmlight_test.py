"""SVMlight files written by scikit-learn, imported, and read back by h5py: what its own reader gives."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import h5py
import numpy
import scipy.sparse
import sklearn.datasets

SOURCE = pathlib.Path(os.environ.get("COHORT_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
PROGRAM = os.environ.get("COHORT_PROGRAM", str(SOURCE / "build" / "cohort"))


class Svmlight(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        random = numpy.random.default_rng(7)
        self.x = scipy.sparse.random(5000, 300, density=0.03, format="csr", random_state=5)
        self.x.data = (random.normal(size=self.x.nnz) * 10.0 ** random.integers(-8, 8, self.x.nnz)).astype("float32").astype("float64")
        self.y = random.normal(size=5000).astype("float32").astype("float64")
        self.qid = numpy.sort(random.integers(0, 400, 5000))

    def run_import(self, name, options, out, ranks=1):
        (self.folder / "import.toml").write_text(options)
        command = [PROGRAM, "--quiet", "import", "svmlight", str(self.folder / name), "--out", str(self.folder / out), "--options", str(self.folder / "import.toml")]
        if ranks > 1:
            command = ["mpirun", "-n", str(ranks), *command]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        manifest = json.loads((self.folder / out / "dataset.json").read_text())
        file = h5py.File(self.folder / out / manifest["shards"][0]["file"], "r")
        self.addCleanup(file.close)
        return manifest, file

    def test_sparse_rows_are_what_scikit_learn_reads(self):
        for zero_based in (True, False):
            with self.subTest(zero_based=zero_based):
                name = f"x{zero_based}.svm"
                sklearn.datasets.dump_svmlight_file(self.x, self.y, str(self.folder / name), zero_based=zero_based, query_id=self.qid, comment="made by a test")
                x, y, qid = sklearn.datasets.load_svmlight_file(str(self.folder / name), query_id=True, zero_based=zero_based, n_features=300)
                manifest, file = self.run_import(name, "", f"sparse{zero_based}")
                columns = {c["name"]: c for c in manifest["schema"]["columns"]}
                self.assertEqual(list(columns), ["label", "qid", "indices", "values"])
                numpy.testing.assert_array_equal(file["label"][:], y.astype("float32"))
                numpy.testing.assert_array_equal(file["qid"][:], qid)
                numpy.testing.assert_array_equal(file["indices/offsets"][:], x.indptr)
                numpy.testing.assert_array_equal(file["values/offsets"][:], x.indptr)
                dictionary = numpy.array(columns["indices"]["dictionary"])
                numpy.testing.assert_array_equal(dictionary[file["indices/values"][:]], x.indices + (0 if zero_based else 1))
                numpy.testing.assert_array_equal(file["values/values"][:], x.data.astype("float32"))

    def test_dense_columns_are_what_scikit_learn_reads(self):
        sklearn.datasets.dump_svmlight_file(self.x, self.y, str(self.folder / "x.svm"), zero_based=False)
        x, _ = sklearn.datasets.load_svmlight_file(str(self.folder / "x.svm"))
        manifest, file = self.run_import("x.svm", 'layout = "dense"\n', "dense")
        self.assertEqual([c["name"] for c in manifest["schema"]["columns"]], ["label"] + [f"f{i + 1}" for i in range(x.shape[1])])
        stored = numpy.stack([file[f"f{i + 1}"][:] for i in range(x.shape[1])], axis=1)
        numpy.testing.assert_array_equal(stored, x.toarray().astype("float32"))

    def test_several_labels_a_row(self):
        labels = numpy.zeros((5000, 6), dtype=int)
        labels[numpy.arange(5000), numpy.arange(5000) % 6] = 1
        labels[::3, 2] = 1
        labels[::7, :] = 0
        sklearn.datasets.dump_svmlight_file(self.x, labels, str(self.folder / "m.svm"), zero_based=False, multilabel=True)
        _, wanted = sklearn.datasets.load_svmlight_file(str(self.folder / "m.svm"), multilabel=True)
        manifest, file = self.run_import("m.svm", 'label = "sequence"\n', "multi")
        dictionary = manifest["schema"]["columns"][0]["dictionary"]
        offsets, codes = file["labels/offsets"][:], file["labels/values"][:]
        self.assertEqual([tuple(dictionary[c] for c in codes[a:b]) for a, b in zip(offsets[:-1], offsets[1:])], [tuple(int(v) for v in row) for row in wanted])

    def test_the_dataset_is_the_same_for_any_number_of_ranks(self):
        sklearn.datasets.dump_svmlight_file(self.x, self.y, str(self.folder / "x.svm"), query_id=self.qid)
        options = 'qid = "categorical"\n[store]\nrows_per_shard = 2048\nchunk_rows = 512\n'
        manifests = [self.run_import("x.svm", options, f"r{ranks}", ranks)[0] for ranks in (1, 2, 3)]
        found = {json.dumps([manifest[key] for key in ("identity", "schema", "shards")]) for manifest in manifests}
        self.assertEqual(len(found), 1)


if __name__ == "__main__":
    unittest.main()
