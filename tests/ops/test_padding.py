"""Padding is never read, and a sequence's results do not depend on what stands beside it."""

import pytest
import torch
from oracle import (
    CELLS,
    SMALL_LAYERS,
    Case,
    assert_same_bits,
    gradients,
    grid,
    name,
    num_threads,
)

DTYPES = (torch.float64, torch.float32)

# Input and hidden size of layers that are computed in different ways, by their size.
SIZES = pytest.mark.parametrize(("I", "H"), [(3, 37), (90, 200)])


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    "options",
    grid(cell=CELLS, proj_size=(0, 7), valid=("lengths", "mask"), dtype=DTYPES),
    ids=name,
)
@SIZES
def test_nan_and_inf_in_padding_change_nothing(options, poison, I, H):  # noqa: E741
    clean, poisoned = (
        Case(I=I, H=H, directions=2, layers=2, **options),
        Case(I=I, H=H, directions=2, layers=2, **options),
    )
    poisoned.input[~poisoned.positions] = poison
    a, b = clean.leaves(), poisoned.leaves()
    expected, actual = clean.run(), poisoned.run()
    assert_same_bits([x.detach() for x in actual], [x.detach() for x in expected])
    grads = gradients(actual, b)
    assert_same_bits(grads, gradients(expected, a))
    assert (grads[0][~poisoned.positions] == 0).all()
    assert (actual[0][~poisoned.positions] == 0).all()


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("hidden_size", [64, 70])
@pytest.mark.parametrize("cell", CELLS)
def test_a_batch_larger_than_the_caches_has_the_bits_of_a_small_one(cell, hidden_size, threads):
    case = Case(cell, T=300, B=100, I=24, H=hidden_size, dtype=torch.float32)
    case.lengths = torch.randint(0, 301, (100,))
    case.lengths[3:5] = torch.tensor([300, 2])
    chosen = [3, 4, 17]
    with num_threads(threads):
        leaves = case.leaves()
        large = case.run()
        large_grads = gradients_of_ones(large, leaves[: 1 + len(case.states)])
        assert large[0].nbytes > 6 << 20
        case.positions = torch.arange(300)[:, None] < case.lengths
        assert (large[0][~case.positions] == 0).all()
        assert (large_grads[0][~case.positions] == 0).all()
        case.lengths = case.lengths[chosen]
        case.input = case.input.detach()[:, chosen]
        case.states = [state.detach()[:, chosen] for state in case.states]
        leaves = case.leaves()
        small = case.run()
        small_grads = gradients_of_ones(small, leaves[: 1 + len(case.states)])
    assert_same_bits(small, [x[:, chosen] for x in large])
    assert_same_bits(small_grads, [grad[:, chosen] for grad in large_grads])


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("options", grid(cell=CELLS, proj_size=(0, 7), dtype=DTYPES), ids=name)
@SIZES
def test_a_sequence_has_the_same_bits_in_every_batch(options, threads, I, H):  # noqa: E741
    case = Case(T=9, B=11, I=I, H=H, directions=2, **options)
    case.lengths = torch.tensor([9, 0, 4, 4, 1, 7, 9, 2, 5, 8, 3])
    full_leaves = case.leaves()
    full = case.run()
    full_grads = gradients_of_ones(full, full_leaves[: 1 + len(case.states)])
    with num_threads(threads):
        for chosen in ([2], [7, 2, 0], [5, 4, 3, 2, 1, 0, 10, 9, 8, 7, 6]):
            for extra in (0, 5):
                part = Case(T=9, B=11, I=I, H=H, directions=2, **options)
                part.lengths = case.lengths[chosen]
                part.input = torch.cat(
                    [case.input.detach()[:, chosen], torch.full((extra, len(chosen), I), 1e30)]
                ).to(case.dtype)
                part.states = [state.detach()[:, chosen] for state in case.states]
                leaves = part.leaves()
                here = part.run()
                assert_same_bits([here[0][:9].detach()], [full[0][:, chosen].detach()])
                assert_same_bits(
                    [x.detach() for x in here[1:]], [x[:, chosen].detach() for x in full[1:]]
                )
                grads = gradients_of_ones(here, leaves[: 1 + len(part.states)])
                assert_same_bits([grads[0][:9]], [full_grads[0][:, chosen]])
                assert_same_bits(grads[1:], [grad[:, chosen] for grad in full_grads[1:]])


@pytest.mark.parametrize(
    "options", grid(cell=CELLS, directions=(1, 2), proj_size=(0, 7), dtype=DTYPES), ids=name
)
@pytest.mark.parametrize(("T", "B"), [(40, 24), (5, 400)])
@SIZES
def test_weight_gradients_have_the_same_bits_with_any_padding_and_threads(options, I, H, T, B):  # noqa: E741
    assert_same_weight_gradients(T=T, B=B, I=I, H=H, **options)


@pytest.mark.parametrize(("cell", "H"), SMALL_LAYERS)
def test_weight_gradients_of_small_layers_have_the_same_bits(cell, H):
    assert_same_weight_gradients(cell=cell, T=80, B=60, I=40, H=H, dtype=torch.float32)


def assert_same_weight_gradients(T, B, I, **options):  # noqa: E741
    results = []
    for extra, threads in ((0, 1), (0, 2), (0, 3), (0, 4), (7, 1), (7, 2)):
        with num_threads(threads):
            case = Case(T=T, B=B, I=I, **options)
            case.input = torch.cat([case.input, torch.randn(extra, B, I, dtype=case.dtype)])
            leaves = case.leaves()
            results.append(gradients_of_ones(case.run(), leaves[1:]))
    for other in results[1:]:
        assert_same_bits(other, results[0])


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("B", "H"), [(1, 200), (3, 200), (5, 200), (10, 300)])
@pytest.mark.parametrize("directions", [1, 2])
def test_few_sequences_have_the_same_bits_with_any_threads(cell, dtype, B, H, directions):
    """Threads share out hidden units then, not sequences: of more sequences where H is larger."""
    results = []
    for threads in (1, 2, 3, 4):
        with num_threads(threads):
            case = Case(cell, T=70, B=B, I=30, H=H, directions=directions, dtype=dtype)
            leaves = case.leaves()
            outputs = case.run()
            grads = gradients_of_ones(outputs, leaves)
            results.append([*[x.detach() for x in outputs], *grads])
    for other in results[1:]:
        assert_same_bits(other, results[0])


@pytest.mark.parametrize(
    ("cell", "projected"), [*((cell, False) for cell in CELLS), ("lstm", True)]
)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("I", "H"), [(90, 200), (131, 133), (128, 136), (256, 256)])
@pytest.mark.parametrize("T", [40, 150])
def test_a_long_sequence_alone_has_the_bits_of_one_of_two(cell, projected, dtype, I, H, T):  # noqa: E741
    """The steps of one alone compute what later steps need of the input's projection."""
    proj_size = H - 8 if projected else 0
    two = Case(cell, T=T, B=2, I=I, H=H, proj_size=proj_size, dtype=dtype, valid="all")
    one = Case(cell, T=T, B=1, I=I, H=H, proj_size=proj_size, dtype=dtype, valid="all")
    one.module = two.module
    one.input = two.input[:, 1:].contiguous()
    one.states = [state[:, 1:].contiguous() for state in two.states]
    expected = [x[:, 1:].detach() for x in two.run()]
    for threads in (1, 2, 3):
        with num_threads(threads):
            assert_same_bits([x.detach() for x in one.run()], expected)
            with torch.no_grad():
                assert_same_bits(one.run(), expected)


@pytest.mark.parametrize(
    ("cell", "projected"), [*((cell, False) for cell in CELLS), ("lstm", True)]
)
@pytest.mark.parametrize("dtype", [*DTYPES, torch.bfloat16])
@pytest.mark.parametrize(("I", "H"), [(1, 1), (5, 7), (90, 16), (131, 133), (20, 1024), (300, 256)])
@pytest.mark.parametrize("order", ["rows", "rows of a wider one", "columns"])
def test_a_single_step_alone_has_the_bits_of_one_of_two(cell, projected, dtype, I, H, order):  # noqa: E741
    """A single row multiplies weights as they stand in memory, if they stand so that it can."""
    proj_size = (H + 1) // 2 if projected and H > 1 else 0
    two, one = (
        Case(cell, T=1, B=B, I=I, H=H, proj_size=proj_size, dtype=dtype, valid="all")
        for B in (2, 1)
    )
    for i, weight in enumerate(two.weights):
        ordered = weight.detach()
        if order == "columns":
            ordered = ordered.t().contiguous().t()
        elif order == "rows of a wider one" and weight.dim() == 2:
            wider = torch.full((weight.size(0), weight.size(1) + 3), float("nan"), dtype=dtype)
            ordered = wider[:, 1 : 1 + weight.size(1)].copy_(ordered)
        two.weights[i] = one.weights[i] = ordered.requires_grad_()
    one.input = two.input[:, 1:].contiguous()
    one.states = [state[:, 1:].contiguous() for state in two.states]
    expected = [x[:, 1:].detach() for x in two.run()]
    # Of the other sequence nothing comes to the weights' gradients, whose sums are of one row then.
    masked = two.run(mask=torch.tensor([[False, True]]))
    expected_grads = gradients_of_ones(masked, two.weights)
    for threads in (1, 2, 3):
        with num_threads(threads):
            results = one.run()
            assert_same_bits([x.detach() for x in results], expected)
            assert_same_bits(gradients_of_ones(results, one.weights), expected_grads)
            with torch.no_grad():
                assert_same_bits(one.run(), expected)


def gradients_of_ones(results, leaves):
    """Of the sum of all results: the same for a sequence whatever stands beside it."""
    return torch.autograd.grad(sum(result.sum() for result in results), leaves)


@pytest.mark.parametrize("cell", CELLS)
def test_left_padding_is_a_mask_like_any_other(cell):
    case = Case(cell, T=4, B=2, valid="all")
    expected = case.run()
    padded = torch.cat([torch.full((3, 2, 3), float("nan"), dtype=case.dtype), case.input])
    mask = torch.arange(7)[:, None].expand(7, 2) >= 3
    actual = case.run(input=padded, mask=mask)
    assert_same_bits([x.detach() for x in actual[1:]], [x.detach() for x in expected[1:]])
    assert_same_bits([actual[0][3:].detach()], [expected[0].detach()])
