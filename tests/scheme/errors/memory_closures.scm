; with: GREY_HARD_LIMIT=24M
; says: memory_closures.scm:4: .*out of memory
(define (chain f n)
  (chain (lambda (x) (f (+ x n))) (+ n 1.5)))
(chain (lambda (x) x) 0.5)
