"""Recurrent operators for PyTorch that take a padded batch with its lengths or mask.

Importing this package registers torch.ops.masked_rnn.lstm, gru, rnn_tanh and rnn_relu.
"""

from importlib.metadata import version
from pathlib import Path

import torch

__version__ = version("masked_rnn")

_FOLDER = Path(__file__).parent

# For CMake's find_package(MaskedRNN CONFIG): put it into CMAKE_PREFIX_PATH.
cmake_prefix_path = str(_FOLDER / "share" / "cmake")

torch.ops.load_library(_FOLDER / "lib" / "libmasked_rnn.so")
