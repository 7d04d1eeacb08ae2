; says: file_not_found.scm:2: open-input-file: .*No such file.*/no/such/file
(display (call-with-input-file "/no/such/file" read))
