; says: wrong_count_primitive.scm:2: .*cons.*argument
(display (cons 1))
