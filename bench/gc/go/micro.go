package main

import (
	"runtime"
	"sort"
)

// ../micro.c
type link struct {
	next *link
	data [3]uint64
}

const chainLinks = 1 << 20 / 32

func newChain(id uint64) *link {
	var first *link
	for i := 0; i < chainLinks; i++ {
		first = &link{next: first, data: [3]uint64{id, 0, 0}}
	}
	return first
}

func (l *link) sum() (sum uint64) {
	for ; l != nil; l = l.next {
		sum += l.data[0]
	}
	return sum
}

func alloc(argument []uint64, out *outcome) {
	alive, replaced := argument[0], argument[1]
	chain := make([]*link, alive)
	for i := range chain {
		chain[i] = newChain(uint64(i))
	}
	_, _, stopped := stops(1)
	start := now()
	for i := uint64(0); i < replaced; i++ {
		chain[i%alive] = nil
		chain[i%alive] = newChain(alive + i)
	}
	out.operationsNs = now() - start
	_, _, stoppedThen := stops(1)
	out.stoppedNs = stoppedThen - stopped
	out.operations = replaced * chainLinks
	for _, c := range chain {
		out.check += c.sum()
	}
}

func mark(argument []uint64, out *outcome) {
	message := make([]*cell, argument[0]<<20/messageSize)
	for i := range message {
		message[i] = newCells(uint64(i))
	}
	if argument[1] != 0 {
		state, count := seed(0), uint64(len(message))
		for i := uint64(0); i < count; i++ {
			message[state.next()>>32*count>>32] = newCells(count + i)
		}
	}
	took := make([]uint64, argument[2])
	for i := range took {
		start := now()
		runtime.GC()
		took[i] = now() - start
	}
	sort.Slice(took, func(i, j int) bool { return took[i] < took[j] })
	if len(took) > 0 {
		out.markNs = took[len(took)/2]
	}
	for _, first := range message {
		out.check += first.next.data[5]
	}
}
