; Conway's life on a torus. A generation is a vector of rows, and the next is always made anew.
; The benchmark's size: 10000
(import (scheme base) (scheme write) (scheme process-context))

(define generations
  (let ((arguments (cdr (command-line))))
    (if (pair? arguments) (string->number (car arguments)) 12)))

(define width 48)
(define height 32)

(define (make-board)
  (let ((board (make-vector height #f)))
    (do ((y 0 (+ y 1)))
        ((= y height) board)
      (vector-set! board y (make-vector width 0)))))

(define (cell board x y) (vector-ref (vector-ref board y) x))
(define (set-cell! board x y value) (vector-set! (vector-ref board y) x value))

; Draws a picture, a list of strings, with its upper left corner at x, y.
(define (put! board x y picture)
  (let row ((lines picture) (y y))
    (when (pair? lines)
      (let ((line (car lines)))
        (do ((i 0 (+ i 1)))
            ((= i (string-length line)))
          (set-cell! board (modulo (+ x i) width) (modulo y height)
                     (if (char=? (string-ref line i) #\#) 1 0))))
      (row (cdr lines) (+ y 1)))))

(define (neighbours above here below left x right)
  (+ (vector-ref above left) (vector-ref above x) (vector-ref above right)
     (vector-ref here left) (vector-ref here right)
     (vector-ref below left) (vector-ref below x) (vector-ref below right)))

(define (next-row above here below)
  (let ((row (make-vector width 0)))
    (let loop ((x 0) (left (- width 1)))
      (if (= x width)
          row
          (let* ((right (if (= x (- width 1)) 0 (+ x 1)))
                 (n (neighbours above here below left x right)))
            (when (or (= n 3) (and (= n 2) (= 1 (vector-ref here x))))
              (vector-set! row x 1))
            (loop (+ x 1) x))))))

(define (next board)
  (let ((new (make-vector height #f)))
    (do ((y 0 (+ y 1)))
        ((= y height) new)
      (vector-set! new y
                   (next-row (vector-ref board (modulo (- y 1) height))
                             (vector-ref board y)
                             (vector-ref board (modulo (+ y 1) height)))))))

(define (population board)
  (let ((count 0))
    (vector-for-each (lambda (row) (vector-for-each (lambda (c) (set! count (+ count c))) row)) board)
    count))

(define (show board)
  (vector-for-each
   (lambda (row)
     (vector-for-each (lambda (c) (write-char (if (= c 1) #\# #\.))) row)
     (newline))
   board))

(define start (make-board))
(put! start 20 14 '(".##" "##." ".#."))                ; the r-pentomino
(put! start 2 2 '(".#." "..#" "###"))                  ; a glider
(put! start 38 4 '("#...." "####." ".###."))

(let loop ((n 0) (board start) (history '()))
  (cond ((= n generations)
         (show board)
         (display "generation ") (display n)
         (display ", alive ") (display (population board)) (newline)
         (display "before ") (display (if (> (length history) 8)
                                          (list-tail (reverse history) (- (length history) 8))
                                          (reverse history)))
         (newline))
        (else (loop (+ n 1) (next board) (cons (population board) history)))))
