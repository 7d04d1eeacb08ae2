; interrupt: yes
; status: 130
; says: interrupted_joining.scm:7: .*interrupted
(define m (make-mutex))
(mutex-lock! m)
(define t (thread-start! (make-thread (lambda () (mutex-lock! m)))))
(begin (display "ready") (newline) (flush-output-port) (thread-join! t))
