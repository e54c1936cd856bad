#!/usr/bin/env bash
# Makes .venv, installs torch and what the build needs into it, builds masked_rnn and installs it
# there. Everything that stands already is left as it is. quickstart.sh and test.sh begin with it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

TORCH=2.13
python=.venv/bin/python

say() { printf '\033[1m%s\033[0m\n' "== $*" >&2; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

newest_python() {  # the first interpreter new enough, by name
  local name
  for name in python3 python3.14 python3.13 python3.12 python3.11; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  die "Python 3.11 or newer is needed: sudo apt-get install python3 python3-venv"
}

check_tools() {
  command -v "${CXX:-c++}" >/dev/null ||
    die "a C++20 compiler is needed: sudo apt-get install g++ (or set CXX)"
  echo 'int main() {}' | "${CXX:-c++}" -std=c++20 -fopenmp -fsyntax-only -x c++ - 2>/dev/null ||
    die "${CXX:-c++} does not compile C++20 with OpenMP; set CXX to a newer compiler"
  command -v cmake >/dev/null || die "CMake 3.25 or newer is needed: sudo apt-get install cmake"
  local version
  version=$(cmake --version | sed -n '1s/[^0-9]*\([0-9.]*\).*/\1/p')
  [[ $(printf '%s\n3.25\n' "$version" | sort -V | head -n 1) == 3.25 ]] ||
    die "CMake 3.25 or newer is needed, this is $version: see https://cmake.org/download"
}

make_environment() {
  if [[ ! -x $python ]] || ! "$python" -c 'import pip' 2>/dev/null; then
    local base
    base=$(newest_python)
    "$base" -c 'import ensurepip, venv' 2>/dev/null ||
      die "the venv module of $base is missing: sudo apt-get install python3-venv"
    say "making .venv with $("$base" --version)"
    "$base" -m venv .venv
  fi
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    die "Python 3.11 or newer is needed, .venv has $("$python" --version): remove .venv"
}

installed() {  # installed NAME: prints its version
  "$python" -c 'import importlib.metadata as m, sys; print(m.version(sys.argv[1]))' "$1" 2>/dev/null
}

# install_python NAME[>=MAJOR]...: those that are absent or too old
install_python() {
  local missing
  missing=$("$python" - "$@" <<'EOF'
import importlib.metadata
import sys

for wanted in sys.argv[1:]:
    name, _, major = wanted.partition(">=")
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        found = "-1"
    if int(found.split(".")[0]) < int(major or 0):
        print(wanted)
EOF
  )
  if [[ -n $missing ]]; then
    say "installing" $missing
    "$python" -m pip install --quiet $missing
  fi
}

install_packages() {
  if [[ $(installed torch) != "$TORCH".* ]]; then
    say "installing torch $TORCH.0 (pip's variables, such as PIP_INDEX_URL, choose from where)"
    "$python" -m pip install "torch==$TORCH.0"
  fi
  install_python 'setuptools>=77' numpy
  command -v ninja >/dev/null || install_python ninja
}

# Everything that the installed files depend on. Files that git ignores live in other folders.
fingerprint() {
  {
    find CMakeLists.txt setup.py pyproject.toml masked_rnn.h csrc ops models \
      scripts/CMakeLists.txt scripts/cmake scripts/masked_rnn \
      -type f ! -name '*.pyc' ! -name '*.md' -print0 | sort -z | xargs -0 sha256sum
    pwd
    installed torch
    "$python" --version
    "${CXX:-c++}" --version
  } | sha256sum
}

install_masked_rnn() {
  local stamp=.venv/masked_rnn.fingerprint now
  now=$(fingerprint)
  if [[ -f $stamp && $(<"$stamp") == "$now" ]] && installed masked_rnn >/dev/null; then
    return
  fi
  rm -f "$stamp"
  say "building (the first time takes minutes)"
  "$python" setup.py --quiet build_ext
  say "installing into .venv"
  "$python" -m pip install --quiet --no-build-isolation --no-deps .
  echo "$now" >"$stamp"
}

# As many compilers at once as there are processors, and 2 GiB of memory for each of them.
compile_jobs() {
  local memory
  memory=$(awk '/MemAvailable/ {print int($2 / 2097152)}' /proc/meminfo 2>/dev/null || echo 64)
  ((memory < 1)) && memory=1
  ((memory < $(nproc))) && echo "$memory" || nproc
}

check_tools
make_environment
PATH=$PWD/.venv/bin:$PATH
export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(compile_jobs)}
install_packages
install_masked_rnn
