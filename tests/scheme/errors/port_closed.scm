; says: port_closed.scm:4: read-char: .*closed
(define p (open-input-string "abc"))
(close-port p)
(display (read-char p))
