; says: wrong_type_compare.scm:3: <: .*number.*"5"
(define (less a b)
  (if (< a b) 'yes 'no))
(display (less 1 "5"))
