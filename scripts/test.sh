#!/usr/bin/env bash
# Sets everything up, then runs every check: C++ tests, Python tests, headers that must compile
# alone, a program that uses the installed package, formatting. Ends with one line for each.
# MASKED_RNN_DATA names the folder of the real data sets; tests that need them are skipped without.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
if [[ -n ${MASKED_RNN_DATA-} ]]; then
  MASKED_RNN_DATA=$(realpath -m "$MASKED_RNN_DATA")
  export MASKED_RNN_DATA
fi
# Programs that run beside each other must not wait for their threads by spinning.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}
install_python pytest pytest-xdist hypothesis mypy ruff matplotlib onnx onnxscript onnxruntime

summary=()
failed=0
check() {  # check NAME COMMAND...
  local name=$1 start=$SECONDS outcome
  shift
  say "$name"
  if "$@"; then outcome=passed; else outcome=FAILED failed=1; fi
  summary+=("$(printf '%-24s %s  %d s' "$name" "$outcome" $((SECONDS - start)))")
}

build_tests() {
  # The install path of LibTorch that setup.py gives is that of a package in site-packages.
  cmake -S . -B build/release -UMASKED_RNN_INSTALL_RPATH -DMASKED_RNN_BUILD_TESTS=ON \
    -DMASKED_RNN_BUILD_BENCHMARK=ON >build/release/configure.log ||
    { cat build/release/configure.log; return 1; }
  cmake --build build/release --target masked-rnn test_csrc export_samples masked-rnn-benchmark
}
# The C++ tests run under sanitizers; those of the kernels also as they are installed.
sanitized() {  # sanitized PRESET TARGET...: the tests of that name, or all_tests
  local tests
  tests="^($(IFS='|'; echo "${*:2}"))$"
  [[ $2 != all_tests ]] || tests=.
  mkdir -p "build/$1"
  cmake --preset "$1" -G Ninja >"build/$1/configure.log" || { cat "build/$1/configure.log"; return 1; }
  cmake --build --preset "$1" --target "${@:2}" &&
    ctest --preset "$1" -j "$(nproc)" -R "$tests"
}
outside=$(mktemp -d)  # of the source tree
trap 'rm -rf "$outside"' EXIT
cp -r tests/consumer "$outside"
consumer() {  # consumer NAME PREFIX TARGET: programs that find the package in PREFIX
  cmake -S "$outside/consumer" -B "$outside/$1" -DCMAKE_PREFIX_PATH="$2" \
    -DCMAKE_CXX_FLAGS=-Werror &&
    cmake --build "$outside/$1" --target "$3" && "$outside/$1/layers"
}
installed_wheel() {
  consumer wheel "$(python -c 'import masked_rnn; print(masked_rnn.cmake_prefix_path)')" all &&
    python tests/consumer/compiled.py "$outside" || return 1
  local model
  for model in "$outside"/{model.pt2,scripted.pt,traced.pt}; do
    [[ ! -e $model ]] || "$outside/wheel/compiled" "$model" "$outside/cases.pt" || return 1
  done
}
installed_by_cmake() {
  cmake --install build/release --prefix "$outside/prefix" >/dev/null &&
    consumer cmake "$outside/prefix" layers && "$outside/prefix/bin/masked-rnn" --version
}

check "build of the tests" build_tests
check "C++ tests of kernels" build/release/bin/test_csrc --gtest_brief=1
check "C++ tests, addresses" sanitized asan all_tests
check "C++ tests, threads" sanitized tsan test_models_nn
check "Python tests" python -m pytest -q -n "$(nproc)" --dist worksteal
check "headers compile alone" cmake --build build/release --target all_verify_interface_header_sets
check "installed wheel" installed_wheel
check "cmake --install" installed_by_cmake
check "formatting" scripts/format.sh --check

say "summary"
printf '%s\n' "${summary[@]}"
exit $failed
