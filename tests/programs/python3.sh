#!/usr/bin/env bash
# needs: python3
# Dictionaries, strings, threads, json and re; then again with Python's own small-object allocator
# switched off, so that every object is a call of malloc.
set -e
cat >work.py <<'END'
import collections, hashlib, json, re, sys, threading

def words(n):
    x = 12345
    for _ in range(n):
        x = (x * 1103515245 + 12345) & 0x7fffffff
        yield "w%d" % (x % 5000)

count = collections.Counter(words(100000))
text = json.dumps(dict(sorted(count.items())), indent=1)
print(hashlib.sha256(text.encode()).hexdigest(), len(json.loads(text)))

lines = "\n".join("%d: key=%s value=%d" % (i, w, i * i) for i, w in enumerate(words(20000)))
found = re.findall(r"^(\d+): key=(w\d*7) value=(\d+)$", lines, re.M)
print(len(found), sum(int(v) for _, _, v in found))

results = [None] * 8
def work(i):
    parts = []
    for k in range(4000):
        parts.append(str(k) * (k % 40))
        if k % 3 == 0:
            parts[k // 2] = b"x" * k
    results[i] = sum(len(p) for p in parts)
threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
for t in threads: t.start()
for t in threads: t.join()
print(results)

big = [bytearray(1 << 20) for _ in range(32)]
for i, b in enumerate(big): b[i] = i
print(sum(map(sum, big)), 3 ** 5000 % 1000007, sorted({str(i)[::-1] for i in range(2000)})[:5])

class Node:
    def __init__(self, next): self.next = next
head = None
for i in range(50000): head = Node(head)
depth = 0
while head: head, depth = head.next, depth + 1
print(depth)
END
export PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1
python3 work.py
PYTHONMALLOC=malloc python3 work.py
