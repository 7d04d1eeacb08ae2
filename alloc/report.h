/* report: what Greyspan says on stderr, one sentence a line, one write(2) a sentence.
 *
 * Everything here may be called anywhere: under any lock, in a signal handler, in a forked child,
 * before constructors and after destructors. No lock, no allocation, no stdio, no thread-local
 * storage; errno is kept.
 *
 * The formatter knows %s %c %d %u %zu %ju %p and %%, each with an optional `-` and width
 * (%-12s, %8zu). %p prints 0x and lower-case hexadecimal digits, also for NULL (0x0).
 */
#ifndef ALLOC_REPORT_H
#define ALLOC_REPORT_H

#include "alloc/base.h"

#include <stdarg.h>

/* A longer line is cut; it still ends. */
enum { REPORT_LINE_MAX = 1024 };

/* Formats into out[0..size), always terminated; returns the length without the terminator. */
GREY_HIDDEN size_t report_format(char *out, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
GREY_HIDDEN size_t report_format_list(char *out, size_t size, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0)));

/* Writes "greyspan: <fmt>\n" to stderr. */
GREY_HIDDEN void report_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The same without the prefix and to any descriptor: a line of a table or a summary. */
GREY_HIDDEN void report_row(int fd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Says "greyspan: CALL(P): SENTENCE" and aborts. With GREY_ON_ERROR=ignore it returns instead, and
   the caller skips the operation. */
GREY_HIDDEN void report_misuse(const char *call, const void *p, const char *sentence) __attribute__((cold));

/* The same for calls with other arguments: the call is printed from call_fmt,
   e.g. report_misuse_args("the block holds 48 bytes", "free_sized(%p, %zu)", p, size). */
GREY_HIDDEN void report_misuse_args(const char *sentence, const char *call_fmt, ...)
    __attribute__((cold, format(printf, 2, 3)));

/* For states in which no program can be allowed to go on: says the sentence and aborts, whatever
   the options say. */
GREY_HIDDEN _Noreturn void report_fatal(const char *fmt, ...) __attribute__((cold, format(printf, 1, 2)));

#endif
