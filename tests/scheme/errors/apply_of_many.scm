; status: 0
; prints: (20000000|caught).*and on
(guard (e (#t (display "caught")))
  (display (apply + (make-list 20000000 1))))
(display " and on")
