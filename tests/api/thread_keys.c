/* Threads attach while a stopped one has malloc's lock, which libc takes for a thread's first value of one of
   its later keys: the collection does not wait for them. */
#include "thread.h"

enum { KEYS = 40, VALUES_BYTES = 512 /* that libc asks for at once, for 32 keys */ };

static __thread bool attaching;
static int waiting, held, over; /* flags */

#ifdef GREY_SANITIZED /* its run-time has a calloc of its own */
#define CALLOC_IS_OURS 0
#else
#define CALLOC_IS_OURS 1

/* malloc's lock, as far as this test goes, is `held`. */
void *calloc(size_t count, size_t size)
{
    volatile char *p = malloc(count * size);
    if (attaching && count * size == VALUES_BYTES) {
        raise_flag(&waiting);
        while (flag(&held))
            usleep(1000);
    }
    for (size_t i = 0; p != NULL && i < count * size; i++)
        p[i] = 0;
    return (void *)(uintptr_t)p;
}
#endif

static void *hold(void *unused)
{
    grey_thread_attach();
    raise_flag(&held);
    while (!flag(&over)) /* no safepoint: a signal stops it here */
        continue;
    __atomic_store_n(&held, 0, __ATOMIC_RELEASE);
    return unused;
}

static void *attach(void *unused)
{
    attaching = true;
    CHECK(grey_thread_attach(), "not attached");
    attaching = false;
    return unused;
}

int main(void)
{
    pthread_t t[2];
    pthread_key_t keys[KEYS];
    for (size_t i = 0; i < KEYS; i++) /* the library's comes after them */
        CHECK(pthread_key_create(&keys[i], NULL) == 0, "no key");
    if (!CALLOC_IS_OURS || grey_get(GREY_SET_STOP) == GREY_STOP_COOPERATIVE)
        return SKIPPED;
    grey_thread_attach();
    CHECK(pthread_create(&t[0], NULL, hold, NULL) == 0, "no thread");
    await(&held);
    CHECK(pthread_create(&t[1], NULL, attach, NULL) == 0, "no thread");
    for (int i = 0; i < 2000 && !flag(&waiting); i++)
        usleep(1000);
    for (int i = 0; i < 10; i++)
        grey_collect();
    raise_flag(&over);
    grey_blocking_enter();
    for (size_t i = 0; i < COUNT(t); i++)
        pthread_join(t[i], NULL);
    grey_blocking_leave();
    if (failures == 0 && !flag(&waiting))
        return SKIPPED; /* this libc allocates nothing there */
    return result();
}
