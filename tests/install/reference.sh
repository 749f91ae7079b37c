#!/usr/bin/env bash
# Makes the API reference, without a warning, and looks whether it says what headers and documents say.
# usage: reference.sh SOURCE VERSION WORK
set -euo pipefail
source=$1 version=$2 work=$3
fail() { echo "reference: $*" >&2; exit 1; }

"$source/tools/build_reference.sh" "$work" >"$work.log" 2>&1 || { cat "$work.log" >&2; fail "it has warnings"; }
rm -f "$work.log"

# shows FILE TEXT: the page is there, and has the text.
shows() {
  local page=$work/html/$1
  [ -f "$page" ] || fail "there is no $1"
  sed 's/<[^>]*>//g' "$page" >"$work.text"
  grep -qF "$2" "$work.text" || fail "$1 does not say: $2"
}
shows classengram_1_1Store.html "The k stored patterns nearest to"
shows structengram_1_1Options.html "Range 1 to kMaxDimensions"
shows structengram_1_1Stats.html "ended, still seen by somebody or not yet reclaimed"
shows c_8h.html "one that is NULL gets ENGRAM_INVALID_ARGUMENT"
shows c_8h.html "The k stored patterns nearest to"
shows index.html "A durable vector index inside your program"
grep -qE ">(&#160;| )?$version<" "$work/html/index.html" || fail "index.html does not name version $version"
shows page_operations.html "Bytes a pattern"
rm -f "$work.text"
echo "the reference is whole"
