#!/usr/bin/env bash
# needs: gdb gcc
# Reads symbols and types only: tracing a process may be forbidden where the tests run.
set -e
for i in $(seq 1 200); do
    echo "struct t$i { long a; double b[$i]; union { int c; char *d; } e; } v$i; long f$i(struct t$i *p) { return p->a + $i; }"
done >many.c
echo 'int main(int argc, char **argv) { (void)argv; v7.a = argc; return (int)f7(&v7); }' >>many.c
gcc -g3 -O0 many.c -o many
gdb -q -nx -batch -ex 'info functions ^f1' -ex 'ptype struct t42' -ex 'disassemble main' -ex 'info types t1.' \
    -ex 'print sizeof(v99)' -ex 'info scope f7' -ex 'list main' -ex 'info address v3' \
    -ex 'python print(sum(gdb.parse_and_eval("sizeof(v%d)" % i) for i in range(1, 201)))' ./many
