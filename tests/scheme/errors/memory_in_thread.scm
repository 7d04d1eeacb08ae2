; with: GREY_HARD_LIMIT=32M
; says: memory_in_thread.scm:[34]: .*out of memory
(define (grow l) (grow (cons 1 l)))
(thread-join! (thread-start! (make-thread (lambda () (grow '())))))
