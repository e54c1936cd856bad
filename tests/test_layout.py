"""The tree keeps its order: includes point down the ladder scripts -> models -> ops -> csrc, what
is installed needs nothing that is not, and every source is built."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# For each room, the rooms whose headers it may include. Only ops sees csrc.
MAY_INCLUDE = {
    "csrc": {"csrc"},
    "ops": {"ops", "csrc"},
    "models": {"models", "ops"},
    "scripts": {"scripts", "models", "ops"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s*(<|")([^>"]+)[>"]', re.MULTILINE)


def included_files(file: Path, root: Path) -> list[str]:
    """What `file` includes: of the project as paths from the root, ops/lstm.h; else as <a/b.h>."""
    found = []
    for bracket, target in INCLUDE.findall(file.read_text()):
        if bracket == '"':
            found.append((file.parent / target).resolve().relative_to(root.resolve()).as_posix())
        else:
            ours = target.startswith("masked_rnn/")
            found.append(target.removeprefix("masked_rnn/") if ours else f"<{target}>")
    return found


def wrong_includes(root: Path) -> list[str]:
    wrong = []
    for room, allowed in MAY_INCLUDE.items():
        for file in sorted(f for f in (root / room).rglob("*") if f.suffix in {".h", ".cpp"}):
            for target in included_files(file, root):
                if not target.startswith("<") and target.split("/")[0] not in allowed:
                    wrong.append(f"{file.relative_to(root).as_posix()} includes {target}")
    return wrong


def installed_headers(root: Path) -> list[str]:
    """As the CMake lists name them, in masked_rnn_headers(...) or in a file set."""
    headers = set()
    for file in [*root.glob("ops/**/CMakeLists.txt"), *root.glob("models/**/CMakeLists.txt")]:
        text, folder = file.read_text(), file.parent.relative_to(root).as_posix()
        headers.update(re.findall(r"\{MASKED_RNN_PUBLIC_INCLUDE\}/masked_rnn/(\S+\.h)\b", text))
        for names in re.findall(r"masked_rnn_headers\(\w+([^)]*)\)", text):
            headers.update(f"{folder}/{name}" for name in names.split())
    return sorted(headers)


def missing_from_installation(root: Path) -> list[str]:
    """Includes of installed headers that are neither installed, LibTorch's nor the standard's."""
    installed, missing = installed_headers(root), []
    for header in installed:
        for target in included_files(root / header, root):
            standard = re.fullmatch(r"<((ATen|c10|torch)/.+|[a-z_]+)>", target)
            if not standard and target not in installed:
                missing.append(f"{header} includes {target}")
    return missing


def unlisted_sources(root: Path) -> list[str]:
    """Sources that no CMakeLists.txt beside or above them names."""
    unlisted = []
    for room in (*MAY_INCLUDE, "tests"):
        for file in sorted((root / room).rglob("*.cpp")):
            folders = [f for f in file.parents if f != root and root in f.parents]
            lists = [f for f in folders if (f / "CMakeLists.txt").exists()]
            if not any(
                file.relative_to(f).as_posix()
                in re.split(r"[\s()]+", (f / "CMakeLists.txt").read_text())
                for f in lists
            ):
                unlisted.append(file.relative_to(root).as_posix())
    return unlisted


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def test_includes_point_down_the_ladder():
    assert all(any((ROOT / room).rglob("*.cpp")) for room in MAY_INCLUDE)
    assert wrong_includes(ROOT) == []


@pytest.mark.parametrize(
    ("file", "line", "expected"),
    [
        ("csrc/a.cpp", "#include <masked_rnn/ops/lstm.h>", "csrc/a.cpp includes ops/lstm.h"),
        ("ops/cpu/a.cpp", "#include <masked_rnn/models/b.h>", "ops/cpu/a.cpp includes models/b.h"),
        ("models/a.h", "#  include <masked_rnn/csrc/b.h>", "models/a.h includes csrc/b.h"),
        ("models/nn/a.cpp", '#include "../../csrc/b.h"', "models/nn/a.cpp includes csrc/b.h"),
        ("scripts/a.cpp", "#include <masked_rnn/csrc/b.h>", "scripts/a.cpp includes csrc/b.h"),
        ("ops/a.h", "#include <masked_rnn/masked_rnn.h>", "ops/a.h includes masked_rnn.h"),
        ("ops/a.cpp", "#include <masked_rnn/csrc/b.h>", None),
        ("scripts/a.cpp", "#include <masked_rnn/models/b.h>", None),
        ("csrc/a.cpp", "#include <vector>", None),
    ],
)
def test_a_wrong_include_is_found(tmp_path, file, line, expected):
    write(tmp_path, file, f"#include <vector>\n{line}\n")
    assert wrong_includes(tmp_path) == ([expected] if expected else [])


def test_installed_headers_need_only_what_is_installed():
    assert {"ops/lstm.h", "models/options.h", "models/nn/lstm.h"} < set(installed_headers(ROOT))
    assert missing_from_installation(ROOT) == []


def test_an_include_that_is_not_installed_is_found(tmp_path):
    write(tmp_path, "ops/CMakeLists.txt", "FILES ${MASKED_RNN_PUBLIC_INCLUDE}/masked_rnn/ops/a.h)")
    write(tmp_path, "ops/a.h", "#include <vector>\n#include <masked_rnn/csrc/b.h>\n")
    write(
        tmp_path, "models/nn/CMakeLists.txt", "masked_rnn_headers(masked_rnn_models\n  b.h\n c.h)"
    )
    write(tmp_path, "models/nn/b.h", "#include <masked_rnn/ops/a.h>\n#include <nlohmann/json.hpp>")
    write(tmp_path, "models/nn/c.h", "#include <torch/types.h>\n#include <masked_rnn/models/d.h>")
    assert missing_from_installation(tmp_path) == [
        "models/nn/b.h includes <nlohmann/json.hpp>",
        "models/nn/c.h includes models/d.h",
        "ops/a.h includes csrc/b.h",
    ]


def test_masked_rnn_h_includes_every_installed_header():
    assert included_files(ROOT / "masked_rnn.h", ROOT) == installed_headers(ROOT)


def test_every_source_is_built():
    assert unlisted_sources(ROOT) == []


def test_an_unlisted_source_is_found(tmp_path):
    write(tmp_path, "csrc/CMakeLists.txt", "target_sources(a PRIVATE\n  cells/a.cpp\n  ab.cpp)")
    for name in ("csrc/cells/a.cpp", "csrc/ab.cpp", "csrc/b.cpp", "csrc/a.cpp"):
        write(tmp_path, name, "")
    assert unlisted_sources(tmp_path) == ["csrc/a.cpp", "csrc/b.cpp"]
