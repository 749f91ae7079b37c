#!/usr/bin/env bash
# Shows Engram at work on the text that lies on this machine: builds a release, indexes passages of manuals,
# headers and documentation durably, kills the process in the middle, goes on, and asks questions.
# usage: tools/quickstart.sh [STORE]    STORE: a directory, made anew (default build/quickstart-store)
set -euo pipefail
cd "$(dirname "$0")/.."

store=${1:-build/quickstart-store}
passages=40000
engram=build/release/engram

bold='' dim='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$'\033[1m' dim=$'\033[2m' plain=$'\033[0m'
fi
title() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
say() { printf '  %s\n' "$*"; }
fail() { printf 'quickstart: %s\n' "$*" >&2; exit 1; }
number() { printf '%s' "$1" | sed ':a;s/\B[0-9]\{3\}\>/,&/;ta'; }
# field NAME: a number out of one line of JSON.
field() { sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p"; }

work=$(mktemp -d)
indexer=
trap '[ -z "$indexer" ] || kill -9 "$indexer" 2>/dev/null || true; rm -rf "$work"' EXIT

title "Build"
tools/install-deps.sh quickstart
begin=$SECONDS
if ! { cmake --preset release -DENGRAM_BUILD_TESTS=OFF -DENGRAM_BUILD_BENCHMARKS=OFF &&
  cmake --build --preset release --target engram_tool; } >"$work/build.log" 2>&1; then
  tail -n 40 "$work/build.log" >&2
  fail "the build failed"
fi
say "$engram is ready ($((SECONDS - begin)) s)"

# What this machine has: small containers refuse to keep manual pages.
sources=()
for path in api docs engine index storage wal /usr/share/man/man2 /usr/share/man/man3 /usr/share/man/man7 /usr/share/man/man1 \
  /usr/include /usr/share/doc; do
  [ ! -d "$path" ] || sources+=("$path")
done

# Only a store is removed, not whatever else a mistyped argument names.
if [ -e "$store" ]; then
  [ -f "$store/graph.engram" ] || [ -z "$(ls -A "$store")" ] || fail "$store is there and is no store"
  rm -rf "$store"
fi
mkdir -p "$(dirname "$store")"

title "Index passages of this repository, manual pages, headers and documentation"
mkfifo "$work/commits"
"$engram" index-text "$store" "${sources[@]}" --limit "$passages" --report-commits \
  >"$work/commits" 2>"$work/index.err" &
indexer=$!
total=0 acknowledged=0 killed=
{
  while read -r what count rest; do
    case "$what" in
      to) total=$rest ;;  # to insert N
      committed)
        acknowledged=$count
        if [ -z "$killed" ] && [ $((2 * count)) -ge "$total" ]; then
          kill -9 "$indexer"
          killed=yes  # what it had printed before is still read
        fi
        ;;
    esac
  done <"$work/commits"
  wait "$indexer" || true
} 2>/dev/null # where bash says that the process was killed
indexer=
[ -n "$killed" ] || { cat "$work/index.err" >&2; fail "indexing ended before it could be killed"; }
say "$(number "$total") passages found; after $(number "$acknowledged") acknowledged: ${bold}kill -9${plain}"

title "Open again"
stats=$("$engram" stats "$store" --json)
replayed=$(field replayed_commits <<<"$stats")
"$engram" index-text "$store" "${sources[@]}" --limit "$passages" --report-commits --json >"$work/second"
found=$(sed -n 's/^found //p' "$work/second")
[ "$found" -ge "$acknowledged" ] ||
  fail "acknowledged $acknowledged passages, found $found: please report this with $store"
say "acknowledged $(number "$acknowledged"), found $(number "$found"): nothing is missing ($(number "$replayed") commits replayed)"
result=$(tail -n 1 "$work/second")
inserted=$(field inserted <<<"$result")
seconds=$(field seconds <<<"$result")
syncs=$(field log_syncs <<<"$result")
say "went on with the other $(number "$inserted")"
"$engram" verify "$store" >"$work/verify" || { cat "$work/verify" >&2; fail "verify found something"; }
say "verify: $(cat "$work/verify")"

title "Ask questions in plain words"
for question in \
  "wait for a child process to finish" \
  "copy bytes between overlapping memory areas" \
  "convert a string to a floating point number" \
  "lock a mutex so that only one thread enters"; do
  "$engram" ask "$store" "$question"
done

title "What it took"
stats=$("$engram" stats "$store" --json)
graph=$("$engram" analyze "$store" --json)
unreachable=$(field unreachable <<<"$graph")
[ "$unreachable" -eq 0 ] || fail "the graph does not reach $unreachable patterns: please report this with $store"
count=$(field count <<<"$stats")
bytes=$(field bytes_on_disk <<<"$stats")
rate=$(awk -v n="$inserted" -v s="$seconds" 'BEGIN { printf "%d", (s > 0 ? n / s : 0) }')
per_sync=$(awk -v s="$seconds" -v n="$syncs" 'BEGIN { printf "%.1f", (n > 0 ? 1000 * s / n : 0) }')
say "inserts    $(number "$rate")/s, each batch of 100 on disk before it is acknowledged ($per_sync ms a batch)"
say "recall     $(awk -v r="$(field recall <<<"$graph")" -v e="$(field recall_error <<<"$graph")" 'BEGIN {
  printf "%.1f %% (+- %.1f) of the true 10 nearest", 100 * r, 100 * e }'), comparing $(awk -v c="$(field mean_compared <<<"$graph")" \
  -v n="$count" 'BEGIN { printf "%.1f %%", 100 * c / n }') of all patterns (the graph against exact search, $(field sampled <<<"$graph") times)"
say "patterns   $(number "$count") of 256 dimensions"
say "on disk    $(awk -v b="$bytes" 'BEGIN { printf "%.0f MiB", b / 1048576 }'), of which $(awk -v b="$(field journal_bytes <<<"$stats")" 'BEGIN { printf "%.0f MiB", b / 1048576 }') the fixed journal"
say "in all     $((SECONDS - begin)) s"
printf '\n%sThe next question:%s  %s ask %s "your words"\n' "$dim" "$plain" "$engram" "$store"
