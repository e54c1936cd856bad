"""Exported models in a Python that has loaded nothing but torch and the operator library."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("MASKED_RNN_BUILD", ROOT / "build" / "release"))

# A process of its own: nothing of masked_rnn is imported in it, and no test before has.
PROGRAM = """
import json, sys, torch

torch.ops.load_library(sys.argv[1])
results = []
for sample in json.load(sys.stdin):
    model = torch.jit.load(sample["file"])
    inputs = sample["input"]
    if not sample["text"]:
        inputs = [torch.tensor(series).view(-1, 3) for series in inputs]
    results.append({
        "together": [model(inputs) for _ in range(3)],
        "one by one": [model([each])[0] for each in inputs],
        "empty": model([]),
    })
assert not any(name.startswith("masked_rnn") for name in sys.modules)
json.dump(results, sys.stdout)
"""


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    program = BUILD / "bin" / "export_samples"
    if not program.exists():
        pytest.skip(f"{program} is not built")
    folder = tmp_path_factory.mktemp("exported")
    subprocess.run([program, folder], check=True)
    return json.loads((folder / "samples.json").read_text())


@pytest.fixture(scope="module")
def results(samples):
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM, BUILD / "lib" / "libmasked_rnn.so"],
        input=json.dumps(samples),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


def assert_same(sample, answers):
    if sample["task"] == "classify":
        assert [label for label, _ in answers] == [label for label, _ in sample["expected"]]
        for (_, actual), (_, expected) in zip(answers, sample["expected"], strict=True):
            assert actual == pytest.approx(expected, abs=1e-6)
    elif sample["text"]:
        assert answers == sample["expected"]
    else:
        assert answers == [[label for _, label in series] for series in sample["expected"]]


def test_python_says_what_cpp_says(samples, results):
    assert len(results) == len(samples) >= 20
    for sample, result in zip(samples, results, strict=True):
        for answers in (*result["together"], result["one by one"]):
            assert_same(sample, answers)


def test_no_sequences_no_answers(results):
    assert all(result["empty"] == [] for result in results)
