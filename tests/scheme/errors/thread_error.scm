; says: thread_error.scm:[23]: .*car: .*pair
(define t (make-thread (lambda () (car 5))))
(thread-join! (thread-start! t))
