; says: error_in_handler.scm:3: .*pair
(with-exception-handler
 (lambda (e) (car e))
 (lambda () (raise 'oops)))
