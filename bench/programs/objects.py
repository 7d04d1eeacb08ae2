"""An object-heavy program: dictionaries, tuples, strings, instances and lists that grow and are dropped.

Run with PYTHONMALLOC=malloc, so that every object is a malloc of its own. The argument is the amount of work.
"""

import json
import random
import sys


class Node:
    def __init__(self, key, value):
        self.key = key
        self.value = value
        self.children = []


def build_tree(rng, count):
    nodes = [Node(0, "root")]
    for key in range(1, count):
        node = Node(key, f"node {key}")
        nodes[rng.randrange(len(nodes))].children.append(node)
        nodes.append(node)
    return nodes[0]


def depth_sum(root):
    total, stack = 0, [(root, 0)]
    while stack:
        node, depth = stack.pop()
        total += depth + len(node.value)
        stack.extend((child, depth + 1) for child in node.children)
    return total


def count_words(rng, count):
    words = {}
    for _ in range(count):
        word = "w" + str(rng.randrange(count // 4))
        words[word] = words.get(word, ()) + (len(word),) if len(words.get(word, ())) < 8 else ()
    return len(words)


def round_trip(rng, count):
    records = [{"id": i, "tags": [str(rng.random())] * 3, "point": [i / 7, i / 3]} for i in range(count)]
    return len(json.loads(json.dumps(records)))


def sliding_cache(rng, count):
    cache = {}
    for i in range(count):
        cache[i] = bytes(rng.randrange(20, 2000))
        cache.pop(i - 5000, None)
    return sum(map(len, cache.values()))


def main():
    rng = random.Random(1)
    work = int(sys.argv[1])
    total = 0
    for _ in range(3):
        total += depth_sum(build_tree(rng, work))
        total += count_words(rng, work)
        total += round_trip(rng, work // 4)
        total += sliding_cache(rng, work)
    print(total)


main()
