#!/usr/bin/env bash
# needs: tclsh
set -e
cat >work.tcl <<'END'
set x 9
for {set i 0} {$i < 100000} {incr i} {
    set x [expr {($x * 1103515245 + 12345) & 0x7fffffff}]
    dict incr count k[expr {$x % 3001}]
    lappend list $x
}
puts "[dict size $count] [dict get $count k17] [llength $list]"
puts [lrange [lsort -integer -unique $list] 1000 1010]
set text [join [lrange $list 0 20000] " "]
puts "[string length $text] [regexp -all {\d7 1} $text] [string length [regsub -all {7} $text seven]]"
proc tree {d} { if {$d == 0} {return leaf}; return [list [tree [expr {$d - 1}]] [tree [expr {$d - 1}]]] }
puts [string length [tree 12]]
array set a {}
for {set i 0} {$i < 20000} {incr i} { set a($i) [string repeat x [expr {$i % 100}]] }
set total 0
foreach k [array names a] { incr total [string length $a($k)] }
puts "$total [expr {3 ** 400 % 1000003}]"
END
tclsh work.tcl
