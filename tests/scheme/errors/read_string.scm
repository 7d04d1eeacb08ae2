; says: read_string.scm:[0-9]+: .*string
(display "never closed)
