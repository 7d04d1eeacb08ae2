; with: GREY_HARD_LIMIT=32M
; says: memory_large.scm:3: .*(out of memory|range|large)
(define v (make-vector 1000000000 0))
