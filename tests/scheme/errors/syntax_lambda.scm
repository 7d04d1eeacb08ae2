; says: syntax_lambda.scm:2: .*lambda
(define f (lambda (1 2) 3))
