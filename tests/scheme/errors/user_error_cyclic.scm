; says: user_error_cyclic.scm:4: a circle: #0=\(1 2 \. #0#\)
(define l (list 1 2))
(set-cdr! (cdr l) l)
(error "a circle" l)
