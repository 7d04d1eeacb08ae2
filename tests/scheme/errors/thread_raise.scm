; says: thread_raise.scm:[23]: .*uncaught.*oops
(define t (thread-start! (make-thread (lambda () (raise 'oops)))))
(thread-join! t)
