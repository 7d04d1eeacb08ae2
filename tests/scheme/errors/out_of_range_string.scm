; says: out_of_range_string.scm:2: string-ref: .*3
(display (string-ref "abc" 3))
