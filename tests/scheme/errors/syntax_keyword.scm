; says: syntax_keyword.scm:2: .*if
(display if)
