; says: key_missing.scm:3: hash-table-ref: .*missing-key
(define t (make-hash-table))
(display (hash-table-ref t 'missing-key))
