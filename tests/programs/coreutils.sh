#!/usr/bin/env bash
# needs: sort awk sed grep
set -e
seq 1 200000 | awk '{ print ($1 * 7919) % 100003, "line", $1, substr("abcdefghijklmnopqrstuvwxyz", $1 % 26 + 1) }' >lines
sort --parallel=4 -S 8M -k1,1n -k3,3n lines | cksum
sort -u -k4 lines | cut -d' ' -f4 | paste -sd, | fold -w 60
sed -E 's/([0-9]+) line ([0-9]+)/\2:\1/; /9$/d' lines | tac | head -n 20
grep -E '^(1[0-9]*7|42) .*[aeiou]z?$' lines | wc
awk '{ n[$4] += $1; s[$1 % 1000] = s[$1 % 1000] " " $3 } END { for (k in n) print k, n[k]; for (k in s) t += length(s[k]); print t }' lines | sort
join <(sort lines | head -n 5000) <(sort -r lines | tail -n 5000 | sort) | uniq -c | tail -n 5
split -n l/4 lines part. && cat part.* | cmp - lines && sha256sum part.*
tr a-z A-Z <lines | comm -3 - lines 2>/dev/null | wc -l
od -An -tx1 lines | head -n 5000 | cksum
diff lines <(sed '1000,1010d; 5000s/$/!/' lines) || true
find . -type f -printf '%p %s\n' | sort
