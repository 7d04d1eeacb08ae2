package main

import "sync"

// ../churn.c
const (
	leastShift = 6
	mostShift  = 18
	page       = 4096
)

func (state *random) size() uint32 {
	r := state.next()
	power := uint32(1) << (leastShift + r>>32%(mostShift-leastShift))
	return power + uint32(r&0xffff*uint64(power)>>16)
}

func replaceBuffer(buffers [][]byte, place uint64, state *random) {
	size := state.size()
	b := make([]byte, size)
	for at := uint32(0); at < size; at += page {
		b[at] = byte(size)
	}
	b[size-1] = byte(size >> 8)
	buffers[place] = b
}

func churn(argument []uint64, out *outcome) {
	threads := argument[2]
	places, operations := argument[0]/threads, argument[1]/threads
	check := make([]uint64, threads)
	var all sync.WaitGroup
	for t := uint64(0); t < threads; t++ {
		all.Add(1)
		go func(t uint64) {
			defer all.Done()
			state := seed(t)
			buffers := make([][]byte, places)
			for i := uint64(0); i < places; i++ {
				replaceBuffer(buffers, i, &state)
			}
			for i := uint64(0); i < operations; i++ {
				replaceBuffer(buffers, state.next()>>16%places, &state)
			}
			for _, b := range buffers {
				check[t] += uint64(len(b))*uint64(b[0]) + uint64(b[len(b)-1])
			}
		}(t)
	}
	all.Wait()
	for _, c := range check {
		out.check += c
	}
}
