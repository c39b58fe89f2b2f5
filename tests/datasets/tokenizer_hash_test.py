"""The hash of tokens is the one that serving systems have: scikit-learn's and ONNX Runtime's."""

import importlib.util
import pathlib
import unittest

import numpy
import onnx
import onnxruntime
from sklearn.utils import murmurhash3_32

HERE = pathlib.Path(__file__).resolve().parent
SPEC = importlib.util.spec_from_file_location("tokenizer_reference", HERE / "tokenizer_reference.py")
REFERENCE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(REFERENCE)
TOKENS = ["", "a", "ab", "abc", "abcd", "abcde", "don't", "很", "很好", "很 好", "##很好吃", "👍🏽", "x" * 999]


class TokenHash(unittest.TestCase):
    def test_is_scikit_learns(self):
        for seed in (0, 7, 2**32 - 1):
            for token in TOKENS:
                self.assertEqual(REFERENCE.murmur3(token.encode(), seed), murmurhash3_32(token.encode(), seed=seed, positive=True))

    def test_is_onnx_runtimes(self):
        for seed in (0, 7):
            node = onnx.helper.make_node("MurmurHash3", ["token"], ["hash"], domain="com.microsoft", positive=1, seed=seed)
            graph = onnx.helper.make_graph([node], "hash", [onnx.helper.make_tensor_value_info("token", onnx.TensorProto.STRING, [None])],
                                           [onnx.helper.make_tensor_value_info("hash", onnx.TensorProto.UINT32, [None])])
            model = onnx.helper.make_model(graph, ir_version=8, opset_imports=[onnx.helper.make_opsetid("", 17),
                                                                              onnx.helper.make_opsetid("com.microsoft", 1)])
            session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
            tokens = [token for token in TOKENS if token]  # ONNX Runtime leaves the hash of an empty string undefined
            hashes, = session.run(None, {"token": numpy.array(tokens, dtype=object)})
            self.assertEqual(hashes.tolist(), [REFERENCE.murmur3(token.encode(), seed) for token in tokens])


if __name__ == "__main__":
    unittest.main()
