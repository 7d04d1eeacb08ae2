; status: 0
; prints: (9000000|caught).*and on
(guard (e (#t (display "caught")))
  (display (apply + (make-list 9000000 1))))
(display " and on")
