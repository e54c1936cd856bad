"""masked_rnn.convert: the one line that makes an existing program faster."""

import warnings

import masked_rnn
import pytest
import torch
from oracle import assert_near
from torch.nn.utils import parametrizations


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = torch.nn.RNN(4, 7, nonlinearity="relu")
        self.deeper = torch.nn.ModuleList(
            [torch.nn.LSTM(7, 8, 2, bidirectional=True, proj_size=3), torch.nn.GRU(6, 8)]
        )
        self.deeper[1].register_forward_hook(lambda *_: self.seen.append(1))
        self.deeper[0].weight_hh_l1 = self.deeper[0].weight_hh_l0
        self.seen = []

    def forward(self, x):
        x, _ = self.rnn(x)
        for layer in self.deeper:
            x, _ = layer(x)
        return x


def test_every_layer_is_converted_and_everything_else_kept():
    model = Model().double().eval()
    model.rnn.weight_ih_l0.requires_grad_(False)
    input = torch.randn(5, 3, 4, dtype=torch.double)
    modules, parameters = list(model.modules()), list(model.parameters())
    expected = model(input)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):  # the second call changes nothing
            assert masked_rnn.convert(model) is model
            assert type(model.rnn) is masked_rnn.RNN
            assert type(model.deeper[0]) is masked_rnn.LSTM
            assert type(model.deeper[1]) is masked_rnn.GRU
    assert all(a is b for a, b in zip(model.modules(), modules, strict=True))
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))
    assert model.deeper[0].weight_hh_l1 is model.deeper[0].weight_hh_l0
    assert not model.rnn.weight_ih_l0.requires_grad
    assert not model.deeper[0].training
    assert_near([model(input)], [expected], torch.double)
    assert model.seen == [1, 1]


def test_converted_layers_take_lengths():
    layer = masked_rnn.convert(torch.nn.LSTM(4, 7))
    output, _ = layer(torch.randn(5, 2, 4), lengths=[5, 1])
    assert (output[1:, 1] == 0).all()


def test_parametrised_layers():
    layer = parametrizations.weight_norm(torch.nn.GRU(4, 7, dtype=torch.double), "weight_hh_l0")
    input = torch.randn(5, 3, 4, dtype=torch.double)
    expected = layer(input)[0]
    masked_rnn.convert(layer)
    assert isinstance(layer, masked_rnn.GRU)
    actual = layer(input, lengths=[5, 5, 5])[0]
    assert_near([actual], [expected], torch.double)
    scale = layer.parametrizations.weight_hh_l0.original0
    assert torch.autograd.grad(actual.sum(), scale)[0].abs().max() > 0


class Own(torch.nn.LSTM):
    def forward(self, x):
        return super().forward(x)[0]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (
            torch.nn.Sequential(torch.nn.GRU(4, 7), Own(7, 7)),
            "1 (Own is a class of its own, derived from it)",
        ),
        (Own(4, 7), "the model itself (Own is a class of its own, derived from it)"),
        (torch.jit.script(torch.nn.GRU(4, 7)), "the model itself (it is scripted: convert before)"),
        (
            torch.nn.Sequential(torch.ao.nn.quantized.dynamic.LSTM(4, 7)),
            "0 (it is quantised)",
        ),
    ],
    ids=["subclass", "itself", "scripted", "quantised"],
)
def test_what_cannot_be_converted_is_named(model, expected):
    before = {name: type(module) for name, module in model.named_modules()}
    with pytest.warns(UserWarning) as warned:
        masked_rnn.convert(model)
    assert [str(w.message) for w in warned] == [f"masked_rnn.convert: left as they are: {expected}"]
    for name, module in model.named_modules():
        assert before[name] in (type(module), torch.nn.GRU)
