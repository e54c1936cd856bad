"""Recurrent layers for PyTorch that take a padded batch with its lengths or mask.

RNN, LSTM and GRU take the place of torch.nn's; convert() puts them into a model. Importing this
package registers the operators torch.ops.masked_rnn.lstm, gru, rnn_tanh and rnn_relu.
"""

from importlib.metadata import version
from pathlib import Path

import torch

__version__ = version("masked_rnn")

_FOLDER = Path(__file__).parent

# For CMake's find_package(MaskedRNN CONFIG): put it into CMAKE_PREFIX_PATH.
cmake_prefix_path = str(_FOLDER / "share" / "cmake")

torch.ops.load_library(_FOLDER / "lib" / "libmasked_rnn.so")

from . import functional  # noqa: E402
from .convert import convert  # noqa: E402
from .layers import GRU, LSTM, RNN  # noqa: E402
from .memory import empty_cache  # noqa: E402

__all__ = ["GRU", "LSTM", "RNN", "cmake_prefix_path", "convert", "empty_cache", "functional"]
