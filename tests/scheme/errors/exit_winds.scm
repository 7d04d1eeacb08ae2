; status: 3
; prints: in body out
(dynamic-wind (lambda () (display "in ")) (lambda () (display "body ") (exit 3)) (lambda () (display "out")))
