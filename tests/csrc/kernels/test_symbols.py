"""What is compiled for one instruction set stays there: a function that the linker may share, such
as one of std::vector, would reach processors that do not have it."""

import os
import platform
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
AVX2 = ["-mavx2", "-mfma"]
AVX512 = [*AVX2, "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq"]
BFLOAT16 = [*AVX512, "-mavx512bf16"]
AMX = [*BFLOAT16, "-mamx-tile", "-mamx-bf16"]


def shared_functions(source, options, folder):
    """The weak functions of its object, unoptimised: what is inlined elsewhere is a function."""
    (folder / "masked_rnn").mkdir()
    (folder / "masked_rnn" / "csrc").symlink_to(ROOT / "csrc")
    made = folder / "kernels.o"
    compiler = [os.environ.get("CXX", "c++"), "-std=c++20", "-O0", "-w", "-I", folder, *options]
    subprocess.run([*compiler, "-c", source, "-o", made], check=True, timeout=300)
    listed = subprocess.run(
        ["nm", "-C", "--defined-only", made], check=True, capture_output=True, text=True
    ).stdout
    symbols = [line.split(maxsplit=2)[1:] for line in listed.splitlines()]
    assert any(kind == "t" for kind, _ in symbols)  # functions of the object's own
    return [name for kind, name in symbols if kind in "Wi"]


@pytest.mark.skipif(
    platform.machine() not in {"x86_64", "AMD64"}, reason="the levels are those of x86"
)
@pytest.mark.parametrize(
    ("level", "options"),
    [
        ("avx2", AVX2),
        ("avx512", AVX512),
        ("avx512_bf16", BFLOAT16),
        ("amx", AMX),
        ("amx_bf16", AMX),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_no_level_defines_a_function_for_all(level, options, tmp_path):
    assert shared_functions(ROOT / "csrc" / "kernels" / f"{level}.cpp", options, tmp_path) == []
