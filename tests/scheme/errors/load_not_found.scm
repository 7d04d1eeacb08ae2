; says: load_not_found.scm:2: .*/no/such/program.scm.*No such file
(load "/no/such/program.scm")
