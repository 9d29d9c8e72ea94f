#!/bin/sh
# Puts the program $1 into the tree $2 at $3 with the libraries it loads and nothing
# else: no shell, no package manager, no C library's tools.
set -eu
program=$1 root=$2 at=$3
mkdir -p "$root/etc" "$(dirname "$root$at")"
# Names of functions stay, so that a panic's backtrace can be read; line
# tables, which are most of the file, go.
strip --strip-debug -o "$root$at" "$program"
for library in $(ldd "$program" | grep -o '/[^ ]*'); do
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
done
echo 'shop:x:65532:65532::/data:/none' > "$root/etc/passwd"
echo 'shop:x:65532:' > "$root/etc/group"
