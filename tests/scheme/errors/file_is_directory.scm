; says: file_is_directory.scm:2: .*/
(display (call-with-input-file "/" read))
