"""masked_rnn.RNN, LSTM and GRU: torch.nn's layers in everything but that they take lengths."""

import copy
import io
import pickle
import warnings

import masked_rnn
import numpy as np
import pytest
import torch
from oracle import Case, assert_near, assert_same_bits, flat, gradients, grid, name
from torch.nn.utils import parametrizations, prune
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils._python_dispatch import TorchDispatchMode

NAMES = ("RNN", "LSTM", "GRU")
CELLS = {"RNN": "rnn_tanh", "LSTM": "lstm", "GRU": "gru"}


def pair(name, *args, **options):
    """torch.nn's layer and ours with the same weights."""
    theirs = getattr(torch.nn, name)(*args, **options)
    ours = getattr(masked_rnn, name)(*args, **options)
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


def layer_of(case):
    kind = {"lstm": masked_rnn.LSTM, "gru": masked_rnn.GRU}.get(case.cell, masked_rnn.RNN)
    options = {"proj_size": case.proj_size} if case.proj_size else {}
    if case.cell == "rnn_relu":
        options["nonlinearity"] = "relu"
    layer = kind(
        case.I,
        case.H,
        num_layers=case.layers,
        bias=case.bias,
        batch_first=case.batch_first,
        bidirectional=case.directions == 2,
        dtype=case.dtype,
        **options,
    )
    layer.load_state_dict(case.module.state_dict())
    return layer


@pytest.mark.parametrize(
    "options",
    grid(
        cell=("lstm", "gru", "rnn_tanh", "rnn_relu"),
        directions=(1, 2),
        layers=(1, 2),
        bias=(True, False),
        proj_size=(0, 5),
        given_state=(True, False),
        batch_first=(True, False),
        valid=("lengths", "mask", "all"),
    ),
    ids=name,
)
def test_equals_torch_nn_on_each_sequence_alone(options):
    case = Case(**options)
    leaves = case.leaves()
    layer = layer_of(case)
    ours = [leaves[0], *(case.states if case.given_state else []), *layer.parameters()]
    hx = None
    if case.given_state:
        hx = tuple(case.states) if case.cell == "lstm" else case.states[0]
    mask = None if case.mask is None else case.layout(case.mask)
    output, *states = flat(layer(case.layout(case.input), hx, lengths=case.lengths, mask=mask))
    actual, expected = [case.layout(output), *states], case.expected()
    assert_near(actual, expected, case.dtype)
    assert_near(gradients(actual, ours), gradients(expected, leaves), case.dtype)


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_layers": 3, "dropout": 0.25, "bidirectional": True},
        {"bias": False, "batch_first": True, "dtype": torch.float64},
    ],
    ids=str,
)
def test_looks_like_torch_nn(kind, options):
    theirs, ours = pair(kind, 4, 7, **options)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [[w.shape for w in ws] for ws in ours.all_weights] == [
        [w.shape for w in ws] for ws in theirs.all_weights
    ]
    for attribute in (*torch.nn.RNNBase.__constants__, "training"):
        assert getattr(ours, attribute) == getattr(theirs, attribute)
    theirs.load_state_dict(ours.state_dict())
    for layer in (ours, theirs):
        torch.manual_seed(3)
        layer.reset_parameters()
    assert_same_bits(list(ours.parameters()), list(theirs.parameters()))


def test_nonlinearity_may_stand_in_fourth_place():
    theirs, ours = pair("RNN", 4, 7, 2, "relu", False)
    assert repr(ours) == repr(theirs)
    assert ours.nonlinearity == theirs.nonlinearity == "relu"
    assert ours.bias is theirs.bias is False


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("RNN", {"nonlinearity": "sine"}),
        ("RNN", {"proj_size": 2}),
        ("GRU", {"proj_size": 2}),
        ("LSTM", {"proj_size": 9}),
        ("LSTM", {"num_layers": 0}),
        ("LSTM", {"dropout": 2.0}),
        ("GRU", {"bias": 1}),
    ],
    ids=str,
)
def test_constructors_refuse_what_torch_nn_refuses(kind, options):
    with pytest.raises((ValueError, TypeError)) as theirs:
        getattr(torch.nn, kind)(4, 7, **options)
    with pytest.raises(theirs.type) as ours:
        getattr(masked_rnn, kind)(4, 7, **options)
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("enforce_sorted", [True, False])
@pytest.mark.parametrize("with_states", [True, False])
def test_a_packed_sequence_gives_a_packed_sequence(
    kind, bidirectional, enforce_sorted, with_states
):
    theirs, ours = pair(
        kind, 4, 7, 2, bidirectional=bidirectional, batch_first=True, dtype=torch.double
    )
    lengths = torch.tensor([6, 4, 1] if enforce_sorted else [4, 1, 6])
    hx = None
    if with_states:
        hx = torch.randn(4 if bidirectional else 2, 3, 7, dtype=torch.double)
        hx = (hx, hx + 1) if kind == "LSTM" else hx
    results, grads = [], []
    input = torch.randn(3, 6, 4, dtype=torch.double, requires_grad=True)
    for layer in (ours, theirs):
        packed = pack_padded_sequence(
            input, lengths, batch_first=True, enforce_sorted=enforce_sorted
        )
        output, states = layer(packed, hx)
        padded, sizes = pad_packed_sequence(output)
        assert sizes.tolist() == lengths.tolist()
        results.append(flat((padded, states)))
        grads.append(gradients(results[-1], [input, *layer.parameters()]))
    assert_near(*results, torch.double)
    assert_near(*grads, torch.double)


@pytest.mark.parametrize("kind", NAMES)
def test_a_packed_sequence_goes_through_the_operators(kind):
    called = set()

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
            called.add(str(operator))
            return operator(*args, **(kwargs or {}))

    layer = getattr(masked_rnn, kind)(4, 7)
    with Watch():
        layer(pack_padded_sequence(torch.randn(3, 2, 4), [3, 2]))[0].data.sum().backward()
    ours = f"masked_rnn.{kind.lower()}_layer"
    assert {f"{ours}.default", f"{ours}_backward.default"} <= called


def test_a_packed_sequence_has_its_own_lengths():
    packed = pack_padded_sequence(torch.randn(3, 2, 4), [3, 2])
    with pytest.raises(ValueError) as error:
        masked_rnn.LSTM(4, 7)(packed, lengths=[3, 2])
    assert str(error.value) == (
        "masked_rnn.LSTM: expected neither `lengths` nor `mask` with a PackedSequence, which has "
        "its own lengths"
    )


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize(
    "make", [list, tuple, np.array, torch.tensor, lambda x: torch.tensor(x, dtype=torch.uint8)]
)
def test_lengths_and_masks_of_any_kind(kind, make):
    layer = getattr(masked_rnn, kind)(4, 7)
    input, lengths = torch.randn(5, 3, 4), [2, 5, 0]
    mask = (torch.arange(5)[:, None] < torch.tensor(lengths)).tolist()
    expected = flat(layer(input, lengths=torch.tensor(lengths)))
    assert_same_bits(flat(layer(input, lengths=make(lengths))), expected)
    if make in (list, np.array, torch.tensor):
        assert_same_bits(flat(layer(input, mask=make(mask))), expected)


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("packed", [False, True])
def test_dropout_acts_in_training_between_layers(kind, packed):
    layer = getattr(masked_rnn, kind)(4, 7, num_layers=2, dropout=1.0)

    def outputs():
        for _ in range(2):
            input = torch.randn(5, 3, 4)
            if packed:
                yield layer(pack_padded_sequence(input, [5, 4, 2]))[0].data
            else:
                yield layer(input, lengths=[5, 4, 2])[0]

    assert torch.equal(*outputs())  # the second layer gets zeros
    layer.eval()
    assert not torch.equal(*outputs())


def test_an_empty_list_of_lengths():
    output, h_n = masked_rnn.GRU(4, 7)(torch.randn(5, 0, 4), lengths=[])
    assert output.shape == (5, 0, 7)
    assert h_n.shape == (1, 0, 7)


@pytest.mark.parametrize("kind", NAMES)
def test_indices_stand_for_one_hot_vectors(kind):
    layer = getattr(masked_rnn, kind)(9, 7, dtype=torch.double)
    input = torch.randint(9, (5, 3))
    dense = torch.nn.functional.one_hot(input, 9).double()
    actual, expected = (flat(layer(x, lengths=[5, 0, 2])) for x in (input, dense))
    assert_near(actual, expected, torch.double)


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_one_sequence_without_a_batch(kind, bidirectional):
    theirs, ours = pair(kind, 4, 7, 2, bidirectional=bidirectional, dtype=torch.double)
    input = torch.randn(5, 4, dtype=torch.double)
    assert_near(flat(ours(input)), flat(theirs(input)), torch.double)


@pytest.mark.parametrize("kind", NAMES)
def test_copies_compute_the_same(kind):
    layer = getattr(masked_rnn, kind)(4, 7, 2)
    input, lengths = torch.randn(5, 3, 4), [2, 5, 0]
    expected = flat(layer(input, lengths=lengths))
    saved = io.BytesIO()
    torch.save(layer, saved)
    saved.seek(0)
    for again in (
        copy.deepcopy(layer),
        pickle.loads(pickle.dumps(layer)),
        torch.load(saved, weights_only=False),
    ):
        assert type(again) is type(layer)
        assert_same_bits(flat(again(input, lengths=lengths)), expected)


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("dtype", [torch.double, torch.bfloat16, torch.half])
def test_to_another_dtype(kind, dtype):
    layer = getattr(masked_rnn, kind)(4, 7)
    other = copy.deepcopy(layer).to(dtype)
    output, *_ = other(torch.randn(5, 3, 4, dtype=dtype), lengths=[5, 1, 0])
    assert output.dtype == dtype
    with pytest.raises(TypeError, match="expected `input` to have dtype"):
        other(torch.randn(5, 3, 4))


@pytest.mark.parametrize("kind", NAMES)
def test_pruning_and_parametrisation(kind):
    theirs, ours = pair(kind, 4, 7, dtype=torch.double)
    input = torch.randn(5, 3, 4, dtype=torch.double)
    for change in (
        lambda layer: prune.l1_unstructured(layer, "weight_hh_l0", amount=0.5),
        lambda layer: prune.remove(layer, "weight_hh_l0"),
        lambda layer: parametrizations.weight_norm(layer, "weight_ih_l0"),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            before = ours(input)[0]
            for layer in (theirs, ours):
                change(layer)
        if hasattr(ours, "parametrizations"):
            weight = ours.parametrizations.weight_ih_l0.original1
            (grad,) = torch.autograd.grad(ours(input)[0].sum(), weight)
            assert grad.abs().max() > 0
            assert_near([ours(input)[0]], [before], torch.double)
        assert_near(flat(ours(input)), flat(theirs(input)), torch.double)


@pytest.mark.parametrize("kind", NAMES)
def test_tied_weights_share_their_gradient(kind):
    layer = getattr(masked_rnn, kind)(7, 7, 2, dtype=torch.double)
    layer.weight_hh_l1 = layer.weight_hh_l0
    apart = getattr(masked_rnn, kind)(7, 7, 2, dtype=torch.double)
    apart.load_state_dict(layer.state_dict())
    input = torch.randn(5, 3, 7, dtype=torch.double)
    layer(input)[0].sum().backward()
    apart(input)[0].sum().backward()
    expected = apart.weight_hh_l0.grad + apart.weight_hh_l1.grad
    assert_near([layer.weight_hh_l0.grad], [expected], torch.double)


@pytest.mark.parametrize("kind", NAMES)
def test_functional_call_takes_other_weights(kind):
    one, other = pair(kind, 4, 7)[1], pair(kind, 4, 7)[1]
    input = torch.randn(5, 3, 4)
    called = torch.func.functional_call(
        one, dict(other.named_parameters()), (input,), {"lengths": [5, 1, 2]}
    )
    assert_same_bits(flat(called), flat(other(input, lengths=[5, 1, 2])))


@pytest.mark.parametrize("kind", NAMES)
def test_gradient_penalty(kind):
    """The gradient's own gradient, as WGAN-GP asks for it."""
    case = Case(CELLS[kind], given_state=False)
    layer = layer_of(case)
    input = case.input.detach().requires_grad_()
    penalties = []
    for output, parameters in (
        (layer(input, lengths=case.lengths)[0], list(layer.parameters())),
        (Case.expected(_with_input(case, input))[0], list(case.module.parameters())),
    ):
        (grad,) = torch.autograd.grad(output.tanh().sum(), input, create_graph=True)
        penalty = (grad.norm() - 1) ** 2
        penalties.append([penalty, *torch.autograd.grad(penalty, parameters)])
    assert_near(*penalties, torch.double)


def _with_input(case, input):
    case.input = input
    return case


def test_activation_checkpointing():
    layer = masked_rnn.LSTM(4, 7, dtype=torch.double)
    input = torch.randn(5, 3, 4, dtype=torch.double, requires_grad=True)

    def run(x):
        return layer(x, lengths=[5, 0, 2])[0]

    grads = []
    for output in (run(input), torch.utils.checkpoint.checkpoint(run, input, use_reentrant=False)):
        grads.append(gradients([output], [input, *layer.parameters()]))
    assert_same_bits(*grads)


def resident():
    """What this process holds, in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def test_a_thousand_training_steps_do_not_grow_the_process():
    layer = masked_rnn.LSTM(16, 32, 2, bidirectional=True)
    generator = torch.Generator().manual_seed(0)

    def steps(count):
        for _ in range(count):
            lengths = torch.randint(0, 21, (8,), generator=generator)
            layer.zero_grad()
            layer(torch.randn(20, 8, 16), lengths=lengths)[0].sum().backward()

    steps(200)
    before = resident()
    steps(1000)
    assert resident() - before < 4 << 20


def scripted_empty_cache():
    torch.ops.masked_rnn.empty_cache()


@pytest.mark.parametrize(
    "empty_cache", [masked_rnn.empty_cache, torch.jit.script(scripted_empty_cache)]
)
def test_empty_cache_frees_what_layers_kept(empty_cache):
    layer = masked_rnn.GRU(64, 64)
    input = torch.randn(1000, 64, 64)
    output = layer(input)[0]
    before = output.clone()
    output.sum().backward()
    for _ in range(3):  # a scripted function is optimised after some calls
        layer(input)[0].sum().backward()
        kept = resident()
        empty_cache()
        assert kept - resident() > 40 << 20  # of some 80
    assert torch.equal(output, before)
    assert_same_bits([layer(input)[0].detach()], [before.detach()])
