; status: 0
; prints: (refused|passed) and on
(define k #f)
(thread-join! (thread-start! (make-thread (lambda () (call/cc (lambda (c) (set! k c))) 'ended))))
(display (call/cc (lambda (out)
  (guard (e (#t "refused"))
    (with-exception-handler (lambda (e) (out "refused")) (lambda () (k 'again)))
    "passed"))))
(display " and on")
