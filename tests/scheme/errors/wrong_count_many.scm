; says: wrong_count_many.scm:4: .*argument
(define f (lambda (a b . c) a))
(f 1 2 3)
(display (list (f 1)))
