package main

import "sync"

// ../cache.c
const (
	cells       = 16
	data        = 6
	messageSize = 1024
)

type cell struct {
	next, previous *cell
	data           [data]uint64
}

func newCell(previous *cell, id uint64) *cell {
	c := &cell{previous: previous}
	for i := range c.data {
		c.data[i] = id + uint64(i)
	}
	return c
}

func newCells(id uint64) *cell {
	first := newCell(nil, id)
	last := first
	for i := uint64(1); i < cells; i++ {
		c := newCell(last, id+i)
		last.next = c
		last = c
	}
	return first
}

func newBuffer(id uint64) *[messageSize / 8]uint64 {
	b := new([messageSize / 8]uint64)
	for i := range b {
		b[i] = id + uint64(i)
	}
	return b
}

func readCells(first *cell) (sum uint64) {
	for c := first; c != nil; c = c.next {
		if c.next != nil && c.next.previous != c {
			return 0
		}
		for _, word := range c.data {
			sum += word
		}
	}
	return sum
}

func readBuffer(b *[messageSize / 8]uint64) (sum uint64) {
	for _, word := range b {
		sum += word
	}
	return sum
}

// messages is a thread's part of the cache.
type messages interface {
	fill()
	serve(place, id uint64)
	sum() uint64
}

type cellMessages struct {
	message []*cell
	check   uint64
}

func (m *cellMessages) fill() {
	for i := range m.message {
		m.message[i] = newCells(uint64(i))
	}
}

func (m *cellMessages) serve(place, id uint64) {
	m.check += readCells(m.message[place])
	m.message[place] = newCells(id)
}

func (m *cellMessages) sum() uint64 { return m.check }

type bufferMessages struct {
	message []*[messageSize / 8]uint64
	check   uint64
}

func (m *bufferMessages) fill() {
	for i := range m.message {
		m.message[i] = newBuffer(uint64(i))
	}
}

func (m *bufferMessages) serve(place, id uint64) {
	m.check += readBuffer(m.message[place])
	m.message[place] = newBuffer(id)
}

func (m *bufferMessages) sum() uint64 { return m.check }

func closedLoop(m messages, places, requests uint64, state random, latency *histogram) {
	before := now()
	for i := uint64(0); i < requests; i++ {
		m.serve(state.next()>>32*places>>32, places+i)
		after := now()
		latency.record(after - before)
		before = after
	}
}

func openLoop(m messages, places, requests, rate uint64, state random, latency *histogram) {
	start := now()
	for i := uint64(0); i < requests; i++ {
		due := start + uint64(float64(i)*1e9/float64(rate))
		for now() < due {
		}
		m.serve(state.next()>>32*places>>32, places+i)
		latency.record(now() - due)
	}
}

func cache(argument []uint64, out *outcome) {
	threads := argument[2]
	places := argument[1] << 20 / messageSize / threads
	requests, rate := argument[3]/threads, argument[4]/threads

	part := make([]messages, threads)
	latency := make([]histogram, threads)
	var all sync.WaitGroup
	for t := uint64(0); t < threads; t++ {
		all.Add(1)
		go func(t uint64) {
			defer all.Done()
			if argument[0] != 0 {
				part[t] = &cellMessages{message: make([]*cell, places)}
			} else {
				part[t] = &bufferMessages{message: make([]*[messageSize / 8]uint64, places)}
			}
			part[t].fill()
			if rate == 0 {
				closedLoop(part[t], places, requests, seed(t), &latency[t])
			} else {
				openLoop(part[t], places, requests, rate, seed(t), &latency[t])
			}
		}(t)
	}
	all.Wait()
	for t := range part {
		out.requests.merge(&latency[t])
		out.check += part[t].sum()
	}
}
