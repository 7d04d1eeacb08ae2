; interrupt: yes
; status: 130
; says: interrupted_locking.scm:8: .*interrupted
(define m (make-mutex))
(define t (thread-start! (make-thread (lambda () (mutex-lock! m) (thread-sleep! 1000)))))
(let wait () (when (eq? (mutex-state m) 'not-abandoned) (thread-yield!) (wait)))
(begin (display "ready") (newline) (flush-output-port))
(mutex-lock! m)
