; says: handler_returns.scm:[234]: .*(handler|return|continu).*
(with-exception-handler
 (lambda (e) 'ignored)
 (lambda () (raise 'oops)))
