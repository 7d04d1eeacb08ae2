; String building: text is made, cut into words, capitalised, reversed, counted and wrapped into lines.
; The benchmark's size: 5000
(import (scheme base) (scheme char) (scheme write) (scheme process-context))

(define size
  (let ((arguments (cdr (command-line))))
    (if (pair? arguments) (string->number (car arguments)) 20)))

(define words
  #("the" "quick" "brown" "fox" "jumps" "over" "a" "lazy" "dog" "naïve" "Ärger" "λόγος" "garden" "of" "forking" "paths"))

(define (text lines)
  (let ((port (open-output-string)))
    (do ((i 0 (+ i 1)) (k 7 (modulo (+ (* k 73) 41) 1009)))
        ((= i (* lines 10)) (get-output-string port))
      (write-string (vector-ref words (modulo k (vector-length words))) port)
      (write-char (if (= (modulo i 10) 9) #\newline #\space) port))))

(define (split string separator?)
  (let ((end (string-length string)))
    (let loop ((i 0) (start 0) (parts '()))
      (cond ((= i end)
             (reverse (if (= start i) parts (cons (substring string start i) parts))))
            ((separator? (string-ref string i))
             (loop (+ i 1) (+ i 1)
                   (if (= start i) parts (cons (substring string start i) parts))))
            (else (loop (+ i 1) start parts))))))

(define (capitalise word)
  (string-append (string-upcase (substring word 0 1)) (string-copy word 1)))

(define (backwards word) (list->string (reverse (string->list word))))

; Lines of at most `width` characters.
(define (wrap words width)
  (let loop ((words words) (line "") (lines '()))
    (cond ((null? words) (reverse (if (string=? line "") lines (cons line lines))))
          ((string=? line "") (loop (cdr words) (car words) lines))
          ((> (+ (string-length line) 1 (string-length (car words))) width)
           (loop words "" (cons line lines)))
          (else (loop (cdr words) (string-append line " " (car words)) lines)))))

(define (join strings)
  (let loop ((strings strings) (result ""))
    (if (null? strings) result (loop (cdr strings) (string-append result (car strings))))))

; A checksum over all characters, so that every one of them matters.
(define (checksum string)
  (let ((sum 0))
    (string-for-each (lambda (c) (set! sum (modulo (+ (* sum 31) (char->integer c)) 1000003))) string)
    sum))

(define (repeat n thunk)
  (if (= n 1) (thunk) (begin (thunk) (repeat (- n 1) thunk))))

(define (work lines)
  (let* ((source (text lines))
         (all (split source char-whitespace?))
         (titles (map capitalise all))
         (mirrored (map backwards all))
         (wrapped (wrap titles 40)))
    (list (string-length source) (length all) (length wrapped)
          (checksum (apply string-append mirrored))
          (checksum (join wrapped))
          (bytevector-length (string->utf8 source))
          (list-ref wrapped (quotient (length wrapped) 2)))))

(define result (repeat (max 1 (quotient size 20)) (lambda () (work 20))))
(for-each (lambda (item) (display item) (newline)) result)
(define once (work size))
(for-each (lambda (item) (display item) (newline)) once)
