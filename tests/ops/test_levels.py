"""The same tests at every level of instructions that this machine has."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

LEVELS = ("default", "avx2", "avx512")
HERE = Path(__file__).parent
FILES = ("test_exactness.py", "test_padding.py", "test_edges.py", "test_bfloat16.py")
CHOICE = "every or large or infinite or chunks or bits or nan or empty or stand_for or rounded_once"


def levels_below_this():
    """The tests beside this file run at the highest one already."""
    levels = {"AVX512": 3, "AVX2": 2}.get(torch.backends.cpu.get_cpu_capability(), 1)
    capabilities = torch.cpu.get_capabilities()
    if levels == 3 and capabilities.get("amx_tile") and capabilities.get("amx_bf16"):
        levels = 4
    return LEVELS[: levels - 1]


@pytest.mark.parametrize("level", levels_below_this())
def test_lower_levels_pass_too(level):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "-k", CHOICE]
        + [HERE / file for file in FILES],
        env={**os.environ, "ATEN_CPU_CAPABILITY": level},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout
