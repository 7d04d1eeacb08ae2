/* os, on Linux. */
#define _GNU_SOURCE
#include "alloc/os.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if defined(GREY_SANITIZED) || !(defined(__x86_64__) || defined(__aarch64__))
#define RAW_CALLS 0
#else
#define RAW_CALLS 1
#endif

/* The result, or minus the error number. */
#if !RAW_CALLS
/* The sanitizers must see mmap and the like, so their builds go through libc. */
static long call6(long n, long a, long b, long c, long d, long e, long f)
{
    int kept = errno;
    long r = n == SYS_mmap ? (long)mmap((void *)a, (size_t)b, (int)c, (int)d, (int)e, f)
             : n == SYS_munmap ? munmap((void *)a, (size_t)b)
             : n == SYS_mprotect ? mprotect((void *)a, (size_t)b, (int)c)
             : n == SYS_madvise ? madvise((void *)a, (size_t)b, (int)c)
                                : syscall(n, a, b, c, d, e, f);
    if (r == -1)
        r = -errno;
    errno = kept;
    return r;
}
#elif defined(__x86_64__)
static long call6(long n, long a, long b, long c, long d, long e, long f)
{
    long r;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ __volatile__("syscall"
                         : "=a"(r)
                         : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                         : "rcx", "r11", "memory");
    return r;
}
#else
static long call6(long n, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = n;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ __volatile__("svc 0"
                         : "+r"(x0)
                         : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                         : "memory");
    return x0;
}
#endif

static bool failed(long r)
{
    return (unsigned long)r > (unsigned long)-4096L;
}

static void *map(uintptr_t hint, size_t bytes, int prot, int flags)
{
    long r = call6(SYS_mmap, (long)hint, (long)bytes, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    return failed(r) ? NULL : (void *)r;
}

size_t os_page_size(void)
{
    static struct atomicw known;
    size_t size = aw_load_relaxed(&known); /* relaxed: a number, the same whoever stores it */
    if (unlikely(size == 0)) {
        size = getauxval(AT_PAGESZ);
        aw_store_relaxed(&known, size);
    }
    return size;
}

void *os_reserve(uintptr_t hint, size_t bytes)
{
    return map(hint, bytes, PROT_NONE, MAP_NORESERVE);
}

bool os_commit(void *p, size_t bytes)
{
    return call6(SYS_mprotect, (long)p, (long)bytes, PROT_READ | PROT_WRITE, 0, 0, 0) == 0;
}

bool os_discard(void *p, size_t bytes)
{
    return call6(SYS_madvise, (long)p, (long)bytes, MADV_DONTNEED, 0, 0, 0) == 0;
}

void os_release(void *p, size_t bytes)
{
    call6(SYS_munmap, (long)p, (long)bytes, 0, 0, 0, 0);
}

void *os_map(size_t bytes)
{
    return map(0, bytes, PROT_READ | PROT_WRITE, 0);
}

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

bool os_move(void *from, void *to, size_t bytes)
{
    /* Linux 5.7; older kernels refuse, and the caller copies. */
    long flags = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
    return !failed(call6(SYS_mremap, (long)from, (long)bytes, (long)bytes, flags, (long)to, 0));
}

void os_advise_huge(void *p, size_t bytes)
{
    call6(SYS_madvise, (long)p, (long)bytes, MADV_HUGEPAGE, 0, 0, 0);
}

unsigned os_cpu_count(void)
{
    static struct atomic32 known;
    unsigned count = a32_load_relaxed(&known); /* relaxed: as in os_page_size() */
    if (likely(count != 0))
        return count;
    unsigned long mask[64];
    memset(mask, 0, sizeof mask);
    if (!failed(call6(SYS_sched_getaffinity, 0, sizeof mask, (long)mask, 0, 0, 0)))
        for (size_t i = 0; i < COUNT(mask); i++)
            count += (unsigned)__builtin_popcountl(mask[i]);
    if (count == 0)
        count = 1;
    a32_store_relaxed(&known, count);
    return count;
}

uint64_t os_now_ns(void)
{
    struct timespec t = { 0 };
    call6(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&t, 0, 0, 0, 0);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void os_futex_wait(struct atomic32 *word, uint32_t expected)
{
    call6(SYS_futex, (long)&word->v, FUTEX_WAIT_PRIVATE, (long)expected, 0, 0, 0);
}

void os_futex_wait_ns(struct atomic32 *word, uint32_t expected, uint64_t ns)
{
    struct timespec t = { .tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u) };
    call6(SYS_futex, (long)&word->v, FUTEX_WAIT_PRIVATE, (long)expected, (long)&t, 0, 0);
}

void os_futex_wake(struct atomic32 *word, int count)
{
    call6(SYS_futex, (long)&word->v, FUTEX_WAKE_PRIVATE, count, 0, 0, 0);
}

/* The helper's start: it may not touch errno or other TLS, see os.h. */
static struct {
    void (*fn)(void);
    const char *name;
    char *stack;
    int tid; /* zeroed by the kernel when the helper is gone and its stack free again */
} helper;

static int helper_main(void *unused)
{
    (void)unused;
    call6(SYS_prctl, PR_SET_NAME, (long)helper.name, 0, 0, 0, 0);
    helper.fn();
    return 0;
}

#define HELPER_STACK KIB(32)

#if RAW_CALLS && !defined(GREY_CHECK)
/* Not pthread_create: that allocates, and waits for libc locks which the caller of the free()
   that brought us here may hold (libc frees thread stacks and dynamic TLS under such locks).
   The thread shares the TLS register of its creator and therefore never uses it. */
static bool start_thread(void)
{
    if (helper.stack == NULL)
        helper.stack = os_map(HELPER_STACK);
    if (helper.stack == NULL)
        return false;
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM
                | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
    int kept = errno;
    int tid = clone(helper_main, helper.stack + HELPER_STACK, flags, NULL, &helper.tid, NULL, &helper.tid);
    errno = kept;
    return tid > 0;
}
#else
/* Sanitizers and lock checks need a thread that libc knows. */
static void *pthread_main(void *unused)
{
    helper_main(unused);
    __atomic_store_n(&helper.tid, 0, __ATOMIC_RELEASE);
    return NULL;
}

static bool start_thread(void)
{
    pthread_t t;
    pthread_attr_t attr;
    int kept = errno;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    helper.tid = 1;
    bool ok = pthread_create(&t, &attr, pthread_main, NULL) == 0;
    if (!ok)
        helper.tid = 0;
    pthread_attr_destroy(&attr);
    errno = kept;
    return ok;
}
#endif

bool os_helper_start(void (*fn)(void), const char *name)
{
    /* acquire: pairs with the kernel's (or pthread_main's) clearing at the helper's end. */
    if (__atomic_load_n(&helper.tid, __ATOMIC_ACQUIRE) != 0)
        return false; /* the last one has not quite left its stack */
    helper.fn = fn;
    helper.name = name;
    uint64_t all = ~UINT64_C(0), before = 0;
    call6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&before, sizeof all, 0, 0);
    bool ok = start_thread();
    call6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&before, 0, sizeof before, 0, 0);
    return ok;
}

void os_helper_forget(void)
{
    helper.tid = 0;
}

bool os_secure(void)
{
    return getauxval(AT_SECURE) != 0;
}

uint64_t os_random(void)
{
    uint64_t r = 0x9e3779b97f4a7c15u ^ (uintptr_t)&helper; /* without AT_RANDOM: what ASLR gives */
    const void *bytes = (const void *)getauxval(AT_RANDOM);
    if (bytes != NULL)
        memcpy(&r, (const char *)bytes + 8, sizeof r);
    return r * 0xd6e8feb86659fd93u ^ (r >> 32);
}

int os_getpid(void)
{
    return (int)call6(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

int os_gettid(void)
{
    return (int)call6(SYS_gettid, 0, 0, 0, 0, 0, 0);
}

void os_write(int fd, const char *s, size_t n)
{
    while (n > 0) {
        long r = call6(SYS_write, fd, (long)s, (long)n, 0, 0, 0);
        if (r == -EINTR)
            continue;
        if (r <= 0)
            return;
        s += r;
        n -= (size_t)r;
    }
}

void os_abort(void)
{
    abort();
}
