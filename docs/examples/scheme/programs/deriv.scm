; A symbolic differentiator with a simplifier. Pairs, symbols, small numbers; then exact values, which are large.
; The benchmark's size: 10000
(import (scheme base) (scheme cxr) (scheme write) (scheme process-context))

(define rounds
  (let ((arguments (cdr (command-line))))
    (if (pair? arguments) (string->number (car arguments)) 3)))

; ---- sums, products and powers, simplified as they are made ---------------------------------------------
(define (sum a b)
  (cond ((and (number? a) (number? b)) (+ a b))
        ((eqv? a 0) b)
        ((eqv? b 0) a)
        ((equal? a b) (product 2 a))
        (else (list '+ a b))))

(define (difference a b)
  (cond ((and (number? a) (number? b)) (- a b))
        ((eqv? b 0) a)
        ((equal? a b) 0)
        (else (list '- a b))))

(define (product a b)
  (cond ((and (number? a) (number? b)) (* a b))
        ((or (eqv? a 0) (eqv? b 0)) 0)
        ((eqv? a 1) b)
        ((eqv? b 1) a)
        ((number? b) (product b a))
        ((and (number? a) (pair? b) (eq? (car b) '*) (number? (cadr b)))
         (product (* a (cadr b)) (caddr b)))
        (else (list '* a b))))

(define (power a n)
  (cond ((eqv? n 0) 1)
        ((eqv? n 1) a)
        ((number? a) (expt a n))
        (else (list '^ a n))))

; ---- differentiation --------------------------------------------------------------------------------------
(define (derivative e x)
  (cond ((number? e) 0)
        ((symbol? e) (if (eq? e x) 1 0))
        (else
         (let ((a (cadr e)))
           (case (car e)
             ((+) (sum (derivative a x) (derivative (caddr e) x)))
             ((-) (difference (derivative a x) (derivative (caddr e) x)))
             ((*) (sum (product (derivative a x) (caddr e))
                       (product a (derivative (caddr e) x))))
             ((^) (product (product (caddr e) (power a (- (caddr e) 1)))
                           (derivative a x)))
             ((sin) (product (list 'cos a) (derivative a x)))
             ((cos) (product -1 (product (list 'sin a) (derivative a x))))
             (else (error "not an expression:" e)))))))

(define (nth-derivative e x n)
  (if (= n 0) e (nth-derivative (derivative e x) x (- n 1))))

; ---- values of polynomials, exact ---------------------------------------------------------------------------
(define (value e environment)
  (cond ((number? e) e)
        ((symbol? e) (cdr (assq e environment)))
        (else
         (let ((a (value (cadr e) environment)) (b (value (caddr e) environment)))
           (case (car e)
             ((+) (+ a b))
             ((-) (- a b))
             ((*) (* a b))
             ((^) (expt a b))
             (else (error "no value:" e)))))))

(define (count e) (if (pair? e) (+ (count (car e)) (count (cdr e))) (if (null? e) 0 1)))

(define (show e) (write e) (newline))

(show (derivative '(+ (* 3 (^ x 2)) (+ (* 5 x) 7)) 'x))
(show (derivative '(* (sin x) (cos (* 2 x))) 'x))
(show (derivative '(* x (* y (^ x 3))) 'y))
(show (nth-derivative '(^ x 5) 'x 5))
(show (nth-derivative '(sin (* 3 x)) 'x 4))

(define polynomial
  '(* (+ (^ x 7) (* 3 (^ x 2))) (- (* (^ x 5) y) (* (+ x 11) (^ (+ x y) 4)))))
(show (derivative polynomial 'x))

(define (repeat n)
  (let loop ((i 1) (size 0) (total 0))
    (if (> i n)
        (begin (show size) (show (modulo total 1000000007)) (show (string-length (number->string total))))
        (let ((fourth (nth-derivative polynomial 'x 4)))
          (loop (+ i 1)
                (+ size (count fourth))
                (+ total (* i (value fourth (list (cons 'x (* i 1000003)) (cons 'y (- i)))))))))))
(repeat rounds)
