; interrupt: yes
; status: 130
; says: interrupted_asleep.scm:6: .*interrupted
(display "ready")
(newline) (flush-output-port)
(thread-sleep! 1000)
(display "not here")
