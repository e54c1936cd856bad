"""What the layers say of wrong arguments before the operators see them; of all others see
tests/ops/test_errors.py."""

import masked_rnn
import pytest
import torch


@pytest.mark.parametrize(
    "arguments",
    [{"lengths": [5, 6, 1]}, {"lengths": [1.5, 2, 2]}, {"mask": [[True]]}, {"lengths": [1, 2]}],
    ids=str,
)
def test_wrong_arguments_are_named(arguments):
    with pytest.raises((ValueError, TypeError, RuntimeError), match=f"`{next(iter(arguments))}`"):
        masked_rnn.LSTM(4, 7)(torch.randn(5, 3, 4), **arguments)


@pytest.mark.parametrize("value", ["ab", [[1, 2], [3]], [None], {1: 2}, [2**70]], ids=str)
@pytest.mark.parametrize("argument", ["lengths", "mask"])
def test_what_is_no_tensor_is_named(argument, value):
    with pytest.raises(TypeError) as error:
        masked_rnn.GRU(4, 7)(torch.randn(5, 3, 4), **{argument: value})
    assert str(error.value) == (
        f"masked_rnn: expected `{argument}` to be a list, a NumPy array or a tensor, but got "
        f"{value!r}"
    )


@pytest.mark.parametrize(
    ("hx", "got"),
    [
        (torch.zeros(1, 3, 7), "one Tensor"),
        (torch.zeros(2, 3, 7), "one Tensor"),
        ((torch.zeros(1, 3, 7),) * 3, "3 of them"),
        ([], "0 of them"),
    ],
    ids=["one", "both-in-one", "three", "none"],
)
def test_an_lstm_has_two_states(hx, got):
    with pytest.raises(TypeError) as error:
        masked_rnn.LSTM(4, 7)(torch.randn(5, 3, 4), hx)
    assert str(error.value) == f"masked_rnn.LSTM: expected `hx` to be (h_0, c_0), but got {got}"


@pytest.mark.parametrize("kind", ["GRU", "RNN"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("hx", "got"),
    [
        ((torch.zeros(1, 3, 7),) * 2, "a tuple of 2"),
        ([torch.zeros(1, 3, 7)], "a list of 1"),
        ((), "a tuple of 0"),
        (0.5, "a float"),
    ],
    ids=["pair", "list", "none", "number"],
)
def test_other_layers_have_one_state(kind, packed, hx, got):
    input = torch.randn(5, 3, 4)
    if packed:
        input = torch.nn.utils.rnn.pack_padded_sequence(input, [5, 3, 1])
    with pytest.raises(TypeError) as error:
        getattr(masked_rnn, kind)(4, 7)(input, hx)
    assert str(error.value) == (
        f"masked_rnn.{kind}: expected `hx` to be one tensor, h_0, but got {got}"
    )
