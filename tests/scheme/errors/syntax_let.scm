; says: syntax_let.scm:3: .*(let|\(y\))
(define (f x)
  (let ((y)) y))
(f 1)
