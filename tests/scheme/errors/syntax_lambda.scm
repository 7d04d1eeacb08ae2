; says: syntax_lambda.scm:2: .*(lambda|not a name: 1)
(define f (lambda (1 2) 3))
