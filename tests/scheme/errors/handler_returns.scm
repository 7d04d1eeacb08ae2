; says: handler_returns.scm:[34]: .*(handler|return|continu).*
(with-exception-handler
 (lambda (e) 'ignored)
 (lambda () (raise 'oops)))
