package main

import (
	"math/bits"
	"time"
)

// The clock: nanoseconds since the start, the monotonic reading alone.
var origin = time.Now()

func now() uint64 {
	return uint64(time.Since(origin))
}

// A histogram with 32 buckets to each power of two: ../histogram.h.
const histogramBits = 5

type histogram struct {
	count, max uint64
	bucket     [(64 - histogramBits + 1) << histogramBits]uint64
}

func bucketOf(ns uint64) uint64 {
	if ns < 1<<histogramBits {
		return ns
	}
	shift := uint(63-bits.LeadingZeros64(ns)) - histogramBits
	return uint64(shift+1)<<histogramBits + ns>>shift&(1<<histogramBits-1)
}

func valueOf(bucket uint64) uint64 {
	if bucket < 1<<histogramBits {
		return bucket
	}
	shift := bucket>>histogramBits - 1
	mantissa := uint64(1<<histogramBits) | bucket&(1<<histogramBits-1)
	return mantissa<<shift + (1<<shift)>>1
}

func (h *histogram) record(ns uint64) {
	h.bucket[bucketOf(ns)]++
	h.count++
	if ns > h.max {
		h.max = ns
	}
}

func (h *histogram) quantile(share float64) uint64 {
	wanted := uint64(share * float64(h.count))
	var seen uint64
	for i, n := range h.bucket {
		seen += n
		if seen > wanted {
			if value := valueOf(uint64(i)); value < h.max {
				return value
			}
			return h.max
		}
	}
	return h.max
}

func (h *histogram) merge(from *histogram) {
	for i, n := range from.bucket {
		h.bucket[i] += n
	}
	h.count += from.count
	if from.max > h.max {
		h.max = from.max
	}
}

// Marsaglia's xorshift, the same numbers as in C.
type random uint64

func seed(thread uint64) random {
	return random(88172645463325252 + thread)
}

func (state *random) next() uint64 {
	x := uint64(*state)
	x ^= x << 13
	x ^= x >> 7
	x ^= x << 17
	*state = random(x)
	return x
}
