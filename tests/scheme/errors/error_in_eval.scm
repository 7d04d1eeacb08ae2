; says: error_in_eval.scm:2: .*unbound variable: not-there
(display (eval '(+ 1 not-there) (interaction-environment)))
