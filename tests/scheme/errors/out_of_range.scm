; says: out_of_range.scm:3: vector-ref: .*10
(define v (vector 1 2 3))
(display (vector-ref v 10))
