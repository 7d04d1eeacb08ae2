; says: power_too_large.scm:2: .*(out of memory|large|range)
(display (expt 7 (expt 10 30)))
