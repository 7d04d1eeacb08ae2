; says: deep_recursion.scm:[34]: .*(stack|recursion)
(define (forever n)
  (+ 1
     (forever (+ n 1))))
(display (forever 0))
