#!/usr/bin/env bash
# needs: tar gzip xz bzip2
set -e
mkdir -p tree/a/b
for i in $(seq 1 200); do
    seq "$i" $((i * 12)) >"tree/a/file$i"
done
seq 1 300000 | awk '{ print $1 * 7919 % 100003 }' >tree/a/b/numbers
pack=(tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -c tree)
"${pack[@]}" | sha256sum
"${pack[@]}" | gzip -n -6 | tee t.gz | sha256sum
"${pack[@]}" | xz -T2 -1 --block-size=1MiB | tee t.xz | sha256sum
"${pack[@]}" | bzip2 | tee t.bz2 | sha256sum
for f in t.gz t.xz t.bz2; do
    mkdir "out.$f"
    tar -xf "$f" -C "out.$f"
    diff -r tree "out.$f/tree"
    tar -tf "$f" | tail -n 3
done
