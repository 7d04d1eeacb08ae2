#!/usr/bin/env bash
# needs: bc
set -e
bc -l <<'END'
scale = 600
4 * a(1)
e(1)
define f(n) { if (n < 2) return 1; return n * f(n - 1); }
f(400)
2 ^ 6000 % 1000003
for (i = 0; i < 3000; i++) v[i] = i ^ 9 / 7
v[2999]
sqrt(2)
END
