; N queens: counts all solutions, and shows the first. Lists, closures of one argument, deep recursion.
; The benchmark's size: 12
(import (scheme base) (scheme write) (scheme process-context))

(define size
  (let ((arguments (cdr (command-line))))
    (if (pair? arguments) (string->number (car arguments)) 6)))

; Is a queen in `row`, `distance` columns beside the first of `placed`, attacked by none of them?
(define (safe? row distance placed)
  (or (null? placed)
      (let ((other (car placed)))
        (and (not (= other row))
             (not (= other (+ row distance)))
             (not (= other (- row distance)))
             (safe? row (+ distance 1) (cdr placed))))))

(define (one-to n)
  (let loop ((i n) (list '()))
    (if (= i 0) list (loop (- i 1) (cons i list)))))

; Calls `found` with every way to put n queens, the rows by column.
(define (queens n found)
  (define rows (one-to n))
  (let place ((columns n) (placed '()))
    (if (= columns 0)
        (found placed)
        (for-each (lambda (row)
                    (when (safe? row 1 placed)
                      (place (- columns 1) (cons row placed))))
                  rows))))

(define (show placed)
  (for-each (lambda (row)
              (do ((i 1 (+ i 1)))
                  ((> i size))
                (write-char (if (= i row) #\Q #\.)))
              (newline))
            placed))

(define count 0)
(define first #f)
(queens size
        (lambda (placed)
          (unless first (set! first placed))
          (set! count (+ count 1))))
(display size) (display " queens: ") (display count) (display " solutions") (newline)
(when first (show first))
