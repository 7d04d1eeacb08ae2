; interrupt: yes
; status: 130
; says: interrupted_allocating.scm:[0-9]+: .*interrupted
(display "ready")
(newline) (flush-output-port)
(define (work n) (map (lambda (x) (string-append (number->string x) "!")) (list n (+ n 1) (+ n 2))))
(let loop ((n 0))
  (work n)
  (loop (+ n 1)))
