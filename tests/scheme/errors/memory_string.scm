; with: GREY_HARD_LIMIT=32M
; says: memory_string.scm:4: .*out of memory
(define (double s)
  (double (string-append s s)))
(double "0123456789")
