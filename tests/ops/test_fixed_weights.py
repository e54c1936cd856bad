"""Without gradients, packed weights are kept between calls: whatever changes them is noticed."""

import pytest
import torch
from oracle import CELLS, Case, assert_near, assert_same_bits, num_threads


def results(case):
    with torch.no_grad():
        return case.run()


def expected(case):
    with torch.no_grad():
        return case.expected()


CHANGES = {
    "in place": lambda weight: weight.mul_(0.5),
    "first element": lambda weight: weight[0, 0].add_(1),
    "last element": lambda weight: weight[-1, -1].add_(1),
    "through data": lambda weight: weight.data.copy_(weight.data * 0.5),
    "through numpy": lambda weight: weight.detach().numpy().__imul__(0.5),
    "other data": lambda weight: weight.set_(weight.clone() * 0.5),
    "two elements exchanged": lambda weight: weight[0].copy_(weight[0].flip(0)),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("which", [0, 1])
def test_changed_weights_are_noticed(cell, change, which):
    case = Case(cell)
    before = results(case)
    assert_same_bits(results(case), before)
    with torch.no_grad():
        CHANGES[change](case.weights[which])
    after = results(case)
    assert not torch.equal(after[0], before[0])
    assert_near(after, expected(case), case.dtype)


@pytest.mark.parametrize("change", [name for name in CHANGES if name != "through numpy"])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_changed_weights_have_the_bits_of_new_ones(cell, change, which, dtype):
    size = {"I": 90, "H": 200} if dtype == torch.float32 else {"I": 5, "H": 35}
    case, fresh = Case(cell, dtype=dtype, **size), Case(cell, dtype=dtype, **size)
    before = results(case)
    assert_same_bits(results(case), before)
    with torch.no_grad():
        CHANGES[change](case.weights[which])
        for weight, copy in zip(case.weights, fresh.weights, strict=True):
            copy.data = weight.clone()
    after = results(case)
    assert not torch.equal(after[0], before[0])
    assert_same_bits(after, results(fresh))


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("gap", [0, 8], ids=["contiguous", "narrowed"])
@pytest.mark.parametrize("which", [0, 1])
def test_a_change_of_any_row_of_a_large_weight_is_noticed(which, gap, threads):
    case = Case("rnn_tanh", I=300, H=300)
    weight = case.weights[which]
    weight.data = torch.nn.functional.pad(weight.data, (0, gap))[:, :300]
    assert weight.is_contiguous() == (gap == 0)
    with num_threads(threads):
        last = results(case)
        for row in range(0, 300, 13):
            with torch.no_grad():
                weight[row, 7].add_(1)
            assert not torch.equal(results(case)[0], last[0]), row
            last = results(case)


def test_memory_that_holds_another_weight():
    for seed in range(20):
        case = Case("gru", seed=seed)
        assert_near(results(case), expected(case), case.dtype)
        del case


@pytest.mark.parametrize("cell", CELLS)
def test_results_have_the_bits_of_training(cell):
    case = Case(cell, directions=2, layers=2)
    assert_same_bits(results(case), [x.detach() for x in case.run()])


def test_inference_tensors():
    case = Case("lstm")
    with torch.inference_mode():
        first = case.run()
        case.module.weight_hh_l0.mul_(1)
        second = case.run()
    assert_same_bits(second, first)
