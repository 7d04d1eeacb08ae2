; Quicksort, in place on a vector and on lists; both must agree.
; The benchmark's size: 200000
(import (scheme base) (scheme write) (scheme process-context))

(define size
  (let ((arguments (cdr (command-line))))
    (if (pair? arguments) (string->number (car arguments)) 500)))

(define seed 1)
(define (random!)
  (set! seed (modulo (+ (* seed 1103515245) 12345) 2147483648))
  (quotient seed 256))

; ---- on vectors -----------------------------------------------------------------------------------
(define (swap! v i j)
  (let ((x (vector-ref v i)))
    (vector-set! v i (vector-ref v j))
    (vector-set! v j x)))

; Hoare's partition about the middle item.
(define (vector-quicksort! v)
  (let sort ((low 0) (high (- (vector-length v) 1)))
    (when (< low high)
      (let ((pivot (vector-ref v (quotient (+ low high) 2))))
        (let partition ((i low) (j high))
          (let* ((i (let up ((i i)) (if (< (vector-ref v i) pivot) (up (+ i 1)) i)))
                 (j (let down ((j j)) (if (> (vector-ref v j) pivot) (down (- j 1)) j))))
            (cond ((< i j) (swap! v i j) (partition (+ i 1) (- j 1)))
                  ((= i j) (sort low (- i 1)) (sort (+ j 1) high))
                  (else (sort low j) (sort i high)))))))))

; ---- on lists -------------------------------------------------------------------------------------
; Sorted `items`, in front of `tail`.
(define (list-quicksort items tail)
  (if (null? items)
      tail
      (let ((pivot (car items)))
        (let split ((rest (cdr items)) (less '()) (more '()))
          (cond ((null? rest)
                 (list-quicksort less (cons pivot (list-quicksort more tail))))
                ((< (car rest) pivot) (split (cdr rest) (cons (car rest) less) more))
                (else (split (cdr rest) less (cons (car rest) more))))))))

(define (sorted? items)
  (or (null? items)
      (null? (cdr items))
      (and (<= (car items) (cadr items)) (sorted? (cdr items)))))

(define (random-list n)
  (let loop ((n n) (items '()))
    (if (= n 0) items (loop (- n 1) (cons (random!) items)))))

(define (show what value) (display what) (display " ") (display value) (newline))

(define rounds 4)
(do ((round 1 (+ round 1)))
    ((> round rounds))
  (let* ((items (random-list size))
         (v (list->vector items))
         (sorted (list-quicksort items '())))
    (vector-quicksort! v)
    (show "round" round)
    (show "  sorted:" (sorted? sorted))
    (show "  agree:" (equal? sorted (vector->list v)))
    (show "  smallest, middle, largest:"
          (list (vector-ref v 0) (vector-ref v (quotient size 2)) (vector-ref v (- size 1))))
    (show "  input unchanged:" (= (length items) size))))
