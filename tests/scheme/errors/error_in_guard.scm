; says: error_in_guard.scm:3: .*unbound variable: not-bound
(guard (e ((string? e) 'string)
          ((not-bound e) 'other))
  (raise 'oops))
