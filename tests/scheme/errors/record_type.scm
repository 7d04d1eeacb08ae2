; says: record_type.scm:3: point-x: .*(point|record).*5
(define-record-type point (make-point x) point? (x point-x))
(display (point-x 5))
