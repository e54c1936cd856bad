"""masked_rnn.onnx.export, by running what came out in onnxruntime on other sizes than the exported
ones. Skipped where onnx, onnxscript or onnxruntime are not installed."""

import builtins

import masked_rnn
import numpy as np
import pytest
import torch
from oracle import flat, grid, name

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

import masked_rnn.onnx  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # the exporter's own deprecations

T, B = torch.export.Dim("T"), torch.export.Dim("B")


def export(layer, *, lengths=True, hx=False, **options):
    """The exported model's nodes by type, and a function that runs it."""
    time, batch = (1, 0) if layer.batch_first else (0, 1)
    shape = (3, 5, 4) if layer.batch_first else (5, 3, 4)
    given, dims = {}, {"input": {time: T, batch: B}}
    if lengths:
        given["lengths"], dims["lengths"] = torch.tensor([5, 0, 2]), {0: B}
    if hx:
        given["hx"] = states(layer, 3)
        dims["hx"] = ({1: B}, {1: B}) if layer.mode == "LSTM" else {1: B}
    program = masked_rnn.onnx.export(
        layer, (torch.randn(shape),), kwargs=given, dynamic_shapes=dims, verbose=False, **options
    )
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString())

    def run(input, lengths=None, hx=None):
        values = [input, *([] if hx is None else hx if isinstance(hx, tuple) else [hx])]
        by_name = {} if lengths is None else {"lengths": lengths}
        rest = [i.name for i in session.get_inputs() if i.name not in by_name]
        by_name.update(zip(rest, values, strict=True))
        return session.run(None, {key: value.numpy() for key, value in by_name.items()})

    return [node.op_type for node in program.model_proto.graph.node], run


def states(layer, batch):
    rows = layer.num_layers * (2 if layer.bidirectional else 1)
    h_0 = torch.randn(rows, batch, layer.hidden_size)
    return (h_0, h_0 + 1) if layer.mode == "LSTM" else h_0


def assert_equal(actual, expected):
    expected = flat(expected)
    assert len(actual) == len(expected)
    for a, e in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, e.detach().numpy(), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    grid(
        cell=("LSTM", "GRU", "RNN"),
        bidirectional=(False, True),
        num_layers=(1, 2),
        batch_first=(False, True),
        hx=(False, True),
    ),
    ids=name,
)
def test_ragged_batches_of_other_sizes(options):
    options = dict(options)
    cell, hx = options.pop("cell"), options.pop("hx")
    layer = getattr(masked_rnn, cell)(4, 7, **options).eval()
    nodes, run = export(layer, hx=hx)
    assert nodes.count(cell) == layer.num_layers
    for steps, lengths in ((8, [3, 8, 0, 1]), (2, [2])):
        shape = (len(lengths), steps) if layer.batch_first else (steps, len(lengths))
        input, lengths = torch.randn(*shape, 4), torch.tensor(lengths)
        given = {"hx": states(layer, len(lengths))} if hx else {}
        assert_equal(run(input, lengths, **given), layer(input, lengths=lengths, **given))


@pytest.mark.parametrize("cell", ["LSTM", "GRU", "RNN"])
def test_without_biases(cell):
    layer = getattr(masked_rnn, cell)(4, 7, 2, bias=False).eval()
    _, run = export(layer)
    input, lengths = torch.randn(6, 2, 4), torch.tensor([6, 3])
    assert_equal(run(input, lengths), layer(input, lengths=lengths))


def test_relu():
    layer = masked_rnn.RNN(4, 7, nonlinearity="relu", bidirectional=True).eval()
    _, run = export(layer)
    input, lengths = torch.randn(6, 2, 4), torch.tensor([6, 3])
    assert_equal(run(input, lengths), layer(input, lengths=lengths))


@pytest.mark.parametrize("cell", ["LSTM", "GRU", "RNN"])
def test_without_lengths_every_step_is_valid(cell):
    layer = getattr(masked_rnn, cell)(4, 7).eval()
    _, run = export(layer, lengths=False)
    input = torch.randn(6, 2, 4)
    assert_equal(run(input), layer(input))


def other_sizes_and_lengths(cell):
    layer = getattr(masked_rnn, cell)(4, 7, bidirectional=True).eval()
    nodes, run = export(layer)
    assert "Loop" not in nodes
    assert "Scan" not in nodes
    for lengths in ([9, 4], [1, 2, 9, 3, 9]):
        input, lengths = torch.randn(9, len(lengths), 4), torch.tensor(lengths)
        assert_equal(run(input, lengths), layer(input, lengths=lengths))


def test_issue_49936_packed_models_do_not_export():
    other_sizes_and_lengths("LSTM")


def test_issue_62240_packed_models_do_not_export():
    other_sizes_and_lengths("GRU")


def test_issue_41774_packed_models_do_not_export():
    other_sizes_and_lengths("RNN")


class WithMask(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = masked_rnn.GRU(4, 7)

    def forward(self, input, mask):
        return self.layer(input, mask=mask)[0]


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        (
            masked_rnn.LSTM(4, 7, proj_size=3).eval(),
            (torch.randn(5, 3, 4),),
            "lstm has a projection (proj_size), which ONNX's LSTM does not know",
        ),
        (
            WithMask().eval(),
            (torch.randn(5, 3, 4), torch.ones(5, 3) > 0),
            "gru was given a `mask`, which may have holes; ONNX knows lengths only: give `lengths`",
        ),
        (
            masked_rnn.RNN(4, 7, 2, dropout=0.5).train(),
            (torch.randn(5, 3, 4),),
            "rnn_tanh is in training with dropout: call model.eval() before",
        ),
        (
            masked_rnn.GRU(4, 7).eval(),
            (torch.randint(4, (5, 3)),),
            "gru was given an input of 2 dimensions; expected a batch of vectors [T, B, I]",
        ),
    ],
    ids=["proj_size", "mask", "dropout", "indices"],
)
def test_what_onnx_cannot_say_is_an_error(model, arguments, message):
    with pytest.raises(ValueError) as error:
        masked_rnn.onnx.export(model, arguments)
    assert str(error.value) == f"masked_rnn.onnx.export: torch.ops.masked_rnn.{message}"


def test_without_onnxscript(monkeypatch):
    original = builtins.__import__

    def refuse(module, *rest):
        if module.startswith("onnxscript"):
            raise ImportError(module)
        return original(module, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ImportError, match="pip install onnx onnxscript"):
        masked_rnn.onnx.export(masked_rnn.GRU(4, 7), (torch.randn(5, 3, 4),))
