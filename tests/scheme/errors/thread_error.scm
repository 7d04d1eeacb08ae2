; says: thread_error.scm:[23]: .*car: .*pair.*5
(define t (make-thread (lambda () (car 5))))
(thread-join! (thread-start! t))
