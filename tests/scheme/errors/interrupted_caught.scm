; interrupt: yes
; status: 0
; prints: caught 42
(display "ready")
(newline) (flush-output-port)
(guard (e ((error-object? e) (display "caught ")))
  (let loop ((l '()))
    (loop (list l l))
    #f))
(display (* 6 7))
