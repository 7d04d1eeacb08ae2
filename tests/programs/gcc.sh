#!/usr/bin/env bash
# needs: gcc objdump
set -e
for i in $(seq 1 120); do
    echo "struct s$i { int a[$i]; struct s$i *next; };"
    echo "int f$i(struct s$i *p, int n) { int t = 0; for (; p && n; p = p->next, n--)"
    echo "  for (int k = 0; k < $i; k++) t += p->a[k] * (k ^ n) % 7; return t; }"
done >many.c
cat >main.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
static int by_value(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
int main(void)
{
    enum { N = 1000 };
    int *v = malloc(N * sizeof *v);
    for (int i = 0; i < N; i++)
        v[i] = i * 7919 % 1013;
    qsort(v, N, sizeof *v, by_value);
    printf("%d %d %.6f\n", v[10], v[900], sqrt(v[500]));
    free(v);
    return 0;
}
END
gcc -O2 -g -c many.c -o many.o
objdump -d many.o | cksum
objdump -h many.o
gcc -O2 -Wall -Wextra -fanalyzer -c main.c -o main.o
gcc -O2 -flto many.c main.c -o main -lm
./main
gcc -E main.c | wc -l
