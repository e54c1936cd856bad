"""Hostile arguments: an error that names the argument, never a crash or invented numbers."""

import os
import subprocess
import sys

import pytest
import torch
from oracle import CELLS, Case, assert_near

T, B, I, H = 4, 3, 2, 5  # noqa: E741

# What every child process begins with; `message` prints the first line of the error.
PRELUDE = f"""
import os, sys, torch
sys.path[:0] = {[os.path.dirname(sys.modules["oracle"].__file__)]!r}
import oracle
M = torch.ops.masked_rnn
T, B, I, H = {T}, {B}, {I}, {H}
torch.manual_seed(0)
weights = [torch.randn(4*H, I), torch.randn(4*H, H), torch.randn(4*H), torch.randn(4*H)]
input, state = torch.randn(T, B, I), torch.zeros(B, H)
def message(run):
    try:
        run()
        print("no error")
    except Exception as error:
        print(str(error).splitlines()[0])
"""


def child(code):
    """The output of `code` in a process of its own, which must end well."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PRELUDE + code],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, f"died with {done.returncode}"
    return done.stdout.strip()


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_number_of_layers_that_overflows(bidirectional):
    layers = 2**61 if bidirectional else 2**62
    actual = child(
        f"rest = 0.0, True, {bidirectional}, False\n"
        f"message(lambda: M.gru(input, None, [], True, {layers}, *rest))"
    )
    assert actual == (
        f"masked_rnn::gru: expected `params` to hold 4 tensors for each of {2**62} layers and "
        "directions (has_biases=True), but got 0"
    )


@pytest.mark.parametrize("index", [7, 10**9, -1, -(10**9)])
def test_backward_refuses_one_hot_indices_out_of_range(index):
    actual = child(f"""
output, h_n, c_n, saved = M.lstm_layer(input, state, state, *weights, save=True)
index = torch.full((T, B), {index})
message(lambda: M.lstm_layer_backward(
    output, None, None, index, state, state, *weights, None, None, None, False,
    output, saved, [False] * 3 + [True] + [False] * 4))""")
    assert actual == (
        "masked_rnn::lstm_layer: expected one-hot indices of `input` to be in 0..1 (input_size 2), "
        f"but got {index}"
    )


@pytest.mark.parametrize("byte", [2, 255])
def test_a_mask_viewed_from_bytes_is_valid_where_not_zero(byte):
    """As everywhere in PyTorch, whose own loads of bool go through a byte."""
    assert (
        child(f"""
mask = torch.tensor([[1, 1, 0], [1, 0, 0], [1, 1, 1], [0, 1, 1]], dtype=torch.uint8)
run = lambda mask: M.lstm_layer(input, state, state, *weights, mask=mask, save=True)
actual, expected = run((mask * {byte}).view(torch.bool)), run(mask == 1)
print(all(torch.equal(a, e) for a, e in zip(actual[:3], expected[:3])))""")
        == "True"
    )


@pytest.mark.parametrize("argument", ["output", "saved", "grad_output"])
def test_backward_refuses_tensors_on_another_device(argument):
    """Not gradients of memory that nobody wrote."""
    output = {"output": torch.zeros(T, B, H), "grad_output": torch.zeros(T, B, H)}
    output["saved"] = torch.zeros(T * B, 4 * H)
    output[argument] = output[argument].to("meta")
    with pytest.raises(ValueError) as error:
        torch.ops.masked_rnn.gru_layer_backward(
            output["grad_output"],
            None,
            torch.zeros(T, B, I),
            torch.zeros(B, H),
            torch.zeros(3 * H, I),
            torch.zeros(3 * H, H),
            None,
            None,
            None,
            None,
            False,
            output["output"],
            output["saved"],
            [True] * 4 + [False] * 2,
        )
    assert str(error.value).splitlines()[0] == (
        f"masked_rnn::gru_layer_backward: expected `{argument}` to be on cpu like weight_ih, but "
        "got meta"
    )


@pytest.mark.parametrize("argument", ["lengths", "mask"])
def test_lengths_and_masks_without_values(argument):
    case = Case("lstm", valid=argument)
    with pytest.raises(ValueError) as error:
        case.run(**{argument: getattr(case, argument).to("meta")})
    assert str(error.value).splitlines()[0] == (
        f"masked_rnn::lstm: expected `{argument}` to hold values like params, but got a tensor on "
        "meta"
    )


@pytest.mark.parametrize("argument", ["input", "weight_hh", "lengths"])
def test_sparse_tensors(argument):
    arguments = {
        "input": torch.zeros(T, B, I),
        "h_0": torch.zeros(B, H),
        "weight_ih": torch.zeros(3 * H, I),
        "weight_hh": torch.zeros(3 * H, H),
        "lengths": torch.ones(B, dtype=torch.long),
    }
    arguments[argument] = arguments[argument].to_sparse()
    with pytest.raises(ValueError) as error:
        torch.ops.masked_rnn.gru_layer(**arguments)
    assert str(error.value).splitlines()[0] == (
        f"masked_rnn::gru_layer: expected `{argument}` to be dense, but got layout Sparse"
    )


@pytest.mark.parametrize("save", [False, True])
@pytest.mark.parametrize("operator", ["lstm_layer", "gru_layer", "rnn_layer"])
def test_meta_dtypes_equal_real_dtypes_in_bfloat16(operator, save):
    gates = {"lstm_layer": 4, "gru_layer": 3}.get(operator, 1)
    tensors = [torch.zeros(T, B, I), *[torch.zeros(B, H)] * (2 if gates == 4 else 1)]
    tensors += [torch.zeros(gates * H, I), torch.zeros(gates * H, H)]
    run = getattr(torch.ops.masked_rnn, operator)

    def described(device):
        results = run(*[t.to(device, torch.bfloat16) for t in tensors], save=save)
        return [(r.dtype, r.shape) for r in results]

    assert described("meta") == described("cpu")


@pytest.mark.parametrize("cell", CELLS)
def test_dropout_of_everything_gives_the_second_layer_zeros(cell):
    case = Case(cell, layers=2)
    run = getattr(torch.ops.masked_rnn, cell)
    half = len(case.weights) // 2
    upper = [state[1:] for state in case.states]
    rest = (0.0, True, False, False, case.lengths)
    dropped = run(case.input, case.hx, case.weights, True, 2, 1.0, *rest[1:])
    zeros = torch.zeros(case.T, case.B, case.H, dtype=case.dtype)
    hx = upper if cell == "lstm" else upper[0]
    expected = run(zeros, hx, case.weights[half:], True, 1, *rest)
    assert_near([dropped[0].detach()], [expected[0].detach()], case.dtype)
