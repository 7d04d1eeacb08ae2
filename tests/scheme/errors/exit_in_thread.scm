; status: 4
; prints: leaving
(thread-join! (thread-start! (make-thread (lambda () (display "leaving") (exit 4)))))
