#!/usr/bin/env bash
# Makes the Debian packages of a build, looks into each, unpacks them together and runs the program.
# With PYTHON, which the module was built for, there is a package of it too.
# usage: debian_packages.sh CPACK BUILD VERSION WORK [PYTHON]
set -euo pipefail
cpack=$1 build=$2 version=$3 work=$4 python=${5:-}
fail() { echo "debian_packages: $*" >&2; exit 1; }

rm -rf "$work"
mkdir -p "$work/root"
"$cpack" --config "$build/CPackConfig.cmake" -G DEB -B "$work" >"$work/cpack.log" 2>&1 ||
  { cat "$work/cpack.log" >&2; fail "cpack failed"; }

# package NAME: the file of it, which must be the only one.
package() {
  local files=("$work/$1_$version"_*.deb)
  [ ${#files[@]} -eq 1 ] && [ -f "${files[0]}" ] || fail "no one package $1 of version $version"
  printf '%s' "${files[0]}"
}
# holds NAME PATTERN...: each matches a path in the package.
holds() {
  local name=$1 pattern
  shift
  for pattern in "$@"; do
    grep -qE "^\./usr/$pattern\$" "$work/$name.files" || fail "$name has no $pattern"
  done
}
# needs NAME PACKAGE...: each is among its dependencies.
needs() {
  local name=$1 depends wanted
  shift
  depends=", $(dpkg-deb -f "$(package "$name")" Depends),"
  for wanted in "$@"; do
    [[ $depends == *", $wanted"[,\ ]* ]] || fail "$name does not depend on $wanted:$depends"
  done
}

major=${version%%.*}
library=libengram$major
all=("$library" libengram-dev engram)
[ -z "$python" ] || all+=(python3-engram)
for name in "${all[@]}"; do
  file=$(package "$name")
  dpkg-deb --fsys-tarfile "$file" | tar -t >"$work/$name.files"
  holds "$name" "share/doc/$name/copyright"
  for field in Maintainer Description Section; do
    [ -n "$(dpkg-deb -f "$file" "$field")" ] || fail "$name says nothing under $field"
  done
  dpkg-deb -x "$file" "$work/root"
done
twice=$(cd "$work" && cat "${all[@]/%/.files}" | grep -v '/$' | sort | uniq -d)
[ -z "$twice" ] || fail "in two packages: $twice"

holds "$library" "lib/(.*/)?libengram\.so\.$major" "lib/(.*/)?libengram\.so\.$version"
holds libengram-dev "include/engram/store\.h" "lib/(.*/)?libengram\.(a|so)" \
  "lib/(.*/)?pkgconfig/engram\.pc" "lib/(.*/)?cmake/engram/engramConfig\.cmake"
holds engram bin/engram
needs "$library" libc6 librocksdb7.8 libstdc++6 liburing2
needs libengram-dev "$library (= $version)" librocksdb-dev liburing-dev
needs engram libc6 librocksdb7.8 liburing2
shlibs=$(dpkg-deb -I "$(package "$library")" shlibs)
[ "$shlibs" = "libengram $major $library (= $version)" ] || fail "shlibs says: $shlibs"

program=$work/root/usr/bin/engram
[ "$("$program" --version)" = "engram $version" ] || fail "the program says: $("$program" --version)"
"$program" create "$work/store" --dim 2 >/dev/null
"$program" verify "$work/store" >/dev/null

[ -n "$python" ] || exit 0
holds python3-engram 'lib/python3[^/]*/dist-packages/engram/(__init__\.pyi?|py\.typed|_core\..*\.so)'
needs python3-engram "$library (= $version)" python3 python3-numpy libc6
said=$(cd "$work/root/usr"/lib/python3*/dist-packages && "$python" -c 'import engram
print(engram.__version__, len(engram.open("'"$work/store"'")))')
[ "$said" = "$version 0" ] || fail "the Python module says: $said"
