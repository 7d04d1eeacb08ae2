; The language's tests: all of them, or those whose names are arguments. Run in this directory.
(import (scheme base) (scheme case-lambda) (scheme char) (scheme complex) (scheme cxr) (scheme eval)
        (scheme file) (scheme inexact) (scheme lazy) (scheme load) (scheme process-context) (scheme read)
        (scheme repl) (scheme time) (scheme write) (srfi 18) (srfi 69))

(load "check.scm")

(define themes
  '("expressions" "definitions" "tail" "macros" "hygiene" "control" "winding" "exceptions"
    "numbers" "bignums" "lists" "chars" "strings" "vectors" "hashes" "ports" "reader" "printer"
    "evaluation" "classics" "threads" "collector"))

(for-each (lambda (theme) (load (string-append theme ".scm")))
          (if (null? (cdr (command-line))) themes (cdr (command-line))))

(checked)
