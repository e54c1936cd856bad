"""Any shape, layout, dtype of lengths, mask and flag: what torch.nn computes on each sequence
alone, or an error of ours; never a crash."""

import masked_rnn
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import assert_near, flat

INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
LAYOUTS = ("plain", "transposed", "strided", "expanded", "overlapping")
KINDS = ("RNN", "LSTM", "GRU")


def laid_out(layout, T, B, I, dtype):  # noqa: E741
    """A leaf, and the input ``[T, B, I]`` as a view of it."""
    sizes, view = {
        "plain": ((T, B, I), lambda x: x),
        "transposed": ((I, B, T), lambda x: x.permute(2, 1, 0)),
        "strided": ((2 * T, B, 3 * I), lambda x: x[::2, :, ::3]),
        "expanded": ((T, 1, I), lambda x: x.expand(T, B, I)),
        "overlapping": ((T + B + I,), lambda x: x.as_strided((T, B, I), (1, 1, 1))),
    }[layout]
    leaf = torch.randn(sizes, dtype=dtype)
    return leaf, view


@st.composite
def valid_steps(draw, T, B):
    """Lengths or a mask of any layout, or neither."""
    which = draw(st.sampled_from(["lengths", "zero-stride lengths", "mask", "all"]))
    if which == "all":
        return {}
    if which == "mask":
        mask = torch.rand(B, 2 * T) < draw(st.floats(0, 1))
        layout = draw(st.sampled_from(["plain", "transposed", "expanded"]))
        if layout == "expanded":
            return {"mask": mask[:1, :T].t().expand(T, B)}
        return {
            "mask": mask[:, ::2].t() if layout == "transposed" else mask[:, :T].t().contiguous()
        }
    if which == "zero-stride lengths":
        return {"lengths": torch.tensor(draw(st.integers(0, T)), dtype=torch.int32).expand(B)}
    lengths = torch.randint(0, T + 1, (B, 2)).to(draw(st.sampled_from(INTEGERS)))
    return {"lengths": lengths[:, 0]}


def alone(theirs, input, states, given):
    """torch.nn's output and final states, sequence by sequence."""
    T, B, _ = input.shape
    mask = given.get("mask")
    if mask is None:
        lengths = given.get("lengths", torch.full((B,), T)).long()
        mask = torch.arange(T)[:, None] < lengths
    size = (theirs.proj_size or theirs.hidden_size) * (2 if theirs.bidirectional else 1)
    output, finals = torch.zeros(T, B, size, dtype=input.dtype), [[] for _ in states]
    for b in range(B):
        steps = mask[:, b].nonzero()[:, 0]
        after = [state[:, b : b + 1] for state in states]
        if len(steps):
            hx = tuple(after) if len(after) == 2 else after[0]
            here, *after = flat(theirs(input[steps, b : b + 1], hx))
            output = output.index_put((steps, torch.full_like(steps, b)), here[:, 0])
        for final, state in zip(finals, after, strict=True):
            final.append(state)
    return [output, *[torch.cat(f, 1) if f else s for f, s in zip(finals, states, strict=True)]]


def gradients_of(results, leaves):
    loss = sum(result.sin().sum() for result in results)
    if not loss.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    return torch.autograd.grad(
        loss, leaves, allow_unused=True, materialize_grads=True, retain_graph=True
    )


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_equals_each_sequence_alone(data):
    draw = data.draw
    T, B, I = draw(st.integers(0, 7)), draw(st.integers(0, 5)), draw(st.integers(1, 9))  # noqa: E741
    torch.manual_seed(draw(st.integers(0, 2**16)))
    kind, dtype = draw(st.sampled_from(KINDS)), draw(st.sampled_from([torch.float, torch.double]))
    hidden, batch_first = draw(st.integers(1, 20)), draw(st.booleans())
    options = {
        "num_layers": draw(st.integers(1, 3)),
        "bidirectional": draw(st.booleans()),
        "bias": draw(st.booleans()),
        "dtype": dtype,
    }
    if kind == "RNN":
        options["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    if kind == "LSTM":
        options["proj_size"] = draw(st.integers(0, hidden - 1))
    theirs = getattr(torch.nn, kind)(I, hidden, **options)
    ours = getattr(masked_rnn, kind)(I, hidden, batch_first=batch_first, **options)
    ours.load_state_dict(theirs.state_dict())

    leaf, view = laid_out(draw(st.sampled_from(LAYOUTS)), T, B, I, dtype)
    given = draw(valid_steps(T, B))
    rows = options["num_layers"] * (2 if options["bidirectional"] else 1)
    sizes = [ours.proj_size or hidden] + [hidden] * (kind == "LSTM")
    given_states = draw(st.booleans())
    fill = torch.randn if given_states else torch.zeros
    states = [fill(rows, B, size, dtype=dtype) for size in sizes]
    wanted = []  # pairs of what is differentiated: ours and theirs
    if draw(st.booleans()):
        wanted += [(leaf.requires_grad_(), leaf)]
    if given_states and draw(st.booleans()):
        wanted += [(state.requires_grad_(), state) for state in states]
    if draw(st.booleans()):
        wanted += zip(ours.parameters(), theirs.parameters(), strict=True)
    else:
        for layer in (ours, theirs):
            layer.requires_grad_(False)

    expected = alone(theirs, view(leaf), states, given)
    hx = None
    if given_states:
        hx = tuple(states) if kind == "LSTM" else states[0]
    here = {"mask": given["mask"].t()} if batch_first and "mask" in given else given
    x = view(leaf)
    output, *finals = flat(ours(x.transpose(0, 1) if batch_first else x, hx, **here))
    actual = [output.transpose(0, 1) if batch_first else output, *finals]
    assert_near(actual, expected, dtype)
    if wanted:
        own, other = zip(*wanted, strict=True)
        assert_near(gradients_of(actual, own), gradients_of(expected, other), dtype)
    else:
        assert not any(result.requires_grad for result in actual)


def is_right(shape, lengths, mask, dtype):
    """Whether a layer of 3 inputs must take this."""
    integers = dtype == torch.int64
    if len(shape) not in ((1, 2) if integers else (2, 3)) or not (integers or shape[-1] == 3):
        return False
    batched = len(shape) == (2 if integers else 3)
    steps, rest = shape[0], shape[1:2] if batched else []
    if lengths is not None and mask is not None:
        return False
    if mask is not None:
        return mask == [steps, *rest]
    if lengths is None:
        return True
    count = rest[0] if batched else 1
    return len(lengths) == count and all(type(n) is int and 0 <= n <= steps for n in lengths)


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_is_not_right_is_an_error_of_ours(data):
    draw = data.draw
    layer = getattr(masked_rnn, draw(st.sampled_from(KINDS)))(3, 4)
    steps, batch = draw(st.integers(0, 4)), draw(st.integers(0, 4))
    shape = draw(st.one_of(st.lists(st.integers(0, 4), max_size=5), st.just([steps, batch, 3])))
    numbers = {
        "in range": st.integers(0, steps),
        "any": st.integers(-(2**63), 2**63 - 1),
        "float": st.floats(),
        "bool": st.booleans(),
    }[draw(st.sampled_from(["in range", "in range", "any", "float", "bool"]))]
    lengths = draw(
        st.one_of(
            st.none(),
            st.lists(numbers, max_size=4),
            st.lists(numbers, min_size=batch, max_size=batch),
        )
    )
    mask = draw(
        st.one_of(
            st.none(),
            st.lists(st.integers(0, 5), max_size=3),
            st.just([steps, batch]),
            st.just([batch, steps]),  # the wrong layout
        )
    )
    dtypes = (torch.float32, torch.float32, torch.float64, torch.int64, torch.bool, torch.cfloat)
    dtype = draw(st.sampled_from(dtypes))
    input = torch.zeros(shape, dtype=dtype)
    given = {"lengths": lengths, "mask": None if mask is None else torch.ones(mask) > 0}
    right = dtype in (torch.float32, torch.int64) and is_right(shape, lengths, mask, dtype)
    try:
        output = layer(input, **given)[0]
    except (ValueError, TypeError, IndexError, RuntimeError) as error:
        assert not right, error
        assert "masked_rnn::" in str(error)
    else:
        assert right
        assert output.isfinite().all()
