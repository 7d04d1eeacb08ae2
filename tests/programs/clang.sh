#!/usr/bin/env bash
# needs: clang objdump
set -e
for i in $(seq 1 150); do
    echo "static int t$i[$i]; int g$i(int a, int b) { switch (a % 5) { case 0: return t$i[b % $i];"
    echo "  case 1: return a * b + $i; case 2: t$i[b % $i] += a; return b; default: return a ? g$i(a - 1, b) : $i; } }"
done >many.c
cat >main.c <<'END'
#include <stdio.h>
#include <stdlib.h>
int g150(int, int);
int main(void)
{
    char *p[200];
    int sum = 0;
    for (int i = 0; i < 200; i++)
        snprintf(p[i] = malloc(20), 20, "%d", g150(i, i + 1));
    for (int i = 0; i < 200; i++) {
        sum += atoi(p[i]);
        free(p[i]);
    }
    printf("%d\n", sum);
    return 0;
}
END
clang -O2 -g -c many.c -o many.o
objdump -d many.o | cksum
clang -O2 -S -emit-llvm many.c -o - | cksum
clang --analyze -Xclang -analyzer-output=text main.c
clang -O2 many.c main.c -o main
./main
