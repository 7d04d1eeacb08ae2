package main

import "sync"

// ../trees.c
type treeNode struct {
	left, right *treeNode
}

func build(depth uint64) *treeNode {
	if depth == 0 {
		return new(treeNode)
	}
	return &treeNode{build(depth - 1), build(depth - 1)}
}

func (n *treeNode) count() uint64 {
	if n.left == nil {
		return 1
	}
	return 1 + n.left.count() + n.right.count()
}

func trees(argument []uint64, out *outcome) {
	deepest, threads := argument[0], argument[1]
	out.check = build(deepest + 1).count()
	kept := build(deepest)

	nodes := make([]uint64, threads)
	var all sync.WaitGroup
	for t := uint64(0); t < threads; t++ {
		all.Add(1)
		go func(t uint64) {
			defer all.Done()
			for depth := uint64(4); depth <= deepest; depth += 2 {
				for i := t; i < 1<<(deepest-depth+4); i += threads {
					nodes[t] += build(depth).count()
				}
			}
		}(t)
	}
	all.Wait()
	for _, n := range nodes {
		out.check += n
	}
	out.check += kept.count()
}
