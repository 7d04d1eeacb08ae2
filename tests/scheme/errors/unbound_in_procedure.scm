; says: unbound_in_procedure.scm:4: unbound variable: undefined-helper
(define (outer n)
  (if (= n 0)
      (undefined-helper n)
      (+ 1 (outer (- n 1)))))
(outer 10)
