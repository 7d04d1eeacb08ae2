; Hash-table churn: keys of three types come and go in three tables; the tables grow, shrink and are copied.
; The benchmark's size: 800000
(import (scheme base) (scheme write) (scheme process-context) (srfi 69))

(define steps
  (let ((arguments (cdr (command-line))))
    (if (pair? arguments) (string->number (car arguments)) 2000)))

; Numbers that look random and are the same everywhere.
(define seed 42)
(define (random n)
  (set! seed (modulo (+ (* seed 1103515245) 12345) 2147483648))
  (quotient (* (quotient seed 65536) n) 32768))

(define range (quotient (+ steps 3) 4))

(define by-number (make-hash-table eqv?))
(define by-string (make-hash-table string=?))
(define by-list (make-hash-table equal?))

(define (name n) (string-append "key-" (number->string n 16)))

(define (step)
  (let ((n (random (min range 30000))))
    (hash-table-update!/default by-number n (lambda (count) (+ count 1)) 0)
    (if (even? n)
        (hash-table-set! by-string (name n) n)
        (hash-table-delete! by-string (name (- n 1))))
    (let ((key (list (quotient n 100) 'of (modulo n 100))))
      (if (= (modulo n 3) 0)
          (hash-table-delete! by-list (list (quotient (+ n 1) 100) 'of (modulo (+ n 1) 100)))
          (hash-table-set! by-list key (vector n key))))))

(do ((i 0 (+ i 1)))
    ((= i steps))
  (step)
  (when (= (modulo i 1000) 999)
    (hash-table-delete! by-number (random range))))

(define (sum table measure)
  (let ((total 0))
    (hash-table-walk table (lambda (key value) (set! total (+ total (measure key value)))))
    total))

(define (show what . values)
  (display what)
  (for-each (lambda (v) (display " ") (display v)) values)
  (newline))

(show "numbers:" (hash-table-size by-number) (sum by-number (lambda (k v) v)) (sum by-number *))
(show "strings:" (hash-table-size by-string) (sum by-string (lambda (k v) v))
      (sum by-string (lambda (k v) (string-length k))))
(show "lists:" (hash-table-size by-list) (sum by-list (lambda (k v) (vector-ref v 0))))

(define copy (hash-table-copy by-string))
(hash-table-walk copy (lambda (key value)
                        (when (= (modulo value 4) 0)
                          (hash-table-delete! by-string key))))
(show "after deletion:" (hash-table-size by-string) (hash-table-size copy))
(define (present table)
  (let loop ((n 0) (count 0))
    (if (= n 400)
        count
        (loop (+ n 1) (if (hash-table-exists? table (name n)) (+ count 1) count)))))
(show "present below 400:" (present by-string) (present copy))
