; status: 0
; prints: caught caught 500
(define (forever n) (+ 1 (forever (+ n 1))))
(define (try) (guard (e (#t (display "caught "))) (forever 0)))
(try)
(try)
(define (down n) (if (= n 0) 0 (+ 1 (down (- n 1)))))
(display (down 500))
