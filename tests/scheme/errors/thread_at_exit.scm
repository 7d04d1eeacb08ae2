; status: 0
; prints: done
(define threads
  (map (lambda (i) (thread-start! (make-thread (lambda () (let loop ((l '())) (loop (list i))))))) '(1 2 3)))
(thread-sleep! 0.05)
(display "done")
