#!/usr/bin/env bash
# Formats the C++ and Python files in place; with --check only says which are not formatted.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[[ -d .venv/bin ]] && PATH=$PWD/.venv/bin:$PATH

case ${1-} in
  '') cpp=(-i) lint=(check --fix) python=(format) ;;
  --check) cpp=(--dry-run -Werror) lint=(check) python=(format --check) ;;
  *) echo "usage: scripts/format.sh [--check]" >&2; exit 2 ;;
esac

status=0
if command -v clang-format >/dev/null; then
  find masked_rnn.h csrc ops models scripts tests \( -name '*.h' -o -name '*.cpp' \) -print0 |
    xargs -0 clang-format "${cpp[@]}" || status=1
else
  echo "format: clang-format is not installed, C++ files were left out" >&2
fi
if command -v ruff >/dev/null; then
  ruff "${lint[@]}" --quiet . || status=1
  ruff "${python[@]}" --quiet . || status=1
else
  echo "format: ruff is not installed, Python files were left out" >&2
fi
exit $status
