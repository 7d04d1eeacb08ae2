; says: file_not_found.scm:2: .*"?/no/such/file"?.*No such file
(display (call-with-input-file "/no/such/file" read))
