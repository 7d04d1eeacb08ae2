; says: wrong_type_number.scm:4: \+: .*number.*seven
(define (total items sum)
  (if (null? items) sum
      (total (cdr items) (+ (car items) sum))))
(total '(1 2 seven 3) 0)
