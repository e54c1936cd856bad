"""Loading the operator library: again, a second copy of it, and without Python's own library."""

import shutil
import subprocess
import sys
from pathlib import Path

import masked_rnn
import pytest

LIBRARY = Path(masked_rnn.__file__).parent / "lib" / "libmasked_rnn.so"

LAYER = "masked_rnn.LSTM(2, 3)(torch.randn(4, 1, 2), lengths=[3])[0].sum().backward()"


def run(program, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, torch\n{program}\nprint('went on')", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "went on\n"
    return done.stderr


def test_the_same_file_twice_is_no_matter():
    program = f"import masked_rnn\ntorch.ops.load_library(sys.argv[1])\n{LAYER}"
    assert run(program, LIBRARY.resolve()) == ""


@pytest.mark.parametrize(
    "order",
    ["import masked_rnn; torch.ops.load_library(sys.argv[1])",
     "torch.ops.load_library(sys.argv[1]); import masked_rnn"],
    ids=["after", "before"],
)  # fmt: skip
def test_a_second_copy_says_which_one_is_used(order, tmp_path):
    copy = tmp_path / "libmasked_rnn.so"
    shutil.copy(LIBRARY, copy)
    messages = run(f"{order}\n{LAYER}", copy)
    loaded, ignored = LIBRARY, copy
    if order.startswith("torch"):
        loaded, ignored = ignored, loaded
    assert (
        f"masked_rnn: {ignored.resolve()} registers no operators, since {loaded.resolve()} has "
        "done so in this process. Load only one copy of the library"
    ) in messages
    assert messages.count("Warning") == 1


def test_the_library_does_not_need_libpython():
    needed = subprocess.run(["ldd", LIBRARY], capture_output=True, text=True, check=True).stdout
    assert "libtorch_cpu" in needed
    assert "libpython" not in needed
    assert "libtorch_python" not in needed
