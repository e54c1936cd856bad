"""Any shape, layout, dtype of lengths, mask and flag: what torch.nn computes on each sequence
alone, or an error of ours; never a crash."""

import masked_rnn
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import assert_near

INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


@st.composite
def batches(draw):
    T, B, I = draw(st.integers(0, 7)), draw(st.integers(0, 5)), draw(st.integers(1, 9))  # noqa: E741
    torch.manual_seed(draw(st.integers(0, 2**16)))
    input = torch.randn(T, B, I, dtype=torch.double)
    layout = draw(st.sampled_from(["plain", "transposed", "strided", "expanded"]))
    if layout == "transposed":
        input = torch.randn(I, B, T, dtype=torch.double).permute(2, 1, 0)
    elif layout == "strided":
        input = torch.randn(2 * T, B, 3 * I, dtype=torch.double)[::2, :, ::3]
    elif layout == "expanded":
        input = torch.randn(T, 1, I, dtype=torch.double).expand(T, B, I)
    valid = draw(st.sampled_from(["lengths", "zero-stride lengths", "mask"]))
    if valid == "mask":
        return input, {"mask": torch.rand(T, B) < draw(st.floats(0, 1))}
    if valid == "lengths":
        lengths = torch.randint(0, T + 1, (B,)).to(draw(st.sampled_from(INTEGERS)))
    else:
        lengths = torch.tensor(draw(st.integers(0, T))).expand(B)
    return input, {"lengths": lengths}


def alone(layer, theirs, input, given):
    """torch.nn's outputs, sequence by sequence."""
    T, B, _ = input.shape
    mask = given.get("mask")
    if mask is None:
        mask = torch.arange(T)[:, None] < given["lengths"].long()
    directions = 2 if layer.bidirectional else 1
    output = torch.zeros(T, B, directions * layer.hidden_size, dtype=input.dtype)
    for b in range(B):
        steps = mask[:, b].nonzero()[:, 0]
        if len(steps):
            output = output.index_put(
                (steps, torch.full_like(steps, b)), theirs(input[steps, b : b + 1])[0][:, 0]
            )
    return output


@settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(
    kind=st.sampled_from(["RNN", "LSTM", "GRU"]),
    batch=batches(),
    hidden=st.integers(1, 20),
    layers=st.integers(1, 3),
    bidirectional=st.booleans(),
    bias=st.booleans(),
    batch_first=st.booleans(),
    wants_input=st.booleans(),
)
def test_equals_each_sequence_alone(
    kind, batch, hidden, layers, bidirectional, bias, batch_first, wants_input
):
    input, given = batch
    options = {"bidirectional": bidirectional, "bias": bias, "dtype": torch.double}
    theirs = getattr(torch.nn, kind)(input.size(2), hidden, layers, **options)
    ours = getattr(masked_rnn, kind)(
        input.size(2), hidden, layers, batch_first=batch_first, **options
    )
    ours.load_state_dict(theirs.state_dict())
    if wants_input:
        input = input.detach().clone().requires_grad_()
    expected = alone(ours, theirs, input, given)
    x = input.transpose(0, 1) if batch_first else input
    if batch_first and "mask" in given:
        given = {"mask": given["mask"].t()}
    output = ours(x, **given)[0]
    actual = output.transpose(0, 1) if batch_first else output
    assert_near([actual], [expected], torch.double)
    leaves = [*ours.parameters()], [*theirs.parameters()]
    if wants_input:
        leaves = [[*own, input] for own in leaves]
    grads = []
    for result, own in ((actual, leaves[0]), (expected, leaves[1])):
        found = (
            torch.autograd.grad(result.sin().sum(), own, allow_unused=True)
            if result.requires_grad
            else [None] * len(own)
        )
        grads.append(
            [torch.zeros_like(p) if g is None else g for g, p in zip(found, own, strict=True)]
        )
    assert_near(*grads, torch.double)


@settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(
    kind=st.sampled_from(["RNN", "LSTM", "GRU"]),
    shape=st.lists(st.integers(0, 4), max_size=5),
    lengths=st.one_of(
        st.none(),
        st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4),
        st.lists(st.floats(), max_size=4),
        st.lists(st.booleans(), max_size=4),
    ),
    mask=st.one_of(st.none(), st.lists(st.integers(0, 5), max_size=3)),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.int64, torch.bool, torch.cfloat]),
)
def test_wrong_arguments_are_errors_of_ours(kind, shape, lengths, mask, dtype):
    layer = getattr(masked_rnn, kind)(3, 4)
    input = torch.zeros(shape, dtype=dtype)
    given = {"lengths": lengths, "mask": None if mask is None else torch.ones(mask) > 0}
    try:
        output = layer(input, **given)[0]
    except (ValueError, TypeError, IndexError, RuntimeError) as error:
        assert "masked_rnn::" in str(error)
    else:
        assert output.isfinite().all()
