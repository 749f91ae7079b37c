#!/usr/bin/env bash
# Compiles every installed header by itself, twice in one file, with nothing of the source tree in
# reach, <engram/c.h> also as C, and reads what each includes. usage: public_headers.sh CC CXX PREFIX
set -euo pipefail
cc=$1 cxx=$2 include=$3/include

headers=("$include"/engram/*.h)
[ -f "${headers[0]}" ] || { echo "no headers in $include/engram" >&2; exit 1; }

# Names of the C++ library have neither a folder nor a suffix; of C's, three are allowed.
if grep -HnE '^[[:space:]]*#[[:space:]]*include' "${headers[@]}" |
  grep -vE 'include[[:space:]]*<(engram/[a-z0-9_]+\.h|[a-z0-9_]+|std(bool|def|int)\.h)>'; then
  echo "these are neither of the standard library nor of <engram/>" >&2
  exit 1
fi

# alone NAME COMPILER...
alone() {
  local name=$1
  shift
  printf '#include <%s>\n' "$name" "$name" |
    "$@" -fsyntax-only -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Werror \
      -I "$include" - ||
    { echo "$name does not compile by itself: $*" >&2; exit 1; }
}

for header in "${headers[@]}"; do
  alone "engram/${header##*/}" "$cxx" -x c++ -std=c++20
done
alone engram/c.h "$cc" -x c -std=c11
echo "${#headers[@]} headers compile alone"
