#!/usr/bin/env bash
# Installs what is needed, builds, and runs all tests of the release build and clang's thread-safety analysis. usage: tools/test.sh [--quick | --slow]
#   --quick  the release build's unit tests only (under two minutes after the build)
#   --slow   everything, and the crash sweeps over the whole engine (label slow)
set -euo pipefail
cd "$(dirname "$0")/.."

mode=${1:-}
case "$mode" in
  "" | --quick | --slow) ;;
  *) echo "usage: tools/test.sh [--quick | --slow]" >&2; exit 2 ;;
esac

started=$SECONDS
step() { printf '\n== %s (%d s so far)\n' "$1" $((SECONDS - started)); }
jobs=$(nproc)

# build PRESET TARGETS...: quiet unless it fails.
build() {
  local preset=$1 log
  shift
  log=$(mktemp)
  if ! { cmake --preset "$preset" && cmake --build --preset "$preset" -j "$jobs" --target "$@"; } >"$log" 2>&1; then
    tail -n 60 "$log" >&2
    exit 1
  fi
  rm -f "$log"
}

# run PRESET LABELS: ctest over tests with a matching label.
run() {
  local log status=0
  log=$(mktemp)
  ctest --test-dir "build/$1" -L "$2" -j "$jobs" --output-on-failure --no-tests=error >"$log" 2>&1 || status=$?
  if [ "$status" -eq 0 ]; then tail -n 12 "$log"; else grep -vE 'Start +[0-9]+:|   Passed ' "$log" | tail -n 200; fi
  rm -f "$log"
  return "$status"
}

step "packages"
tools/install-deps.sh

step "release build"
build release all
step "unit tests"
run release '^unit$'
[ "$mode" = --quick ] && exit 0

step "crash sweeps, mutants and kills"
run release '^crash$'
if [ "$mode" = --slow ]; then
  step "slow tests"
  run release '^slow$'
fi

step "clang thread-safety analysis"
tools/check_thread_safety.sh

step "done"
