"""The benchmark runs, on one tiny shape: nothing is said of its times."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "build/release/bin/masked-rnn-benchmark"
PROGRAM = Path(os.environ.get("MASKED_RNN_BENCHMARK", BUILT))
TINY = ["--cells", "lstm,rnn_tanh", "--shapes", "3,2,4,5", "4,2,3,5,2", "--threads", "1,2"]

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason="the benchmark was not built")


def run(*options):
    return subprocess.run(
        [PROGRAM, *options], capture_output=True, text=True, check=False, timeout=120
    )


def test_measurements_have_every_peer():
    done = run(*TINY, "--rounds", "2")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert [limit["threads"] for limit in result["limits"]] == [1, 2]
    assert len(result["results"]) == 2 * 2 * 2 * 2 * 2  # threads, directions, cells, shapes, modes
    for entry in result["results"]:
        gates = {"lstm": 4, "rnn_tanh": 1}[entry["cell"]]
        if entry["shape"] == "3,2,4,5" and entry["directions"] == 1:
            times = {"training": 3, "inference": 1}[entry["mode"]]
            assert entry["flop"] == times * entry["tokens"] * 2 * gates * 5 * (4 + 5)
        for peer in ("ours", "packed", "padded"):
            assert entry[peer]["seconds"] > 0
        assert entry["ours"]["times_ours"] == 1


def test_report_writes_tables_and_picture(tmp_path):
    pytest.importorskip("matplotlib")
    report = [sys.executable, ROOT / "scripts/benchmark/report.py", PROGRAM]
    subprocess.run(
        [*report, "--quick", "--rounds", "1", "--out", tmp_path, *TINY, "--directions", "1"],
        check=True,
        capture_output=True,
        timeout=120,
    )
    assert "| LSTM | 3,2,4,5 | training |" in (tmp_path / "benchmark.md").read_text()
    assert (tmp_path / "benchmark.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "options", [["--shapes", "3,2,4"], ["--cells", "lstn"], ["--threads", "0"]]
)
def test_wrong_options(options):
    done = run(*options)
    assert done.returncode == 2
    assert done.stderr.strip()
    assert done.stdout == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_full_disk_behind_standard_output():
    with open("/dev/full", "wb") as full:
        done = subprocess.run([PROGRAM, "--help"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == "masked-rnn-benchmark: standard output: cannot be written\n"


def test_peak_memory():
    done = run("--peak-memory", "ours", "--cells", "lstm", "--shapes", "3,2,4,5", "--threads", "1")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["peak_bytes"] >= result["bytes_before"] > 0
