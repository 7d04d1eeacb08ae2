/* report: a formatter of one page, for lines on stderr. See report.h. */
#include "alloc/report.h"

#include "alloc/options.h"
#include "alloc/os.h"

#include <string.h>

enum { STDERR = 2, DIGITS_MAX = 24 };

/* The text being made: out[0..size) with room kept for a terminator. */
struct text {
    char *out;
    size_t size, used;
};

static void put(struct text *t, const char *s, size_t n)
{
    size_t room = t->size - 1 - t->used;
    if (n > room)
        n = room;
    memcpy(t->out + t->used, s, n);
    t->used += n;
}

static void put_blanks(struct text *t, size_t n)
{
    while (n-- > 0)
        put(t, " ", 1);
}

/* Digits of n in the base given, at the end of a buffer; returns their start. */
static char *digits_of(uintmax_t n, unsigned base, char digits[DIGITS_MAX])
{
    char *d = digits + DIGITS_MAX;
    *--d = '\0';
    do {
        *--d = "0123456789abcdef"[n % base];
        n /= base;
    } while (n != 0);
    return d;
}

/* One conversion as it stands in the format: %[-][width][z|j]letter. */
struct conversion {
    bool left;
    size_t width;
    char length, letter;
};

static const char *conversion_read(const char *f, struct conversion *c)
{
    *c = (struct conversion){ 0 };
    if (*f == '-') {
        c->left = true;
        f++;
    }
    for (; *f >= '0' && *f <= '9'; f++)
        c->width = c->width * 10 + (size_t)(*f - '0');
    if (*f == 'z' || *f == 'j')
        c->length = *f++;
    c->letter = *f;
    return *f == '\0' ? f : f + 1;
}

static void put_padded(struct text *t, const struct conversion *c, const char *s)
{
    size_t n = strlen(s), pad = c->width > n ? c->width - n : 0;
    if (!c->left)
        put_blanks(t, pad);
    put(t, s, n);
    if (c->left)
        put_blanks(t, pad);
}

/* va_list is an array type on some machines and not on others; a struct passes alike on all. */
struct arguments {
    va_list list;
};

static uintmax_t next_unsigned(struct arguments *a, char length)
{
    if (length == 'z')
        return va_arg(a->list, size_t);
    if (length == 'j')
        return va_arg(a->list, uintmax_t);
    return va_arg(a->list, unsigned);
}

static void put_conversion(struct text *t, const struct conversion *c, struct arguments *a)
{
    char digits[DIGITS_MAX], *s = digits;
    const char *word;

    switch (c->letter) {
    case 's':
        word = va_arg(a->list, const char *);
        put_padded(t, c, word == NULL ? "(null)" : word);
        return;
    case 'c':
        digits[0] = (char)va_arg(a->list, int);
        digits[1] = '\0';
        break;
    case 'd': {
        int n = va_arg(a->list, int);
        s = digits_of(n < 0 ? 0 - (unsigned)n : (unsigned)n, 10, digits);
        if (n < 0)
            *--s = '-';
        break;
    }
    case 'u':
        s = digits_of(next_unsigned(a, c->length), 10, digits);
        break;
    case 'p':
        s = digits_of((uintptr_t)va_arg(a->list, void *), 16, digits);
        *--s = 'x';
        *--s = '0';
        break;
    default: /* %% and what the formatter does not know: itself */
        digits[0] = c->letter;
        digits[1] = '\0';
    }
    put_padded(t, c, s);
}

size_t report_format_list(char *out, size_t size, const char *fmt, va_list args)
{
    struct text t = { out, size, 0 };
    struct arguments a;
    struct conversion c;

    va_copy(a.list, args);
    for (const char *f = fmt; *f != '\0';) {
        if (*f != '%') {
            size_t plain = strcspn(f, "%");
            put(&t, f, plain);
            f += plain;
            continue;
        }
        f = conversion_read(f + 1, &c);
        put_conversion(&t, &c, &a);
    }
    va_end(a.list);
    out[t.used] = '\0';
    return t.used;
}

size_t report_format(char *out, size_t size, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    size_t n = report_format_list(out, size, fmt, args);
    va_end(args);
    return n;
}

/* Two characters are left for the newline and the terminator, however long the rest is. */
__attribute__((format(printf, 3, 0))) static void write_line(int fd, const char *prefix, const char *fmt,
                                                             va_list args)
{
    char line[REPORT_LINE_MAX];
    size_t n = report_format(line, sizeof line - 1, "%s", prefix);
    n += report_format_list(line + n, sizeof line - 1 - n, fmt, args);
    line[n] = '\n';
    os_write(fd, line, n + 1);
}

void report_line(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    write_line(STDERR, "greyspan: ", fmt, args);
    va_end(args);
}

void report_row(int fd, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    write_line(fd, "", fmt, args);
    va_end(args);
}

void report_fatal(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    write_line(STDERR, "greyspan: ", fmt, args);
    va_end(args);
    os_abort();
}

static void end_of_misuse(void)
{
    if (options.on_error == ON_ERROR_ABORT)
        os_abort();
}

void report_misuse(const char *call, const void *p, const char *sentence)
{
    report_line("%s(%p): %s", call, p, sentence);
    end_of_misuse();
}

void report_misuse_args(const char *sentence, const char *call_fmt, ...)
{
    char call[REPORT_LINE_MAX / 2];
    va_list args;
    va_start(args, call_fmt);
    report_format_list(call, sizeof call, call_fmt, args);
    va_end(args);
    report_line("%s: %s", call, sentence);
    end_of_misuse();
}
