/* api: allocation, early freeing and looking up objects, as include/greyspan.h has them. */
#include "gc/api.h"

#include <errno.h>
#include <string.h>

#include "gc/collector.h"
#include "gc/control.h"
#include "gc/kind.h"
#include "gc/lifetime.h"
#include "gc/verify.h"
#include "gc/writes.h"

/* ---- what the inline paths use ---- */

/* The rule of alloc/sizeclass.c once more, because the tables are read before anything is initialised
   (tests/unit/space_test.c compares them): steps of 16 to 128, then eight steps a doubling. */
#define LOG2(n)     (31 - __builtin_clz((n) | 128))
#define CLASS_OF(n) ((n) <= 128 ? ((n) + 15) / 16 : 8 * (LOG2((n) - 1) - 6) + (((n) - 1) >> (LOG2((n) - 1) - 3)) - 7)
#define SIZE_OF(c)  ((c) <= 8 ? (c) * 16 : (9 + ((c) - 1) % 8) << (3 + ((c) - 1) / 8))

#define C1(i)  CLASS_OF((i) * 8)
#define C8(i)  C1(i), C1((i) + 1), C1((i) + 2), C1((i) + 3), C1((i) + 4), C1((i) + 5), C1((i) + 6), C1((i) + 7)
#define C64(i) C8(i), C8((i) + 8), C8((i) + 16), C8((i) + 24), C8((i) + 32), C8((i) + 40), C8((i) + 48), C8((i) + 56)
#define S8(i)  SIZE_OF(i), SIZE_OF((i) + 1), SIZE_OF((i) + 2), SIZE_OF((i) + 3), SIZE_OF((i) + 4), SIZE_OF((i) + 5), \
               SIZE_OF((i) + 6), SIZE_OF((i) + 7)

const uint8_t grey_size_class8[GREY_INLINE_MAX / 8 + 1] = { C64(0), C64(64), C1(128) };
const uint16_t grey_class_size[GREY_SMALL_CLASSES + 1] = {
    0, S8(1), S8(9), S8(17), S8(25), S8(33), S8(41), S8(49), S8(57), S8(65),
};

/* ---- allocation ---- */

/* One allocation, as it is tried, retried, and given up. */
struct request {
    const char *call;
    grey_kind kind;
    size_t size, alignment;
    const grey_type *type; /* NULL but for typed objects */
};

static void *try_alloc(struct mutator *m, const struct request *r)
{
    if (r->type != NULL)
        return space_alloc_typed(m, r->type, r->size);
    return space_alloc(m, r->kind, r->size, r->alignment);
}

/* No memory: everything dead is given back, then the program is asked, and nothing is lost. */
static GREY_COLD void *last_resort(const struct request *r)
{
    struct mutator *m;
    void *p = NULL;
    do {
        m = mutator_self();
        if (m == NULL)
            break;
        if (!mutator_any_critical() && collector_cycle(m, CYCLE_NO_MEMORY))
            collector_finish_sweep(m);
        heap_reclaim();
        m = mutator_enter(r->call);
        if (m == NULL)
            break;
        p = try_alloc(m, r);
        mutator_leave(m);
    } while (p == NULL && control_no_memory(r->size));
    if (p == NULL)
        errno = ENOMEM;
    return p;
}

static void check_trace(void *p)
{
    struct object o;
    if (object_find((uintptr_t)p, &o))
        verify_trace_odd(&o);
}

static void *allocate(const struct request *r)
{
    struct mutator *m = mutator_enter(r->call);
    if (unlikely(m == NULL))
        return NULL;
    if (unlikely(collector_is_due(m))) {
        mutator_leave(m);
        collector_poll(m);
        m = mutator_enter(r->call);
        if (unlikely(m == NULL))
            return NULL;
    }
    void *p = try_alloc(m, r);
    if (unlikely(option_now(&options.check_trace) != 0) && p != NULL)
        check_trace(p);
    collector_assist_sweep(m);
    mutator_leave(m);
    if (unlikely(p == NULL))
        p = last_resort(r);
    scavenger_start_if_wanted(NULL);
    return p;
}

static void *invalid(void)
{
    errno = EINVAL;
    return NULL;
}

static void *no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

void *api_alloc(const char *call, grey_kind kind, size_t size)
{
    return allocate(&(struct request){ .call = call, .kind = kind, .size = size, .alignment = MIN_ALIGN });
}

/* Kinds whose objects are nothing but bytes and words. */
static bool is_plain(grey_kind kind)
{
    return kind == GREY_NOSCAN || kind == GREY_CONSERVATIVE || (kind >= GREY_KIND_FIRST_CUSTOM && kind < kind_count());
}

void *grey_alloc_slow(grey_kind kind, size_t size)
{
    if (unlikely(!is_plain(kind)))
        return invalid();
    if (unlikely(size > PTRDIFF_MAX))
        return no_memory();
    return allocate(&(struct request){ .call = "grey_alloc", .kind = kind, .size = size, .alignment = MIN_ALIGN });
}

void *grey_alloc_tiny(size_t size)
{
    if (unlikely(size > TINY_BYTES))
        return grey_alloc_slow(GREY_NOSCAN, size);
    return allocate(&(struct request){ .call = "grey_alloc", .kind = GREY_NOSCAN, .size = size, .alignment = TINY_BYTES });
}

void *grey_alloc_aligned(grey_kind kind, size_t alignment, size_t size)
{
    if (!is_plain(kind) || !is_pow2(alignment))
        return invalid();
    if (size > PTRDIFF_MAX || alignment > ALIGN_MAX)
        return no_memory();
    alignment = alignment < MIN_ALIGN ? MIN_ALIGN : alignment;
    return allocate(
        &(struct request){ .call = "grey_alloc_aligned", .kind = kind, .size = size, .alignment = alignment });
}

void *grey_alloc_root(size_t size)
{
    if (size > PTRDIFF_MAX)
        return no_memory();
    return allocate(
        &(struct request){ .call = "grey_alloc_root", .kind = GREY_ROOT, .size = size, .alignment = MIN_ALIGN });
}

void *grey_alloc_typed(const grey_type *type)
{
    if (type == NULL)
        return invalid();
    void *p = space_try_typed(type);
    if (likely(p != NULL))
        return p;
    return allocate(&(struct request){ .call = "grey_alloc_typed", .type = type, .size = type->size });
}

void *grey_alloc_array(const grey_type *type, size_t count)
{
    size_t bytes;
    if (type == NULL || type->size % sizeof(void *) != 0)
        return invalid();
    if (__builtin_mul_overflow(type->size, count, &bytes) || bytes > PTRDIFF_MAX - sizeof(void *))
        return no_memory();
    return allocate(&(struct request){ .call = "grey_alloc_array", .type = type, .size = bytes });
}

grey_kind grey_kind_create(const struct grey_kind_info *info)
{
    if (info == NULL || info->trace == NULL) {
        errno = EINVAL;
        return 0;
    }
    struct mutator *m = mutator_enter("grey_kind_create");
    if (m == NULL)
        return 0;
    grey_kind kind = kind_create(info);
    mutator_leave(m);
    return kind;
}

const char *grey_kind_name(grey_kind kind)
{
    return kind_name(kind);
}

const grey_type *grey_type_create(const struct grey_type_info *info)
{
    struct mutator *m = mutator_enter("grey_type_create");
    if (m == NULL)
        return NULL;
    const grey_type *type = kind_type_create(info);
    mutator_leave(m);
    return type;
}

/* ---- looking up ---- */

static const grey_type *type_of(const struct object *o)
{
    if (o->span->trace != TRACE_TYPE)
        return NULL;
    return *(const grey_type *const *)(o->base + o->size - sizeof(grey_type *));
}

static bool is_tiny(const struct object *o)
{
    return o->span->kind == KIND_TINY;
}

/* What of the slot is the program's: a large typed object ends with its descriptor, a tiny one is a cell. */
static size_t usable_size(const struct object *o)
{
    if (is_tiny(o))
        return TINY_BYTES;
    return o->span->trace == TRACE_TYPE ? o->size - sizeof(grey_type *) : o->size;
}

/* Where the object starts that p points into. */
static uintptr_t start_of(const struct object *o, const void *p)
{
    return is_tiny(o) ? round_down((uintptr_t)p, TINY_BYTES) : o->base;
}

static grey_kind public_kind(const struct object *o)
{
    return o->span->kind == KIND_TYPED_LARGE ? GREY_TYPED : is_tiny(o) ? GREY_NOSCAN : o->span->kind;
}

bool grey_object_at(const void *p, struct grey_object *out)
{
    struct object o;
    struct mutator *m = mutator_enter("grey_object_at");
    if (m == NULL)
        return false;
    /* H10: while a mark runs, an object found so will be shaded. */
    bool found = object_find((uintptr_t)p, &o);
    if (found && out != NULL)
        *out = (struct grey_object){ .base = (void *)start_of(&o, p), .size = usable_size(&o), .kind = public_kind(&o),
                                     .type = type_of(&o) };
    mutator_leave(m);
    return found;
}

void *grey_base(const void *p)
{
    struct grey_object o;
    return grey_object_at(p, &o) ? o.base : NULL;
}

/* ---- the manual calls ---- */

static const char free_already[] = "double free";
static const char not_start[] = "not the start of an object";

/* The object that starts at p; else a sentence, and false. */
static bool find_start(void *p, struct object *o, const char *call)
{
    if (!object_find((uintptr_t)p, o)) {
        report_misuse(call, p, free_already);
        return false;
    }
    if (start_of(o, p) != (uintptr_t)p) {
        report_misuse(call, p, not_start);
        return false;
    }
    return true;
}

void api_free(void *p, const char *call)
{
    struct object o;
    bool due = false;
    struct mutator *m = mutator_enter(call);
    if (m == NULL)
        return; /* no memory to attach: the collector will find it */
    /* A tiny object's neighbour may live. */
    if (find_start(p, &o, call) && !is_tiny(&o)) {
        due = lifetime_forget(o.base);
        if (!space_free(&o))
            report_misuse(call, p, free_already);
    }
    mutator_leave(m);
    if (unlikely(due))
        finalize_wake();
}

size_t api_usable(const void *p, const char *call)
{
    struct object o;
    size_t size = 0;
    struct mutator *m = mutator_enter(call);
    if (m == NULL)
        return 0;
    if (find_start((void *)p, &o, call))
        size = usable_size(&o);
    mutator_leave(m);
    return size;
}

/* The object starts at p and is to hold only size bytes: what lies behind becomes zero, so that it keeps nothing
   alive and is new when the object grows again; whole pages of a large one are given back. */
static void shrink(const struct object *o, void *p, size_t size)
{
    size_t usable = usable_size(o);
    if (o->span->code == CODE_MANAGED_LARGE && o->span->trace != TRACE_TYPE
        && pages_for(size).n < o->span->pages) {
        space_shrink(o, size);
        usable = o->span->pages * PAGE_BYTES;
    }
    if (o->span->trace == TRACE_NONE)
        memset((char *)p + size, 0, usable - size);
    else
        grey_clear((char *)p + size, usable - size);
}

bool grey_shrink(void *object, size_t size)
{
    struct object o;
    struct mutator *m = mutator_enter("grey_shrink");
    if (m == NULL)
        return false;
    bool ok = object_find((uintptr_t)object, &o) && start_of(&o, object) == (uintptr_t)object && size <= usable_size(&o);
    if (ok)
        shrink(&o, object, size);
    mutator_leave(m);
    if (!ok)
        errno = EINVAL;
    return ok;
}

/* How many bytes the typed object that starts at p holds; shrunk to `bytes` if it holds as many. 0: no typed
   object starts there. */
static size_t fit_typed(void *p, size_t bytes)
{
    struct object o;
    size_t usable = 0;
    struct mutator *m = mutator_enter("grey_realloc_array");
    if (m == NULL)
        return 0;
    bool typed = object_find((uintptr_t)p, &o) && o.base == (uintptr_t)p
                 && (public_kind(&o) == GREY_TYPED || o.span->kind == GREY_NOSCAN); /* of a type without pointers */
    if (typed)
        usable = usable_size(&o);
    if (typed && bytes < usable)
        shrink(&o, p, bytes);
    mutator_leave(m);
    return usable;
}

void *grey_realloc_array(const grey_type *type, void *p, size_t count)
{
    size_t bytes;
    if (p == NULL)
        return grey_alloc_array(type, count);
    if (type == NULL || type->size % sizeof(void *) != 0)
        return invalid();
    if (__builtin_mul_overflow(type->size, count, &bytes) || bytes > PTRDIFF_MAX - sizeof(void *))
        return no_memory();
    size_t usable = fit_typed(p, bytes);
    if (usable == 0)
        return invalid();
    if (bytes <= usable)
        return p;
    void *moved = grey_alloc_array(type, count);
    if (moved != NULL)
        grey_copy(moved, p, usable);
    return moved;
}

/* A new object of the same kind with what the old one holds. The old one is left to the collector, for others
   may still refer to it; but for root blocks, which nobody would collect. */
static void *move(void *p, const struct object *o, size_t size, const char *call)
{
    struct request r = { .call = call, .kind = is_tiny(o) ? GREY_NOSCAN : o->span->kind, .size = size, .alignment = MIN_ALIGN };
    size_t usable = usable_size(o);
    if (o->span->trace == TRACE_BITS)
        return invalid(); /* the type is not known any more: grey_realloc_array() is told it */
    r.type = type_of(o);
    void *moved = allocate(&r);
    if (moved != NULL && o->span->trace == TRACE_NONE)
        memcpy(moved, p, usable < size ? usable : size);
    else if (moved != NULL)
        grey_copy(moved, p, usable < size ? usable : size);
    if (moved != NULL && o->span->kind == GREY_ROOT)
        api_free(p, call);
    return moved;
}

void *api_realloc(void *p, size_t size, const char *call)
{
    struct object o;
    struct mutator *m = mutator_enter(call);
    if (m == NULL)
        return NULL;
    bool found = find_start(p, &o, call);
    size_t usable = found ? usable_size(&o) : 0;
    bool stays = found && size != 0 && size <= usable;
    if (stays && size < usable)
        shrink(&o, p, size);
    mutator_leave(m);
    if (!found)
        return NULL;
    if (size == 0) {
        api_free(p, call);
        return NULL;
    }
    if (stays)
        return p;
    return size > PTRDIFF_MAX ? no_memory() : move(p, &o, size, call);
}

/* ---- collections ---- */

void grey_collect(void)
{
    struct mutator *m = mutator_enter("grey_collect");
    if (m == NULL)
        return;
    mutator_leave(m);
    if (collector_cycle(m, CYCLE_FORCED))
        collector_finish_sweep(m);
}

bool grey_cycle_start(void)
{
    struct mutator *m = mutator_enter("grey_cycle_start");
    if (m == NULL)
        return false;
    mutator_leave(m);
    return collector_cycle(m, CYCLE_FORCED);
}
