#!/usr/bin/env bash
# Makes the API reference with Doxygen, from the public headers and the documents for users. Fails on any warning.
# usage: tools/build_reference.sh [DIRECTORY]    DIRECTORY: made anew (default build/reference); open html/index.html
set -euo pipefail
cd "$(dirname "$0")/.."

command -v doxygen >/dev/null || { echo "build_reference: no doxygen (tools/install-deps.sh)" >&2; exit 1; }
ENGRAM_REFERENCE=$(realpath -m "${1:-build/reference}")
ENGRAM_VERSION=$(awk '$2 ~ /^ENGRAM_VERSION_(MAJOR|MINOR|PATCH)$/ { printf "%s%s", dot, $3; dot = "." }' api/include/engram/version.h)
export ENGRAM_REFERENCE ENGRAM_VERSION

# Only what an earlier run made is removed.
if [ -e "$ENGRAM_REFERENCE" ]; then
  [ -z "$(ls -A "$ENGRAM_REFERENCE")" ] || [ -f "$ENGRAM_REFERENCE/html/index.html" ] ||
    { echo "build_reference: $ENGRAM_REFERENCE is there and is no reference" >&2; exit 1; }
  rm -rf "$ENGRAM_REFERENCE"
fi
mkdir -p "$ENGRAM_REFERENCE"
doxygen docs/Doxyfile
[ -f "$ENGRAM_REFERENCE/html/index.html" ] || { echo "build_reference: doxygen wrote no index.html" >&2; exit 1; }
echo "$ENGRAM_REFERENCE/html/index.html"
