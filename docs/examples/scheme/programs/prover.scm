; A prover by unification: Horn clauses, depth first, success continuations. Terms are lists, variables are
; records; bindings live in an association list, so that giving a branch up costs nothing.
; The benchmark's size: 60
(import (scheme base) (scheme cxr) (scheme write) (scheme process-context))

(define size
  (let ((arguments (cdr (command-line))))
    (if (pair? arguments) (string->number (car arguments)) 6)))

; ---- variables, bindings, unification ---------------------------------------------------------------
(define-record-type variable (make-variable name) variable? (name variable-name))

; What a term stands for, as far as its first word tells.
(define (walk term bindings)
  (if (variable? term)
      (let ((binding (assq term bindings)))
        (if binding (walk (cdr binding) bindings) term))
      term))

; The bindings under which a and b are the same, or #f.
(define (unify a b bindings)
  (let ((a (walk a bindings)) (b (walk b bindings)))
    (cond ((eq? a b) bindings)
          ((variable? a) (cons (cons a b) bindings))
          ((variable? b) (cons (cons b a) bindings))
          ((and (pair? a) (pair? b))
           (let ((bindings (unify (car a) (car b) bindings)))
             (and bindings (unify (cdr a) (cdr b) bindings))))
          ((equal? a b) bindings)
          (else #f))))

(define (substitute term bindings)
  (let ((term (walk term bindings)))
    (if (pair? term)
        (cons (substitute (car term) bindings) (substitute (cdr term) bindings))
        term)))

; ---- clauses ------------------------------------------------------------------------------------------
; A clause is (head goal ...); in it, symbols that begin with ? are variables. Each use has fresh ones.
(define (variable-symbol? x)
  (and (symbol? x) (char=? (string-ref (symbol->string x) 0) #\?)))

(define (rename term)
  (let ((fresh '()))
    (let copy ((term term))
      (cond ((variable-symbol? term)
             (let ((known (assq term fresh)))
               (if known
                   (cdr known)
                   (let ((new (make-variable term)))
                     (set! fresh (cons (cons term new) fresh))
                     new))))
            ((pair? term)
             (let ((first (copy (car term)))) (cons first (copy (cdr term)))))
            (else term)))))

; ---- proof --------------------------------------------------------------------------------------------
; Calls `found` with the bindings of each proof, until it returns true. What is proved returns true, too.
(define (prove goals bindings clauses found)
  (if (null? goals)
      (found bindings)
      (let try ((rest clauses))
        (and (pair? rest)
             (or (let ((goal (walk (car goals) bindings)))
                   (and (eq? (car goal) (caaar rest))
                        (let* ((clause (rename (car rest)))
                               (new (unify goal (car clause) bindings)))
                          (and new (prove (append (cdr clause) (cdr goals)) new clauses found)))))
                 (try (cdr rest)))))))

; All instances of `wanted` for which `goals` holds, at most `limit`.
(define (solutions wanted goals clauses limit)
  (let* ((query (rename (cons wanted goals)))
         (results '()))
    (prove (cdr query) '() clauses
           (lambda (bindings)
             (set! results (cons (substitute (car query) bindings) results))
             (= (length results) limit)))
    (reverse results)))

; ---- what is known ------------------------------------------------------------------------------------
; Lists are (& first rest) and nil.
(define clauses
  '(((append nil ?y ?y))
    ((append (& ?x ?rest) ?y (& ?x ?z)) (append ?rest ?y ?z))
    ((reverse nil nil))
    ((reverse (& ?x ?rest) ?all) (reverse ?rest ?r) (append ?r (& ?x nil) ?all))
    ((parent ann bob)) ((parent ann bea)) ((parent bob cal)) ((parent bea cat)) ((parent cal dan))
    ((ancestor ?a ?b) (parent ?a ?b))
    ((ancestor ?a ?c) (parent ?a ?b) (ancestor ?b ?c))
    ((color red)) ((color green)) ((color blue))
    ((differ red green)) ((differ red blue)) ((differ green red))
    ((differ green blue)) ((differ blue red)) ((differ blue green))
    ((map ?a ?b ?c ?d ?e)
     (differ ?a ?b) (differ ?a ?c) (differ ?b ?c) (differ ?b ?d) (differ ?c ?d) (differ ?d ?e) (differ ?a ?e))))

(define (term-list items)
  (if (null? items) 'nil (list '& (car items) (term-list (cdr items)))))

(define (show-list term)
  (if (pair? term) (cons (cadr term) (show-list (caddr term))) '()))

(define (numbers n)
  (let loop ((n n) (list '())) (if (= n 0) list (loop (- n 1) (cons n list)))))

(define (show what value) (display what) (display " ") (write value) (newline))

(show "ann's descendants:" (solutions '?x '((ancestor ann ?x)) clauses 100))
(show "dan's ancestors:" (solutions '?x '((ancestor ?x dan)) clauses 100))
(show "two parts of (1 2 3):"
      (map (lambda (pair) (map show-list pair))
           (solutions '(?x ?y) (list (list 'append '?x '?y (term-list '(1 2 3)))) clauses 100)))
(show "colors of a map:" (solutions '(?a ?b ?c ?d ?e) '((map ?a ?b ?c ?d ?e)) clauses 3))
(show "of all:" (length (solutions '(?a ?b ?c ?d ?e) '((map ?a ?b ?c ?d ?e)) clauses 1000)))
(do ((n 1 (+ n 1)))
    ((> n size))
  (let ((reversed (car (solutions '?x (list (list 'reverse (term-list (numbers n)) '?x)) clauses 1))))
    (when (= n size) (show "reversed:" (show-list reversed)))))
(show "is nobody's parent:" (solutions '?x '((parent dan ?x)) clauses 100))
