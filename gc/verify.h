/* verify: marks again by another algorithm and compares; dumps; paths from roots. docs/debugging.md
   shows what users see of it. */
#ifndef GC_VERIFY_H
#define GC_VERIFY_H

#include "gc/walk.h"

#include <stdarg.h>

/* Threads stopped, before roots are marked: remembers which root words name objects. Words of threads in
   blocking regions and of threads that are not attached may change while others are stopped: what such a
   word names is not missed afterwards unless it was there before. Without this call every word counts. */
GREY_HIDDEN void verify_begin_stopped(void);
/* Threads stopped, marking and settling done, bits not flipped: is everything that can be reached marked?
   Says what is not on stderr. Takes no lock; memory from the system alone: true when there is none. */
GREY_HIDDEN bool verify_marks_stopped(void);

/* What the last verification counted. [stopped] */
struct verify_counts {
    size_t reached;  /* objects */
    size_t missed;   /* of those: without a mark */
    size_t dangling; /* exact references to memory of objects where there is none */
    size_t floating; /* marked but not reached: no error */
};
GREY_HIDDEN extern struct verify_counts verify_counts;

/* GREY_CHECK_TRACE: calls the trace callback of a custom object that has just been made and is all zero,
   and ends in a report when it names a slot that is not the object's. The caller is busy and has shown
   the object to nobody. Nothing for other kinds. */
GREY_HIDDEN void verify_trace_odd(const struct object *o);
/* The same with all marked objects, wherever in their writes threads were stopped. Like
   verify_marks_stopped(). */
GREY_HIDDEN void verify_traces_stopped(void);

/* ---- text that is made while threads are stopped, and written when they are not (dump.c) ---- */

struct text_chunk;
struct text_out {
    int fd;
    int error; /* of the first write that failed; nothing is written after it */
    struct text_chunk *first, *last;
};
GREY_HIDDEN void text_put(struct text_out *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A name without blanks or control characters: %20 for a blank; "-" for NULL. */
GREY_HIDDEN void text_put_name(struct text_out *t, const char *name);
GREY_HIDDEN void text_flush(struct text_out *t); /* writes what there is; then it is empty. Not busy */

/* What dumps and paths have in common: "root CLASS NAME SLOT" and "object ADDRESS SIZE KIND TYPE". */
GREY_HIDDEN void text_put_root(struct text_out *t, const struct walk_edge *e);
GREY_HIDDEN void text_put_object(struct text_out *t, const struct object *o);

#endif
