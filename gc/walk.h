/* walk: a second way through the graph of objects. It shares nothing with marking but object_find(),
   object_trace() and the lists of roots: for verify, dumps and paths from roots.

   Threads are stopped. Memory comes from the system alone; when it is refused the walk ends early and
   says so. Not reentrant in any way, and not fast. */
#ifndef GC_WALK_H
#define GC_WALK_H

#include "gc/object.h"
#include "gc/roots.h"

/* Records of one size in a list that grows at its end and is taken from at either. */
struct pile_chunk;
struct pile {
    size_t size;                     /* of a record; set it, all else 0 */
    struct pile_chunk *first, *last;
    struct pile_chunk *spare;
};
GREY_HIDDEN void *pile_add(struct pile *p); /* zeroed, stays where it is; NULL: no memory */
GREY_HIDDEN bool pile_take_first(struct pile *p, void *out);
GREY_HIDDEN bool pile_take_last(struct pile *p, void *out);
/* Calls f for each record in order. */
GREY_HIDDEN void pile_each(struct pile *p, void (*f)(void *record, void *context), void *context);
/* One record after the other, of a pile that only grows: *at is all zero first. NULL: no more yet. */
struct pile_cursor {
    struct pile_chunk *chunk;
    size_t index;
};
GREY_HIDDEN void *pile_next(struct pile *p, struct pile_cursor *at);
GREY_HIDDEN void pile_release(struct pile *p);

enum walk_strength {
    WALK_STRONG,
    WALK_KEY,   /* of an ephemeron or weak table: keeps nothing */
    WALK_VALUE, /* kept while the key lives */
};

/* Where a reference was found. */
struct walk_edge {
    const struct object *from; /* NULL: a root */
    enum root_class class;     /* of a root */
    const char *name;          /* of a root, or NULL */
    uintptr_t slot;            /* address of the word; 0: the value was computed, or is not in memory */
    uintptr_t value;           /* the word, decoded */
    bool exact;                /* a reference by its place, not just a word that looks like one */
    enum walk_strength strength;
};

struct walk {
    struct root_sink sink;      /* first */
    struct grey_tracer tracer;  /* see of_tracer() */

    /* Told of every reference to an object; false: it is not followed. NULL: all are. */
    bool (*found)(struct walk *w, const struct walk_edge *e, const struct object *to);
    /* Told of an object that is reached for the first time, and how. NULL: nobody is. */
    void (*reached)(struct walk *w, const struct walk_edge *e, const struct object *to);
    /* Told of an exact reference into memory of objects where there is none. NULL: nobody is. */
    void (*dangling)(struct walk *w, const struct walk_edge *e);
    /* At the end, told of keys of ephemerons and weak tables that were not reached. NULL: nobody is. */
    void (*dead_key)(struct walk *w, const struct walk_edge *e, const struct object *key);
    bool breadth_first;
    bool stop;                  /* set by those to end the walk */

    bool failed;                /* no memory */
    bool counting;              /* false: references are only told of */
    size_t objects;             /* reached */
    struct object now;          /* whose references are being read; base 0: a root callback's */
    struct walk_bits *bits;     /* hash table: reached objects of an arena */
    size_t bits_size;
    struct pile pending;        /* reached, not yet read */
    struct pile weak;           /* ephemerons and weak tables reached */
};

/* Before walk_all_stopped(); false: no memory. Either way walk_close() follows. */
GREY_HIDDEN bool walk_open(struct walk *w);
GREY_HIDDEN void walk_close(struct walk *w);

/* From all roots to all they reach. False when memory ran out. */
GREY_HIDDEN bool walk_all_stopped(struct walk *w);
/* These need no memory: they tell found() of each root, or of each reference of one object, weak ones
   too, and follow none. */
GREY_HIDDEN void walk_roots_stopped(struct walk *w);
GREY_HIDDEN void walk_object_stopped(struct walk *w, const struct object *o);
GREY_HIDDEN bool walk_has_reached(const struct walk *w, const struct object *o);

/* Is this no object yet but a slot that a thread keeps ready for its next allocation? */
GREY_HIDDEN bool walk_is_spare_stopped(const struct object *o);

GREY_HIDDEN const char *walk_class_name(enum root_class c);

#endif
