; Hygiene: names that a macro brings along mean what they mean where the macro was defined, and names that
; it is given mean what they mean where it is used.

(define-syntax my-or2
  (syntax-rules () ((_ a b) (let ((t a)) (if t t b)))))
(check (let ((t 5)) (my-or2 #f t)) => 5)
(check (let ((if list)) (my-or2 #f 2)) => 2)
(check (let ((let list) (if vector)) (my-or2 1 2)) => 1)

(define-syntax swap2!
  (syntax-rules () ((_ a b) (let ((tmp a)) (set! a b) (set! b tmp)))))
(check (let ((tmp 1) (other 2)) (swap2! tmp other) (list tmp other)) => '(2 1))
(check (let ((set! 1) (let 2)) (swap2! set! let) (list set! let)) => '(2 1))

; A free name is the macro's definition's, even a global that is defined later.
(define-syntax call-later (syntax-rules () ((_ x) (defined-later x))))
(define (defined-later x) (list 'later x))
(check (call-later 1) => '(later 1))
(check (let ((defined-later car)) (call-later 1)) => '(later 1))

(define helper-value 'global)
(define-syntax get-helper (syntax-rules () ((_) helper-value)))
(check (let ((helper-value 'local)) (get-helper)) => 'global)
(check (let ((helper-value 'local)) (let-syntax ((m (syntax-rules () ((_) helper-value)))) (let ((helper-value 3)) (m))))
       => 'local)

; Each expansion has names of its own.
(define-syntax two-temporaries
  (syntax-rules ()
    ((_ a b) (let ((x a)) (let ((y (my-inc b))) (list x y))))))
(define-syntax my-inc (syntax-rules () ((_ e) (let ((x 1)) (+ x e)))))
(check (let ((x 10)) (two-temporaries x x)) => '(10 11))

(define-syntax nested-let
  (syntax-rules ()
    ((_ () acc body) (let acc body))
    ((_ (e . r) (acc ...) body) (nested-let r (acc ... (t e)) body))))
; Two bindings named t come from two expansions: they do not collide.
(check (nested-let (1 2 3) () 'fine) => 'fine)

(define-syntax generate-temporaries-sum
  (syntax-rules ()
    ((_ "go" () ((t e) ...)) (let ((t e) ...) (+ t ...)))
    ((_ "go" (e . r) (b ...)) (generate-temporaries-sum "go" r (b ... (t e))))
    ((_ e ...) (generate-temporaries-sum "go" (e ...) ()))))
(check (generate-temporaries-sum 1 2 3 4) => 10)

; Literals match by binding: a literal that is shadowed where the macro is used does not match.
(define-syntax is-else
  (syntax-rules (else) ((_ else) 'literal) ((_ x) 'something)))
(check (is-else else) => 'literal)
(check (let ((else 1)) (is-else else)) => 'something)
(check (let ((else #f)) (cond (else 'wrong) (#t 'right))) => 'right)

; Macros that make macros.
(define-syntax make-constant-macro
  (syntax-rules () ((_ name value) (define-syntax name (syntax-rules () ((_) value))))))
(define secret 'outer-secret)
(make-constant-macro get-secret secret)
(check (let ((secret 'inner)) (get-secret)) => 'outer-secret)
(check (let ((secret 'local))
         (make-constant-macro get-local secret)
         (let ((secret 'innermost)) (get-local))) => 'local)
(define-syntax make-adder
  (syntax-rules ()
    ((_ name n) (define-syntax name (syntax-rules () ((_ x) (let ((m n)) (+ x m))))))))
(make-adder add-five 5)
(check (let ((m 100)) (add-five m)) => 105)

; A macro's local definition is not seen outside.
(define-syntax with-hidden
  (syntax-rules () ((_ e) (let () (define hidden 1) (+ hidden e)))))
(check (let ((hidden 10)) (with-hidden hidden)) => 11)
(define-syntax with-loop
  (syntax-rules () ((_ n e) (let loop ((i 0) (acc '())) (if (= i n) acc (loop (+ i 1) (cons e acc)))))))
(check (let ((i 'mine) (loop 'also)) (with-loop 2 (list i loop))) => '((mine also) (mine also)))

; Names that are given are bound.
(define-syntax my-lambda (syntax-rules () ((_ x e) (lambda (x) e))))
(check ((my-lambda y (* y y)) 5) => 25)
(define-syntax for-range
  (syntax-rules () ((_ (v n) e) (let loop ((v 0) (s 0)) (if (= v n) s (loop (+ v 1) (+ s e)))))))
(check (for-range (loop 4) loop) => 6)
(check (for-range (s 4) (* s s)) => 14)

; Quoted names are themselves again.
(define-syntax names (syntax-rules () ((_ x) '(x t let if))))
(check (names q) => '(q t let if))
(check (eq? (car (names q)) 'q) => #t)
(check (eq? (cadr (names q)) 't) => #t)
(define-syntax case-name (syntax-rules () ((_ e) (case e ((a b) 'one) ((let) 'two) (else 'three)))))
(check (list (case-name 'a) (case-name 'let) (case-name 'z)) => '(one two three))

; A keyword that is a local variable is a variable.
(check (let ((when list)) (when 1 2)) => '(1 2))
(check ((lambda (define) (+ define 1)) 2) => 3)
(check (let ((quote -)) '5) => -5)
(define (shadow-macro my-or2) (my-or2 1 2))
(check (shadow-macro +) => 3)

; A macro passed through do, named let, guard, parameterize, case-lambda and define-record-type.
(define-syntax try
  (syntax-rules () ((_ e default) (guard (ex (#t default)) e))))
(check (let ((ex 7)) (try (raise 'x) ex)) => 7)
(define-syntax count-to
  (syntax-rules () ((_ n) (do ((i 0 (+ i 1)) (s 0 (+ s i))) ((= i n) s)))))
(check (let ((s 3)) (count-to s)) => 3)
(define-syntax receive
  (syntax-rules () ((_ formals e body ...) (call-with-values (lambda () e) (lambda formals body ...)))))
(check (receive (a . rest) (values 1 2 3) (list a rest)) => '(1 (2 3)))
(define-syntax my-param (syntax-rules () ((_ p v e) (parameterize ((p v)) e))))
(check (let ((p (make-parameter 1))) (my-param p 2 (p))) => 2)
(define-syntax counter-maker
  (syntax-rules () ((_ name) (define name (let ((n 0)) (case-lambda (() (set! n (+ n 1)) n) ((v) (set! n v) n)))))))
(counter-maker tick)
(check (begin (tick) (tick) (tick 10) (tick)) => 11)
