; with: GREY_HARD_LIMIT=24M
; says: memory_ports.scm:5: .*out of memory
(define p (open-output-string))
(do () (#f)
  (write-string "0123456789012345678901234567890123456789" p))
