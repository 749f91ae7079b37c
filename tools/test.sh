#!/usr/bin/env bash
# Installs what is needed, builds, and runs the tests. usage: tools/test.sh [--quick | --slow]
#   --quick  the unit tests of the release build only (under two minutes after the build)
#   --slow   everything, and the sweeps over many more histories (hours)
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
    grep -E -A 12 'error|FAILED|undefined' "$log" | tail -n 60 >&2 || tail -n 60 "$log" >&2
    exit 1
  fi
  rm -f "$log"
}

# sums: what the tests counted, by suite.
sums() {
  awk '{
    sub(/^.*\[  COUNTS  \] /, "")
    suite = $0; sub(/:.*/, "", suite)
    rest = $0; sub(/^[^:]*: /, "", rest)
    n = split(rest, items, ", ")
    for (i = 1; i <= n; i++) {
      count = items[i]; sub(/.* /, "", count)
      name = items[i]; sub(/ [0-9]*$/, "", name)
      if (!((suite, name) in sum)) { names[suite] = names[suite] SUBSEP name; if (!(suite in seen)) { seen[suite] = 1; order[++suites] = suite } }
      sum[suite, name] += count
    }
  } END {
    for (s = 1; s <= suites; s++) {
      n = split(substr(names[order[s]], 2), list, SUBSEP)
      line = ""
      for (i = 1; i <= n; i++) line = line (i > 1 ? ", " : "") list[i] " " sum[order[s], list[i]]
      print "  " order[s] ": " line
    }
  }'
}

# run PRESET CTEST-ARGUMENTS...
run() {
  local preset=$1 log status=0
  shift
  log=$(mktemp)
  ctest --test-dir "build/$preset" -j "$jobs" --verbose --no-tests=error "$@" >"$log" 2>&1 || status=$?
  if [ "$status" -ne 0 ]; then
    # The output of what failed: its number is in front of each of its lines.
    grep -oE '^ *[0-9]+/[0-9]+ Test +#[0-9]+: .*(\*\*\*|Not Run).*' "$log" | sed -E 's/.*#([0-9]+):.*/\1/' |
      while read -r number; do grep -E "^$number: " "$log" | tail -n 60; done
  fi
  { grep -F '[  COUNTS  ]' "$log" || true; } | sums
  sed -n '/^[0-9]*% tests passed/,$p' "$log" | grep -v '^$'
  rm -f "$log"
  return "$status"
}

# share PROGRAM SHARE: that share of the program's tests, in one process.
share() {
  local log status=0
  log=$(mktemp)
  if ! GTEST_TOTAL_SHARDS=$jobs GTEST_SHARD_INDEX=$2 GTEST_BRIEF=1 timeout 1200 "$1" >"$log" 2>&1; then
    echo "FAILED: $1, share $2 of $jobs" >&2
    grep -A 12 -E ': Failure$|^SUMMARY|^==[0-9]+==ERROR|^WARNING: ThreadSanitizer' "$log" | tail -n 80 >&2 || tail -n 80 "$log" >&2
    status=1
  fi
  rm -f "$log"
  return "$status"
}

# run_whole PROGRAMS...: in shares, not in single tests: a sanitizer takes long to start.
run_whole() {
  local program index
  for program in "$@"; do
    for ((index = 0; index < jobs; ++index)); do printf '%s\0%s\0' "$program" "$index"; done
  done | jobs=$jobs xargs -0 -n 2 -P "$jobs" bash -c "$(declare -f share)"'; share "$@"' share || return 1
  echo "$# programs passed"
}

step "packages"
tools/install-deps.sh

step "release build"
build release all
step "unit tests"
run release -L '^unit$'
[ "$mode" = --quick ] && exit 0

step "installed package, Python module, crash sweeps, faults, mutants, killed processes, full disk, stress"
run release -L '^(install|python|crash|stress)$'
if [ "$mode" = --slow ]; then
  step "slow tests"
  run release -L '^slow$'
fi

step "clang: thread-safety analysis"
tools/check_thread_safety.sh

step "address and undefined-behaviour sanitizers: build"
build asan unit_tests
step "unit tests under them"
mapfile -t programs <build/asan/tests/unit_programs.txt
run_whole "${programs[@]}"

step "thread sanitizer: build"
build tsan stress_test engine_test
step "concurrent tests under it"
export TSAN_OPTIONS="suppressions=$PWD/tools/tsan.supp halt_on_error=1 history_size=7"
# Not the longest tests of one thread.
export GTEST_FILTER='*-ResidencyTest.A*:ResidencyTest.TooMany*:CheckpointerTest.MoreThan*:WriterTest.AnErase*'
run_whole build/tsan/tests/stress_test build/tsan/tests/engine_test

step "done"
