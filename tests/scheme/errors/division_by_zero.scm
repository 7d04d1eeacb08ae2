; says: division_by_zero.scm:3: quotient: .*(zero|0)
(define (halves n)
  (quotient n 0))
(display (halves 5))
