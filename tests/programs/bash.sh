#!/usr/bin/env bash
# needs: bash
set -e
declare -A count
list=()
x=1
for ((i = 0; i < 20000; i++)); do
    x=$(((x * 1103515245 + 12345) & 0x7fffffff))
    ((count[k$((x % 701))] += 1)) || true
    list+=("item $x")
done
echo "${#count[@]} ${count[k5]} ${#list[@]} ${list[1234]}"
text="${list[*]:0:3000}"
echo "${#text} ${text//item /-}" | cksum
for i in $(seq 1 200); do
    (y=$((i * i)); printf '%s ' "$y") | cat
done
echo
while read -r a b; do
    sum=$((sum + a * b))
done < <(paste <(seq 1 3000) <(seq 3000 -1 1))
echo "$sum"
f() { local depth=$1; if ((depth == 0)); then echo deep; else f $((depth - 1)); fi; }
f 500
printf -v padded '%0100d' 7
echo "$padded ${BASH_VERSINFO[0]}"
[[ $text =~ item\ ([0-9]+)\ item\ ([0-9]+) ]] && echo "${BASH_REMATCH[@]}"
cat <<END | tr a-z A-Z
$(printf 'line %d\n' {1..50})
END
