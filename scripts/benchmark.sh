#!/usr/bin/env bash
# Measures masked_rnn beside torch::nn, and beside Flax and onnxruntime where .venv has them, against
# the limits of this machine: prints tables and writes them to build/benchmark with a picture.
# Takes the options of the program (--help shows them), --quick for torch::nn alone, --out FOLDER.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
install_python matplotlib

cmake -S . -B build/release -DMASKED_RNN_BUILD_BENCHMARK=ON >build/release/configure.log ||
  { cat build/release/configure.log; die "CMake failed"; }
cmake --build build/release --target masked-rnn-benchmark >&2
if [[ " $* " == *" --help "* ]]; then
  exec build/release/bin/masked-rnn-benchmark --help
fi
exec python scripts/benchmark/report.py build/release/bin/masked-rnn-benchmark "$@"
