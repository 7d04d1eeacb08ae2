; says: syntax_empty.scm:3: .*
(display 1)
(list ())
