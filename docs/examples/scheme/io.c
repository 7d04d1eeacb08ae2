/* The procedures of ports and files. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "port.h"

/* ---- arguments --------------------------------------------------------------------------------------- */

/* The port that argv[at] is, or the current one. */
static value input_port(struct vm *vm, int argc, value *argv, int at, unsigned flags)
{
    value v = argc > at ? argv[at] : port_current(vm, KNOWN_INPUT);
    check_port(vm, v, PORT_INPUT | flags);
    return v;
}

static value output_port(struct vm *vm, int argc, value *argv, int at, unsigned flags)
{
    value v = argc > at ? argv[at] : port_current(vm, KNOWN_OUTPUT);
    check_port(vm, v, PORT_OUTPUT | flags);
    return v;
}

/* A file's name as C has it. */
static const char *check_path(struct vm *vm, value v)
{
    const struct text *t = check_text(vm, v);
    if (strlen(t->byte) != t->head.count)
        fail(vm, CONDITION_FILE, list(vm, 1, v), "no name for a file");
    return t->byte;
}

/* ---- ports ------------------------------------------------------------------------------------------- */

static bool has(value v, unsigned flag)
{
    return is_port(v) && (port_of(v)->head.flags & flag) != 0;
}

PRIMITIVE(p_is_port) { return boolean(is_port(argv[0])); }
PRIMITIVE(p_is_input) { return boolean(has(argv[0], PORT_INPUT)); }
PRIMITIVE(p_is_output) { return boolean(has(argv[0], PORT_OUTPUT)); }
PRIMITIVE(p_is_binary) { return boolean(has(argv[0], PORT_BINARY)); }
PRIMITIVE(p_is_textual) { return boolean(is_port(argv[0]) && !has(argv[0], PORT_BINARY)); }

static value is_open(struct vm *vm, value v, unsigned flag)
{
    check(vm, has(v, flag), v, flag == PORT_INPUT ? "an input port" : "an output port");
    return boolean(!port_of(v)->closed);
}

PRIMITIVE(p_is_input_open) { return is_open(vm, argv[0], PORT_INPUT); }
PRIMITIVE(p_is_output_open) { return is_open(vm, argv[0], PORT_OUTPUT); }

static value close_port(struct vm *vm, value v, unsigned flag)
{
    check(vm, is_port(v) && (port_of(v)->head.flags & flag) == flag, v,
          flag == PORT_INPUT ? "an input port" : flag == PORT_OUTPUT ? "an output port" : "a port");
    port_close(vm, v);
    return VOID;
}

PRIMITIVE(p_close_port) { return close_port(vm, argv[0], 0); }
PRIMITIVE(p_close_input) { return close_port(vm, argv[0], PORT_INPUT); }
PRIMITIVE(p_close_output) { return close_port(vm, argv[0], PORT_OUTPUT); }

PRIMITIVE(p_open_input_file) { return port_open_file(vm, check_path(vm, argv[0]), true, false); }
PRIMITIVE(p_open_output_file) { return port_open_file(vm, check_path(vm, argv[0]), false, false); }
PRIMITIVE(p_open_binary_input_file) { return port_open_file(vm, check_path(vm, argv[0]), true, true); }
PRIMITIVE(p_open_binary_output_file) { return port_open_file(vm, check_path(vm, argv[0]), false, true); }

PRIMITIVE(p_open_input_string)
{
    const struct text *t = check_text(vm, argv[0]);
    return port_open_input_bytes(vm, t->byte, t->head.count);
}

PRIMITIVE(p_open_input_bytevector)
{
    const struct bytevector *b = check_bytes(vm, argv[0]);
    return port_open_buffer(vm, PORT_INPUT | PORT_BINARY, (const char *)b->byte, b->head.count);
}

PRIMITIVE(p_open_output_string) { return port_open_output_string(vm); }
PRIMITIVE(p_open_output_bytevector) { return port_open_buffer(vm, PORT_OUTPUT | PORT_BINARY, "", 0); }

/* What was written so far can be had of a closed port, too. */
static void check_buffer(struct vm *vm, value v, unsigned flags, const char *what)
{
    check(vm, is_port(v) && port_of(v)->head.flags == flags, v, what);
}

PRIMITIVE(p_get_output_string)
{
    check_buffer(vm, argv[0], PORT_OUTPUT, "a port of open-output-string");
    return port_output_string(vm, argv[0]);
}

PRIMITIVE(p_get_output_bytevector)
{
    check_buffer(vm, argv[0], PORT_OUTPUT | PORT_BINARY, "a port of open-output-bytevector");
    const char *bytes;
    size_t count = port_content(argv[0], &bytes);
    return bytevector_copied(vm, bytes, count);
}

/* ---- reading ----------------------------------------------------------------------------------------- */

static value char_or_end(int32_t c)
{
    return c < 0 ? END_OF_FILE : char_value((uint32_t)c);
}

PRIMITIVE(p_eof_object) { return END_OF_FILE; }
PRIMITIVE(p_is_eof_object) { return boolean(argv[0] == END_OF_FILE); }
PRIMITIVE(p_read_char) { return char_or_end(port_read_char(vm, input_port(vm, argc, argv, 0, 0))); }
PRIMITIVE(p_peek_char) { return char_or_end(port_peek_char(vm, input_port(vm, argc, argv, 0, 0))); }
PRIMITIVE(p_is_char_ready) { return boolean(port_is_ready(input_port(vm, argc, argv, 0, 0))); }
PRIMITIVE(p_is_u8_ready) { return boolean(port_is_ready(input_port(vm, argc, argv, 0, PORT_BINARY))); }

PRIMITIVE(p_read_line)
{
    value port = input_port(vm, argc, argv, 0, 0);
    struct builder b = { .vm = vm };
    int32_t c = port_read_char(vm, port);
    if (c == AT_END)
        return END_OF_FILE;
    for (; c != AT_END && c != '\n'; c = port_read_char(vm, port))
        build_char(&b, (uint32_t)c);
    return build_end(&b);
}

PRIMITIVE(p_read_string)
{
    size_t count = index_of(vm, argv[0], SIZE_MAX >> 2);
    value port = input_port(vm, argc, argv, 1, 0);
    struct builder b = { .vm = vm };
    int32_t c = 0;
    while (b.length < count && (c = port_read_char(vm, port)) != AT_END)
        build_char(&b, (uint32_t)c);
    return c == AT_END && b.length == 0 ? END_OF_FILE : build_end(&b);
}

static value read_u8(struct vm *vm, value port, bool peek)
{
    int b = port_read_byte(vm, port, peek);
    return b == AT_END ? END_OF_FILE : fixnum(b);
}

PRIMITIVE(p_read_u8) { return read_u8(vm, input_port(vm, argc, argv, 0, PORT_BINARY), false); }
PRIMITIVE(p_peek_u8) { return read_u8(vm, input_port(vm, argc, argv, 0, PORT_BINARY), true); }

/* Returns how many there were. */
static size_t read_bytes(struct vm *vm, value port, uint8_t *to, size_t count)
{
    size_t n = 0;
    for (int b; n < count && (b = port_read_byte(vm, port, false)) != AT_END; n++)
        to[n] = (uint8_t)b;
    return n;
}

PRIMITIVE(p_read_bytevector)
{
    size_t wanted = index_of(vm, argv[0], MAX_COUNT), count = 0;
    value port = input_port(vm, argc, argv, 1, PORT_BINARY);
    struct bytevector *all = bytevector_of(bytevector_new(vm, wanted < 4096 ? wanted : 4096));
    for (;;) { /* what is asked for may be far more than there is */
        count += read_bytes(vm, port, all->byte + count, all->head.count - count);
        if (count == wanted || count < all->head.count)
            break;
        size_t room = wanted / 2 < count ? wanted : count * 2;
        struct bytevector *larger = bytevector_of(bytevector_new(vm, room));
        memcpy(larger->byte, all->byte, count);
        all = larger;
    }
    if (count == 0 && wanted > 0)
        return END_OF_FILE;
    return bytevector_copied(vm, all->byte, count);
}

PRIMITIVE(p_read_bytevector_into)
{
    struct bytevector *b = check_bytes(vm, argv[0]);
    value port = input_port(vm, argc, argv, 1, PORT_BINARY);
    struct range r = range_of(vm, argc, argv, 2, b->head.count);
    size_t count = read_bytes(vm, port, b->byte + r.start, r.end - r.start);
    return count == 0 && r.start < r.end ? END_OF_FILE : fixnum((intptr_t)count);
}

PRIMITIVE(p_read) { return read_datum(vm, input_port(vm, argc, argv, 0, 0), false); }

/* ---- writing ----------------------------------------------------------------------------------------- */

PRIMITIVE(p_newline)
{
    port_write(vm, output_port(vm, argc, argv, 0, 0), "\n", 1);
    return VOID;
}

PRIMITIVE(p_write_char)
{
    char bytes[UTF8_MAX];
    size_t count = (size_t)utf8_put(bytes, check_char(vm, argv[0]));
    port_write(vm, output_port(vm, argc, argv, 1, 0), bytes, count);
    return VOID;
}

PRIMITIVE(p_write_string)
{
    struct text *t = check_text(vm, argv[0]);
    struct range r = range_of(vm, argc, argv, 2, t->length);
    size_t start = text_offset(t, r.start), end = text_offset(t, r.end);
    port_write(vm, output_port(vm, argc, argv, 1, 0), t->byte + start, end - start);
    return VOID;
}

PRIMITIVE(p_write_u8)
{
    char byte = (char)check_byte(vm, argv[0]);
    port_write(vm, output_port(vm, argc, argv, 1, PORT_BINARY), &byte, 1);
    return VOID;
}

PRIMITIVE(p_write_bytevector)
{
    const struct bytevector *b = check_bytes(vm, argv[0]);
    struct range r = range_of(vm, argc, argv, 2, b->head.count);
    value port = output_port(vm, argc, argv, 1, PORT_BINARY);
    port_write(vm, port, (const char *)b->byte + r.start, r.end - r.start);
    return VOID;
}

PRIMITIVE(p_flush)
{
    value v = argc > 0 ? argv[0] : port_current(vm, KNOWN_OUTPUT);
    check(vm, has(v, PORT_OUTPUT), v, "an output port");
    port_flush(vm, v);
    return VOID;
}

static value print(struct vm *vm, int argc, value *argv, enum print_mode mode)
{
    print_value(vm, output_port(vm, argc, argv, 1, 0), argv[0], mode);
    return VOID;
}

PRIMITIVE(p_display) { return print(vm, argc, argv, PRINT_DISPLAY); }
PRIMITIVE(p_write) { return print(vm, argc, argv, PRINT_WRITE); }
PRIMITIVE(p_write_shared) { return print(vm, argc, argv, PRINT_WRITE_SHARED); }
PRIMITIVE(p_write_simple) { return print(vm, argc, argv, PRINT_WRITE_SIMPLE); }

/* ---- files ------------------------------------------------------------------------------------------- */

PRIMITIVE(p_file_exists) { return boolean(access(check_path(vm, argv[0]), F_OK) == 0); }

PRIMITIVE(p_delete_file)
{
    if (unlink(check_path(vm, argv[0])) != 0)
        fail(vm, CONDITION_FILE, list(vm, 1, argv[0]), "%s", strerror(errno));
    return VOID;
}

const struct primitive_info port_primitives[] = {
    { "port?", p_is_port, 1, 1 },                        { "input-port?", p_is_input, 1, 1 },
    { "output-port?", p_is_output, 1, 1 },               { "textual-port?", p_is_textual, 1, 1 },
    { "binary-port?", p_is_binary, 1, 1 },               { "input-port-open?", p_is_input_open, 1, 1 },
    { "output-port-open?", p_is_output_open, 1, 1 },     { "close-port", p_close_port, 1, 1 },
    { "close-input-port", p_close_input, 1, 1 },         { "close-output-port", p_close_output, 1, 1 },
    { "open-input-file", p_open_input_file, 1, 1 },      { "open-output-file", p_open_output_file, 1, 1 },
    { "open-binary-input-file", p_open_binary_input_file, 1, 1 },
    { "open-binary-output-file", p_open_binary_output_file, 1, 1 },
    { "open-input-string", p_open_input_string, 1, 1 },
    { "open-output-string", p_open_output_string, 0, 0 },
    { "get-output-string", p_get_output_string, 1, 1 },
    { "open-input-bytevector", p_open_input_bytevector, 1, 1 },
    { "open-output-bytevector", p_open_output_bytevector, 0, 0 },
    { "get-output-bytevector", p_get_output_bytevector, 1, 1 },
    { "eof-object", p_eof_object, 0, 0 },                { "eof-object?", p_is_eof_object, 1, 1 },
    { "read-char", p_read_char, 0, 1 },                  { "peek-char", p_peek_char, 0, 1 },
    { "char-ready?", p_is_char_ready, 0, 1 },            { "read-line", p_read_line, 0, 1 },
    { "read-string", p_read_string, 1, 2 },              { "read-u8", p_read_u8, 0, 1 },
    { "peek-u8", p_peek_u8, 0, 1 },                      { "u8-ready?", p_is_u8_ready, 0, 1 },
    { "read-bytevector", p_read_bytevector, 1, 2 },
    { "read-bytevector!", p_read_bytevector_into, 1, 4 },
    { "newline", p_newline, 0, 1 },                      { "write-char", p_write_char, 1, 2 },
    { "write-string", p_write_string, 1, 4 },            { "write-u8", p_write_u8, 1, 2 },
    { "write-bytevector", p_write_bytevector, 1, 4 },    { "flush-output-port", p_flush, 0, 1 },
    { "file-exists?", p_file_exists, 1, 1 },             { "delete-file", p_delete_file, 1, 1 },
    { NULL, NULL, 0, 0 },
};

const struct primitive_info reader_primitives[] = {
    { "read", p_read, 0, 1 },
    { NULL, NULL, 0, 0 },
};

const struct primitive_info printer_primitives[] = {
    { "display", p_display, 1, 2 },                      { "write", p_write, 1, 2 },
    { "write-shared", p_write_shared, 1, 2 },            { "write-simple", p_write_simple, 1, 2 },
    { NULL, NULL, 0, 0 },
};
