; says: wrong_count.scm:3: .*two.*argument
(define (two a b) (+ a b))
(display (two 1))
