#!/usr/bin/env bash
# needs: git
# Fixed names and dates, so that the object names themselves can be compared.
set -e
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=c GIT_COMMITTER_EMAIL=c@example.org
export GIT_CONFIG_NOSYSTEM=1 GIT_PAGER=cat
git init -q -b main repo
cd repo
git config gc.auto 0
for i in $(seq 1 12); do
    for f in $(seq 1 15); do
        seq "$i" $((i * 20 + f)) >"file$f"
    done
    git add -A
    GIT_AUTHOR_DATE="@$((1700000000 + i)) +0000" GIT_COMMITTER_DATE="@$((1700000000 + i)) +0000" \
        git commit -q -m "change $i"
done
git log --stat --format='%H %s' | cksum
git log -p | cksum
git branch side HEAD~5
git checkout -q side
echo side >only-here
git add -A
GIT_AUTHOR_DATE='@1700001000 +0000' GIT_COMMITTER_DATE='@1700001000 +0000' git commit -q -m side
GIT_AUTHOR_DATE='@1700001001 +0000' GIT_COMMITTER_DATE='@1700001001 +0000' git merge -q -m merged main
git rev-parse HEAD
git blame --porcelain file3 | cksum
git -c pack.threads=2 gc -q --prune=now
git fsck --full --strict 2>&1
git count-objects -v | grep -v size
git clone -q . ../copy
git -C ../copy log --oneline --graph | head -n 30
git grep -c 17 HEAD~3 | head -n 20
