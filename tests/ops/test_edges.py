"""Empty batches, empty sequences, every integer dtype, odd strides, one-hot input."""

import pytest
import torch
from oracle import CELLS, Case, assert_near, assert_same_bits, gradients

INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("T", "B"), [(0, 3), (4, 0), (0, 0), (1, 1)])
@pytest.mark.parametrize("valid", ["lengths", "all"])
def test_empty_batches(cell, T, B, valid):
    case = Case(cell, T=T, B=B, directions=2, layers=2, valid=valid)
    if valid == "lengths":
        case.lengths = torch.full((B,), T)
        case.positions = torch.ones(T, B, dtype=torch.bool)
    leaves = case.leaves()
    results = case.run()
    assert results[0].shape == (T, B, 38)
    for final, initial in zip(results[1:], case.states, strict=True):
        assert final.shape == initial.shape
        if T == 0:
            assert torch.equal(final, initial)
    for grad, leaf in zip(gradients(results, leaves), leaves, strict=True):
        assert grad.shape == leaf.shape
        assert torch.isfinite(grad).all()


@pytest.mark.parametrize("cell", CELLS)
def test_input_of_no_features(cell):
    """As of one feature that is always 0."""
    case = Case(cell, I=1)
    case.input.zero_()
    expected = case.run()
    states, weights = case.states, list(case.weights)
    for state in states:
        state.requires_grad_()
    nothing = [t[..., :0].detach().requires_grad_() for t in (case.input, weights[0])]
    actual = getattr(torch.ops.masked_rnn, cell)(
        nothing[0],
        case.hx,
        [nothing[1], *weights[1:]],
        *(True, 1, 0.0, True, False, False),
        lengths=case.lengths,
    )
    assert_same_bits(actual, expected)
    rest = [*states, *weights[1:]]
    grads = gradients(actual, [*nothing, *rest])
    assert [grad.shape for grad in grads[:2]] == [(6, 5, 0), (len(weights[1]), 0)]
    assert_same_bits(grads[2:], gradients(case.run(), rest))


@pytest.mark.parametrize("cell", CELLS)
def test_all_sequences_empty(cell):
    case = Case(cell, B=3)
    case.lengths = torch.zeros(3, dtype=torch.int64)
    leaves = case.leaves()
    output, *finals = case.run()
    assert (output == 0).all()
    for final, initial in zip(finals, case.states, strict=True):
        assert torch.equal(final, initial)
    grads = torch.autograd.grad(sum(final.sum() for final in finals), leaves)
    assert (grads[0] == 0).all()
    for grad in grads[1 : 1 + len(finals)]:
        assert (grad == 1).all()
    for grad in grads[1 + len(finals) :]:
        assert (grad == 0).all()


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("dtype", INTEGERS)
def test_lengths_of_every_integer_dtype(cell, dtype):
    case = Case(cell)
    expected = case.run()
    actual = case.run(lengths=case.lengths.to(dtype))
    assert_same_bits([x.detach() for x in actual], [x.detach() for x in expected])


def test_lengths_and_masks_of_any_strides():
    case = Case("gru")
    case.lengths = torch.full((case.B,), 3)
    expected = [x.detach() for x in case.run()]
    one = torch.tensor(3).expand(case.B)  # stride 0
    assert_same_bits([x.detach() for x in case.run(lengths=one)], expected)
    every_other = torch.full((2 * case.B,), 3)[::2]
    assert_same_bits([x.detach() for x in case.run(lengths=every_other)], expected)

    case = Case("gru", valid="mask")
    expected = [x.detach() for x in case.run()]
    transposed = case.mask.t().contiguous().t()
    assert not transposed.is_contiguous()
    assert_same_bits([x.detach() for x in case.run(mask=transposed)], expected)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("transposed", [False, True])
def test_integers_stand_for_one_hot_vectors(cell, dtype, transposed):
    case = Case(cell, I=11, directions=2, layers=2)
    if transposed:  # the memory order in which looking a column up is cheap
        for i, weight in enumerate(case.weights):
            if weight.dim() == 2:
                case.weights[i] = weight.detach().t().contiguous().t().requires_grad_()
    index = torch.randint(0, 11, (case.T, case.B))
    case.input = torch.nn.functional.one_hot(index, 11).to(case.dtype)
    dense = case.run()
    out_of_range = torch.where(case.positions, index, 99).to(dtype)  # padding is not read
    looked_up = case.run(input=out_of_range)
    assert_near(looked_up, [x.detach() for x in dense], case.dtype)
    weights = list(case.weights)
    assert_near(gradients(looked_up, weights), gradients(dense, weights), case.dtype)


@pytest.mark.parametrize("cell", CELLS)
def test_dropout_acts_in_training_and_between_layers_only(cell):
    def run(layers, dropout, train):
        case = Case(cell, layers=layers, directions=2)
        arguments = (case.hx, case.weights, True, layers, dropout, train, True, False)
        with torch.no_grad():
            return getattr(torch.ops.masked_rnn, cell)(case.input, *arguments, lengths=case.lengths)

    for layers in (1, 2):
        assert_same_bits(run(layers, 0.5, train=False), run(layers, 0.0, train=False))
    assert_same_bits(run(1, 0.5, train=True), run(1, 0.0, train=True))
    assert not torch.equal(run(2, 0.5, train=True)[0], run(2, 0.0, train=True)[0])


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("I", "H"), [(3, 19), (90, 200)])
def test_inputs_that_are_infinite_or_huge(cell, I, H):  # noqa: E741
    case = Case(cell, I=I, H=H, B=5, T=5, valid="all", dtype=torch.float32)
    special = [float("inf"), -float("inf"), float("nan"), 1e38, -1e20]
    with torch.no_grad():
        for b, value in enumerate(special):
            case.input[(b + 1) % 5, b, b % I] = value
        actual, expected = case.run(), case.expected()
    assert actual[0].isfinite().any() and actual[0].isnan().any()
    for a, e in zip(actual, expected, strict=True):
        # Sums of huge numbers of both signs keep few digits.
        torch.testing.assert_close(a, e, rtol=1e-3, atol=1e-5, equal_nan=True)
