; says: parameter_converter.scm:2: .*not a size: -1
(define size (make-parameter 1 (lambda (n) (if (> n 0) n (error "not a size" n)))))
(parameterize ((size -1)) (size))
