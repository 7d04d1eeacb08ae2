# Makes a C file of a text: cmake -DFROM=boot.scm -DTO=boot.c -P embed.cmake
file(READ ${FROM} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(................................................................................)"
  "\\1\n" bytes "${bytes}")
file(WRITE ${TO} "#include <stddef.h>\nextern const char boot_text[];\nextern const size_t boot_size;\n\
const char boot_text[] = {\n${bytes}\n};\nconst size_t boot_size = sizeof boot_text;\n")
