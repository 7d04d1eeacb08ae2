/* settle: what the modules of lifetime share: records that hang on objects, the index of them by object,
   and the steps of settling. */
#ifndef GC_SETTLE_H
#define GC_SETTLE_H

#include "gc/lifetime.h"
#include "gc/mutator.h"

/* ---- locks: L2 ---- */

enum { LIFETIME_LOCKS = 17 };
GREY_HIDDEN extern struct lock lifetime_locks[LIFETIME_LOCKS];
#define lifetime_lock (&lifetime_locks[0])

/* The lock of a weak table or pool. */
GREY_INLINE struct lock *lifetime_lock_of(const void *p)
{
    return &lifetime_locks[1 + ((uintptr_t)p >> 4) * UINT64_C(0x9e3779b97f4a7c15) % (LIFETIME_LOCKS - 1)];
}

/* ---- an index: many nodes a key ---- */

struct node {
    struct node *next;
    struct node **from; /* what leads to it, so that of many nodes of a key any is removed at once */
    uintptr_t key; /* an address, or a multiple of MIN_ALIGN like one */
};

/* Linear hashing: it grows by one bucket at a time, so that no insertion takes long, and never
   shrinks. Bucket b lies in segment 0 below INDEX_FIRST, else in that of its highest bit. */
#define INDEX_FIRST 64
struct index {
    struct node **segment[48]; /* [lock:lifetime] */
    size_t buckets;            /* [lock:lifetime] */
    struct atomicw count;      /* [atomic] nodes; written under the lock */
};

GREY_HIDDEN bool index_add(struct index *x, struct node *n); /* false: no memory */
GREY_HIDDEN void index_remove(struct index *x, struct node *n);
/* The first node of this key, and the next one after it, or NULL. */
GREY_HIDDEN struct node *index_find(const struct index *x, uintptr_t key);
GREY_HIDDEN struct node *index_next(const struct node *n);

/* ---- records ---- */

enum record_type { RECORD_FINALIZER, RECORD_CLEANUP, RECORD_WEAK };
enum record_state {
    RECORD_FREE,      /* in its store's list */
    RECORD_FILED,     /* in the index, under its object */
    RECORD_DUE,       /* of a finalizer or cleanup: queued; of a finalizer in the index, too */
    RECORD_CANCELLED, /* of a finalizer or cleanup: queued, but not to be run */
    RECORD_CLEARED,   /* of a weak reference: its object is gone */
};

struct record {
    struct node node;      /* [lock:lifetime] by object; links the free list, too */
    struct atomic32 state; /* [lock:lifetime] enum record_state; read without it to find mistakes */
    uint32_t type;         /* [lock:lifetime] enum record_type */
};

/* Records of one type, in chunks that are walked in the order of their addresses: a walk over the
   index would miss the cache at every step. Free ones are reused oldest first, so that a record given
   back twice is found for a while. */
#define STORE_CHUNK KIB(16)
struct chunk {
    struct chunk *next; /* [lock:lifetime] */
    size_t used;        /* [lock:lifetime] bytes of records ever cut from it */
    char records[STORE_CHUNK - 64] __attribute__((aligned(16)));
};
struct store {
    size_t record_bytes;                   /* [const] */
    enum record_type type;                 /* [const] */
    struct chunk *first, *last;            /* [lock:lifetime] */
    struct node *oldest_free, *last_free;  /* [lock:lifetime] */
    size_t free_count;                     /* [lock:lifetime] */
};

/* Free records that follow their header all zero; NULL without memory. */
GREY_HIDDEN struct record *store_take_locked(struct store *s);
GREY_HIDDEN void store_give_locked(struct store *s, struct record *r);
/* Calls f for each record that is filed; it may unfile it. */
GREY_HIDDEN void store_walk_stopped(struct store *s, void (*f)(struct record *r, void *context),
                                    void *context);

/* All records by object. */
GREY_HIDDEN extern struct index lifetime_by_object;

/* Makes a record of this store, filed under an object. NULL without memory. */
GREY_HIDDEN struct record *record_file_locked(struct store *s, uintptr_t object);
GREY_HIDDEN void record_unfile(struct record *r, enum record_state then);

GREY_INLINE enum record_state record_state(const struct record *r)
{
    return (enum record_state)a32_load_relaxed(&r->state); /* relaxed: under the lock, or for a message */
}

/* ---- what users pass ---- */

/* The managed object that p lies in; else a sentence that names the call, and false. Busy. */
GREY_HIDDEN bool lifetime_object(const void *p, const char *call, struct object *out);
/* p is a managed object of this kind; else a sentence, and false. Busy. */
GREY_HIDDEN bool lifetime_is_kind(const void *p, grey_kind kind, const char *call, const char *sentence);

/* ---- steps, threads stopped ---- */

GREY_HIDDEN void ephemeron_settle_stopped(void);     /* 1 */
GREY_HIDDEN void ephemeron_clear_stopped(void);      /* 2 */
GREY_HIDDEN void weak_clear_stopped(void);           /* 2 */
GREY_HIDDEN bool finalize_queue_stopped(void);       /* 3: were there any? */
GREY_HIDDEN void cleanup_queue_stopped(void);        /* 4 */
GREY_HIDDEN void pool_age_stopped(void);
GREY_HIDDEN void finalize_roots_stopped(struct root_sink *sink);
GREY_HIDDEN void pool_roots_stopped(struct root_sink *sink);

/* Early frees. */
GREY_HIDDEN void weak_forget_locked(struct record *r);
GREY_HIDDEN void finalize_forget_locked(struct record *r);

/* ---- the rest that lifetime.c asks ---- */

GREY_HIDDEN void finalize_fork_child(void);
GREY_HIDDEN void pool_trim(void);          /* not busy */
GREY_HIDDEN void finalize_sums(struct lifetime_sums *out);
GREY_HIDDEN uint64_t weak_cleared(void);

/* ---- weak tables, as the settling of ephemerons sees them ---- */

struct grey_ephemeron {
    struct atomicw link;  /* [stopped] of those found while marking; 0 while threads run */
    struct atomicw key;   /* [atomic] a word; 0 when dead */
    struct atomicw value; /* [atomic] */
};

struct entry {
    uintptr_t key;   /* [lock:table] 0: never used, or a grave */
    uintptr_t value; /* [lock:table] */
    uint64_t hash;   /* [lock:table] of a grave GRAVE, of one never used 0 */
};
enum { HASH_NEVER = 0, HASH_GRAVE = 1, HASH_FIRST = 2 };

struct grey_weak_table {
    struct atomicw link;      /* [stopped] as in an ephemeron */
    struct entry *entries;    /* [lock:table] an object without pointers for the markers */
    size_t capacity;          /* [lock:table] a power of two, or 0 */
    size_t live, graves;      /* [lock:table] */
    uint64_t changes;         /* [lock:table] entries put or moved, ever */
    uint64_t (*hash)(const void *key);                /* [const] */
    bool (*equal)(const void *a, const void *b);      /* [const] */
    bool strong;              /* [const] a snapshot for grey_weak_table_each(): keeps all of it */
};

/* A key died. */
GREY_INLINE void weak_table_bury_stopped(struct grey_weak_table *t, struct entry *e)
{
    *e = (struct entry){ .hash = HASH_GRAVE };
    t->live--;
    t->graves++;
}

#endif
