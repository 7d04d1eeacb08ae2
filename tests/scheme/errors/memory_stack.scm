; with: GREY_HARD_LIMIT=32M
; status: 0
; prints: caught
(define (continuations n l)
  (if (= n 0) (call/cc (lambda (k) (again (cons k l)))) (+ 1 (continuations (- n 1) l))))
(define (again l) (+ 1 (continuations 10000 l)))
(guard (e (#t (display "caught"))) (again '()))
