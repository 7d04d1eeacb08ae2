; says: reraised.scm:3: .*vector-ref.*9
(guard (e ((string? e) 'string))
  (vector-ref (vector 1) 9))
