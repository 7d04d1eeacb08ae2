; says: syntax_let.scm:3: .*let
(define (f x)
  (let ((y)) y))
(f 1)
