; says: read_too_many.scm:3: .*parenthesis
(display 1)
(display 2))
(display 3)
