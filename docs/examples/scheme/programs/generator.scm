; Generators made of call/cc: trees are walked by a producer and a consumer that take turns, each a continuation.
; The benchmark's size: 16
(import (scheme base) (scheme write) (scheme process-context))

(define depth
  (let ((arguments (cdr (command-line))))
    (if (pair? arguments) (string->number (car arguments)) 5)))

(define end (list 'end))

; A procedure without arguments that returns, call by call, what `(produce yield)` yields, then `end`.
(define (generator produce)
  (define return #f)
  (define (resume)
    (produce (lambda (value)
               (call/cc (lambda (rest)
                          (set! resume (lambda () (rest #f)))
                          (return value)))))
    (set! resume (lambda () (return end)))
    (return end))
  (lambda ()
    (call/cc (lambda (caller)
               (set! return caller)
               (resume)))))

; ---- trees: leaves are numbers ---------------------------------------------------------------------------
; The same leaves in the same order, in two shapes.
(define (balanced low high)
  (if (= (+ low 1) high)
      low
      (let ((middle (quotient (+ low high) 2)))
        (cons (balanced low middle) (balanced middle high)))))

(define (leaning low high)
  (if (= (+ low 1) high)
      low
      (cons (leaning low (- high 1)) (- high 1))))

(define (leaves tree)
  (generator
   (lambda (yield)
     (let walk ((tree tree))
       (cond ((pair? tree) (walk (car tree)) (walk (cdr tree)))
             (else (yield tree)))))))

(define (same-fringe? a b)
  (let ((next-a (leaves a)) (next-b (leaves b)))
    (let loop ()
      (let ((x (next-a)) (y (next-b)))
        (cond ((not (eqv? x y)) #f)
              ((eq? x end) #t)
              (else (loop)))))))

; ---- a pipeline of generators ---------------------------------------------------------------------------------
(define (numbers-from n)
  (generator (lambda (yield) (let loop ((n n)) (yield n) (loop (+ n 1))))))

(define (keep wanted? next)
  (generator
   (lambda (yield)
     (let loop ((value (next)))
       (unless (eq? value end)
         (when (wanted? value) (yield value))
         (loop (next)))))))

(define (take n next)
  (let loop ((n n) (items '()))
    (let ((value (if (= n 0) end (next))))
      (if (eq? value end)
          (reverse items)
          (loop (- n 1) (cons value items))))))

; ---- all permutations, by going back into a choice --------------------------------------------------------------
(define (permutations items)
  (define results '())
  (define retry #f)
  (define (choose choices)
    (call/cc
     (lambda (chosen)
       (let ((outer retry))
         (for-each (lambda (choice)
                     (call/cc (lambda (again)
                                (set! retry (lambda () (again #f)))
                                (chosen choice))))
                   choices)
         (set! retry outer)
         (outer)))))
  (define (without item list)
    (cond ((null? list) '())
          ((eqv? (car list) item) (cdr list))
          (else (cons (car list) (without item (cdr list))))))
  (call/cc
   (lambda (done)
     (set! retry (lambda () (done #f)))
     (let ((picked (let pick ((left items))
                     (if (null? left)
                         '()
                         (let ((item (choose left)))
                           (cons item (pick (without item left))))))))
       (set! results (cons picked results))
       (retry))))
  (reverse results))

(define (show what value) (display what) (display " ") (write value) (newline))

(define count (expt 2 depth))
(show "leaves" (take 10 (leaves (balanced 0 count))))
(show "same fringe:" (let ((n (min count 256))) (same-fringe? (balanced 0 n) (leaning 0 n))))
(show "of two large trees:" (same-fringe? (balanced 0 count) (balanced 0 count)))
(show "of a shorter one:" (same-fringe? (balanced 0 count) (balanced 0 (- count 1))))
(show "odd squares:"
      (take 8 (keep odd? (let ((next (numbers-from 1)))
                           (generator (lambda (yield)
                                        (let loop ((n (next))) (yield (* n n)) (loop (next)))))))))
(show "of many:"
      (apply + (take (* 4 count) (keep (lambda (n) (= 0 (modulo n 3))) (numbers-from 1)))))
(define all (permutations '(1 2 3 4)))
(show "permutations:" (length all))
(show "first and last:" (list (car all) (list-ref all (- (length all) 1))))
