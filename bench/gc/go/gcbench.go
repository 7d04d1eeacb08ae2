package main

// ../gcbench.c
type benchNode struct {
	left, right *benchNode
	i, j        int32
}

func nodesOf(depth uint64) uint64 {
	return 1<<(depth+1) - 1
}

func (n *benchNode) populate(depth uint64) {
	if depth == 0 {
		return
	}
	n.left = new(benchNode)
	n.right = new(benchNode)
	n.left.populate(depth - 1)
	n.right.populate(depth - 1)
}

func bottomUp(depth uint64) *benchNode {
	if depth == 0 {
		return new(benchNode)
	}
	return &benchNode{left: bottomUp(depth - 1), right: bottomUp(depth - 1)}
}

func topDown(depth uint64) *benchNode {
	n := new(benchNode)
	n.populate(depth)
	return n
}

func (n *benchNode) count() uint64 {
	if n == nil {
		return 0
	}
	return 1 + n.left.count() + n.right.count()
}

var sink *benchNode

func gcbench(argument []uint64, out *outcome) {
	kept, stretch, numbers, most := argument[0], argument[1], argument[2], argument[3]
	sink = bottomUp(stretch)
	sink = nil

	tree := topDown(kept)
	array := make([]float64, numbers)
	for i := range array {
		array[i] = 1 / float64(i+1)
	}
	for depth := uint64(4); depth <= most; depth += 2 {
		times := 2 * nodesOf(stretch) / nodesOf(depth)
		for i := uint64(0); i < times; i++ {
			sink = topDown(depth)
		}
		for i := uint64(0); i < times; i++ {
			sink = bottomUp(depth)
		}
	}
	sink = nil
	out.check = tree.count() + uint64(1/array[numbers/2])
}
