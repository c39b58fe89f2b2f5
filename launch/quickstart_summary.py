"""What ./launch/quickstart ends with: the artifact loaded by ONNX Runtime alone, where everything is, and what to try next.

Usage: quickstart_summary.py TRAIN.json PROGRAM DATASET REGISTRY
"""

import json
import pathlib
import sys

import numpy
import onnxruntime

EMPTY = {
    "tensor(float)": lambda: numpy.full((1, 1), numpy.nan, numpy.float32),
    "tensor(int64)": lambda: numpy.full((1, 1), numpy.iinfo(numpy.int64).min, numpy.int64),
    "tensor(string)": lambda: numpy.array([[""]], dtype=object),
}


def score_unknown_customer(model):
    """The prediction for a customer of whom nothing is known: every input missing."""
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    inputs = {each.name: EMPTY[each.type]() for each in session.get_inputs()}
    return len(inputs), float(session.run(["prediction"], inputs)[0].ravel()[0])


def main(report_file, program, data, registry):
    report = json.loads(pathlib.Path(report_file).read_text())
    test = report["metrics"]["test"]
    artifact = pathlib.Path(report["artifact"]["path"])
    manifest = json.loads((artifact / "manifest.json").read_text())
    inputs, unknown = score_unknown_customer(artifact / "model.onnx")

    print()
    print(f"dataset    {data}")
    print(f"run        {report['run']}")
    print(f"artifact   {artifact}")
    print(f"ONNX       {artifact / 'model.onnx'}: loaded by ONNX Runtime {onnxruntime.__version__}, {inputs} inputs;")
    parity = manifest.get("parity", {})
    if "max_abs_error" in parity:
        print(f"           agrees with libtorch within {parity['max_abs_error']:.1e} on {parity.get('rows', '?')} real and hostile rows;")
    print(f"           a customer of whom nothing is known is given {unknown:.3f}")
    if test.get("auc_true") is not None:
        print(f"AUC        {test['auc']:.4f} on the test rows; the true probability reaches {test['auc_true']:.4f}, "
              f"{test['auc_true'] - test['auc']:.4f} more")
    else:
        print(f"AUC        {test['auc']:.4f} on the test rows")
    rows_per_second = report.get("throughput", {}).get("train_rows_per_second")
    if rows_per_second:
        print(f"speed      {rows_per_second:,.0f} rows/s in training, {report['world']} ranks")
    name = artifact.parent.name
    print()
    print("try next:")
    print(f"  {program} inspect {data}")
    print(f"  {program} predict {name}@{artifact.name} --registry {registry} --data {data} --out {pathlib.Path(registry).parent / 'scores.csv'}")
    print(f"  {program} train experiments/recipes/quickstart.toml --data {data} --set train.epochs=2 "
          f"--runs {pathlib.Path(registry).parent / 'runs'} --registry {registry}")


if __name__ == "__main__":
    main(*sys.argv[1:])
