; with: GREY_HARD_LIMIT=64M
; says: memory_bignum.scm:4: .*(out of memory|large)
(define (square-on n)
  (square-on (* n n)))
(square-on 123456789012345678901234567890)
