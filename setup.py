"""Drives CMake for pip: the libraries, headers and CMake package go into the package `masked_rnn`,
the command line `masked-rnn` goes beside the environment's Python. Everything is compiled in
build/release, so that pip, the tests and a second run share one set of objects."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
BUILD = ROOT / "build" / "release"
STAGE = BUILD / "stage"  # holds bin/masked-rnn with the RPATH that it has once installed
PYTHON_FOLDERS = ("ops/python", "models/python")  # together they are the package `masked_rnn`


def run(*command: str | Path, **options) -> None:
    """Ends the program in one line when the command, which has said why, fails."""
    status = subprocess.run(command, check=False, **options).returncode
    if status:
        sys.exit(f"setup.py: `{' '.join(map(str, command))}` failed")


def version() -> str:
    text = (ROOT / "CMakeLists.txt").read_text()
    return re.search(r"project\(masked_rnn VERSION (\S+)", text).group(1)


def install_rpath() -> str:
    """Where <environment>/bin/masked-rnn finds the libraries of masked_rnn and of torch."""
    packages = Path(sysconfig.get_path("platlib"))
    from_bin = os.path.relpath(packages, sysconfig.get_path("scripts"))
    folders = [f"$ORIGIN/{from_bin}/masked_rnn/lib", f"$ORIGIN/{from_bin}/torch/lib"]
    torch = Path(importlib.util.find_spec("torch").origin).parent
    if torch.parent != packages:  # an environment that borrows the system's torch
        folders.append(str(torch / "lib"))
    return ";".join(folders)


class BuildLibraries(build_ext):
    """Configures, builds and stages with CMake; the first configuration chooses the generator."""

    def run(self) -> None:
        configure = [
            "cmake",
            "--preset=release",  # in BUILD
            "-DMASKED_RNN_BUILD_TESTS=OFF",  # scripts/test.sh turns them on
            f"-DPython3_EXECUTABLE={sys.executable}",
            f"-DMASKED_RNN_INSTALL_RPATH={install_rpath()}",
        ]
        is_first = not (BUILD / "CMakeCache.txt").exists()
        if is_first and "CMAKE_GENERATOR" not in os.environ and shutil.which("ninja"):
            configure += ["-GNinja"]
        run(*configure, cwd=ROOT)

        jobs = os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL", str(len(os.sched_getaffinity(0))))
        targets = ["masked_rnn", "masked_rnn_models", "masked-rnn"]
        run("cmake", "--build", BUILD, "-j", jobs, "--target", *targets)

        package = Path(self.build_lib).resolve() / "masked_rnn"
        for component, prefix in (("library", package), ("tools", STAGE)):
            install = ("cmake", "--install", BUILD, "--component", component, "--prefix", prefix)
            run(*install, stdout=subprocess.DEVNULL)

    def get_outputs(self) -> list[str]:
        return []

    def get_source_files(self) -> list[str]:
        return []


class BuildPython(build_py):
    """Copies the Python files of several rooms into the one package."""

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        return [
            (package, file.stem, str(file.relative_to(ROOT)))
            for folder in PYTHON_FOLDERS
            for file in sorted((ROOT / folder).glob("*.py"))
        ]


# What an earlier run left there would go into the package too.
shutil.rmtree(ROOT / "build" / "package", ignore_errors=True)
(ROOT / "build" / "package").mkdir(parents=True)

setup(
    version=version(),
    packages=["masked_rnn"],
    package_dir={"masked_rnn": "models/python"},
    package_data={"masked_rnn": ["py.typed"]},
    # No compiler is run for it; it marks the package as made for this platform.
    ext_modules=[Extension("masked_rnn.lib", sources=[])],
    cmdclass={"build_ext": BuildLibraries, "build_py": BuildPython},
    data_files=[("bin", [str((STAGE / "bin" / "masked-rnn").relative_to(ROOT))])],
    options={"build": {"build_base": "build/package"}, "egg_info": {"egg_base": "build/package"}},
)
