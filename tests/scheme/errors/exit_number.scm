; status: 7
; prints: before
(display "before")
(exit 7)
(display "after")
