/* Ports from within: port.c moves bytes, io.c has the procedures. */
#ifndef SCHEME_PORT_H
#define SCHEME_PORT_H

#include "data.h"

enum { PORT_INPUT = 1, PORT_OUTPUT = 2, PORT_BINARY = 4, PORT_FILE = 8 }; /* head.flags */

struct port { /* object_new, count 2 */
    struct object head;
    value name;            /* string, or FALSE */
    value buffer;          /* of ports that are no files: bytevector, what is read, or has been written */
    struct stream *stream; /* of files: native; NULL once the finalizer has run */
    size_t at;             /* of ports that are no files: the next byte in the buffer */
    uint32_t lock;         /* of ports that are no files: spin_lock */
    int32_t pushed;        /* a character that was peeked at, or NOTHING */
    int line;
    bool closed, folds_case;
};

static inline struct port *port_of(value v)
{
    return (struct port *)v;
}

/* What reading returns that is no byte or character. Negative; others are raised. */
enum { AT_END = -1, NOTHING = -2, FAILED = -3, INTERRUPTED = -4, NO_MEMORY = -5, IS_CLOSED = -6 };

/* An open port that has all of these flags, or an error. */
struct port *check_port(struct vm *vm, value v, unsigned flags);

int port_read_byte(struct vm *vm, value port, bool peek); /* AT_END at the end */
bool port_is_ready(value port);                           /* whether reading would not wait */
void port_close(struct vm *vm, value port);

/* What was written to a port that is no file. */
size_t port_content(value port, const char **bytes);
value port_open_buffer(struct vm *vm, unsigned flags, const char *bytes, size_t count);

#endif
