; with: GREY_HARD_LIMIT=32M
; status: 0
; prints: caught caught 100000
(define (grow n l) (grow (+ n 1) (cons n l)))
(define (try) (guard (e ((error-object? e) (display "caught "))) (grow 0 '())))
(try)
(try)
(display (length (make-list 100000 'x)))
