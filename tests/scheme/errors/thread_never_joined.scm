; status: 0
; prints: still here
(define t (thread-start! (make-thread (lambda () (vector-ref (vector) 1)))))
(thread-sleep! 0.05)
(display "still here")
