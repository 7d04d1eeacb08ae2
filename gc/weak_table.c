/* weak_table: a hash table whose keys are weak: an entry's value lives while the table and the key do.

   Open addressing. Entries lie in an object without pointers, which the settling of ephemerons marks and
   looks through (ephemeron.c); it turns entries whose keys died into graves.

   The program's hash and equal are called with no lock held and not busy, so they may allocate, and a
   collection may happen inside. A search that has to ask equal lets go of the table meanwhile, and
   begins anew if something was put since; so equal must not put anything into the same table. */
#include "gc/settle.h"

#include <errno.h>

#include "gc/api.h"

#define CAPACITY_FIRST 8
#define SYSTEM_PAGE    KIB(4) /* the smallest there is */

/* ---- searching ---- */

struct search {
    struct grey_weak_table *t;
    struct mutator *m; /* busy, but while the program is asked */
    uintptr_t key;
    uint64_t hash;
    uint64_t changes; /* of the table, when the search began */
    size_t at;        /* where it stands */
};

static uint64_t mixed(uint64_t h)
{
    h = (h ^ h >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    h ^= h >> 29;
    return h < HASH_FIRST ? h + HASH_FIRST : h;
}

/* Busy for a table and a key. False when the call is to do nothing. */
static bool begin(struct search *s, const grey_weak_table *t, const void *key, const char *call)
{
    *s = (struct search){ .t = (grey_weak_table *)t, .key = (uintptr_t)key };
    s->m = t == NULL ? NULL : mutator_enter(call);
    if (s->m == NULL)
        return false;
    if (!lifetime_is_kind(t, KIND_WEAK_TABLE, call, "not a weak table")) {
        mutator_leave(s->m);
        return false;
    }
    if (t->hash == NULL || key == NULL) {
        s->hash = mixed(s->key >> 3);
        return true;
    }
    mutator_leave(s->m);
    s->hash = mixed(t->hash(key));
    (void)mutator_enter(call); /* attached already */
    return true;
}

static void table_lock(const struct search *s)
{
    lock_take(lifetime_lock_of(s->t));
}

static void table_unlock(const struct search *s)
{
    lock_drop(lifetime_lock_of(s->t));
}

static void end(struct search *s)
{
    table_unlock(s);
    mutator_leave(s->m);
}

static size_t next_slot(const struct grey_weak_table *t, size_t i)
{
    return (i + 1) & (t->capacity - 1);
}

/* From s->at to an entry that is the key's, or may be. False: there is none. */
static bool advance_locked(struct search *s)
{
    const struct grey_weak_table *t = s->t;
    if (t->capacity == 0 || s->key == 0)
        return false;
    for (const struct entry *e; e = &t->entries[s->at], e->hash != HASH_NEVER; s->at = next_slot(t, s->at))
        if (e->key != 0 && e->hash == s->hash && (t->equal != NULL || e->key == s->key))
            return true;
    return false;
}

/* The lock is dropped while the program is asked, which may take a while. */
static bool ask_equal(struct search *s)
{
    const void *candidate = (const void *)s->t->entries[s->at].key; /* kept by this thread's stack */
    end(s);
    bool same = s->t->equal(candidate, (const void *)s->key);
    (void)mutator_enter("grey_weak_table_get");
    table_lock(s);
    grey_keep(candidate);
    return same;
}

static void begin_probing_locked(struct search *s)
{
    s->changes = s->t->changes;
    s->at = s->t->capacity == 0 ? 0 : s->hash & (s->t->capacity - 1);
}

/* The lock is taken, though not all the while. s->at is the key's entry, or (false) there is none. */
static bool locate(struct search *s)
{
    begin_probing_locked(s);
    while (advance_locked(s)) {
        uintptr_t candidate = s->t->entries[s->at].key;
        if (candidate == s->key)
            return true;
        bool same = ask_equal(s);
        if (s->t->changes != s->changes || (same && s->t->entries[s->at].key != candidate))
            begin_probing_locked(s);
        else if (same)
            return true;
        else
            s->at = next_slot(s->t, s->at);
    }
    return false;
}

/* ---- reading ---- */

/* H10: a marker that runs beside the program must be told of what these return before the lock is
   dropped. Now the caller's stack keeps it, for nothing stops the thread until end(). */
void *grey_weak_table_get(const grey_weak_table *t, const void *key)
{
    struct search s;
    if (!begin(&s, t, key, "grey_weak_table_get"))
        return NULL;
    table_lock(&s);
    void *value = locate(&s) ? (void *)t->entries[s.at].value : NULL;
    end(&s);
    return value;
}

void *grey_weak_table_find(const grey_weak_table *t, const void *key)
{
    struct search s;
    if (!begin(&s, t, key, "grey_weak_table_find"))
        return NULL;
    table_lock(&s);
    void *held = locate(&s) ? (void *)t->entries[s.at].key : NULL;
    end(&s);
    return held;
}

size_t grey_weak_table_count(const grey_weak_table *t)
{
    struct search s;
    if (!begin(&s, t, NULL, "grey_weak_table_count"))
        return 0;
    table_lock(&s);
    size_t live = t->live;
    end(&s);
    return live;
}

/* ---- writing ---- */

grey_weak_table *grey_weak_table_create(const struct grey_weak_table_info *info)
{
    if (info != NULL && info->hash == NULL && info->equal != NULL) {
        errno = EINVAL; /* equal keys at different addresses would have different hashes */
        return NULL;
    }
    struct grey_weak_table *t = api_alloc("grey_weak_table_create", KIND_WEAK_TABLE, sizeof *t);
    if (t != NULL && info != NULL) {
        t->hash = info->hash;
        t->equal = info->equal;
    }
    return t;
}

/* Graves count: a search ends at an entry that was never used. */
static bool has_room(const struct grey_weak_table *t)
{
    return (t->live + t->graves + 1) * 4 <= t->capacity * 3;
}

static void insert_locked(struct grey_weak_table *t, const struct entry *new)
{
    size_t i = new->hash & (t->capacity - 1);
    while (t->entries[i].hash >= HASH_FIRST)
        i = next_slot(t, i);
    if (t->entries[i].hash == HASH_GRAVE)
        t->graves--;
    t->entries[i] = *new;
    t->live++;
    t->changes++;
}

static void rehash_locked(struct grey_weak_table *t, struct entry *entries, size_t capacity)
{
    struct entry *old = t->entries;
    size_t old_capacity = t->capacity;
    t->entries = entries;
    t->capacity = capacity;
    t->live = t->graves = 0;
    for (size_t i = 0; i < old_capacity; i++)
        if (old[i].key != 0)
            insert_locked(t, &old[i]);
}

/* The system gives memory at the first touch, which takes longer than what follows with the lock in hand. */
static void touch(struct entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i += SYSTEM_PAGE / sizeof *entries)
        *(volatile uint64_t *)&entries[i].hash = HASH_NEVER;
}

/* Storage, allocated not busy; busy again. NULL without memory. */
static struct entry *new_entries(struct search *s, size_t count)
{
    mutator_leave(s->m);
    struct entry *entries = api_alloc("grey_weak_table_put", GREY_NOSCAN, count * sizeof *entries);
    if (entries != NULL)
        touch(entries, count);
    (void)mutator_enter("grey_weak_table_put");
    grey_keep(entries);
    return entries;
}

/* Room for half as many again at least. The lock is taken, and dropped meanwhile. False without memory. */
static bool make_room(struct search *s)
{
    struct grey_weak_table *t = s->t;
    size_t capacity = CAPACITY_FIRST;
    while (capacity < (t->live + 1) * 2)
        capacity *= 2;
    table_unlock(s);
    struct entry *entries = new_entries(s, capacity);
    table_lock(s);
    /* Unless somebody else was here meanwhile. */
    if (entries != NULL && !has_room(t) && (t->live + 1) * 4 <= capacity * 3)
        rehash_locked(t, entries, capacity);
    return entries != NULL;
}

static bool put(struct search *s, uintptr_t value)
{
    struct grey_weak_table *t = s->t;
    table_lock(s);
    for (;;) {
        /* A marker that runs beside the program must be told of the value, old and new, here. */
        if (locate(s)) {
            t->entries[s->at].value = value;
            return true;
        }
        if (has_room(t)) {
            insert_locked(t, &(struct entry){ s->key, value, s->hash });
            return true;
        }
        if (!make_room(s))
            return false;
    }
}

bool grey_weak_table_put(grey_weak_table *t, void *key, void *value)
{
    struct search s;
    if (key == NULL) {
        errno = EINVAL;
        return false;
    }
    if (!begin(&s, t, key, "grey_weak_table_put"))
        return false;
    bool done = put(&s, (uintptr_t)value);
    end(&s);
    return done;
}

bool grey_weak_table_remove(grey_weak_table *t, const void *key)
{
    struct search s;
    if (!begin(&s, t, key, "grey_weak_table_remove"))
        return false;
    table_lock(&s);
    bool found = locate(&s);
    if (found) {
        t->entries[s.at] = (struct entry){ .hash = HASH_GRAVE };
        t->live--;
        t->graves++;
    }
    end(&s);
    return found;
}

/* ---- all entries ---- */

static bool copy_locked(const struct grey_weak_table *t, struct grey_weak_table *snap, size_t room)
{
    if (t->live > room)
        return false;
    for (size_t i = 0; i < t->capacity; i++)
        if (t->entries[i].key != 0)
            snap->entries[snap->capacity++] = t->entries[i];
    return true;
}

/* The entries as they are now, kept alive by the table that is returned. NULL without memory. */
static struct grey_weak_table *snapshot(struct search *s)
{
    mutator_leave(s->m);
    struct grey_weak_table *snap = api_alloc("grey_weak_table_each", KIND_WEAK_TABLE, sizeof *snap);
    (void)mutator_enter("grey_weak_table_each");
    if (snap == NULL)
        return NULL;
    snap->strong = true;
    bool copied;
    do {
        table_lock(s);
        size_t live = s->t->live;
        table_unlock(s);
        if (live == 0)
            return snap;
        snap->entries = new_entries(s, live);
        if (snap->entries == NULL)
            return NULL;
        table_lock(s);
        copied = copy_locked(s->t, snap, live);
        table_unlock(s);
    } while (!copied);
    return snap;
}

void grey_weak_table_each(const grey_weak_table *t, void (*fn)(void *key, void *value, void *data),
                          void *data)
{
    struct search s;
    if (!begin(&s, t, NULL, "grey_weak_table_each"))
        return;
    struct grey_weak_table *snap = snapshot(&s);
    mutator_leave(s.m);
    for (size_t i = 0; snap != NULL && i < snap->capacity; i++)
        fn((void *)snap->entries[i].key, (void *)snap->entries[i].value, data);
    /* A stale word that still names it must not keep what it held. */
    if (snap != NULL)
        snap->capacity = 0;
    grey_keep(snap);
    grey_keep(t);
}
