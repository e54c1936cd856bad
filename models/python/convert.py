"""convert(model): every torch.nn.RNN, LSTM and GRU of a model becomes this package's."""

import warnings
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils import parametrize

from .layers import GRU, LSTM, RNN

_OURS: dict[type, type] = {nn.RNN: RNN, nn.LSTM: LSTM, nn.GRU: GRU}
_NAMES = {kind.__name__ for kind in _OURS}

Model = TypeVar("Model", bound=nn.Module)


def _converted_class(module: nn.Module) -> type | None:
    """The class that ``module`` gets; None if it stays what it is."""
    if type(module) in _OURS:
        return _OURS[type(module)]
    # Parametrisation gives a module a class of its own, with a property for each such weight.
    base = type(module).__bases__[0]
    if parametrize.is_parametrized(module) and base in _OURS:
        members = {
            name: member
            for name, member in vars(type(module)).items()
            if name not in ("__dict__", "__weakref__", "__doc__")
        }
        return type(type(module).__name__, (_OURS[base],), members)
    return None


def _reason_against(module: nn.Module) -> str | None:
    """Why a recurrent layer cannot be converted; None for everything else."""
    if isinstance(module, torch.jit.ScriptModule):
        scripted = getattr(module, "original_name", "")
        return "it is scripted: convert before" if scripted in _NAMES else None
    if isinstance(module, tuple(_OURS)):
        return f"{type(module).__qualname__} is a class of its own, derived from it"
    if type(module).__module__.startswith("torch.ao.nn") and type(module).__name__ in _NAMES:
        return "it is quantised"
    return None


def convert(model: Model) -> Model:
    """Makes every torch.nn.RNN, LSTM and GRU in ``model`` one of masked_rnn's, in place.

    The modules stay the same objects: parameters, ties between them, hooks, parametrisations,
    device, dtype and training mode are kept, and outputs are equal to rounding. Afterwards they
    also take ``lengths`` and ``mask``. What is converted already is left alone.

    Args:
        model: any module, or such a layer itself.

    Returns:
        ``model``.

    Warns:
        UserWarning: names the recurrent layers that cannot be converted: subclasses, quantised and
            scripted ones.

    >>> import masked_rnn, torch
    >>> model = torch.nn.Sequential(torch.nn.Embedding(9, 4), torch.nn.LSTM(4, 8))
    >>> masked_rnn.convert(model)[1]
    LSTM(4, 8)
    >>> output, _ = model[1](torch.randn(5, 2, 4), lengths=[5, 3])
    """
    refused = []
    for name, module in model.named_modules():
        converted = _converted_class(module)
        if converted is not None:
            module.__class__ = converted
        elif reason := _reason_against(module):
            refused.append(f"{name or 'the model itself'} ({reason})")
    if refused:
        warnings.warn(
            "masked_rnn.convert: left as they are: " + "; ".join(refused), UserWarning, stacklevel=2
        )
    return model
