; says: unbound_variable.scm:4: unbound variable: no-such-variable
(define x 1)
(display "before")
(display (+ x no-such-variable))
(display "after")
