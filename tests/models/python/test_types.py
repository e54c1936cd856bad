"""What a type checker makes of a program that uses the package."""

import subprocess
import sys

import pytest

pytest.importorskip("mypy")

PROGRAM = """
import numpy
import torch
from torch.nn.utils.rnn import pack_sequence

import masked_rnn
from masked_rnn import functional

x = torch.randn(5, 2, 3)
lstm, gru = masked_rnn.LSTM(3, 4, num_layers=2), masked_rnn.GRU(3, 4)
reveal_type(lstm(x, lengths=[5, 2]))
reveal_type(gru(x, mask=numpy.ones((5, 2), bool)))
reveal_type(gru(pack_sequence([torch.randn(3, 3)])))
reveal_type(functional.masked_mean(x, lengths=torch.tensor([5, 2])))
reveal_type(functional.gru(x, None, list(gru.parameters()), batch_first=True, lengths=[2] * 5))
reveal_type(masked_rnn.convert(torch.nn.Sequential(torch.nn.LSTM(3, 4))))
lstm(x, lengths="abc")
lstm(x, length=[5, 2])
functional.masked_max(x, lengths=2.5)
functional.rnn_relu(x, None, list(gru.parameters()), lengths=2.5)
functional.rnn_tanh(x, None, list(gru.parameters()), length=[5, 2])
"""
TENSOR = "torch._tensor.Tensor"
REVEALED = (
    f'"tuple[{TENSOR}, tuple[{TENSOR}, {TENSOR}]]"',
    f'"tuple[{TENSOR}, {TENSOR}]"',
    "PackedSequence",
    f'"{TENSOR}"',
    f'"tuple[{TENSOR}, {TENSOR}]"',
    "Sequential",
)
WRONG = ("[arg-type]", "[call-overload]", "[arg-type]", "[arg-type]", "[call-arg]")


def test_types_are_known_and_errors_found(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    first = PROGRAM.splitlines().index("reveal_type(lstm(x, lengths=[5, 2]))") + 1
    for number, expected in enumerate(REVEALED + WRONG, first):
        here = [line for line in done.stdout.splitlines() if f"program.py:{number}:" in line]
        assert any(expected in line for line in here), (number, done.stdout + done.stderr)
    errors = {line.split(":")[1] for line in done.stdout.splitlines() if ": error:" in line}
    assert errors == {str(first + len(REVEALED) + i) for i in range(len(WRONG))}, done.stdout
