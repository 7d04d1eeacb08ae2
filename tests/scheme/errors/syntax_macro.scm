; says: syntax_macro.scm:5: .*only-two
(define-syntax only-two (syntax-rules () ((_ a b) (list a b))))
(display (only-two 1 2))
(newline)
(display (only-two 1 2 3))
