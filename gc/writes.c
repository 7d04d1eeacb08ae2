/* writes: see writes.h. */
#include "gc/writes.h"

#include "gc/kind.h"
#include "gc/mutator.h"

#include <string.h>

uint32_t grey_barrier_on;

static bool checking; /* [const] after writes_init() */
static bool resync;   /* [stopped] the next check believes what it finds */

/* ---- the shadow ---- */

enum { BUCKETS = 1024, STRIPES = 256 };

/* One for each arena that has one, in lists that only grow. */
struct shadow {
    struct shadow *next; /* [const] */
    uintptr_t number;    /* [const] of the arena: its address >> ARENA_SHIFT */
    struct atomicw words[]; /* [lock:stripe] W1, from the arena's first to its last word */
};
#define SHADOW_BYTES (ARENA_BYTES + KIB(64)) /* a whole number of pages, whatever their size */

static struct atomicw buckets[BUCKETS]; /* [atomic] struct shadow * */
static struct atomic32 refused;         /* [atomic] was it said that a shadow got no memory? */

static struct shadow *shadow_make(uintptr_t number)
{
    struct atomicw *bucket = &buckets[number % BUCKETS];
    struct shadow *s = os_map(SHADOW_BYTES);
    if (s == NULL) {
        if (a32_cas_full(&refused, 0, 1)) /* full: no partner, once is enough */
            report_line("check_writes: no memory: part of the heap is not checked");
        return NULL;
    }
    s->number = number;
    for (;;) {
        /* acquire: pairs with the compare-and-swap below, of another thread. */
        struct shadow *head = (struct shadow *)aw_load_acquire(bucket);
        for (struct shadow *other = head; other != NULL; other = other->next)
            if (other->number == number) {
                os_release(s, SHADOW_BYTES);
                return other;
            }
        s->next = head;
        /* full: a release for shadow_of()'s acquire. */
        if (aw_cas_full(bucket, (uintptr_t)head, (uintptr_t)s))
            return s;
    }
}

static struct shadow *shadow_of(uintptr_t address)
{
    uintptr_t number = address >> ARENA_SHIFT;
    /* acquire: pairs with the compare-and-swap in shadow_make(). */
    struct shadow *s = (struct shadow *)aw_load_acquire(&buckets[number % BUCKETS]);
    while (s != NULL && s->number != number)
        s = s->next;
    return s;
}

static struct atomicw *shadow_word(struct shadow *s, uintptr_t slot)
{
    return &s->words[(slot & (ARENA_BYTES - 1)) / sizeof(uintptr_t)];
}

/* The shadow of an aligned word of managed memory; NULL if it can have none. */
static struct atomicw *shadow_for(uintptr_t slot)
{
    struct shadow *s = shadow_of(slot);
    if (s == NULL)
        s = shadow_make(slot >> ARENA_SHIFT);
    return s == NULL ? NULL : shadow_word(s, slot);
}

static bool is_managed(uintptr_t address)
{
    struct arena *a = pagemap_arena(address);
    return a != NULL && CODE_IS_MANAGED(arena_entry(a, address));
}

/* Zeroes the shadow of addresses within one arena. A long piece is given back to the system instead. */
static void zero_shadow(struct shadow *s, uintptr_t from, size_t bytes)
{
    char *first = (char *)shadow_word(s, from), *end = first + bytes;
    char *page = (char *)round_up((uintptr_t)first, os_page_size());
    char *last = (char *)round_down((uintptr_t)end, os_page_size());
    if (page + KIB(64) > last || !os_discard(page, (size_t)(last - page))) {
        memset(first, 0, bytes);
        return;
    }
    memset(first, 0, (size_t)(page - first));
    memset(last, 0, (size_t)(end - last));
}

void writes_zeroed(uintptr_t from, size_t bytes)
{
    if (likely(!checking))
        return;
    while (bytes > 0) {
        size_t here = ARENA_BYTES - (from & (ARENA_BYTES - 1));
        if (here > bytes)
            here = bytes;
        struct shadow *s = shadow_of(from);
        if (s != NULL)
            zero_shadow(s, from, here);
        from += here;
        bytes -= here;
    }
}

/* ---- one word ---- */

static struct atomic32 stripes[STRIPES]; /* [atomic] 1: W2 is held up for slots that hash to it */

/* A spin lock: what it covers are two stores. Under valgrind one thread runs at a time, so who has
   waited for long sleeps. */
static struct atomic32 *stripe_take(uintptr_t slot)
{
    struct atomic32 *s = &stripes[(slot / sizeof(uintptr_t)) % STRIPES];
    for (unsigned n = 1; !a32_cas_acquire(s, 0, 1); n++) { /* acquire: pairs with stripe_drop() */
        if (n % 128 == 0)
            os_futex_wait_ns(s, 1, 50000);
        else
            cpu_relax();
    }
    return s;
}

static void stripe_drop(struct atomic32 *s)
{
    a32_store_release(s, 0); /* release: pairs with stripe_take() */
}

static bool is_aligned(const void *p)
{
    return (uintptr_t)p % sizeof(uintptr_t) == 0;
}

/* The slot's shadow, NULL when it has none: then a write is a store. */
static struct atomicw *checked_shadow(const void *slot)
{
    return checking && is_managed((uintptr_t)slot) ? shadow_for((uintptr_t)slot) : NULL;
}

/* Busy. The slot is aligned. release: whoever loads the value (a marker, another thread) sees the
   object it names as it was before. */
static void store(struct atomicw *slot, uintptr_t value)
{
    struct atomicw *shadow = checked_shadow(slot);
    if (shadow == NULL) {
        aw_store_release(slot, value);
        return;
    }
    struct atomic32 *s = stripe_take((uintptr_t)slot);
    aw_store_release(slot, value);
    aw_store_relaxed(shadow, value); /* relaxed: the stripe orders it */
    stripe_drop(s);
}

static bool cas(struct atomicw *slot, uintptr_t *expected, uintptr_t value)
{
    do {
        uintptr_t now = aw_load_acquire(slot); /* acquire: pairs with the stores of grey_write */
        if (now != *expected) {
            *expected = now;
            return false;
        }
    } while (!aw_cas_full(slot, *expected, value)); /* full: what the inline form promises and more */
    return true;
}

/* The same with the shadow. Busy. */
static bool cas_checked(struct atomicw *slot, uintptr_t *expected, uintptr_t value)
{
    struct atomicw *shadow = checked_shadow(slot);
    if (shadow == NULL)
        return cas(slot, expected, value);
    struct atomic32 *s = stripe_take((uintptr_t)slot);
    bool stored = cas(slot, expected, value);
    if (stored)
        aw_store_relaxed(shadow, value); /* relaxed: the stripe orders it */
    stripe_drop(s);
    return stored;
}

/* Whoever writes to managed memory must be seen by a mark. False: the call does nothing. */
static bool is_attached(const char *call, const void *slot)
{
    if (likely(!checking || mutator_self() != NULL || !is_managed((uintptr_t)slot)))
        return true;
    report_misuse(call, slot, "the thread is not attached");
    return false;
}

static bool is_usable(const char *call, const void *slot)
{
    if (likely(is_aligned(slot)))
        return is_attached(call, slot);
    report_misuse(call, slot, "not the address of a word");
    return false;
}

/* The calling thread, busy, if the slot has a shadow to be kept. */
static struct mutator *enter(const char *call, const void *slot)
{
    return checking && is_managed((uintptr_t)slot) ? mutator_enter(call) : NULL;
}

static void leave(struct mutator *m)
{
    if (m != NULL)
        mutator_leave(m);
}

void grey_write_slow(void *slot, void *value)
{
    if (!is_usable("grey_write", slot))
        return;
    struct mutator *m = enter("grey_write", slot);
    store(slot, (uintptr_t)value);
    leave(m);
}

void grey_init_slow(void *slot, void *value)
{
    if (!is_usable("grey_init", slot))
        return;
    struct mutator *m = enter("grey_init", slot);
    store(slot, (uintptr_t)value);
    leave(m);
}

bool grey_compare_exchange_slow(void *slot, void **expected, void *value)
{
    uintptr_t there = (uintptr_t)*expected;
    if (!is_usable("grey_compare_exchange", slot))
        return false;
    struct mutator *m = enter("grey_compare_exchange", slot);
    bool stored = cas_checked(slot, &there, (uintptr_t)value);
    leave(m);
    if (!stored)
        *expected = (void *)there;
    return stored;
}

void *grey_exchange_slow(void *slot, void *value)
{
    if (!is_usable("grey_exchange", slot))
        return NULL;
    struct mutator *m = enter("grey_exchange", slot);
    uintptr_t there = aw_load_acquire(slot); /* acquire: pairs with the stores of grey_write */
    while (!cas_checked(slot, &there, (uintptr_t)value))
        continue;
    leave(m);
    return (void *)there;
}

/* ---- many words (H14): whoever looks while they are written sees whole words. While marking stops all
   threads nobody does but other threads of the program: what a stopped thread has in flight is in its
   source still, or in a register. ---- */

enum { CHUNK_WORDS = 32, POLL_BYTES = 4096 };
#define WORD sizeof(uintptr_t)

static uintptr_t word_from(const char *from)
{
    uintptr_t value;
    if (is_aligned(from))
        return aw_load_relaxed((const struct atomicw *)from); /* relaxed: the caller orders it */
    memcpy(&value, from, sizeof value); /* not aligned: it holds no reference */
    return value;
}

static void put_word(char *to, uintptr_t value)
{
    if (unlikely(checking))
        store((struct atomicw *)to, value);
    else
        aw_store_release((struct atomicw *)to, value); /* release: as in store() */
}

/* A part of a word: no reference, but it may take one away. */
static void put_bytes(char *to, const char *from, size_t n)
{
    char bytes[WORD];
    for (size_t i = 0; i < n; i++)
        bytes[i] = from == NULL ? 0 : from[i];
    struct mutator *m = n == 0 ? NULL : enter("grey_move", to);
    for (size_t i = 0; i < n; i++)
        to[i] = bytes[i];
    struct atomicw *slot = (struct atomicw *)round_down((uintptr_t)to, WORD);
    struct atomicw *shadow = n == 0 ? NULL : checked_shadow(slot);
    if (shadow != NULL) {
        struct atomic32 *s = stripe_take((uintptr_t)slot);
        aw_store_relaxed(shadow, aw_load_relaxed(slot)); /* relaxed: the stripe orders it */
        stripe_drop(s);
    }
    leave(m);
}

/* A piece of a copy that lies in whole words of the target, from the lower end or from the upper. from
   NULL: clears. */
static void copy_words(char *to, const char *from, size_t words, bool downwards)
{
    for (size_t n = 0; n < words; n++) {
        size_t at = (downwards ? words - 1 - n : n) * WORD;
        put_word(to + at, from == NULL ? 0 : word_from(from + at));
    }
}

/* When writes are checked, chunks are what a stop waits for; else only a cooperative thread polls. */
static void copy_chunks(char *to, const char *from, size_t words, bool downwards)
{
    const size_t most = unlikely(checking) ? CHUNK_WORDS : POLL_BYTES / WORD;
    while (words > 0) {
        size_t n = words < most ? words : most, at = downwards ? (words - n) * WORD : 0;
        struct mutator *m = enter("grey_move", to + at);
        copy_words(to + at, from == NULL ? NULL : from + at, n, downwards);
        leave(m);
        words -= n;
        if (words > 0)
            grey_safepoint();
        if (!downwards) {
            to += n * WORD;
            from = from == NULL ? NULL : from + n * WORD;
        }
    }
}

/* from NULL: clears. The ragged ends come in their turn, for the areas may overlap. */
static void copy(char *to, const char *from, size_t bytes, bool downwards)
{
    size_t head = -(uintptr_t)to % WORD;
    if (head > bytes)
        head = bytes;
    size_t words = (bytes - head) / WORD, tail = bytes - head - words * WORD, end = bytes - tail;
    if (downwards)
        put_bytes(to + end, from == NULL ? NULL : from + end, tail);
    else
        put_bytes(to, from, head);
    copy_chunks(to + head, from == NULL ? NULL : from + head, words, downwards);
    if (downwards)
        put_bytes(to, from, head);
    else
        put_bytes(to + end, from == NULL ? NULL : from + end, tail);
}

static void move(const char *call, void *to, const void *from, size_t bytes)
{
    /* Upwards is right unless the target begins within the source. */
    if (to != from && bytes != 0 && is_attached(call, to))
        copy(to, from, bytes, (uintptr_t)to - (uintptr_t)from < bytes);
}

void grey_move(void *to, const void *from, size_t bytes)
{
    move("grey_move", to, from, bytes);
}

void grey_copy(void *to, const void *from, size_t bytes)
{
    move("grey_copy", to, from, bytes);
}

void grey_clear(void *to, size_t bytes)
{
    if (is_attached("grey_clear", to))
        copy(to, NULL, bytes, false);
}

/* ---- the check ---- */

enum { LINES_MAX = 10 }; /* said of one check; the rest is counted */

struct check {
    struct grey_tracer tracer; /* first */
    const struct object *object;
    size_t changes;
};

static void report_change(struct check *c, uintptr_t slot, uintptr_t before, uintptr_t now)
{
    const struct object *o = c->object;
    struct object other;
    if (slot - o->base >= o->size && object_find(slot, &other)) /* a slot that a trace callback named */
        o = &other;
    if (++c->changes <= LINES_MAX)
        report_line("check_writes: object %p (kind \"%s\", %zu bytes): the word at offset %zu"
                    " changed from %p to %p without grey_write",
                    (void *)o->base, kind_name(o->span->kind), o->size, (size_t)(slot - o->base),
                    (void *)before, (void *)now);
}

static bool names_object(uintptr_t word)
{
    struct object o;
    return object_find(word, &o);
}

/* Numbers in a conservative object may change as they like. */
static void compare(struct check *c, uintptr_t slot)
{
    if (!is_aligned((void *)slot) || !is_managed(slot))
        return;
    struct atomicw *shadow = shadow_for(slot);
    if (shadow == NULL)
        return;
    /* relaxed: threads are stopped. */
    uintptr_t before = aw_load_relaxed(shadow), now = aw_load_relaxed((const struct atomicw *)slot);
    if (before == now)
        return;
    aw_store_relaxed(shadow, now);
    if (!resync && (names_object(before) || names_object(now)))
        report_change(c, slot, before, now);
}

static void check_edge(struct grey_tracer *t, void *slot, void *value)
{
    (void)value;
    if (slot != NULL)
        compare((struct check *)t, (uintptr_t)slot);
}

static void check_words(struct grey_tracer *t, void *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        compare((struct check *)t, (uintptr_t)((uintptr_t *)from + i));
}

/* Slots that held a reference and hold NULL now are not told to a tracer. */
static void check_cleared(struct check *c)
{
    const struct object *o = c->object;
    for (uintptr_t slot = o->base; slot < o->base + o->size;) {
        uintptr_t end = round_up(slot + 1, ARENA_BYTES);
        struct shadow *s = shadow_of(slot);
        if (end > o->base + o->size)
            end = o->base + o->size;
        if (s == NULL) {
            slot = end;
            continue;
        }
        for (; slot < end; slot += WORD) /* relaxed: threads are stopped */
            if (aw_load_relaxed(shadow_word(s, slot)) != 0)
                compare(c, slot);
    }
}

static void check_object(const struct object *o, void *check)
{
    struct check *c = check;
    unsigned trace = o->span->trace;
    if (trace == TRACE_NONE || trace == TRACE_WEAK || o->span->kind == GREY_ROOT || !object_is_marked(o))
        return;
    c->object = o;
    object_trace(o, &c->tracer);
    if (trace != TRACE_CONSERVATIVE)
        check_cleared(c);
}

void writes_check_stopped(void)
{
    struct check c = { .tracer = { .edge = check_edge, .words = check_words } };
    if (!checking)
        return;
    object_each_stopped(check_object, &c);
    resync = false;
    if (c.changes == 0)
        return;
    char sentence[REPORT_LINE_MAX / 4];
    report_format(sentence, sizeof sentence, "%zu change%s that no barrier announced", c.changes,
                  c.changes == 1 ? "" : "s");
    report_misuse_args(sentence, "check_writes");
}

/* ---- beginning and fork ---- */

void writes_init(void)
{
    checking = options.check_writes != 0;
    if (checking)
        grey_barrier_on = 1;
}

bool writes_checked(void)
{
    return checking;
}

/* A thread that is no more may have been amid a write. */
void writes_fork_child(void)
{
    for (size_t i = 0; i < STRIPES; i++)
        a32_store_relaxed(&stripes[i], 0); /* relaxed: the only thread */
    resync = true;
}
