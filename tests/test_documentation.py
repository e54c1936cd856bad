"""Every block of code in the documentation runs: commands, C++ and Python, one after another as on
the page, in a folder of its own."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import masked_rnn
import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = ("README.md", "docs/coming_from_pack_padded_sequence.md")

# The block that runs these tests.
TESTS = "scripts/test.sh"


def blocks(page, language):
    return [code for name, code in BLOCK.findall((ROOT / page).read_text()) if name == language]


def run(command, folder, **environment):
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def test_every_block_is_of_a_language_that_runs():
    for page in PAGES:
        languages = {name for name, _ in BLOCK.findall((ROOT / page).read_text())}
        assert languages <= {"", "python", "cpp", "cmake"}, page


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="not Debian or Ubuntu")
def test_packages_of_the_system_can_be_installed(tmp_path):
    (block,) = [code for code in blocks("README.md", "") if "apt-get" in code]
    instead_of_sudo = tmp_path / "sudo"
    instead_of_sudo.write_text('#!/bin/sh\nexec apt-get --simulate "$@"\n')
    instead_of_sudo.chmod(0o755)
    script = block.replace("sudo apt-get", "sudo")
    run(["bash", "-ec", script], tmp_path, PATH=f"{tmp_path}:{os.environ['PATH']}")


def test_quickstart():
    if not (ROOT / ".venv/masked_rnn.fingerprint").exists():
        pytest.skip("scripts/setup.sh has not set up this checkout")
    (block,) = [code for code in blocks("README.md", "") if TESTS in code]
    commands = [line for line in block.splitlines() if not line.startswith(TESTS)]
    assert len(commands) == 1
    assert "all predictions agree" in run(["bash", "-ec", commands[0]], ROOT)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder in which the commands of the README have trained and exported a model."""
    if shutil.which("masked-rnn") is None:
        pytest.skip("masked-rnn is not installed")
    folder = tmp_path_factory.mktemp("readme")
    for name in ("train", "dev", "test"):
        shutil.copy(ROOT / f"tests/data/sentiment/{name}.tsv", folder)
    (block,) = [code for code in blocks("README.md", "") if "masked-rnn train" in code]
    printed = run(["bash", "-ec", block], folder)
    assert "accuracy" in printed
    return folder


@pytest.mark.parametrize(
    ("page", "at_least"), [("README.md", 1), ("docs/coming_from_pack_padded_sequence.md", 7)]
)
def test_python_blocks(page, at_least, monkeypatch, tmp_path, request):
    found = blocks(page, "python")
    assert len(found) >= at_least
    if any("sentiment.pt" in block for block in found):
        tmp_path = request.getfixturevalue("trained")
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in found:
        exec(compile(block, page, "exec"), names)


def test_cpp_and_cmake_blocks(trained, tmp_path):
    if not Path(masked_rnn.cmake_prefix_path).exists():
        pytest.skip("the CMake package is not installed")
    (cmake,) = blocks("README.md", "cmake")
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(readme LANGUAGES CXX)\n"
        "set(CMAKE_CXX_STANDARD 20)\nadd_executable(program program.cpp)\n" + cmake
    )
    lines = [block.splitlines() for block in blocks("README.md", "cpp")]
    assert len(lines) >= 2
    includes = [line for block in lines for line in block if line.startswith("#include")]
    bodies = [[line for line in block if not line.startswith("#include")] for block in lines]
    (tmp_path / "program.cpp").write_text(
        "\n".join([*includes, "int main() {"])
        + "".join("\n{\n" + "\n".join(body) + "\n}" for body in bodies)
        + "\n}\n"
    )
    prefix = f"-DCMAKE_PREFIX_PATH={masked_rnn.cmake_prefix_path}"
    run(["cmake", "-S", tmp_path, "-B", tmp_path / "build", prefix], tmp_path)
    run(["cmake", "--build", tmp_path / "build"], tmp_path)
    run([tmp_path / "build/program"], trained)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text()):
        if "://" not in target:
            assert (ROOT / target).exists(), target
