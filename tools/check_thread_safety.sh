#!/usr/bin/env bash
# Compiles every source of the library with clang, warnings as errors, for its thread-safety analysis and as a second opinion;
# nothing is written. Needs build/release/compile_commands.json.
set -euo pipefail
cd "$(dirname "$0")/.."
build=build/release
[ -f $build/compile_commands.json ] || cmake --preset release >/dev/null
python=$(/usr/bin/python3 -c 'import sysconfig; print(sysconfig.get_path("include"))')
find storage wal index engine api -name '*.cc' ! -name 'distance_*' -print0 |
  xargs -0 -P "$(nproc)" -n 1 clang++ -fsyntax-only -std=c++20 -I. -Iapi/include -isystem $build/generated -isystem "$python" \
    -Wall -Wextra -Wshadow -Wconversion -Wno-missing-field-initializers -Wthread-safety -Werror
echo "thread-safety analysis: clean"
