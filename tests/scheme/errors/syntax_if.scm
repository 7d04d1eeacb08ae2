; says: syntax_if.scm:3: .*if
(define (f x)
  (if))
(f 1)
