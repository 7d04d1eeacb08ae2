; says: load_not_found.scm:2: .*load.*No such file.*/no/such/program.scm
(load "/no/such/program.scm")
