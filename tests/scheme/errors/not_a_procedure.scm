; says: not_a_procedure.scm:3: .*procedure.*5
(define x 5)
(display (x 1))
