; says: read_hash.scm:2: .*
(display #<port>)
