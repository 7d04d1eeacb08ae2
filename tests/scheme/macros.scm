; syntax-rules: patterns, ellipses, literals, nesting; let-syntax, letrec-syntax. R7RS 4.3.

; ---- patterns -----------------------------------------------------------------------------------------------------
(define-syntax swap!
  (syntax-rules ()
    ((_ a b) (let ((tmp a)) (set! a b) (set! b tmp)))))
(check (let ((x 1) (y 2)) (swap! x y) (list x y)) => '(2 1))

(define-syntax my-if
  (syntax-rules (then else)
    ((_ c then t else e) (cond (c t) (else e)))
    ((_ c then t) (my-if c then t else #f))))
(check (my-if #t then 1 else 2) => 1)
(check (my-if #f then 1 else 2) => 2)
(check (my-if #f then 1) => #f)

(define-syntax my-or
  (syntax-rules ()
    ((_) #f)
    ((_ e) e)
    ((_ e r ...) (let ((t e)) (if t t (my-or r ...))))))
(check (my-or) => #f)
(check (my-or #f #f 3) => 3)

(define-syntax my-let
  (syntax-rules ()
    ((_ ((name val) ...) body1 body2 ...) ((lambda (name ...) body1 body2 ...) val ...))
    ((_ tag ((name val) ...) body1 body2 ...)
     ((letrec ((tag (lambda (name ...) body1 body2 ...))) tag) val ...))))
(check (my-let ((a 1) (b 2)) (+ a b)) => 3)
(check (my-let loop ((i 0) (s 0)) (if (= i 5) s (loop (+ i 1) (+ s i)))) => 10)
(check (my-let () 1 2) => 2)

(define-syntax my-let*
  (syntax-rules ()
    ((_ () body ...) (let () body ...))
    ((_ ((x v) rest ...) body ...) (let ((x v)) (my-let* (rest ...) body ...)))))
(check (my-let* ((a 1) (b (+ a 1)) (a (* b 10))) (list a b)) => '(20 2))

; ---- ellipses: nested, followed by more, in vectors, dotted ------------------------------------------------------------
(define-syntax flatten
  (syntax-rules () ((_ (a b ...) ...) '(a ... (b ...) ...))))
(check (flatten (1 2 3) (4) (5 6)) => '(1 4 5 (2 3) () (6)))
(define-syntax append-all
  (syntax-rules () ((_ (a ...) ...) '(a ... ...))))
(check (append-all (1 2) () (3)) => '(1 2 3))
(define-syntax last-of
  (syntax-rules () ((_ first ... last) 'last)))
(check (last-of 1 2 3) => 3)
(check (last-of 1) => 1)
(define-syntax but-last
  (syntax-rules () ((_ (first ... last-but-one last)) '((first ...) last-but-one last))))
(check (but-last (1 2 3 4)) => '((1 2) 3 4))
(check (but-last (1 2)) => '(() 1 2))
(define-syntax dotted
  (syntax-rules () ((_ a . b) '(a b))))
(check (dotted 1 2 3) => '(1 (2 3)))
(check (dotted 1) => '(1 ()))
(check (dotted 1 . 2) => '(1 2))
(define-syntax tail-pattern
  (syntax-rules () ((_ a ... . r) '((a ...) r))))
(check (tail-pattern 1 2 3) => '((1 2 3) ()))
(check (tail-pattern 1 2 . 3) => '((1 2) 3))
(define-syntax of-vector
  (syntax-rules () ((_ #(a b ...)) '(a (b ...)))))
(check (of-vector #(1 2 3)) => '(1 (2 3)))
(define-syntax to-vector
  (syntax-rules () ((_ a ...) #(a ... end))))
(check (to-vector 1 2 3) => #(1 2 3 end))
(define-syntax with-constants
  (syntax-rules () ((_ 1 "a" #\b x) 'yes) ((_ . rest) 'no)))
(check (with-constants 1 "a" #\b anything) => 'yes)
(check (with-constants 1 "b" #\b anything) => 'no)
(define-syntax ignore
  (syntax-rules () ((_ _ x _) 'x)))
(check (ignore 1 2 3) => 2)
(define-syntax pairs
  (syntax-rules () ((_ (k v) ...) (list (cons 'k v) ...))))
(check (pairs (a 1) (b (+ 1 1))) => '((a . 1) (b . 2)))
(define-syntax repeat-outer
  (syntax-rules () ((_ x (y ...)) '((x y) ...))))
(check (repeat-outer a (1 2 3)) => '((a 1) (a 2) (a 3)))
(define-syntax deep
  (syntax-rules () ((_ ((a (b ...)) ...) ...) '((a ... ...) ((b ... ...) ...)))))
(check (deep ((x (1 2)) (y (3))) ((z ()))) => '((x y z) ((1 2 3) ())))

; ---- the ellipsis escaped and renamed ------------------------------------------------------------------------------------
(define-syntax be-like-begin
  (syntax-rules ()
    ((be-like-begin name)
     (define-syntax name (syntax-rules () ((name expr (... ...)) (begin expr (... ...))))))))
(be-like-begin sequence)
(check (sequence 1 2 3 4) => 4)
(define-syntax other-ellipsis
  (syntax-rules ::: ()
    ((_ (a b :::) :::) '((b ::: a) :::))))
(check (other-ellipsis (1 2 3) (4 5)) => '((2 3 1) (5 4)))
(define-syntax literal-ellipsis
  (syntax-rules () ((_ a) '(a (... ...)))))
(check (literal-ellipsis 1) => '(1 ...))
(check (let ((=> #f)) (cond (#t => 'ok))) => 'ok)

; ---- local macros ---------------------------------------------------------------------------------------------------------
(check (let ((x 'outer))
         (let-syntax ((m (syntax-rules () ((m) x))))
           (let ((x 'inner)) (m)))) => 'outer)
(check (let-syntax ((given-that (syntax-rules () ((_ test stmt1 stmt2 ...) (if test (begin stmt1 stmt2 ...))))))
         (let ((if #t)) (given-that if (set! if 'now)) if)) => 'now)
(check (letrec-syntax
           ((my-or (syntax-rules ()
                     ((my-or) #f)
                     ((my-or e) e)
                     ((my-or e1 e2 ...) (let ((temp e1)) (if temp temp (my-or e2 ...)))))))
         (let ((x #f) (y 7) (temp 8) (let odd?) (if even?))
           (my-or x (let temp) (if y) y))) => 7)
(check (letrec-syntax ((is-even? (syntax-rules () ((_) #t) ((_ x . r) (is-odd? . r))))
                       (is-odd? (syntax-rules () ((_) #f) ((_ x . r) (is-even? . r)))))
         (list (is-even? a b c) (is-odd? a b c))) => '(#f #t))
(check (let ()
         (define-syntax twice (syntax-rules () ((_ e) (begin e e))))
         (define n 0)
         (twice (set! n (+ n 1)))
         n) => 2)
(check (let-syntax () 5) => 5)
(check (let ((x 1))
         (let-syntax ((foo (syntax-rules () ((_ y) (let-syntax ((bar (syntax-rules () ((_) (let ((x 2)) y))))) (bar))))))
           (foo x))) => 1)

; ---- macros that define -----------------------------------------------------------------------------------------------------
(define-syntax define-getter
  (syntax-rules () ((_ name value) (define (name) value))))
(define-getter get-seven 7)
(check (get-seven) => 7)
(define-syntax define-two
  (syntax-rules () ((_ (a x) (b y)) (begin (define a x) (define b y)))))
(define-two (one 1) (two (+ one 1)))
(check (list one two) => '(1 2))
(check (let () (define-two (p 3) (q (* p p))) (list p q)) => '(3 9))
(define-syntax define-record
  (syntax-rules ()
    ((_ name make pred (field get) ...) (define-record-type name (make field ...) pred (field get) ...))))
(define-record point make-point point? (x point-x) (y point-y))
(check (let ((p (make-point 3 4))) (list (point? p) (point-x p) (point-y p))) => '(#t 3 4))
(define-syntax my-define-values
  (syntax-rules () ((_ (a ...) e) (define-values (a ...) e))))
(my-define-values (ma mb) (values 1 2))
(check (list ma mb) => '(1 2))

; ---- recursion and accumulation ------------------------------------------------------------------------------------------------
(define-syntax my-reverse
  (syntax-rules ()
    ((_ () acc) 'acc)
    ((_ (x . r) (a ...)) (my-reverse r (x a ...)))))
(check (my-reverse (1 2 3 4) ()) => '(4 3 2 1))
(define-syntax my-cond
  (syntax-rules (else)
    ((_ (else e ...)) (begin e ...))
    ((_ (c e ...) clause ...) (if c (begin e ...) (my-cond clause ...)))))
(check (my-cond (#f 1) ((= 1 1) 2 3) (else 4)) => 3)
(check (my-cond (#f 1) (else 4)) => 4)
(define-syntax while
  (syntax-rules () ((_ cond body ...) (let loop () (when cond body ... (loop))))))
(check (let ((n 0) (s 0)) (while (< n 5) (set! s (+ s n)) (set! n (+ n 1))) s) => 10)
(define-syntax for
  (syntax-rules (in from to)
    ((_ x in list body ...) (for-each (lambda (x) body ...) list))
    ((_ x from a to b body ...) (do ((x a (+ x 1))) ((> x b)) body ...))))
(check (let ((s 0)) (for x in '(1 2 3) (set! s (+ s x))) (for i from 10 to 12 (set! s (+ s i))) s) => 39)
(define-syntax cps
  (syntax-rules () ((_ k (e ...) x ...) (k e ... x ...))))
(check (cps list (1 2) 3 4) => '(1 2 3 4))
(define-syntax quoted
  (syntax-rules () ((_ x) 'x)))
(check (quoted (a . (b c . d))) => '(a b c . d))
(check (quoted #(1 (2 . 3))) => #(1 (2 . 3)))
(check (quoted "s") => "s")
(define-syntax quasi (syntax-rules () ((_ x y ...) `(x ,x ,@(list y ...) (y ,y) ...))))
(check (let ((a 1)) (quasi a 2 3)) => '(a 1 2 3 (2 2) (3 3)))

; ---- errors ---------------------------------------------------------------------------------------------------------------
(define-syntax must-be-two
  (syntax-rules () ((_ a b) 'ok) ((_ . other) (syntax-error "two are wanted" . other))))
(check (must-be-two 1 2) => 'ok)
(check (eval '(must-be-two 1) (interaction-environment)) raises)
(check (eval '(swap! 1) (interaction-environment)) raises)
(check (eval '(let ((x)) x) (interaction-environment)) raises)
(check (eval '(if) (interaction-environment)) raises)
(check (eval '(lambda) (interaction-environment)) raises)
(check (eval '(let ((x 1) (x 2)) x) (interaction-environment)) raises)
