"""bfloat16: products of bfloat16 numbers, all else in float32, results rounded once. Where the
machine does not multiply bfloat16, the products are those of float32 too."""

from pathlib import Path

import pytest
import torch
from oracle import CELLS, Case, assert_same_bits, gradients, num_threads

CPU = Path("/proc/cpuinfo")
MULTIPLIES = torch.backends.cpu.get_cpu_capability() == "AVX512" and (
    CPU.exists() and "avx512_bf16" in CPU.read_text()
)


def results_and_gradients(case):
    leaves = case.leaves()
    results = case.run()
    return [*[x.detach() for x in results], *gradients(results, leaves)]


def bits(tensors):
    return [x.contiguous().view(torch.int16) for x in tensors]


def same_in(dtype, case):
    """The same numbers in another dtype."""
    other = Case(case.cell, T=case.T, B=case.B, I=case.I, H=case.H, dtype=dtype)
    other.module.load_state_dict(case.module.state_dict())
    other.input = case.input.detach().to(dtype)
    other.states = [state.detach().to(dtype) for state in case.states]
    other.lengths, other.positions = case.lengths, case.positions
    return other


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    ("T", "B", "I", "H"), [(12, 16, 7, 35), (25, 16, 63, 64), (40, 9, 80, 128)]
)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_errors_are_at_most_those_of_torch_nn(cell, T, B, I, H, dtype):  # noqa: E741
    case = Case(cell, T=T, B=B, I=I, H=H, dtype=dtype)
    exact = same_in(torch.double, case)

    def by_nn(case):
        leaves = case.leaves()
        results = case.expected()
        return [*[x.detach() for x in results], *gradients(results, leaves)]

    expected, theirs, ours = by_nn(exact), by_nn(case), results_and_gradients(case)
    for e, a, b in zip(expected, ours, theirs, strict=True):
        assert a.dtype == dtype
        assert (a - e).square().mean().sqrt() <= (b - e).square().mean().sqrt()


@pytest.mark.parametrize("cell", CELLS)
def test_bits_do_not_depend_on_threads(cell):
    runs = []
    for torch_threads in (1, 2, 3):
        with num_threads(torch_threads):
            for B in (3, 20):  # shares of hidden units, shares of sequences
                case = Case(cell, T=12, B=B, I=30, H=200, dtype=torch.bfloat16)
                runs.append((B, results_and_gradients(case)))
    first = dict(reversed(runs))
    for B, run in runs:
        assert_same_bits(bits(run), bits(first[B]))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("I", "H"), [(11, 21), (11, 35), (90, 130)])
def test_bits_of_a_sequence_do_not_depend_on_the_others_nor_on_padding(cell, I, H):  # noqa: E741
    case = Case(cell, B=19, I=I, H=H, dtype=torch.bfloat16)
    case.input[~case.positions] = torch.nan
    case.input[0, 2] = torch.inf
    case.lengths[2] = case.T
    case.positions[:, 2] = True
    all_of = [x.detach() for x in case.run()]
    for b in range(19):
        alone = Case(cell, B=1, I=I, H=H, dtype=torch.bfloat16)
        alone.module.load_state_dict(case.module.state_dict())
        alone.input = case.input[: case.lengths[b], b : b + 1]
        alone.states = [state[:, b : b + 1] for state in case.states]
        alone.lengths = None
        output, *finals = [x.detach() for x in alone.run()]
        here = [all_of[0][: case.lengths[b], b : b + 1], *[x[:, b : b + 1] for x in all_of[1:]]]
        assert_same_bits(bits([output, *finals]), bits(here))
    others = torch.arange(19) != 2
    assert all(x[:, others].isfinite().all() for x in all_of)


@pytest.mark.skipif(MULTIPLIES, reason="this machine multiplies bfloat16; run at a lower level")
@pytest.mark.parametrize("cell", CELLS)
def test_results_without_bfloat16_products_are_float32_rounded_once(cell):
    case = Case(cell, dtype=torch.float32)
    narrow = Case(cell, dtype=torch.bfloat16)
    narrow.lengths, narrow.positions = case.lengths, case.positions
    case.input = narrow.input.float()
    case.states = [state.float() for state in narrow.states]
    for wide, weight in zip(case.weights, narrow.weights, strict=True):
        wide.data.copy_(weight.data)
    a, b = case.leaves(), narrow.leaves()
    expected, actual = case.run(), narrow.run()
    assert_same_bits(
        [x.detach().view(torch.int16) for x in actual],
        [x.detach().bfloat16().view(torch.int16) for x in expected],
    )
    ones = [
        torch.autograd.grad(sum(x.sum() for x in r), leaves)
        for r, leaves in ((actual, b), (expected, a))
    ]
    for narrow_grad, grad in zip(*ones, strict=True):
        assert narrow_grad.dtype == torch.bfloat16
        # The output that the backward reads was rounded too.
        assert (narrow_grad.float() - grad).abs().max() <= 0.02 * max(1, grad.abs().max())


@pytest.mark.skipif(MULTIPLIES, reason="this machine multiplies bfloat16; run at a lower level")
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_gradients_without_bfloat16_products_are_float32_rounded_once(cell):
    """Of the operator that is told what the forward kept: no tolerance."""
    states, gates = (2, 4) if cell == "lstm" else (1, 3)
    forward = getattr(torch.ops.masked_rnn, cell + "_layer")
    backward = getattr(torch.ops.masked_rnn, cell + "_layer_backward")
    torch.manual_seed(0)
    sizes = [
        (5, 4, 3),
        *[(4, 7)] * states,
        (gates * 7, 3),
        (gates * 7, 7),
        (gates * 7,),
        (gates * 7,),
    ]
    narrow = [torch.randn(size).bfloat16() for size in sizes]
    lengths = torch.tensor([5, 0, 2, 4])
    *results, saved = forward(*narrow, lengths=lengths, save=True)
    grads = [torch.randn_like(result) for result in results]
    last = ([None] if cell == "lstm" else []) + [lengths, None, False]
    wanted = [True] * 7 + [False] if cell == "lstm" else [True] * 6
    actual = backward(*grads, *narrow, *last, results[0], saved, wanted)
    wide = [[t.float() for t in tensors] for tensors in (grads, narrow)]
    expected = backward(*wide[0], *wide[1], *last, results[0].float(), saved, wanted)
    assert_same_bits(
        [a.view(torch.int16) for a in actual], [e.bfloat16().view(torch.int16) for e in expected]
    )


@pytest.mark.parametrize("cell", CELLS)
def test_autocast_lowers_the_layer(cell):
    case = Case(cell, dtype=torch.float32)
    expected = case.run()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        actual = case.run()
    assert actual[0].dtype == torch.bfloat16
    assert (actual[0].float() - expected[0]).abs().max() < 0.05
    gradient = torch.autograd.grad(actual[0].float().sum(), case.weights[0])[0]
    assert gradient.dtype == torch.float32
