/* os, on Linux. */
#define _GNU_SOURCE
#include "alloc/os.h"

#include <errno.h>
#include <link.h>
#include <linux/futex.h>
#include <pthread.h>
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

void os_advise_huge(void *p, size_t bytes)
{
    call6(SYS_madvise, (long)p, (long)bytes, MADV_HUGEPAGE, 0, 0, 0);
}

void os_advise_small(void *p, size_t bytes)
{
    call6(SYS_madvise, (long)p, (long)bytes, MADV_NOHUGEPAGE, 0, 0, 0);
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

/* ---- the helper ---- */

#define HELPER_STACK KIB(256)

static void *helper_main(void *helper)
{
    const struct os_helper *h = helper;
    call6(SYS_prctl, PR_SET_NAME, (long)h->name, 0, 0, 0, 0);
    h->fn(h->argument);
    return NULL;
}

static bool create(const struct os_helper *h, size_t stack_bytes)
{
    pthread_t t;
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0)
        return false;
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    bool ok = (stack_bytes == 0 || pthread_attr_setstacksize(&attr, stack_bytes) == 0)
              && pthread_create(&t, &attr, helper_main, (void *)h) == 0;
    pthread_attr_destroy(&attr);
    return ok;
}

/* A thread of libc's and not a bare clone(): libc must know it to change its credentials with the
   others' (setuid), and it must have thread-local storage of its own. */
bool os_helper_start(const struct os_helper *h)
{
    sigset_t all, before;
    int kept = errno;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    /* libc takes the program's thread-local storage from the stack, which may then be too small. */
    bool started = create(h, HELPER_STACK) || create(h, 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = kept;
    return started;
}

/* [atomic] start and end of the loader's code; end is 0 until learned, both are 1 when there is none. */
static struct atomicw loader_start, loader_end;

static int find_loader(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    if (info->dlpi_addr == 0 || info->dlpi_addr != getauxval(AT_BASE))
        return 0;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        if (info->dlpi_phdr[i].p_type != PT_LOAD || (info->dlpi_phdr[i].p_flags & PF_X) == 0)
            continue;
        aw_store_relaxed(&loader_start, start);
        /* release: pairs with the acquire in os_is_loader(). */
        aw_store_release(&loader_end, start + info->dlpi_phdr[i].p_memsz);
        return 1;
    }
    return 0;
}

void os_learn_loader(void)
{
    if (dl_iterate_phdr(find_loader, NULL) != 0)
        return;
    aw_store_relaxed(&loader_start, 1);
    aw_store_release(&loader_end, 1);
}

bool os_is_loader(const void *code)
{
    uintptr_t end = aw_load_acquire(&loader_end), at = (uintptr_t)code;
    return end == 0 || (at >= aw_load_relaxed(&loader_start) && at < end);
}

/* ---- the process ---- */

bool os_secure(void)
{
    return getauxval(AT_SECURE) != 0;
}

uint64_t os_random(void)
{
    uint64_t r = 0x9e3779b97f4a7c15u ^ (uintptr_t)&call6; /* without AT_RANDOM: what ASLR gives */
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

int os_write(int fd, const char *s, size_t n)
{
    while (n > 0) {
        long r = call6(SYS_write, fd, (long)s, (long)n, 0, 0, 0);
        if (r == -EINTR)
            continue;
        if (r <= 0)
            return r == 0 ? EIO : (int)-r;
        s += r;
        n -= (size_t)r;
    }
    return 0;
}

void os_abort(void)
{
    abort();
}
