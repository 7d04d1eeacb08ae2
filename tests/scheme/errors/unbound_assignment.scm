; says: unbound_assignment.scm:2: .*unbound variable: never-defined
(set! never-defined 5)
