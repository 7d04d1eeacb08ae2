package main

import (
	"fmt"
	"math"
	"runtime"
	"runtime/metrics"
)

const pauses = "/gc/pauses:seconds"

// stops reads the runtime's histogram of its stops: the share-th quantile and the longest, both the
// middle of a bucket (a bucket is a sixteenth of its power of two wide), and their sum.
func stops(share float64) (quantileNs, longestNs, totalNs uint64) {
	sample := []metrics.Sample{{Name: pauses}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindFloat64Histogram {
		return 0, 0, 0
	}
	h := sample[0].Value.Float64Histogram()
	var count, seen uint64
	for _, n := range h.Counts {
		count += n
	}
	found := false
	for i, n := range h.Counts {
		if n == 0 {
			continue
		}
		ns := middle(h.Buckets[i], h.Buckets[i+1])
		seen += n
		longestNs = ns
		totalNs += n * ns
		if !found && seen > uint64(share*float64(count)) {
			quantileNs, found = ns, true
		}
	}
	return quantileNs, longestNs, totalNs
}

func middle(from, to float64) uint64 {
	if math.IsInf(from, 0) {
		from = 0
	}
	if math.IsInf(to, 0) {
		to = from
	}
	return uint64(1e9 * (from + to) / 2)
}

func report(out *outcome) {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	fmt.Printf(`{"manager": "%s", "check": %d, "cycles": %d`, runtime.Version(), out.check, memory.NumGC)
	if p99, most, total := stops(0.99); most != 0 {
		fmt.Printf(`, "stop_ns": {"p99": %d, "max": %d, "total": %d}`, p99, most, total)
	}
	if out.operations != 0 {
		fmt.Printf(`, "operations": %d, "operations_ns": %d, "operations_stopped_ns": %d`,
			out.operations, out.operationsNs, out.stoppedNs)
	}
	if out.markNs != 0 {
		fmt.Printf(`, "mark_ns": %d`, out.markNs)
	}
	if r := &out.requests; r.count != 0 {
		fmt.Printf(`, "request_ns": {"count": %d, "p50": %d, "p99": %d, "p999": %d, "max": %d}`,
			r.count, r.quantile(0.5), r.quantile(0.99), r.quantile(0.999), r.max)
	}
	fmt.Println("}")
}
