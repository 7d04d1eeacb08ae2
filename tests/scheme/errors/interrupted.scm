; interrupt: yes
; status: 130
; says: interrupted.scm:[67]: .*interrupted
(display "ready")
(newline) (flush-output-port)
(let loop ((n 0))
  (loop (+ n 1)))
