/* Ports: bytes on their way to and from files, and buffers.
 *
 * A file port has a native stream, with a mutex, as whoever has it may wait for the system; other ports have
 * a buffer in the heap and a spin lock. Nothing is raised and no object allocated under either. A stream that
 * nobody closes is written out and closed by the port's finalizer, or at the program's end. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "port.h"

enum { STREAM_BYTES = 4096 };

struct stream {
    pthread_mutex_t lock;
    int fd;         /* [lock] -1: closed */
    int error;      /* [lock] errno of what failed */
    bool output;    /* [const] */
    bool terminal;  /* [const] written out at the end of each line */
    char *bytes;    /* [lock] what was read, or is to be written: [at, fill) */
    size_t room;    /* [lock] */
    size_t at, fill;                /* [lock] */
    struct stream *next, *previous; /* [lock:streams] */
};

static pthread_mutex_t streams_lock = PTHREAD_MUTEX_INITIALIZER;
static struct stream *streams; /* all of them */
static struct stream *standard_output;

char *(*port_line_editor)(void);

/* ---- streams ----------------------------------------------------------------------------------------- */

static struct stream *stream_new(int fd, bool output)
{
    struct stream *s = malloc(sizeof *s);
    char *bytes = malloc(STREAM_BYTES);
    if (s == NULL || bytes == NULL) {
        free(s);
        free(bytes);
        return NULL;
    }
    *s = (struct stream){ .lock = PTHREAD_MUTEX_INITIALIZER, .fd = fd, .output = output, .bytes = bytes,
                          .terminal = isatty(fd) != 0, .room = STREAM_BYTES };
    mem_lock(&streams_lock);
    s->next = streams;
    if (streams != NULL)
        streams->previous = s;
    streams = s;
    mem_unlock(&streams_lock);
    mem_external(STREAM_BYTES);
    return s;
}

static ssize_t write_blocking(int fd, const char *bytes, size_t count)
{
    mem_blocking_enter();
    ssize_t n = write(fd, bytes, count);
    int error = errno;
    mem_blocking_leave();
    errno = error;
    return n;
}

/* Writes all of it out; 0, or why not. What failed is dropped, what was interrupted stays for another try. */
static int stream_flush_locked(struct vm *vm, struct stream *s)
{
    while (s->at < s->fill) {
        ssize_t n = write_blocking(s->fd, s->bytes + s->at, s->fill - s->at);
        if (n >= 0)
            s->at += (size_t)n;
        else if (errno != EINTR)
            break;
        else if (vm != NULL)
            return INTERRUPTED;
    }
    s->error = s->at < s->fill ? errno : 0;
    s->at = s->fill = 0;
    return s->error == 0 ? 0 : FAILED;
}

struct output { /* what is left to be written */
    const char *bytes;
    size_t count;
    bool whole_line;
};

static int stream_write_locked(struct vm *vm, struct stream *s, struct output *o)
{
    int status = s->fd < 0 ? IS_CLOSED : 0;
    while (o->count > 0 && status == 0) {
        size_t room = s->room - s->fill, part = room < o->count ? room : o->count;
        memcpy(s->bytes + s->fill, o->bytes, part);
        s->fill += part;
        o->bytes += part;
        o->count -= part;
        if (s->fill == s->room)
            status = stream_flush_locked(vm, s);
    }
    if (status == 0 && o->whole_line)
        status = stream_flush_locked(vm, s);
    return status;
}

/* A line from the terminal with editing, in place of read(). */
static int stream_edit_locked(struct stream *s)
{
    mem_blocking_enter();
    char *line = port_line_editor();
    mem_blocking_leave();
    if (line == NULL)
        return AT_END;
    size_t count = strlen(line);
    if (count > s->room) {
        char *larger = realloc(s->bytes, count);
        if (larger == NULL) {
            free(line);
            return NO_MEMORY;
        }
        s->bytes = larger;
        s->room = count;
    }
    memcpy(s->bytes, line, count);
    free(line);
    s->fill = count;
    return count == 0 ? AT_END : 0;
}

/* At least a byte to read, or why there is none. */
static int stream_fill_locked(struct stream *s)
{
    if (s->at < s->fill)
        return 0;
    if (s->fd < 0)
        return IS_CLOSED;
    s->at = s->fill = 0;
    if (port_line_editor != NULL && s->fd == STDIN_FILENO)
        return stream_edit_locked(s);
    mem_blocking_enter();
    ssize_t n = read(s->fd, s->bytes, s->room);
    int error = errno;
    mem_blocking_leave();
    if (n > 0)
        s->fill = (size_t)n;
    else
        s->error = error;
    return n > 0 ? 0 : n == 0 ? AT_END : error == EINTR ? INTERRUPTED : FAILED;
}

static int stream_close(struct stream *s)
{
    mem_lock(&s->lock);
    int status = s->output && s->fd >= 0 ? stream_flush_locked(NULL, s) : 0;
    if (s->fd > STDERR_FILENO)
        close(s->fd);
    s->fd = -1;
    mem_unlock(&s->lock);
    return status;
}

/* The finalizer of file ports. */
static void port_finalize(void *object, void *data)
{
    (void)data;
    struct port *p = object;
    struct stream *s = p->stream;
    p->stream = NULL;
    if (s == NULL)
        return;
    stream_close(s);
    mem_lock(&streams_lock);
    *(s->previous == NULL ? &streams : &s->previous->next) = s->next;
    if (s->next != NULL)
        s->next->previous = s->previous;
    mem_unlock(&streams_lock);
    mem_external(-STREAM_BYTES);
    pthread_mutex_destroy(&s->lock);
    free(s->bytes);
    free(s);
}

/* A stream in which another thread waits right now is left alone. What was said to be written and is not
   makes the program fail. */
void ports_flush_all(void)
{
    int error = 0;
    mem_lock(&streams_lock);
    for (struct stream *s = streams; s != NULL; s = s->next)
        if (s->output && pthread_mutex_trylock(&s->lock) == 0) {
            if (s->fd >= 0 && stream_flush_locked(NULL, s) == FAILED)
                error = s->error;
            pthread_mutex_unlock(&s->lock);
        }
    mem_unlock(&streams_lock);
    if (error == 0)
        return;
    fprintf(stderr, "scheme: the last output was lost: %s\n", strerror(error));
    _exit(EXIT_FAILURE);
}

/* ---- ports ------------------------------------------------------------------------------------------- */

bool is_port(value v)
{
    return is_type(v, TYPE_PORT);
}

static bool is_open(const struct port *p)
{
    return !p->closed && (!(p->head.flags & PORT_FILE) || p->stream != NULL);
}

struct port *check_port(struct vm *vm, value v, unsigned flags)
{
    static const char *const names[] = { "a port", "an input port", "an output port" };
    check(vm, is_port(v), v, names[flags & 3]);
    struct port *p = port_of(v);
    check(vm, (p->head.flags & flags & 3) == (flags & 3), v, names[flags & 3]);
    if ((flags & 3) != 0) {
        bool binary = flags & PORT_BINARY;
        check(vm, binary == !!(p->head.flags & PORT_BINARY), v, binary ? "a binary port" : "a textual port");
        if (!is_open(p))
            fail(vm, CONDITION_ERROR, list(vm, 1, v), "the port is closed");
    }
    return p;
}

static struct port *port_new(struct vm *vm, unsigned flags, value name, value buffer)
{
    struct port *p = object_new(vm, TYPE_PORT, 2, sizeof *p - offsetof(struct port, stream));
    p->head.flags = (uint8_t)flags;
    mem_init(&p->name, name);
    mem_init(&p->buffer, buffer);
    p->pushed = NOTHING;
    p->line = 1;
    return p;
}

static void port_lock(struct port *p)
{
    if (p->stream != NULL)
        mem_lock(&p->stream->lock);
    else
        spin_lock(&p->lock);
}

static void port_unlock(struct port *p)
{
    if (p->stream != NULL)
        mem_unlock(&p->stream->lock);
    else
        spin_unlock(&p->lock);
}

/* What a call ended with, the lock free again: raises what went wrong. True: a signal came, and nothing of it
   is left to do but to try again. */
static bool try_again(struct vm *vm, const struct port *p, int status)
{
    if (likely(status >= AT_END))
        return false;
    if (status == INTERRUPTED) {
        vm_poll(vm);
        return true;
    }
    if (status == NO_MEMORY)
        out_of_memory(vm);
    if (status == IS_CLOSED)
        fail(vm, CONDITION_ERROR, NIL, "the port is closed");
    fail(vm, CONDITION_FILE, p->name == FALSE ? NIL : list(vm, 1, p->name), "%s", strerror(p->stream->error));
}

/* ---- reading ----------------------------------------------------------------------------------------- */

static int peek_byte_locked(const struct port *p)
{
    if (p->stream == NULL) {
        const struct bytevector *b = bytevector_of(p->buffer);
        return p->at < b->head.count ? b->byte[p->at] : AT_END;
    }
    int status = stream_fill_locked(p->stream);
    return status == 0 ? (unsigned char)p->stream->bytes[p->stream->at] : status;
}

static void skip_byte_locked(struct port *p)
{
    if (p->stream == NULL)
        p->at++;
    else
        p->stream->at++;
}

/* A continuation is looked for where the first byte announces one, so that a terminal need not have more. */
static int32_t read_char_locked(struct port *p)
{
    int first = peek_byte_locked(p);
    if (first < 0)
        return first;
    skip_byte_locked(p);
    if (first < 0x80)
        return first;
    char bytes[UTF8_MAX] = { (char)first };
    const char *at = bytes;
    int count = 1, wanted = first < 0xc2 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    for (int next; count < wanted && (next = peek_byte_locked(p)) >= 0 && (next & 0xc0) == 0x80; count++) {
        bytes[count] = (char)next;
        skip_byte_locked(p);
    }
    return (int32_t)utf8_get(&at, bytes + count);
}

/* What the program has said so far is on the terminal before it waits for an answer. */
static void before_reading(const struct port *p)
{
    const struct stream *s = p->stream;
    if (s == NULL || s->fd != STDIN_FILENO || s->at < s->fill || standard_output == NULL)
        return;
    mem_lock(&standard_output->lock);
    stream_flush_locked(NULL, standard_output);
    mem_unlock(&standard_output->lock);
}

int32_t port_read_char(struct vm *vm, value port)
{
    struct port *p = port_of(port);
    int32_t c;
    do {
        before_reading(p);
        port_lock(p);
        c = p->pushed != NOTHING ? p->pushed : read_char_locked(p);
        p->pushed = NOTHING;
        p->line += c == '\n';
        port_unlock(p);
    } while (try_again(vm, p, c));
    return c;
}

int32_t port_peek_char(struct vm *vm, value port)
{
    struct port *p = port_of(port);
    int32_t c;
    do {
        before_reading(p);
        port_lock(p);
        c = p->pushed != NOTHING ? p->pushed : read_char_locked(p);
        p->pushed = c >= AT_END ? c : NOTHING;
        port_unlock(p);
    } while (try_again(vm, p, c));
    return c;
}

int port_read_byte(struct vm *vm, value port, bool peek)
{
    struct port *p = port_of(port);
    int b;
    do {
        before_reading(p);
        port_lock(p);
        b = peek_byte_locked(p);
        if (b >= 0 && !peek)
            skip_byte_locked(p);
        port_unlock(p);
    } while (try_again(vm, p, b));
    return b;
}

bool port_is_ready(value port)
{
    struct port *p = port_of(port);
    port_lock(p);
    const struct stream *s = p->stream;
    bool ready = s == NULL || p->pushed != NOTHING || s->at < s->fill ||
                 poll(&(struct pollfd){ .fd = s->fd, .events = POLLIN }, 1, 0) != 0;
    port_unlock(p);
    return ready;
}

/* ---- writing ----------------------------------------------------------------------------------------- */

/* The bytes in front of `at` never change any more, whoever else writes. */
size_t port_content(value port, const char **bytes)
{
    const struct port *p = port_of(port);
    /* acquire: pairs with the release in append(). */
    size_t count = __atomic_load_n(&p->at, __ATOMIC_ACQUIRE);
    const struct bytevector *b = bytevector_of(load(&p->buffer));
    *bytes = (const char *)b->byte;
    return count < b->head.count ? count : b->head.count;
}

static void append(struct vm *vm, struct port *p, const char *bytes, size_t count)
{
    struct bytevector *larger = NULL;
    for (;;) {
        spin_lock(&p->lock);
        struct bytevector *b = bytevector_of(p->buffer);
        size_t fill = p->at;
        if (larger != NULL && larger->head.count > b->head.count) {
            memcpy(larger->byte, b->byte, fill);
            mem_write(&p->buffer, (value)larger);
            b = larger;
        }
        bool fits = count <= b->head.count - fill;
        if (fits) {
            memcpy(b->byte + fill, bytes, count);
            __atomic_store_n(&p->at, fill + count, __ATOMIC_RELEASE); /* pairs with port_content() */
        }
        spin_unlock(&p->lock);
        if (fits)
            return;
        larger = bytevector_of(bytevector_new(vm, (b->head.count + count) * 2));
    }
}

void port_write(struct vm *vm, value port, const char *bytes, size_t count)
{
    struct port *p = port_of(port);
    if (p->stream == NULL) {
        append(vm, p, bytes, count);
        return;
    }
    struct output o = { bytes, count, p->stream->fd == STDERR_FILENO };
    if (p->stream->terminal && memchr(bytes, '\n', count) != NULL)
        o.whole_line = true;
    int status;
    do {
        mem_lock(&p->stream->lock);
        status = stream_write_locked(vm, p->stream, &o);
        mem_unlock(&p->stream->lock);
    } while (try_again(vm, p, status));
}

void port_flush(struct vm *vm, value port)
{
    struct port *p = port_of(port);
    if (p->stream == NULL || !p->stream->output)
        return;
    int status;
    do {
        mem_lock(&p->stream->lock);
        status = p->stream->fd < 0 ? 0 : stream_flush_locked(vm, p->stream);
        mem_unlock(&p->stream->lock);
    } while (try_again(vm, p, status));
}

/* ---- opening and closing ----------------------------------------------------------------------------- */

value port_open_buffer(struct vm *vm, unsigned flags, const char *bytes, size_t count)
{
    value buffer = flags & PORT_OUTPUT ? bytevector_new(vm, 64) : bytevector_copied(vm, bytes, count);
    return (value)port_new(vm, flags, FALSE, buffer);
}

value port_open_input_bytes(struct vm *vm, const char *bytes, size_t count)
{
    return port_open_buffer(vm, PORT_INPUT, bytes, count);
}

value port_open_output_string(struct vm *vm)
{
    return port_open_buffer(vm, PORT_OUTPUT, "", 0);
}

value port_output_string(struct vm *vm, value port)
{
    const char *bytes;
    size_t count = port_content(port, &bytes);
    struct text *t = text_sized(vm, count, utf8_length(bytes, count));
    memcpy(t->byte, bytes, count);
    return string_of_text(vm, t);
}

/* Gives a port its stream. The standard ones have no finalizer: they are open until the end. */
static value stream_attach(struct vm *vm, struct port *p, int fd)
{
    p->stream = stream_new(fd, p->head.flags & PORT_OUTPUT);
    if (p->stream != NULL && (fd <= STDERR_FILENO || mem_finalizer(p, port_finalize)))
        return (value)p;
    if (p->stream == NULL)
        close(fd);
    port_finalize(p, NULL);
    out_of_memory(vm);
}

/* When there are no descriptors left, ports that nobody has any more may hold some: a collection finds them,
   and their finalizers take a moment. */
static int open_file(const char *path, int flags)
{
    for (int tries = 0;; tries++) {
        mem_blocking_enter();
        int fd = open(path, flags | O_CLOEXEC, 0666), error = errno;
        if (fd < 0 && error == EMFILE && tries > 0)
            nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
        mem_blocking_leave();
        errno = error;
        if (fd >= 0 || error != EMFILE || tries == 10)
            return fd;
        if (tries == 0)
            mem_collect();
        mem_finalizers_run();
    }
}

value port_open_file(struct vm *vm, const char *path, bool input, bool binary)
{
    unsigned flags = PORT_FILE | (input ? PORT_INPUT : PORT_OUTPUT) | (binary ? PORT_BINARY : 0);
    value name = string_new(vm, path, strlen(path));
    struct port *p = port_new(vm, flags, name, FALSE);
    char *native = strdup(path); /* managed memory is not touched while the system is waited for */
    if (native == NULL)
        out_of_memory(vm);
    int fd = open_file(native, input ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC), error = errno;
    free(native);
    if (fd < 0)
        fail(vm, CONDITION_FILE, list(vm, 1, name), "%s", strerror(error));
    return stream_attach(vm, p, fd);
}

void port_close(struct vm *vm, value port)
{
    struct port *p = port_of(port);
    p->closed = true;
    try_again(vm, p, p->stream == NULL ? 0 : stream_close(p->stream));
}

/* ---- the current ports ------------------------------------------------------------------------------- */

int port_line(value port)
{
    return port_of(port)->line;
}

value port_name(value port)
{
    return port_of(port)->name;
}

bool *port_folds_case(value port)
{
    return &port_of(port)->folds_case;
}

value port_current(struct vm *vm, enum known which)
{
    return parameter_value(vm, known[which]);
}

static void standard_port(struct vm *vm, enum known which, const char *variable, const char *name, int fd)
{
    unsigned flags = PORT_FILE | (fd == STDIN_FILENO ? PORT_INPUT : PORT_OUTPUT);
    value port = stream_attach(vm, port_new(vm, flags, string_new(vm, name, strlen(name)), FALSE), fd);
    struct parameter *p = object_new(vm, TYPE_PARAMETER, 2, 0);
    mem_init(&p->global, port);
    mem_init(&p->converter, FALSE);
    mem_write(&known[which], (value)p);
    global_define(vm, symbol(vm, variable), (value)p);
    if (fd == STDOUT_FILENO)
        standard_output = port_of(port)->stream;
}

void port_begin(struct vm *vm)
{
    standard_port(vm, KNOWN_INPUT, "current-input-port", "stdin", STDIN_FILENO);
    standard_port(vm, KNOWN_OUTPUT, "current-output-port", "stdout", STDOUT_FILENO);
    standard_port(vm, KNOWN_ERROR, "current-error-port", "stderr", STDERR_FILENO);
}
