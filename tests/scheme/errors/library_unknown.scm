; says: library_unknown.scm:2: .*no such library
(import (scheme base) (no such library))
