#!/usr/bin/env bash
# Builds a program against an installed Engram by what pkg-config says, shared and static, and runs
# both. usage: pkg_config.sh CXX PREFIX VERSION SOURCE WORK
set -euo pipefail
cxx=$1 prefix=$2 version=$3 source=$4 work=$5
fail() { echo "pkg_config: $*" >&2; exit 1; }

rm -rf "$work"
mkdir -p "$work"
PKG_CONFIG_PATH=$(find "$prefix" -name engram.pc -printf '%h')
export PKG_CONFIG_PATH
said=$(pkg-config --modversion engram)
[ "$said" = "$version" ] || fail "version $said, expected $version"

read -ra cflags <<<"$(pkg-config --cflags engram)"
read -ra libs <<<"$(pkg-config --libs engram)"
static=$(pkg-config --static --libs engram)
# Where both libraries are, -lengram is the shared one (docs/packaging.md, "With pkg-config").
read -ra static_libs <<<"${static/-lengram/-l:libengram.a}"

"$cxx" -std=c++20 -Wall -Wextra -Wconversion -Werror "${cflags[@]}" -c "$source" -o "$work/main.o"
"$cxx" "$work/main.o" -o "$work/shared" "${libs[@]}"
"$cxx" "$work/main.o" -o "$work/static" "${static_libs[@]}"

readelf -d "$work/shared" >"$work/shared.needs"
readelf -d "$work/static" >"$work/static.needs"
grep -q 'NEEDED.*libengram\.so' "$work/shared.needs" || fail "the shared program has it linked in"
! grep -q 'NEEDED.*libengram\.so' "$work/static.needs" || fail "the static program needs libengram.so"

LD_LIBRARY_PATH=$(pkg-config --variable=libdir engram) "$work/shared" "$work/shared-store"
"$work/static" "$work/static-store"
