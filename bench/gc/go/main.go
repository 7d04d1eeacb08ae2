// The same programs in Go: main PROGRAM ARGUMENT... prints one line of JSON, as ../main.c does.
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

type outcome struct {
	check        uint64 // the same for every contender, or one of them lost something
	operations   uint64 // 0: the process as a whole is what is timed
	operationsNs uint64
	stoppedNs    uint64 // the part of it in which the collector had stopped the program
	markNs       uint64
	requests     histogram
}

type program struct {
	arguments string // for the usage; all whole numbers
	run       func(argument []uint64, out *outcome)
}

var programs = map[string]program{
	"gcbench": {"KEPT-DEPTH STRETCH-DEPTH NUMBERS MOST-DEPTH", gcbench},
	"trees":   {"DEPTH THREADS", trees},
	"cache":   {"CELLS(0|1) MIB THREADS REQUESTS RATE(0:closed)", cache},
	"churn":   {"BUFFERS OPERATIONS THREADS", churn},
	"alloc":   {"CHAINS-ALIVE CHAINS-REPLACED", alloc},
	"mark":    {"MIB AGED(0|1) TIMES", mark},
}

func usage() {
	for name, p := range programs {
		fmt.Fprintln(os.Stderr, name, p.arguments)
	}
	os.Exit(2)
}

func numbers(text []string, count int) []uint64 {
	if len(text) != count {
		usage()
	}
	out := make([]uint64, count)
	for i, t := range text {
		n, err := strconv.ParseUint(t, 10, 64)
		if err != nil {
			usage()
		}
		out[i] = n
	}
	return out
}

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	p, known := programs[os.Args[1]]
	if !known {
		usage()
	}
	var out outcome
	p.run(numbers(os.Args[2:], len(strings.Fields(p.arguments))), &out)
	report(&out)
}
