; says: syntax_error_form.scm:3: .*a name is wanted.*5
(define-syntax named (syntax-rules () ((_ "name" x) 'x) ((_ x) (syntax-error "a name is wanted" x))))
(named 5)
