; says: syntax_define.scm:2: .*define
(define)
