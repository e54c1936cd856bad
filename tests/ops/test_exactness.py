"""Every operator against torch.nn on each sequence alone: outputs, states and all gradients."""

import pytest
import torch
from oracle import CELLS, SMALL_LAYERS, Case, assert_near, gradients, grid, name, num_threads

GRID = grid(
    cell=CELLS,
    directions=(1, 2),
    layers=(1, 2, 3),
    bias=(True, False),
    proj_size=(0, 7),
    given_state=(True, False),
    valid=("lengths", "mask"),
    dtype=(torch.float64, torch.float32),
)


def check(case):
    leaves = case.leaves()
    actual, expected = case.run(), case.expected()
    assert_near(actual, expected, case.dtype)
    assert_near(gradients(actual, leaves), gradients(expected, leaves), case.dtype)


@pytest.mark.parametrize("options", GRID, ids=name)
def test_equals_nn_on_each_sequence_alone(options):
    check(Case(**options))


@pytest.mark.parametrize("options", grid(cell=CELLS, valid=("lengths", "mask", "all")), ids=name)
def test_batch_first(options):
    check(Case(batch_first=True, directions=2, layers=2, **options))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("H", [1, 2, 15, 16, 17, 31, 64, 65, 100])
def test_every_hidden_size(cell, H):
    check(Case(cell, H=H, B=7, T=4))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("I", [1, 4, 16, 63, 64, 65])
def test_every_input_size(cell, I):  # noqa: E741
    check(Case(cell, I=I, B=9, T=4, H=8))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("B", [1, 2, 3, 6, 7, 13, 24])
def test_every_batch_size(cell, B):
    check(Case(cell, B=B, T=5, H=20))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("I", "H"), [(90, 200), (200, 130), (20, 260)])
@pytest.mark.parametrize("B", [1, 37])
def test_large_layers(cell, I, H, B):  # noqa: E741
    check(Case(cell, T=9, B=B, I=I, H=H, dtype=torch.float32))


# Of small layers weights' gradients alone are worth matrix tiles, and of many rows only.
@pytest.mark.parametrize(("cell", "H"), SMALL_LAYERS)
@pytest.mark.parametrize("B", [3, 60])
def test_small_layers_of_large_batches(cell, H, B):
    check(Case(cell, T=80, B=B, I=40, H=H, dtype=torch.float32))


@pytest.mark.parametrize("options", grid(cell=CELLS, proj_size=(0, 7)), ids=name)
@pytest.mark.parametrize(("T", "B"), [(60, 30), (20, 140), (4, 500)])
def test_large_batches_sum_gradients_in_parts(options, T, B):
    check(Case(T=T, B=B, H=12, **options))


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "options", grid(cell=CELLS, proj_size=(0, 7), valid=("lengths", "mask")), ids=name
)
def test_batches_that_threads_compute_by_groups(options, threads):
    with num_threads(threads):
        check(Case(T=9, B=60, **options))


@pytest.mark.parametrize("cell", CELLS)
def test_input_that_is_not_contiguous(cell):
    case = Case(cell, T=6, B=4, I=3)
    strided = torch.randn(3, 12, 8, dtype=case.dtype).permute(1, 2, 0)[::2, ::2]
    case.input = strided.detach().requires_grad_()
    assert not case.input.is_contiguous()
    actual, expected = case.run(), case.expected()
    assert_near(actual, expected, case.dtype)
    assert_near(gradients(actual, [case.input]), gradients(expected, [case.input]), case.dtype)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("batch_first", [False, True])
def test_one_sequence_without_a_batch_dimension(cell, batch_first):
    case = Case(cell, B=1, directions=2, layers=2, valid="all")
    expected = case.expected()
    hx = [state[:, 0] for state in case.states]
    actual = getattr(torch.ops.masked_rnn, cell)(
        case.input[:, 0],
        hx if cell == "lstm" else hx[0],
        case.weights,
        True,
        2,
        0.0,
        True,
        True,
        batch_first,
        lengths=torch.tensor(case.T),
    )
    assert_near(actual, [e[:, 0] for e in expected], case.dtype)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_not_asked_for_are_not_computed(cell):
    case = Case(cell)
    weight_hh = case.weights[1]
    for weight in case.weights:
        weight.requires_grad_(False)
    weight_hh.requires_grad_(True)
    full = Case(cell)
    expected = gradients(full.expected(), [full.weights[1]])
    assert_near(gradients(case.run(), [weight_hh]), expected, case.dtype)


def test_without_gradients_nothing_is_saved():
    case = Case("lstm")
    layer = torch.ops.masked_rnn.lstm_layer
    h_0, c_0 = (state[0] for state in case.states)
    with torch.no_grad():
        saved = layer(case.input, h_0, c_0, *case.weights, lengths=case.lengths)[3]
    assert saved.numel() == 0


def test_dropout_acts_between_layers_only():
    case = Case("gru", layers=2)
    run = torch.ops.masked_rnn.gru

    def output(dropout, train):
        return run(
            case.input, case.hx, case.weights, True, 2, dropout, train, False, False, case.lengths
        )

    assert torch.equal(output(0.0, True)[0], output(0.9, False)[0])
    torch.manual_seed(3)
    first = output(0.5, True)
    torch.manual_seed(3)
    second = output(0.5, True)
    assert torch.equal(first[0], second[0])
    assert not torch.equal(first[0], output(0.0, True)[0])
    assert (first[0][~case.positions] == 0).all()
    # With everything dropped the second layer sees zeros, the first layer's state stays.
    dropped = output(1.0, True)
    assert torch.equal(dropped[1][0], output(0.0, True)[1][0])
