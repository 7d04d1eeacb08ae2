; Proper tail calls, in every place that the standard calls a tail position. Each loop is far deeper than a
; stack would bear; and what is no tail call recurses deeply enough to move a stack.

(define rounds 300000)

(check (let loop ((n rounds)) (if (= n 0) 'done (loop (- n 1)))) => 'done)
(check (let loop ((n rounds)) (cond ((= n 0) 'done) (else (loop (- n 1))))) => 'done)
(check (let loop ((n rounds)) (cond ((= n 0) 'done) ((- n 1) => loop) (else #f))) => 'done)
(check (let loop ((n rounds)) (case n ((0) 'done) (else (loop (- n 1))))) => 'done)
(check (let loop ((n rounds)) (case n ((0) 'done) (else => (lambda (n) (loop (- n 1)))))) => 'done)
(check (let loop ((n rounds)) (and #t (or #f (if (= n 0) 'done (loop (- n 1)))))) => 'done)
(check (let loop ((n rounds)) (when #t (unless #f (if (= n 0) 'done (loop (- n 1)))))) => 'done)
(check (let loop ((n rounds)) (let ((m (- n 1))) (let* ((k m)) (letrec ((j k)) (if (< j 0) 'done (loop j))))))
       => 'done)
(check (let loop ((n rounds)) (begin 1 2 (if (= n 0) 'done (loop (- n 1))))) => 'done)
(check (let loop ((n rounds)) (do () (#t (if (= n 0) 'done (loop (- n 1)))))) => 'done)
(check (let loop ((n rounds)) (if (= n 0) 'done (apply loop (list (- n 1))))) => 'done)
(check (let loop ((n rounds)) (if (= n 0) 'done (call-with-values (lambda () (- n 1)) loop))) => 'done)
(check (let loop ((n rounds)) (if (= n 0) 'done (call/cc (lambda (k) (loop (- n 1)))))) => 'done)
(check (let loop ((n rounds)) (let-values (((a b) (values n 1))) (if (= a 0) 'done (loop (- a b))))) => 'done)
(check (letrec ((loop (case-lambda ((n) (if (= n 0) 'done (loop (- n 1) 'x))) ((n x) (loop n))))) (loop rounds)) => 'done)
(check (letrec ((even (lambda (n) (if (= n 0) 'done (odd (- n 1))))) (odd (lambda (n) (if (= n 0) 'odd (even (- n 1))))))
         (even rounds)) => 'done)
(check (let loop ((n rounds) (rest '())) (if (= n 0) 'done (apply loop (- n 1) (list rest)))) => 'done)
(check (let loop ((n rounds) (a 1) (b 2) (c 3)) (if (= n 0) (list a b c) (loop (- n 1) b c a))) => '(1 2 3))

; Continuation passing: a call with a growing closure, no stack.
(define (sum/k n k) (if (= n 0) (k 0) (sum/k (- n 1) (lambda (sum) (k (+ sum n))))))
(check (sum/k 100000 (lambda (sum) sum)) => 5000050000)

; A state machine of closures that call each other by different numbers of arguments.
(define (a n) (if (= n 0) 'done (b (- n 1) 1)))
(define (b n x) (c n x 2 3 4))
(define (c n . rest) (a n))
(check (a rounds) => 'done)

; ---- no tail calls ------------------------------------------------------------------------------------------------
(define (count-up n) (if (= n 0) 0 (+ 1 (count-up (- n 1)))))
(check (count-up 100000) => 100000)
(define (build n) (if (= n 0) '() (cons n (build (- n 1)))))
(check (length (build 100000)) => 100000)
(check (apply + (map (lambda (x) 1) (build 50000))) => 50000)
(check (let deep ((n 20000)) (if (= n 0) 0 (let* ((a n) (b (deep (- n 1)))) (+ (- a n) b 1)))) => 20000)
