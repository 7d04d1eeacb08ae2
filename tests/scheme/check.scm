; The checks' own frame.
;   (check EXPR => EXPECTED)     both are evaluated and compared by equal?
;   (check EXPR ~> EXPECTED)     numbers that differ by less than a part in 10^9
;   (check EXPR raises)          something is raised
;   (check EXPR raises PRED)     something is raised of which PRED is true
; A check that fails prints its expression, what was expected and what came; (checked) prints the sum and ends
; the program with 1 if any did.

(define checks-made 0)
(define checks-failed 0)

(define (check-failed expression expected actual)
  (set! checks-failed (+ checks-failed 1))
  (display "FAILED: ")
  (write expression)
  (newline)
  (display "  expected: ")
  (write expected)
  (newline)
  (display "  actual:   ")
  (write actual)
  (newline))

; What was raised, as a list that can be printed.
(define (check-raised-list raised)
  (if (error-object? raised)
      (list '<raised> (error-object-message raised) (error-object-irritants raised))
      (list '<raised> raised)))

; The value of the thunk, or a list that says what it raised. The escape is first, so that what is raised in any
; way cannot come back into the thunk.
(define (check-value thunk)
  (call-with-current-continuation
   (lambda (escape)
     (with-exception-handler
      (lambda (raised) (escape (check-raised-list raised)))
      thunk))))

(define (check-same expression thunk expected)
  (set! checks-made (+ checks-made 1))
  (let ((actual (check-value thunk)))
    (unless (equal? actual expected)
      (check-failed expression expected actual))))

(define (check-close expression thunk expected)
  (set! checks-made (+ checks-made 1))
  (let ((actual (check-value thunk)))
    (unless (and (number? actual)
                 (<= (abs (- actual expected)) (* 1e-9 (max 1.0 (abs expected)))))
      (check-failed expression expected actual))))

(define (check-raises expression thunk wanted?)
  (set! checks-made (+ checks-made 1))
  (call-with-current-continuation
   (lambda (escape)
     (let ((actual (with-exception-handler
                    (lambda (raised)
                      (unless (wanted? raised)
                        (check-failed expression 'another-condition (check-raised-list raised)))
                      (escape #f))
                    thunk)))
       (check-failed expression 'a-condition actual)))))

(define-syntax check
  (syntax-rules (=> ~> raises)
    ((_ expression => expected) (check-same 'expression (lambda () expression) expected))
    ((_ expression ~> expected) (check-close 'expression (lambda () expression) expected))
    ((_ expression raises) (check-raises 'expression (lambda () expression) (lambda (raised) #t)))
    ((_ expression raises wanted?) (check-raises 'expression (lambda () expression) wanted?))))

; What the body prints.
(define-syntax printed
  (syntax-rules ()
    ((_ body ...)
     (let ((port (open-output-string)))
       (parameterize ((current-output-port port)) body ...)
       (get-output-string port)))))

(define (written object)
  (let ((port (open-output-string)))
    (write object port)
    (get-output-string port)))

(define (displayed object)
  (let ((port (open-output-string)))
    (display object port)
    (get-output-string port)))

(define (read-from string) (read (open-input-string string)))

(define (checked)
  (display checks-made)
  (display " checks, ")
  (display checks-failed)
  (display " failed")
  (newline)
  (exit (if (= checks-failed 0) 0 1)))
