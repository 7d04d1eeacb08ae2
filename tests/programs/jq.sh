#!/usr/bin/env bash
# needs: jq
set -e
jq -nc '[range(12000) | {id: ., name: ("n" + (. * 7919 % 1009 | tostring)), tags: [range(. % 5)]}]' >data.json
cksum data.json
jq 'group_by(.name) | map({name: .[0].name, n: length, t: (map(.tags | add // 0) | add)}) | sort_by(-.n, .name) | .[:5]' data.json
jq -r '.[] | select(.name | test("^n1.*7$")) | [.id, .name] | @csv' data.json | cksum
jq '[paths] | length' <(jq '.[:1000]' data.json)
jq -S 'reduce .[] as $x ({}; .[$x.name] += $x.id) | to_entries | .[:3] | from_entries' data.json
