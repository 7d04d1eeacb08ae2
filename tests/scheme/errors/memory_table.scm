; with: GREY_HARD_LIMIT=24M
; says: memory_table.scm:[45]: .*out of memory
(define t (make-hash-table))
(do ((i 0 (+ i 1))) (#f)
  (hash-table-set! t i (list i)))
