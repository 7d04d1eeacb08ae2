; with: GREY_HARD_LIMIT=32M
; says: memory_list.scm:4: .*out of memory
(define (grow n l)
  (grow (+ n 1) (cons n l)))
(grow 0 '())
