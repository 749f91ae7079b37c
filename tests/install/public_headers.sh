#!/usr/bin/env bash
# Compiles every installed header by itself, twice in one file, with nothing of the source tree in
# reach, and reads what each includes. usage: public_headers.sh CXX PREFIX
set -euo pipefail
cxx=$1 include=$2/include

headers=("$include"/engram/*.h)
[ -f "${headers[0]}" ] || { echo "no headers in $include/engram" >&2; exit 1; }

# Names of the standard library alone have neither a folder nor a suffix.
if grep -HnE '^[[:space:]]*#[[:space:]]*include' "${headers[@]}" |
  grep -vE 'include[[:space:]]*<(engram/[a-z0-9_]+\.h|[a-z0-9_]+)>'; then
  echo "these are neither of the standard library nor of <engram/>" >&2
  exit 1
fi

for header in "${headers[@]}"; do
  name=engram/${header##*/}
  printf '#include <%s>\n' "$name" "$name" |
    "$cxx" -x c++ -std=c++20 -fsyntax-only -Wall -Wextra -Wpedantic -Wshadow -Wconversion \
      -Wsign-conversion -Werror -I "$include" - ||
    { echo "$name does not compile by itself" >&2; exit 1; }
done
echo "${#headers[@]} headers compile alone"
