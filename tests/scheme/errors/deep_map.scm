; status: 0
; prints: (1000000|caught)
(define (build n l) (if (= n 0) l (build (- n 1) (cons n l))))
(guard (e (#t (display "caught")))
  (display (length (map (lambda (x) x) (build 1000000 '())))))
