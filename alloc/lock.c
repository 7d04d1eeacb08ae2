/* lock: the contended paths. States: 0 free, 1 taken, 2 taken and somebody may sleep. */
#include "alloc/lock.h"

#include "alloc/os.h"

/* Holders keep a lock for well under a microsecond: spinning a little beats the kernel,
   unless there is one processor, where the holder cannot be running. */
#define SPINS 60

void lock_take_slow(struct lock *l)
{
    int spins = os_cpu_count() > 1 ? SPINS : 0;
    for (int i = 0; i < spins; i++) {
        cpu_relax();
        /* acquire, here and below: pairs with the release in lock_drop(). */
        if (a32_load_relaxed(&l->state) == 0 && a32_cas_acquire(&l->state, 0, 1))
            return;
    }
    for (;;) {
        /* Take it as "somebody may sleep": we cannot know that nobody else does. */
        if (a32_cas_acquire(&l->state, 0, 2))
            return;
        if (a32_load_relaxed(&l->state) == 2 || a32_cas_acquire(&l->state, 1, 2))
            os_futex_wait(&l->state, 2);
    }
}

void lock_drop_slow(struct lock *l)
{
    assert(a32_load_relaxed(&l->state) == 2);
    /* release: pairs with the acquire of whoever takes it next. */
    a32_store_release(&l->state, 0);
    os_futex_wake(&l->state, 1);
}

#ifdef GREY_CHECK
/* The ranks this thread holds. Only in this build: the others keep their few bytes of TLS. */
static __thread struct lock *held[2048]; /* a fork takes every lock there is */
static __thread unsigned held_count;

void lock_note_taken(struct lock *l)
{
    assert(held_count < COUNT(held));
    for (unsigned i = 0; i < held_count; i++)
        assert(held[i]->rank < l->rank || (held[i]->rank == l->rank && held[i] < l));
    held[held_count++] = l;
}

void lock_note_dropped(struct lock *l)
{
    for (unsigned i = held_count; i-- > 0;) {
        if (held[i] != l)
            continue;
        held[i] = held[--held_count];
        return;
    }
    assert(!"dropped a lock that this thread does not hold");
}

bool lock_is_held(const struct lock *l)
{
    for (unsigned i = 0; i < held_count; i++)
        if (held[i] == l)
            return true;
    return false;
}
#endif
