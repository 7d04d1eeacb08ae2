; says: error_after_output.scm:4: .*late
; prints: first line is there
(display "first line is there")
(error "late")
