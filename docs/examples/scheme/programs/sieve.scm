; A prime sieve on threads: each takes the next segment of the numbers from a shared counter, under a mutex,
; and strikes out multiples in a bytevector of its own.
; The benchmark's size: 20000000
(import (scheme base) (scheme write) (scheme process-context) (srfi 18))

(define limit
  (let ((arguments (cdr (command-line))))
    (if (pair? arguments) (string->number (car arguments)) 20000)))

(define thread-count 4)
(define segment (max 1000 (quotient limit 64)))

; The primes up to n, for a small n.
(define (small-primes n)
  (let loop ((candidate 2) (primes '()))
    (if (> candidate n)
        (reverse primes)
        (loop (+ candidate 1)
              (if (let divides? ((rest primes))
                    (and (pair? rest)
                         (or (= 0 (modulo candidate (car rest))) (divides? (cdr rest)))))
                  primes
                  (cons candidate primes))))))

(define base-primes
  (let-values (((root rest) (exact-integer-sqrt limit)))
    (small-primes root)))

; The primes p with low <= p < high, in order.
(define (sieve-segment low high)
  (let* ((size (- high low)) (composite (make-bytevector size 0)))
    (for-each
     (lambda (p)
       (let ((from (max (* p p) (* p (quotient (+ low (- p 1)) p)))))
         (do ((m (- from low) (+ m p)))
             ((>= m size))
           (bytevector-u8-set! composite m 1))))
     base-primes)
    (let collect ((i (- size 1)) (primes '()))
      (cond ((< i 0) primes)
            ((= 0 (bytevector-u8-ref composite i)) (collect (- i 1) (cons (+ low i) primes)))
            (else (collect (- i 1) primes))))))

; ---- the work is shared out by a counter, the results are gathered in a vector -------------------------------
(define mutex (make-mutex))
(define next-low 2)
(define results (make-vector (+ 1 (quotient limit segment)) '()))

; The first number of a segment that nobody has taken, or #f.
(define (take-segment!)
  (mutex-lock! mutex)
  (let ((low next-low))
    (set! next-low (+ low segment))
    (mutex-unlock! mutex)
    (and (<= low limit) low)))

; Returns how many primes this thread found.
(define (worker)
  (let loop ((found 0))
    (let ((low (take-segment!)))
      (if low
          (let ((primes (sieve-segment low (min (+ low segment) (+ limit 1)))))
            (vector-set! results (quotient (- low 2) segment) primes)
            (loop (+ found (length primes))))
          found))))

(define (start-workers n)
  (if (= n 0) '() (let ((thread (thread-start! (make-thread worker)))) (cons thread (start-workers (- n 1))))))

(define found (apply + (map thread-join! (start-workers thread-count))))

(define (show what value) (display what) (display " ") (write value) (newline))

; What the threads left, put together again.
(define-values (count total largest ordered)
  (let segments ((i 0) (count 0) (total 0) (last 0) (ordered #t))
    (if (= i (vector-length results))
        (values count total last ordered)
        (let each ((primes (vector-ref results i)) (count count) (total total) (last last) (ordered ordered))
          (if (null? primes)
              (segments (+ i 1) count total last ordered)
              (each (cdr primes) (+ count 1) (+ total (car primes)) (car primes)
                    (and ordered (< last (car primes)))))))))

(show "primes up to" limit)
(show "found by the threads:" found)
(show "gathered:" count)
(show "sum:" total)
(show "largest:" largest)
(show "in order:" ordered)
