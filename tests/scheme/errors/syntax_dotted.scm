; says: syntax_dotted.scm:2: .*
(display . 5)
