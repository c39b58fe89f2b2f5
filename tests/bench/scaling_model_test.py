"""The scaling model: fitting finds planted constants, predictions behave as their formulas say, and the page shows what the script prints."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

import scaling_model as model  # noqa: E402


def planted(fixed, latency, byte, network=(0, 0), nodes=(1,)):
    measurements = []
    for node_count in nodes:
        for ranks in (1, 2, 3, 4, 8):
            for size, exchanged in ((1 << 14, 0), (1 << 22, 0), (1 << 25, 1 << 22)):
                measured = {"ranks": ranks, "nodes": node_count if ranks > 1 else 1, "lanes": 8, "compute_seconds": 0.01, "reduced_bytes": size,
                            "exchanged_bytes": exchanged, "step_seconds": 1.0}
                rounds, through = model.communication(measured)
                alpha, beta = network if measured["nodes"] > 1 else (latency, byte)
                measured["step_seconds"] = 0.01 + (fixed if ranks > 1 else 0) + alpha * rounds + beta * through
                measurements.append(measured)
    return measurements


class Fitting(unittest.TestCase):
    def test_finds_planted_constants(self):
        found = model.fit(planted(2e-4, 5e-6, 1e-10, (4e-5, 1e-9), (1, 2)))
        self.assertAlmostEqual(found["fixed"], 2e-4, delta=1e-8)
        self.assertAlmostEqual(found["node"][0], 5e-6, delta=1e-9)
        self.assertAlmostEqual(found["node"][1], 1e-10, delta=1e-14)
        self.assertAlmostEqual(found["network"][0], 4e-5, delta=1e-9)
        self.assertAlmostEqual(found["network"][1], 1e-9, delta=1e-13)

    def test_no_constant_is_negative(self):
        measurements = planted(0, 0, 1e-10)
        for measured in measurements:
            measured["step_seconds"] -= 1e-6 * measured["ranks"]
        found = model.fit(measurements)
        for value in (found["fixed"], *found["node"], *found["network"]):
            self.assertGreaterEqual(value, 0)

    def test_partial_vectors_are_those_of_the_lane_tree(self):
        self.assertEqual([model.tree_nodes(8, r, 2) for r in range(2)], [1, 1])
        self.assertEqual([model.tree_nodes(8, r, 3) for r in range(3)], [1, 2, 2])  # lanes 0-1, 2-3 and 4, 5 and 6-7
        self.assertEqual(model.tree_nodes(8, 0, 1), 1)

    def test_mistakes_in_a_file_are_named(self):
        for broken in ({"lanes": 6}, {"lanes": 1}, {"step_seconds": 0}, {"reduced_bytes": None}):
            measurements = planted(0, 0, 0)[:4]
            measurements[3] |= broken
            with self.assertRaises(SystemExit) as caught:
                model.fit(measurements)
            self.assertIn("measurement 3", str(caught.exception))

    def test_prints_measured_beside_fitted(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "m.json"
            path.write_text(json.dumps({"what": "planted", "measurements": planted(2e-4, 5e-6, 1e-10)}))
            text = subprocess.run([sys.executable, ROOT / "bench" / "scaling_model.py", "fit", path], check=True, capture_output=True, text=True).stdout
        self.assertIn("latency 5.00 us a message, bandwidth 10.00 GB/s", text)
        self.assertEqual(text.count("+0.0%") + text.count("-0.0%"), 30)


class Predicting(unittest.TestCase):
    def test_the_page_shows_what_the_script_prints(self):
        page = (ROOT / "docs" / "scaling.md").read_text()
        shown = page.split("<!-- python bench/scaling_model.py tables -->\n")[1].split("<!-- end -->")[0]
        self.assertEqual(shown, model.markdown())

    def test_the_page_names_every_source(self):
        page = (ROOT / "docs" / "scaling.md").read_text()
        for source in model.SOURCES.values():
            self.assertIn(source.split(" ")[0], page)
        for _, _, source, _ in model.CONSTANTS.values():
            self.assertIn(source, model.SOURCES)

    def test_parameters_are_those_of_the_layers(self):
        self.assertEqual(model.perceptron_parameters([2, 3, 1]), 2 * 3 + 3 + 3 + 1)
        self.assertEqual(sum(model.CRITEO_ROWS), 204184588)

    def test_an_all_reduce_over_one_node_costs_what_the_formula_says(self):
        c = {"collective_latency": 1.0, "node_latency": 0.5, "node_bandwidth": 2.0, "network_latency": 9.0, "network_bandwidth": 0.1}
        self.assertAlmostEqual(model.all_reduce(16.0, 1, 8, c), 1 + 2 * 3 * 0.5 + 2 * 7 / 8 * 16 / 2)
        self.assertAlmostEqual(model.all_reduce(16.0, 4, 8, c), 1 + 3 + 14 + 2 * 2 * 9 + 2 * 3 / 4 * 2 / 0.1)

    def test_rates_scale_all_times(self):
        for net in (model.dlrm(), model.mlp()):
            full, half = model.predict(net, 64, 1024), model.predict(net, 64, 1024, 0.5)
            for part in full:
                self.assertAlmostEqual(half[part], 2 * full[part])

    def test_overlap_never_costs(self):
        for _, net, rows_of in model.CASES:
            for line in model.scaling(net(), rows_of):
                self.assertLessEqual(line["together"], line["apart"])


if __name__ == "__main__":
    unittest.main()
