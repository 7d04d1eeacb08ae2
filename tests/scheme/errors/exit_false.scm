; status: 1
; prints: x
(display "x")
(exit #f)
