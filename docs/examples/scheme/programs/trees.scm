; Binary trees: many short-lived ones are built and counted while a large one lives. Allocation, recursion.
; The benchmark's size: 16
(import (scheme base) (scheme write) (scheme process-context))

(define depth
  (let ((arguments (cdr (command-line))))
    (if (pair? arguments) (string->number (car arguments)) 8)))

(define-record-type node
  (make-node left right)
  node?
  (left node-left)
  (right node-right))

(define (build depth)
  (if (= depth 0)
      (make-node #f #f)
      (make-node (build (- depth 1)) (build (- depth 1)))))

(define (count tree)
  (if (node-left tree)
      (+ 1 (count (node-left tree)) (count (node-right tree)))
      1))

(define (report what depth nodes)
  (display what) (display " of depth ") (display depth)
  (display ": ") (display nodes) (display " nodes") (newline))

(report "a tree" (+ depth 1) (count (build (+ depth 1))))

(define long-lived (build depth))

(do ((d 4 (+ d 2)))
    ((> d depth))
  (let ((trees (expt 2 (+ (- depth d) 4))))
    (do ((i 0 (+ i 1))
         (sum 0 (+ sum (count (build d)))))
        ((= i trees)
         (report (string-append (number->string trees) " trees") d sum)))))

(report "the long-lived tree" depth (count long-lived))
