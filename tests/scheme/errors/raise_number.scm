; says: raise_number.scm:2: .*42
(raise 42)
