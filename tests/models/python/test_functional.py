"""masked_rnn.functional: what is done with the steps, against each sequence's own steps."""

import doctest
import inspect
import re
import sys

import masked_rnn
import pytest
import torch
from masked_rnn import functional
from oracle import assert_near, assert_same_bits, gradients

T, B, F = 6, 5, 4
LENGTHS = [6, 0, 1, 3, 6]


def batch(valid):
    """Steps with NaN at padding, the keyword that tells what is valid, and each one's own steps."""
    torch.manual_seed(0)
    steps = torch.randn(T, B, F, dtype=torch.double)
    mask = torch.arange(T)[:, None] < torch.tensor(LENGTHS)
    if valid == "mask":
        mask = torch.rand(T, B) > 0.5
        mask[:, 1] = False
    steps[~mask] = torch.nan
    given = {"lengths": LENGTHS} if valid == "lengths" else {"mask": mask}
    return steps.requires_grad_(), mask, given


def by_sequence(function, steps, mask):
    rows = [steps[mask[:, b], b] for b in range(B)]
    return torch.stack([function(row) if len(row) else row.sum(0) for row in rows])


def last_of_both(row):
    return torch.cat([row[-1, : F // 2], row[0, F // 2 :]])


@pytest.mark.parametrize("valid", ["lengths", "mask"])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize(
    ("function", "options", "expected"),
    [
        (functional.masked_mean, {}, lambda row: row.mean(0)),
        (functional.masked_max, {}, lambda row: row.max(0).values),
        (functional.last_states, {}, lambda row: row[-1]),
        (functional.last_states, {"bidirectional": True}, last_of_both),
    ],
    ids=["mean", "max", "last", "last-bidirectional"],
)
def test_one_vector_a_sequence(function, options, expected, valid, batch_first):
    steps, mask, given = batch(valid)
    expected = by_sequence(expected, steps, mask)
    input = steps.transpose(0, 1) if batch_first else steps
    if batch_first and "mask" in given:
        given = {"mask": mask.t()}
    actual = function(input, batch_first=batch_first, **options, **given)
    assert_near([actual], [expected], torch.double)
    grads = [gradients([result], [steps])[0] for result in (actual, expected)]
    assert_near(grads[:1], grads[1:], torch.double)
    assert (grads[0][~mask] == 0).all()


@pytest.mark.parametrize("valid", ["lengths", "mask"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_cross_entropy_is_that_of_the_valid_steps(valid, reduction, weighted, label_smoothing):
    steps, mask, given = batch(valid)
    target = torch.randint(F, (T, B))
    target[0, 0] = -100  # ignored though valid
    options = {
        "reduction": reduction,
        "label_smoothing": label_smoothing,
        "weight": torch.rand(F, dtype=torch.double) if weighted else None,
    }
    expected = torch.nn.functional.cross_entropy(steps[mask], target[mask], **options)
    target[~mask] = 99
    actual = functional.masked_cross_entropy(steps, target, **options, **given)
    if reduction == "none":
        assert (actual[~mask] == 0).all()
        actual = actual[mask]
    assert_near([actual], [expected], torch.double)
    grads = [gradients([result], [steps])[0] for result in (actual, expected)]
    assert_near(grads[:1], grads[1:], torch.double)


def test_cross_entropy_of_no_steps_is_zero():
    steps = torch.randn(3, 2, 4, requires_grad=True)
    loss = functional.masked_cross_entropy(steps, torch.zeros(3, 2).long(), lengths=[0, 0])
    assert loss.item() == 0
    assert (torch.autograd.grad(loss, steps)[0] == 0).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"lengths": [1, 2]},
            ValueError,
            "expected `lengths` to have one entry per sequence (batch_size=5), but got the shape "
            "[2]",
        ),
        (
            {"lengths": [7, 0, 0, 0, 0]},
            ValueError,
            "expected `lengths` to be between 0 and 6, but got 7",
        ),
        (
            {"lengths": [6, 0, 0, -1, 0]},
            ValueError,
            "expected `lengths` to be between 0 and 6, but got -1",
        ),
        (
            {"lengths": [0.5] * 5},
            TypeError,
            "expected `lengths` to be integers, but got torch.float32",
        ),
        (
            {"lengths": [True] * 5},
            TypeError,
            "expected `lengths` to be integers, but got torch.bool",
        ),
        (
            {"mask": torch.ones(6, 5)},
            TypeError,
            "expected `mask` to be bool, but got torch.float32",
        ),
        (
            {"mask": torch.ones(5, 6) > 0},
            ValueError,
            "expected `mask` to have the shape [6, 5], but got [5, 6]",
        ),
        (
            {"mask": torch.ones(6, 5) > 0, "lengths": [1] * 5},
            ValueError,
            "expected `lengths` or `mask`, but got both",
        ),
    ],
)
def test_wrong_arguments(arguments, error, message):
    with pytest.raises(error) as raised:
        functional.masked_mean(torch.randn(6, 5, 4), **arguments)
    assert str(raised.value) == f"masked_rnn.masked_mean: {message}"


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
def test_operators_as_functions(name):
    options = {"nonlinearity": "relu"} if name == "rnn_relu" else {}
    kind = {"lstm": masked_rnn.LSTM, "gru": masked_rnn.GRU}.get(name, masked_rnn.RNN)
    layer = kind(4, 7, 2, bidirectional=True, batch_first=True, **options)
    input = torch.randn(3, 5, 4)
    expected = layer(input, lengths=[2, 5, 0])
    actual = getattr(functional, name)(
        input,
        None,
        layer.parameters(),
        num_layers=2,
        bidirectional=True,
        batch_first=True,
        lengths=[2, 5, 0],
    )
    assert_same_bits([actual[0]], [expected[0]])
    states = zip(torch.atleast_1d(*actual[1:]), torch.atleast_1d(*expected[1:]), strict=True)
    for a, e in states:
        assert_same_bits([a], [e])


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
def test_operators_say_what_each_argument_is(name):
    function = getattr(functional, name)
    (described,) = re.findall(r"Args:\n(.*?)\n\n", inspect.getdoc(function), re.DOTALL)
    for argument in inspect.signature(function).parameters:
        assert re.search(rf"\b{argument}\b", described), argument


@pytest.mark.parametrize("module", ["layers", "convert", "functional"])
def test_examples_in_docstrings(module):
    result = doctest.testmod(sys.modules[f"masked_rnn.{module}"])
    assert result.attempted > 0
    assert result.failed == 0
