; The Mandelbrot set with floating-point numbers, each of which is an object: pictures in characters.
; The benchmark's size: 640
(import (scheme base) (scheme write) (scheme process-context))

(define size
  (let ((arguments (cdr (command-line))))
    (if (pair? arguments) (string->number (car arguments)) 16)))

(define limit 100)

; How many steps the point takes to leave the circle, at most `limit`.
(define (steps cr ci)
  (let loop ((zr 0.0) (zi 0.0) (n 0))
    (let ((rr (* zr zr)) (ii (* zi zi)))
      (if (or (= n limit) (> (+ rr ii) 4.0))
          n
          (loop (+ (- rr ii) cr) (+ (* 2.0 zr zi) ci) (+ n 1))))))

(define shades "  .:-=+*#%@")
(define (shade n)
  (if (= n limit) #\space (string-ref shades (+ 2 (modulo n 9)))))

(define total 0)
(define inside 0)
(define columns (* 2 size))
(define shown-every (max 1 (quotient size 16)))

(do ((y 0 (+ y 1)))
    ((= y size))
  (let ((line (make-string columns)) (ci (- (/ (* 2.5 y) size) 1.25)))
    (do ((x 0 (+ x 1)))
        ((= x columns))
      (let ((n (steps (- (/ (* 3.5 x) columns) 2.5) ci)))
        (set! total (+ total n))
        (when (= n limit) (set! inside (+ inside 1)))
        (string-set! line x (shade n))))
    (when (= 0 (modulo y shown-every))
      (write-string line)
      (newline))))

(display "points ") (display (* size columns)) (newline)
(display "inside ") (display inside) (newline)
(display "steps ") (display total) (newline)
