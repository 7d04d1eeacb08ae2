; A cache that forgets what was not used for longest: a hash table into a doubly linked ring of records.
; The benchmark's size: 900000
(import (scheme base) (scheme write) (scheme process-context) (srfi 69))

(define requests
  (let ((arguments (cdr (command-line))))
    (if (pair? arguments) (string->number (car arguments)) 2000)))

; ---- the ring: the entry behind the head is the newest, the one before it the oldest -------------------
(define-record-type entry
  (make-entry key value before after)
  entry?
  (key entry-key)
  (value entry-value set-entry-value!)
  (before entry-before set-entry-before!)
  (after entry-after set-entry-after!))

(define (make-ring)
  (let ((head (make-entry #f #f #f #f)))
    (set-entry-before! head head)
    (set-entry-after! head head)
    head))

(define (unlink! e)
  (set-entry-after! (entry-before e) (entry-after e))
  (set-entry-before! (entry-after e) (entry-before e)))

(define (link-first! head e)
  (set-entry-before! e head)
  (set-entry-after! e (entry-after head))
  (set-entry-before! (entry-after head) e)
  (set-entry-after! head e))

; ---- the cache ------------------------------------------------------------------------------------------
(define-record-type cache
  (make-cache capacity table ring hits misses)
  cache?
  (capacity cache-capacity)
  (table cache-table)
  (ring cache-ring)
  (hits cache-hits set-cache-hits!)
  (misses cache-misses set-cache-misses!))

(define (new-cache capacity) (make-cache capacity (make-hash-table equal?) (make-ring) 0 0))

; The value of `key`, computed by `(compute key)` when it is not there.
(define (cache-ref cache key compute)
  (let ((e (hash-table-ref/default (cache-table cache) key #f)))
    (cond (e
           (set-cache-hits! cache (+ 1 (cache-hits cache)))
           (unlink! e)
           (link-first! (cache-ring cache) e)
           (entry-value e))
          (else
           (set-cache-misses! cache (+ 1 (cache-misses cache)))
           (let ((e (make-entry key (compute key) #f #f)))
             (when (= (hash-table-size (cache-table cache)) (cache-capacity cache))
               (forget-oldest! cache))
             (hash-table-set! (cache-table cache) key e)
             (link-first! (cache-ring cache) e)
             (entry-value e))))))

(define (forget-oldest! cache)
  (let ((oldest (entry-before (cache-ring cache))))
    (unlink! oldest)
    (hash-table-delete! (cache-table cache) (entry-key oldest))))

(define (newest-keys cache n)
  (let loop ((e (entry-after (cache-ring cache))) (n n))
    (if (or (= n 0) (eq? e (cache-ring cache)))
        '()
        (cons (entry-key e) (loop (entry-after e) (- n 1))))))

; ---- requests: half of them for few pages, the rest anywhere ------------------------------------------------
(define seed 7)
(define (random n)
  (set! seed (modulo (+ (* seed 1103515245) 12345) 2147483648))
  (modulo (quotient seed 65536) n))

(define (page n) (string-append "/page/" (number->string n)))
(define (render key) (vector key (string-length key) (list 'body key)))

(define pages (new-cache (min 5000 (max 10 (quotient requests 20)))))
(define range (* 4 (cache-capacity pages)))

(define checksum 0)
(do ((i 0 (+ i 1)))
    ((= i requests))
  (let* ((n (random (if (even? (random 1000)) (quotient range 8) range)))
         (value (cache-ref pages (page n) render)))
    (set! checksum (modulo (+ (* checksum 17) (vector-ref value 1) n) 1000003))))

(define (show what value) (display what) (display " ") (write value) (newline))
(show "capacity" (cache-capacity pages))
(show "entries" (hash-table-size (cache-table pages)))
(show "hits" (cache-hits pages))
(show "misses" (cache-misses pages))
(show "newest" (newest-keys pages 3))
(show "checksum" checksum)
