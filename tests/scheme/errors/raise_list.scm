; says: raise_list.scm:2: .*\(my-condition "with" 3\)
(raise (list 'my-condition "with" 3))
