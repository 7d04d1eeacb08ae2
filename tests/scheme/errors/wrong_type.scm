; says: wrong_type.scm:3: car: .*pair.*5
(define (first x)
  (let ((it (car x)))
    it))
(display (first 5))
