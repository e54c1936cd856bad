"""Wrong arguments: an error that names the argument, what it must be and what was given."""

import pytest
import torch
from oracle import Case


def message(run):
    with pytest.raises((RuntimeError, ValueError, TypeError, IndexError)) as error:
        run()
    return str(error.value).splitlines()[0]


def stack(cell="lstm", **changes):
    """The message of a stacked operator called with some arguments changed."""
    case = Case(cell, T=6, B=5, I=3, H=19, dtype=torch.float32)
    arguments = {
        "input": case.input,
        "hx": case.hx,
        "params": list(case.weights),
        "has_biases": True,
        "num_layers": 1,
        "dropout": 0.0,
        "train": True,
        "bidirectional": False,
        "batch_first": False,
        "lengths": case.lengths,
        "mask": None,
    }
    return message(lambda: getattr(torch.ops.masked_rnn, cell)(**{**arguments, **changes}))


def layer(**changes):
    case = Case("lstm", T=6, B=5, I=3, H=19, dtype=torch.float32)
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    arguments = {
        "input": case.input,
        "h_0": case.states[0][0],
        "c_0": case.states[1][0],
        **dict(zip(names, case.weights, strict=True)),
        "lengths": case.lengths,
    }
    return message(lambda: torch.ops.masked_rnn.lstm_layer(**{**arguments, **changes}))


STACK = {
    "lengths of another batch": (
        {"lengths": torch.tensor([1, 2, 3])},
        "masked_rnn::lstm: expected `lengths` to have one entry per sequence (batch_size=5), "
        "but got 3",
    ),
    "floating lengths": (
        {"lengths": torch.ones(5)},
        "masked_rnn::lstm: expected `lengths` to have an integer dtype, but got Float",
    ),
    "boolean lengths": (
        {"lengths": torch.ones(5, dtype=torch.bool)},
        "masked_rnn::lstm: expected `lengths` to have an integer dtype, but got Bool",
    ),
    "lengths in two dimensions": (
        {"lengths": torch.ones(5, 1, dtype=torch.long)},
        "masked_rnn::lstm: expected `lengths` to have 1 dimension, but got 2",
    ),
    "lengths too large": (
        {"lengths": torch.tensor([1, 2, 7, 4, 5])},
        "masked_rnn::lstm_layer: expected `lengths` to be in 0..6 (the number of steps), but got 7 "
        "for sequence 2",
    ),
    "negative lengths": (
        {"lengths": torch.tensor([1, 2, 3, 4, -1])},
        "masked_rnn::lstm_layer: expected `lengths` to be in 0..6 (the number of steps), but got "
        "-1 for sequence 4",
    ),
    "lengths and mask": (
        {"mask": torch.ones(6, 5, dtype=torch.bool)},
        "masked_rnn::lstm: expected `lengths` or `mask`, but got both",
    ),
    "mask of integers": (
        {"lengths": None, "mask": torch.ones(6, 5, dtype=torch.long)},
        "masked_rnn::lstm: expected `mask` to have dtype Bool, but got Long",
    ),
    "mask in the other layout": (
        {"lengths": None, "mask": torch.ones(5, 6, dtype=torch.bool)},
        "masked_rnn::lstm: expected `mask` to have shape [steps, batch] = [6, 5], but got [5, 6]",
    ),
    "too few parameters": (
        {"params": []},
        "masked_rnn::lstm: expected `params` to hold 4 (with a projection one more) tensors for "
        "each of 1 layers and directions (has_biases=True), but got 0",
    ),
    "no layers": (
        {"num_layers": 0},
        "masked_rnn::lstm: expected `num_layers` to be at least 1, but got 0",
    ),
    "dropout above 1": (
        {"dropout": 2.0},
        "masked_rnn::lstm: expected `dropout` to be in [0, 1], but got 2",
    ),
    "input in four dimensions": (
        {"input": torch.ones(2, 6, 5, 3)},
        "masked_rnn::lstm: expected `input` to have 2 (unbatched) or 3 dimensions, but got 4",
    ),
    "integers in three dimensions": (
        {"input": torch.ones(6, 5, 3, dtype=torch.long)},
        "masked_rnn::lstm: expected `input` to have 1 (unbatched) or 2 dimensions when it holds "
        "one-hot indices, but got 3",
    ),
    "one state of two": (
        {"hx": [torch.zeros(1, 5, 19)]},
        "masked_rnn::lstm: expected `hx` to hold h_0 and c_0, or nothing, but got 1 tensors",
    ),
    "state of another batch": (
        {"hx": [torch.zeros(1, 4, 19), torch.zeros(1, 5, 19)]},
        "masked_rnn::lstm: expected `h_0` to have shape [num_layers * num_directions, batch, size] "
        "= [1, 5, 19], but got [1, 4, 19]",
    ),
    "input of another size": (
        {"input": torch.zeros(6, 5, 4)},
        "masked_rnn::lstm_layer: expected `input` to have shape [steps, batch, input_size] = "
        "[6, 5, 3], but got [6, 5, 4]",
    ),
    "input of another dtype": (
        {"input": torch.zeros(6, 5, 3, dtype=torch.float64)},
        "masked_rnn::lstm_layer: expected `input` to have dtype Float like weight_ih, or integers "
        "for one-hot vectors, but got Double",
    ),
    "one-hot index too large": (
        {"input": torch.full((6, 5), 3)},
        "masked_rnn::lstm_layer: expected one-hot indices of `input` to be in 0..2 (input_size 3), "
        "but got 3",
    ),
    "one-hot index negative": (
        {"input": torch.full((6, 5), -1)},
        "masked_rnn::lstm_layer: expected one-hot indices of `input` to be in 0..2 (input_size 3), "
        "but got -1",
    ),
}

LAYER = {
    "weight_hh of another size": (
        {"weight_hh": torch.zeros(76, 18)},
        "masked_rnn::lstm_layer: expected `weight_hh` to have shape [gates * hidden_size, "
        "hidden_size] = [76, 19], but got [76, 18]",
    ),
    "weight_ih that is no multiple of the gates": (
        {"weight_ih": torch.zeros(75, 3)},
        "masked_rnn::lstm_layer: expected `weight_ih` to have shape [4 * hidden_size, input_size], "
        "but got [75, 3]",
    ),
    "a bias of another size": (
        {"bias_hh": torch.zeros(19)},
        "masked_rnn::lstm_layer: expected `bias_hh` to have shape [gates * hidden_size] = [76], "
        "but got [19]",
    ),
    "one bias of two": (
        {"bias_hh": None},
        "masked_rnn::lstm_layer: expected both of `bias_ih` and `bias_hh` or neither, but got only "
        "`bias_ih`",
    ),
    "complex numbers": (
        {"weight_ih": torch.zeros(76, 3, dtype=torch.complex64)},
        "masked_rnn::lstm_layer: expected `weight_ih` to have dtype Float, Double, BFloat16 or "
        "Half, but got ComplexFloat",
    ),
    "a state of another dtype": (
        {"c_0": torch.zeros(5, 19, dtype=torch.float64)},
        "masked_rnn::lstm_layer: expected `c_0` to have dtype Float like weight_ih, but got Double",
    ),
    "lengths on another device": (
        {"lengths": torch.ones(5, dtype=torch.long, device="meta")},
        "masked_rnn::lstm_layer: expected `lengths` to be on cpu like weight_ih, but got meta",
    ),
    "a projection larger than the layer": (
        {"weight_hr": torch.zeros(19, 19)},
        "masked_rnn::lstm_layer: expected `weight_hr` to have shape [proj_size, hidden_size] with "
        "0 < proj_size < hidden_size = 19, but got [19, 19]",
    ),
}


@pytest.mark.parametrize("change", STACK)
def test_stack(change):
    changes, expected = STACK[change]
    assert stack(**changes) == expected


@pytest.mark.parametrize("change", LAYER)
def test_layer(change):
    changes, expected = LAYER[change]
    assert layer(**changes) == expected


@pytest.mark.parametrize("cell", ["gru", "rnn_tanh", "rnn_relu"])
def test_messages_name_the_operator(cell):
    assert (
        stack(cell, lengths=torch.tensor([1])) == f"masked_rnn::{cell}: expected `lengths` to have "
        "one entry per sequence (batch_size=5), but got 1"
    )


def test_nonlinearity():
    h_0 = torch.zeros(1, 2)
    weight = torch.zeros(2, 2)
    assert (
        message(
            lambda: torch.ops.masked_rnn.rnn_layer(
                torch.zeros(1, 1, 2), h_0, weight, weight, nonlinearity="swish"
            )
        )
        == "masked_rnn::rnn_layer: expected `nonlinearity` to be 'tanh' or 'relu', but got 'swish'"
    )


@pytest.mark.parametrize("argument", ["input", "h_0", "c_0", "weight_ih", "weight_hh"])
def test_none_for_a_tensor(argument):
    assert layer(**{argument: None}) == (
        f"masked_rnn::lstm_layer: expected `{argument}` to be a tensor, but got None"
    )


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_gradients_of_what_is_not_there(device):
    def run(place, index=False):
        weight = torch.zeros(8, 2, device=device)
        input = torch.zeros(3, 1, 2, device=device)
        state = torch.zeros(1, 2, device=device)
        wanted = [i == place for i in range(8)]
        arguments = (
            torch.zeros(3, 1, dtype=torch.long, device=device) if index else input,
            *(state, state, weight, weight),
            *[None] * 5,
        )
        saved = torch.zeros(3, 10, device=device)
        backward = torch.ops.masked_rnn.lstm_layer_backward
        return message(lambda: backward(input, None, None, *arguments, False, input, saved, wanted))

    for place, argument in ((5, "bias_ih"), (6, "bias_hh"), (7, "weight_hr")):
        assert run(place) == (
            "masked_rnn::lstm_layer_backward: expected `output_mask` not to ask for the gradient "
            f"of `{argument}`, which is None"
        )
    assert run(0, index=True) == (
        "masked_rnn::lstm_layer_backward: expected `output_mask` not to ask for the gradient of "
        "one-hot indices"
    )


def test_backward_of_another_forward():
    weight = torch.zeros(6, 2)
    arguments = (torch.zeros(3, 1, 2), torch.zeros(1, 2), weight, weight, None, None, None, None)
    wanted = [True, True, True, True, False, False]

    def run(output, saved):
        return message(
            lambda: torch.ops.masked_rnn.gru_layer_backward(
                None, None, *arguments, False, output, saved, wanted
            )
        )

    assert run(torch.zeros(3, 1, 3), torch.zeros(3, 8)) == (
        "masked_rnn::gru_layer_backward: expected `output` to have shape [steps, batch, "
        "output_size] = [3, 1, 2], but got [3, 1, 3]"
    )
    assert run(torch.zeros(3, 1, 2), torch.zeros(0)) == (
        "masked_rnn::gru_layer_backward: expected `saved` to have shape [steps * batch, "
        "saved_size] = [3, 8], but got [0]"
    )
