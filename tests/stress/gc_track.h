/* Tracked objects: a record outside the heap knows how many places hold the object, so that a
   finalizer or a cleanup that comes too early, twice or never is noticed.

   A place counts the object after it has stored it, and uncounts it before it overwrites it: a
   count above zero means that the object is strongly held. Every tracked object has one cleanup,
   which gives its record back. */
#ifndef GC_TRACK_H
#define GC_TRACK_H

#include "gc_objects.h"
#include <assert.h>
#include <sched.h>

enum { RECORDS = 1 << 17, RESURRECTED = 64 };
static_assert(RECORDS <= 1 << RECORD_BITS, "a record's number fits an id");

enum finalizer_state { FINALIZER_NONE, FINALIZER_SET, FINALIZER_CHANGING, FINALIZER_RAN };

struct record {
    uint64_t id;        /* 0: free */
    uint32_t held;      /* atomic: places that hold the object */
    uint32_t finalizer; /* atomic: enum finalizer_state */
    uint32_t next;      /* under the lock: of the free ones, 0 ends them */
};

static struct {
    struct record *record;
    uint32_t free;       /* under the lock: first free record */
    int lock;            /* atomic */
    uint64_t used;       /* atomic: records in use */
    uint64_t finalizers; /* atomic: run */
    uint64_t cleanups;   /* atomic: run */
    bool child;          /* a forked child: places of threads that are gone hold nothing */
    bool brings_back;    /* finalizers bring some objects back: see is_held_for_sure() */
} track;

/* Where finalizers put some of the objects that they bring back. Written by the finalizers' thread
   and emptied by everybody: exchanged in one step. */
static struct {
    void *p;
    uint64_t id;
    int busy; /* atomic */
} resurrected[RESURRECTED];

static void track_begin(void)
{
    track.record = calloc(RECORDS, sizeof track.record[0]);
    for (uint32_t i = 1; i + 1 < RECORDS; i++)
        track.record[i].next = i + 1;
    track.free = 1;
}

/* Held for a few instructions; who is stopped meanwhile makes others spin, who must be stoppable. */
static void track_lock(void)
{
    while (__atomic_exchange_n(&track.lock, 1, __ATOMIC_ACQUIRE) != 0) {
        grey_safepoint();
        sched_yield();
    }
}

static void track_unlock(void)
{
    __atomic_store_n(&track.lock, 0, __ATOMIC_RELEASE);
}

static struct record *record_of(uint64_t id)
{
    return (id & ID_TRACKED) == 0 ? NULL
                                  : &track.record[(id >> RECORD_SHIFT) & ((UINT64_C(1) << RECORD_BITS) - 1)];
}

static void hold(struct ref r)
{
    struct record *record = record_of(r.id);
    if (record != NULL && r.p != NULL)
        __atomic_fetch_add(&record->held, 1, __ATOMIC_ACQ_REL);
}

static void unhold(struct ref r)
{
    struct record *record = record_of(r.id);
    if (record != NULL && r.p != NULL)
        __atomic_fetch_sub(&record->held, 1, __ATOMIC_ACQ_REL);
}

/* Once the object is gone its record may be another's. */
static bool is_held(uint64_t id)
{
    struct record *record = record_of(id);
    return !track.child && record != NULL && __atomic_load_n(&record->held, __ATOMIC_ACQUIRE) > 0 &&
           __atomic_load_n(&record->id, __ATOMIC_ACQUIRE) == id;
}

/* Where finalizers bring objects back, what such an object leads to was found unreachable and may be held
   again: its weak references are gone, and its own finalizer may still be due. */
static bool is_held_for_sure(uint64_t id)
{
    return !track.brings_back && is_held(id);
}

/* The flags of a new tracked object's id; 0 when all records are in use. */
static uint64_t record_take(void)
{
    track_lock();
    uint32_t i = track.free;
    if (i != 0)
        track.free = track.record[i].next;
    track_unlock();
    if (i == 0)
        return 0;
    __atomic_fetch_add(&track.used, 1, __ATOMIC_RELAXED);
    return ID_TRACKED | (uint64_t)i << RECORD_SHIFT;
}

static void record_give(struct record *record)
{
    __atomic_store_n(&record->id, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&record->held, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&record->finalizer, FINALIZER_NONE, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&track.used, 1, __ATOMIC_RELAXED);
    track_lock();
    record->next = track.free;
    track.free = (uint32_t)(record - track.record);
    track_unlock();
}

static void on_cleanup(void *data)
{
    struct record *record = (struct record *)data;
    uint64_t id = __atomic_load_n(&record->id, __ATOMIC_ACQUIRE);
    if (id == 0 || record_of(id) != record)
        stress_failed(0, "a cleanup ran twice: record %zu", (size_t)(record - track.record));
    if (is_held(id))
        stress_failed(0, "a cleanup ran while %u places hold object %#llx", record->held,
                      (unsigned long long)id);
    /* What the parent's thread was about to run at the fork the child never runs. */
    if (!track.child && __atomic_load_n(&record->finalizer, __ATOMIC_ACQUIRE) == FINALIZER_SET)
        stress_failed(0, "a cleanup ran before the finalizer of object %#llx", (unsigned long long)id);
    __atomic_fetch_add(&track.cleanups, 1, __ATOMIC_RELAXED);
    record_give(record);
}

/* The object gets its cleanup; an object whose cleanup finds no memory is a failure here. */
static void track_object(struct ref r)
{
    struct record *record = record_of(r.id);
    __atomic_store_n(&record->id, r.id, __ATOMIC_RELEASE);
    if (grey_cleanup_add(r.p, on_cleanup, record) == 0)
        stress_failed(step_now, "no cleanup for %p", r.p);
}

/* Everything that the object reaches is as whole as it is. */
static void check_reachable(struct ref r)
{
    struct shape s;
    ref_check(r, true);
    if (!ref_shape(r, &s))
        return;
    for (size_t i = 0; i < cells_of(s) && i < 64; i++) {
        struct ref to = edge_read(r, i);
        if (to.p != NULL)
            ref_check(to, false);
    }
}

static void bring_back(struct ref r)
{
    size_t i = r.id % RESURRECTED;
    if (__atomic_exchange_n(&resurrected[i].busy, 1, __ATOMIC_ACQUIRE) != 0)
        return;
    struct ref old = { resurrected[i].p, resurrected[i].id };
    unhold(old);
    resurrected[i].p = r.p;
    resurrected[i].id = r.id;
    hold(r);
    __atomic_store_n(&resurrected[i].busy, 0, __ATOMIC_RELEASE);
}

static void on_finalize(void *object, void *data)
{
    struct record *record = (struct record *)data;
    struct ref r = { object, __atomic_load_n(&record->id, __ATOMIC_ACQUIRE) };
    uint32_t expected = FINALIZER_SET;
    if (record_of(r.id) != record)
        stress_failed(0, "a finalizer ran after the cleanup: %p", object);
    /* In a child: what another thread of the parent was changing, or about to free, at the fork stays so. */
    if (!__atomic_compare_exchange_n(&record->finalizer, &expected, FINALIZER_RAN, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)
        && !(track.child && expected == FINALIZER_CHANGING))
        stress_failed(0, "a finalizer ran twice, or was never set: object %p", object);
    if (is_held_for_sure(r.id))
        stress_failed(0, "a finalizer ran while %u places hold object %p", record->held, object);
    check_reachable(r);
    __atomic_fetch_add(&track.finalizers, 1, __ATOMIC_RELAXED);
    if (track.brings_back && r.id % 3 == 0)
        bring_back(r);
}

/* For a tracked object that the caller holds in a place. */
static void finalizer_give(struct ref r)
{
    struct record *record = record_of(r.id);
    uint32_t expected = FINALIZER_NONE;
    if (record == NULL || !__atomic_compare_exchange_n(&record->finalizer, &expected, FINALIZER_SET, false,
                                                       __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return;
    if (!grey_finalizer_set(r.p, on_finalize, record))
        stress_failed(step_now, "no finalizer for %p", r.p);
}

/* It is taken away again, or replaced by itself: it has not run, as the caller holds the object. */
static void finalizer_change(struct ref r, bool away)
{
    struct record *record = record_of(r.id);
    uint32_t expected = FINALIZER_SET;
    /* One thread at a time: another may hold the object, too. */
    if (record == NULL
        || !__atomic_compare_exchange_n(&record->finalizer, &expected, FINALIZER_CHANGING, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE))
        return;
    if (!grey_finalizer_set(r.p, away ? NULL : on_finalize, record))
        stress_failed(step_now, "the finalizer of %p could not be changed", r.p);
    __atomic_store_n(&record->finalizer, away ? FINALIZER_NONE : FINALIZER_SET, __ATOMIC_RELEASE);
}

/* Takes back an object that a finalizer has brought back; { NULL } when there is none. */
static struct ref resurrected_take(uint64_t *random)
{
    size_t i = random_below(random, RESURRECTED);
    struct ref r = { NULL, 0 };
    if (__atomic_exchange_n(&resurrected[i].busy, 1, __ATOMIC_ACQUIRE) != 0)
        return r;
    r = (struct ref){ resurrected[i].p, resurrected[i].id };
    if (r.p != NULL)
        check_reachable(r);
    unhold(r);
    resurrected[i].p = NULL;
    __atomic_store_n(&resurrected[i].busy, 0, __ATOMIC_RELEASE);
    return r;
}

#endif
