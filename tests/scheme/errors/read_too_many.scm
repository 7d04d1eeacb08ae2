; says: read_too_many.scm:3: .*\)
(display 1)
(display 2))
(display 3)
