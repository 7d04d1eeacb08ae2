; What calls procedures is written here, so that continuations captured in them are like any others.

; ---- errors

(define (raise obj)
  (let ((handlers (%handlers)))
    (if (null? handlers)
        (%uncaught obj)
        (begin
          (%handlers (cdr handlers))
          ((car handlers) obj)
          (%handlers (cdr handlers))
          (if (error-object? obj)
              (raise obj) ; the handlers outside have the same error, not one about the handler
              (error "a handler returned from what was raised" obj))))))

(define (raise-continuable obj)
  (let ((handlers (%handlers)))
    (if (null? handlers)
        (%uncaught obj)
        (begin
          (%handlers (cdr handlers))
          (let ((result ((car handlers) obj)))
            (%handlers handlers)
            result)))))

(define (with-exception-handler handler thunk)
  (if (not (procedure? handler)) (error "with-exception-handler: not a procedure" handler))
  (let ((handlers (%handlers)))
    (%handlers (cons handler handlers))
    (let ((result (thunk)))
      (%handlers handlers)
      result)))

(%known! 0 raise)

(define (%guard body handle)
  ((call/cc
    (lambda (leave)
      (let ((handlers (%handlers)))
        (%handlers
         (cons (lambda (obj)
                 (if (%memory-error? obj) ; nothing that needs some to come back here
                     (leave (lambda () (handle obj (lambda () (raise obj)))))
                     ((call/cc
                       (lambda (back)
                         (leave
                          (lambda ()
                            (handle obj (lambda () (back (lambda () (raise-continuable obj))))))))))))
               handlers))
        (let ((result (body)))
          (%handlers handlers)
          (lambda () result)))))))

(define-syntax guard
  (syntax-rules ()
    ((_ (var clause ...) body ...)
     (%guard (lambda () body ...)
             (lambda (var again) (%guard-clauses again clause ...))))))

(define-syntax %guard-clauses
  (syntax-rules (else)
    ((_ again clause ... (else result ...)) (cond clause ... (else result ...)))
    ((_ again clause ...) (cond clause ... (else (again))))))

(define-syntax assert
  (syntax-rules ()
    ((_ test) (if test #t (error "assertion failed" 'test)))))

; ---- continuations

(define (call-with-values producer consumer)
  (%apply-values consumer (producer)))

; A winder is (before after handlers . parameters): the last two are what its procedures run with.
(define (dynamic-wind before thunk after)
  (before)
  (%winders (cons (cons before (cons after (cons (%handlers) (%parameters)))) (%winders)))
  (let ((result (thunk)))
    (%winders (cdr (%winders)))
    (after)
    result))

(define (%wind winder procedure)
  (%handlers (caddr winder))
  (%parameters (cdddr winder))
  (procedure))

; A continuation with other winders is called: out of those that are only here, into those that are only there.
(define (%rewind k vals)
  (let* ((to (%continuation-winders k))
         (shared (let loop ((a (%winders)) (b to))
                   (let ((m (length a)) (n (length b)))
                     (cond ((eq? a b) a)
                           ((> m n) (loop (cdr a) b))
                           ((< m n) (loop a (cdr b)))
                           (else (loop (cdr a) (cdr b))))))))
    (let out ((from (%winders)))
      (if (not (eq? from shared))
          (begin
            (%winders (cdr from))
            (%wind (car from) (cadr (car from)))
            (out (cdr from)))))
    (let in ((to to))
      (if (not (eq? to shared))
          (begin
            (in (cdr to))
            (%wind (car to) (car (car to)))
            (%winders to))))
    (apply %throw k vals)))

(%known! 1 %rewind)

(define (exit . code)
  (let out ((from (%winders)))
    (if (pair? from)
        (begin
          (%winders (cdr from))
          ((cadr (car from)))
          (out (cdr from)))))
  (apply %exit code))

; ---- parameters, promises, case-lambda

(define (make-parameter init . converter)
  (if (null? converter)
      (%make-parameter init #f)
      (%make-parameter ((car converter) init) (car converter))))

(define (%parameterize bindings thunk)
  (let* ((old (%parameters))
         (new (map (lambda (b)
                     (let ((converter (%parameter-converter (car b))))
                       (cons (car b) (if converter (converter (cdr b)) (cdr b)))))
                   bindings)))
    (%parameters (append new old))
    (let ((result (thunk)))
      (%parameters old)
      result)))

(define-syntax parameterize
  (syntax-rules ()
    ((_ ((parameter value) ...) body ...)
     (%parameterize (list (cons parameter value) ...) (lambda () body ...)))))

; The state is (done? . value), or (#f . thunk); a chain of delay-force shares one.
(define-record-type %promise (%make-promise state) promise? (state %promise-state %promise-state!))

(define-syntax delay-force
  (syntax-rules () ((_ e) (%make-promise (cons #f (lambda () e))))))
(define-syntax delay
  (syntax-rules () ((_ e) (delay-force (make-promise e)))))
(define-syntax cons-stream
  (syntax-rules () ((_ a b) (cons a (delay b)))))

(define (make-promise obj)
  (if (promise? obj) obj (%make-promise (cons #t obj))))

(define (force promise)
  (if (promise? promise)
      (let loop ()
        (let ((state (%promise-state promise)))
          (if (car state)
              (cdr state)
              (let* ((next ((cdr state))) (state (%promise-state promise)))
                (if (not (car state))
                    (let ((other (%promise-state next)))
                      (set-car! state (car other))
                      (set-cdr! state (cdr other))
                      (%promise-state! next state)))
                (loop)))))
      promise))

(define-syntax case-lambda
  (syntax-rules ()
    ((_ (formals body ...) ...)
     (%case-lambda (list (lambda formals body ...) ...)))))

(define (%case-lambda procedures)
  (let ((clauses (map (lambda (p) (cons (%arity p) p)) procedures)))
    (lambda args
      (let ((n (length args)))
        (let loop ((c clauses))
          (if (null? c)
              (error "case-lambda: no clause for so many arguments" n)
              (let ((arity (car (car c))))
                (if (and (>= n (car arity)) (or (not (cdr arity)) (<= n (cdr arity))))
                    (apply (cdr (car c)) args)
                    (loop (cdr c))))))))))

; ---- lists

; The first elements of some lists, or #f when one has none; what is left of them.
(define (%firsts lists)
  (let loop ((l lists) (firsts '()))
    (cond ((null? l) (reverse firsts))
          ((pair? (car l)) (loop (cdr l) (cons (car (car l)) firsts)))
          (else #f))))
(define (%rests lists)
  (let loop ((l lists) (rests '()))
    (if (null? l) (reverse rests) (loop (cdr l) (cons (cdr (car l)) rests)))))

(define (map f list . lists)
  (if (null? lists)
      (let loop ((l list) (done '()))
        (if (pair? l)
            (loop (cdr l) (cons (f (car l)) done))
            (if (null? l) (reverse done) (error "map: not a list" list))))
      (let loop ((ls (cons list lists)) (done '()))
        (let ((firsts (%firsts ls)))
          (if firsts
              (loop (%rests ls) (cons (apply f firsts) done))
              (reverse done))))))

(define (for-each f list . lists)
  (if (null? lists)
      (let loop ((l list))
        (if (pair? l)
            (begin (f (car l)) (loop (cdr l)))
            (if (not (null? l)) (error "for-each: not a list" list))))
      (let loop ((ls (cons list lists)))
        (let ((firsts (%firsts ls)))
          (if firsts
              (begin (apply f firsts) (loop (%rests ls))))))))

(define (append-map f . lists) (apply append (apply map f lists)))

(define (filter keep? list)
  (let loop ((l list) (done '()))
    (if (pair? l)
        (loop (cdr l) (if (keep? (car l)) (cons (car l) done) done))
        (reverse done))))
(define (remove drop? list) (filter (lambda (x) (not (drop? x))) list))
(define (partition in? list)
  (let loop ((l list) (in '()) (out '()))
    (cond ((null? l) (values (reverse in) (reverse out)))
          ((in? (car l)) (loop (cdr l) (cons (car l) in) out))
          (else (loop (cdr l) in (cons (car l) out))))))
(define (delete x list . same) (let ((same? (if (null? same) equal? (car same))))
                                 (filter (lambda (y) (not (same? x y))) list)))
(define (fold f seed list . lists)
  (if (null? lists)
      (let loop ((l list) (seed seed))
        (if (pair? l) (loop (cdr l) (f (car l) seed)) seed))
      (let loop ((ls (cons list lists)) (seed seed))
        (let ((firsts (%firsts ls)))
          (if firsts (loop (%rests ls) (apply f (append firsts (cons seed '())))) seed)))))
(define (fold-left f seed list)
  (let loop ((l list) (seed seed))
    (if (pair? l) (loop (cdr l) (f seed (car l))) seed)))
(define (fold-right f seed list)
  (let loop ((l (reverse list)) (seed seed))
    (if (pair? l) (loop (cdr l) (f (car l) seed)) seed)))
(define (reduce f default list)
  (if (null? list) default (fold f (car list) (cdr list))))
(define (find ok? list)
  (let loop ((l list))
    (and (pair? l) (if (ok? (car l)) (car l) (loop (cdr l))))))
(define (any ok? list)
  (let loop ((l list))
    (and (pair? l) (or (ok? (car l)) (loop (cdr l))))))
(define (every ok? list)
  (let loop ((l list) (last #t))
    (if (pair? l)
        (let ((r (ok? (car l)))) (and r (loop (cdr l) r)))
        last)))

(define member
  (let ((plain member))
    (lambda (x list . same)
      (if (null? same)
          (plain x list)
          (let loop ((l list))
            (and (pair? l) (if ((car same) x (car l)) l (loop (cdr l)))))))))
(define assoc
  (let ((plain assoc))
    (lambda (x list . same)
      (if (null? same)
          (plain x list)
          (let loop ((l list))
            (and (pair? l) (if ((car same) x (car (car l))) (car l) (loop (cdr l)))))))))

; Merging, stable; of lists or vectors. (sort items less?), or the other way around.
(define (%merge a b less?)
  (let loop ((a a) (b b) (done '()))
    (cond ((null? a) (append (reverse done) b))
          ((null? b) (append (reverse done) a))
          ((less? (car b) (car a)) (loop a (cdr b) (cons (car b) done)))
          (else (loop (cdr a) b (cons (car a) done))))))
(define (%sort-list list less?)
  (let sort ((l list) (n (length list)))
    (cond ((= n 0) '())
          ((= n 1) (cons (car l) '()))
          (else
           (let ((half (quotient n 2)))
             (%merge (sort l half) (sort (list-tail l half) (- n half)) less?))))))
(define (sort items less?)
  (cond ((procedure? items) (sort less? items))
        ((vector? items) (list->vector (%sort-list (vector->list items) less?)))
        (else (%sort-list items less?))))
(define list-sort sort)
(define (sort! items less?)
  (if (vector? items)
      (vector-copy! items 0 (sort items less?))
      (sort items less?)))

; ---- vectors and strings

(define (vector-map f v . vs)
  (if (null? vs)
      (let* ((n (vector-length v)) (done (make-vector n)))
        (do ((i 0 (+ i 1))) ((= i n) done)
          (vector-set! done i (f (vector-ref v i)))))
      (list->vector (apply map f (vector->list v) (map vector->list vs)))))
(define (vector-for-each f v . vs)
  (if (null? vs)
      (let ((n (vector-length v)))
        (do ((i 0 (+ i 1))) ((= i n))
          (f (vector-ref v i))))
      (apply for-each f (vector->list v) (map vector->list vs))))
(define (string-map f s . ss)
  (list->string (apply map f (string->list s) (map string->list ss))))
(define (string-for-each f s . ss)
  (apply for-each f (string->list s) (map string->list ss)))
(define (string-count s ok?)
  (let loop ((l (string->list s)) (n 0))
    (if (pair? l) (loop (cdr l) (if (ok? (car l)) (+ n 1) n)) n)))

; ---- hash tables

(define %missing (list 'missing))

(define (hash-table-ref table key . procedures)
  (let ((v (hash-table-ref/default table key %missing)))
    (cond ((eq? v %missing)
           (if (and (pair? procedures) (car procedures))
               ((car procedures))
               (error "hash-table-ref: no such key" key)))
          ((and (pair? procedures) (pair? (cdr procedures))) ((cadr procedures) v))
          (else v))))
(define (hash-table-update! table key f . missing)
  (hash-table-set! table key (f (apply hash-table-ref table key missing))))
(define (hash-table-update!/default table key f default)
  (hash-table-set! table key (f (hash-table-ref/default table key default))))
(define (hash-table-walk table f)
  (for-each (lambda (entry) (f (car entry) (cdr entry))) (hash-table->alist table)))
(define (hash-table-fold table f seed)
  (fold (lambda (entry seed) (f (car entry) (cdr entry) seed)) seed (hash-table->alist table)))
(define (alist->hash-table alist . same)
  (let ((table (apply make-hash-table same)))
    (for-each (lambda (entry)
                (if (not (hash-table-contains? table (car entry)))
                    (hash-table-set! table (car entry) (cdr entry))))
              alist)
    table))

; ---- ports

(define (call-with-port port f)
  (let ((result (f port)))
    (close-port port)
    result))
(define (call-with-input-file name f) (call-with-port (open-input-file name) f))
(define (call-with-output-file name f) (call-with-port (open-output-file name) f))
(define (with-input-from-file name thunk)
  (call-with-port (open-input-file name)
                  (lambda (port) (parameterize ((current-input-port port)) (thunk)))))
(define (with-output-to-file name thunk)
  (call-with-port (open-output-file name)
                  (lambda (port) (parameterize ((current-output-port port)) (thunk)))))
(define (call-with-output-string f)
  (let ((port (open-output-string)))
    (f port)
    (get-output-string port)))
(define (with-output-to-string thunk)
  (call-with-output-string
   (lambda (port) (parameterize ((current-output-port port)) (thunk)))))

; ---- programs

(define (interaction-environment) 'interaction-environment)
(define (scheme-report-environment version) 'scheme-report-environment)
(define (null-environment version) 'null-environment)
(define (environment . sets) (eval (cons 'import sets)) 'environment)

(define %open-source load)

; Reads and runs the forms of a port; its name is the file's in errors.
(define (%load-port port name)
  (let ((outer (%source)))
    (dynamic-wind
     (lambda () (%source name))
     (lambda ()
       (let loop ()
         (let ((form (%read-noted port)))
           (if (not (eof-object? form))
               (begin (eval form) (loop))))))
     (lambda () (%source outer)))))
(define (load name . environment)
  (call-with-port (%open-source name) (lambda (port) (%load-port port name))))

(define (%main-file)
  (load (car (command-line))))
(define (%main-input)
  (%load-port (current-input-port) "stdin"))

(define (%repl)
  (%source "stdin")
  (let ((form (%read-noted (current-input-port))))
    (if (eof-object? form)
        (newline)
        (let ((result (eval form)))
          (if (not (eq? result (if #f #f)))
              (begin
                (for-each (lambda (v) (write v) (newline)) (%values->list result))))
          (flush-output-port)
          (%repl)))))

; ---- times of SRFI 18

(define-record-type %time (seconds->time seconds) time? (seconds time->seconds))
(define (current-time) (seconds->time (current-second)))
