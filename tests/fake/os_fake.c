/* os_fake: see os_fake.h. */
#define _GNU_SOURCE
#include "tests/fake/os_fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "alloc/os.h"

enum { SEGMENTS_MAX = 4096, WRITTEN_MAX = 8192 };

/* What the system knows of a range of addresses; nothing of the others. */
enum segment_state { NOTHING, RESERVED, COMMITTED, MAPPED };
struct segment {
    uintptr_t start, end;
    enum segment_state state;
};

#define FIRST_FRESH_HINT ((uintptr_t)0x10 << 40)
#define FIRST_ELSEWHERE  ((uintptr_t)0x7000 << 32)

static struct {
    enum os_fake_memory memory;
    enum os_fake_placement placement;
    size_t page_size;
    bool secure, loader;
    uint64_t now;
    size_t limit;
    size_t calls[OS_OP_COUNT], refusals[OS_OP_COUNT], refuse[OS_OP_COUNT];
    bool refuse_all[OS_OP_COUNT];
    struct os_fake_call log[OS_FAKE_LOG_MAX];
    size_t log_count;
    const struct os_helper *helper;
    void (*on_sleep)(uint64_t ns);
    char written[2][WRITTEN_MAX];
    size_t written_bytes;
    jmp_buf *abort_to;
    uintptr_t place_next;
} fake = { .page_size = 4096, .now = 1000000000, .limit = SIZE_MAX };

/* Sorted, apart or of different states. Not reset: what is reserved stays so. */
static struct segment segments[SEGMENTS_MAX];
static size_t segment_count;
static uintptr_t fresh_hint = FIRST_FRESH_HINT;
static uintptr_t elsewhere = FIRST_ELSEWHERE;

_Noreturn static void die(const char *what, uintptr_t address, size_t bytes)
{
    fprintf(stderr, "os_fake: %s: 0x%zx bytes at 0x%zx\n", what, bytes, (size_t)address);
    abort();
}

/* ---- for tests ---- */

void os_fake_reset(void)
{
    void (*no_sleep)(uint64_t) = NULL;
    memset(fake.calls, 0, sizeof fake.calls);
    memset(fake.refusals, 0, sizeof fake.refusals);
    memset(fake.refuse, 0, sizeof fake.refuse);
    memset(fake.refuse_all, 0, sizeof fake.refuse_all);
    fake.memory = OS_REAL;
    fake.placement = OS_FOLLOW;
    fake.page_size = 4096;
    fake.secure = fake.loader = false;
    fake.now = 1000000000;
    fake.limit = SIZE_MAX;
    fake.log_count = 0;
    fake.helper = NULL;
    fake.on_sleep = no_sleep;
    fake.written_bytes = 0;
    fake.abort_to = NULL;
    fake.place_next = 0;
}

void os_fake_memory(enum os_fake_memory memory, enum os_fake_placement placement)
{
    fake.memory = memory;
    fake.placement = placement;
}

void os_fake_page_size(size_t bytes)
{
    fake.page_size = bytes;
}

void os_fake_secure(bool secure)
{
    fake.secure = secure;
}

uintptr_t os_fake_fresh_hint(void)
{
    uintptr_t hint = fresh_hint;
    fresh_hint += (uintptr_t)1 << 40;
    return hint;
}

void os_fake_place_next(uintptr_t address)
{
    fake.place_next = address;
}

void os_fake_loader(bool is_loader)
{
    fake.loader = is_loader;
}

void os_fake_limit(size_t bytes)
{
    fake.limit = bytes;
}

void os_fake_refuse(enum os_fake_op op, size_t nth)
{
    fake.refuse[op] = nth;
    fake.refuse_all[op] = false;
}

void os_fake_refuse_all(enum os_fake_op op)
{
    fake.refuse_all[op] = true;
}

size_t os_fake_calls(enum os_fake_op op)
{
    return fake.calls[op];
}

size_t os_fake_refusals(enum os_fake_op op)
{
    return fake.refusals[op];
}

const struct os_fake_call *os_fake_log(size_t *count)
{
    *count = fake.log_count;
    return fake.log;
}

static size_t bytes_of(enum segment_state state)
{
    size_t bytes = 0;
    for (size_t i = 0; i < segment_count; i++)
        if (segments[i].state == state)
            bytes += segments[i].end - segments[i].start;
    return bytes;
}

size_t os_fake_reserved(void)
{
    return bytes_of(RESERVED) + bytes_of(COMMITTED);
}

size_t os_fake_committed(void)
{
    return bytes_of(COMMITTED);
}

bool os_fake_helper_waits(void)
{
    return fake.helper != NULL;
}

void os_fake_helper_run(void)
{
    const struct os_helper *helper = fake.helper;
    if (helper == NULL)
        die("no helper was started", 0, 0);
    fake.helper = NULL;
    helper->fn(helper->argument);
}

void os_fake_on_sleep(void (*on_sleep)(uint64_t ns))
{
    fake.on_sleep = on_sleep;
}

void os_fake_helper_lose(void)
{
    fake.helper = NULL;
}

uint64_t os_fake_now(void)
{
    return fake.now;
}

const char *os_fake_written(void)
{
    memcpy(fake.written[1], fake.written[0], fake.written_bytes);
    fake.written[1][fake.written_bytes] = '\0';
    fake.written_bytes = 0;
    return fake.written[1];
}

void os_fake_catch_abort(jmp_buf *where)
{
    fake.abort_to = where;
}

/* ---- calls ---- */

/* Counts a call and says whether it may go on. */
static bool begin(enum os_fake_op op)
{
    bool refused = fake.refuse_all[op] || fake.refuse[op] == 1;
    fake.calls[op]++;
    fake.refuse[op] -= fake.refuse[op] > 0;
    fake.refusals[op] += refused;
    return !refused;
}

static bool end(enum os_fake_op op, uintptr_t address, size_t bytes, bool ok)
{
    if (fake.log_count < OS_FAKE_LOG_MAX)
        fake.log[fake.log_count++] = (struct os_fake_call){ op, address, bytes, ok };
    return ok;
}

/* ---- the map ---- */

static void add_segment(struct segment *to, size_t *n, uintptr_t start, uintptr_t stop,
                        enum segment_state state)
{
    if (start >= stop || state == NOTHING)
        return;
    if (*n > 0 && to[*n - 1].end == start && to[*n - 1].state == state) {
        to[*n - 1].end = stop;
        return;
    }
    if (*n == SEGMENTS_MAX)
        die("too many segments", start, stop - start);
    to[(*n)++] = (struct segment){ start, stop, state };
}

static bool is_free(uintptr_t start, uintptr_t stop)
{
    for (size_t i = 0; i < segment_count; i++)
        if (segments[i].start < stop && segments[i].end > start)
            return false;
    return true;
}

/* Is all of it in one of the two states? */
static bool is_either(enum segment_state a, enum segment_state b, uintptr_t start, uintptr_t stop)
{
    for (size_t i = 0; i < segment_count && start < stop; i++)
        if (segments[i].start <= start && start < segments[i].end
            && (segments[i].state == a || segments[i].state == b))
            start = segments[i].end;
    return start >= stop;
}

static void paint(uintptr_t start, uintptr_t stop, enum segment_state state)
{
    static struct segment painted[SEGMENTS_MAX];
    size_t n = 0, i = 0;
    for (; i < segment_count && segments[i].start < start; i++)
        add_segment(painted, &n, segments[i].start, segments[i].end < start ? segments[i].end : start,
                    segments[i].state);
    if (i > 0 && segments[i - 1].end > start)
        i--;
    add_segment(painted, &n, start, stop, state);
    for (; i < segment_count; i++)
        add_segment(painted, &n, segments[i].start > stop ? segments[i].start : stop, segments[i].end,
                    segments[i].state);
    memcpy(segments, painted, n * sizeof *painted);
    segment_count = n;
}

static void must_be_whole_pages(uintptr_t address, size_t bytes)
{
    if (bytes == 0 || address % fake.page_size != 0 || bytes % fake.page_size != 0)
        die("not whole pages", address, bytes);
}

static void must_be_reserved(uintptr_t address, size_t bytes, const char *what)
{
    must_be_whole_pages(address, bytes);
    if (!is_either(RESERVED, COMMITTED, address, address + bytes))
        die(what, address, bytes);
}

static void must_be_committed(uintptr_t address, size_t bytes, const char *what)
{
    must_be_whole_pages(address, bytes);
    if (!is_either(COMMITTED, COMMITTED, address, address + bytes))
        die(what, address, bytes);
}

/* ---- alloc/os.h: memory ---- */

size_t os_page_size(void)
{
    return fake.page_size;
}

/* Real address space at multiples of the faked page size. */
static uintptr_t map_real(uintptr_t hint, size_t bytes, int protection)
{
    size_t slack = fake.page_size - 1;
    char *got =
        mmap((void *)hint, bytes + slack, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (got == MAP_FAILED)
        return 0;
    /* What lies outside goes back, so that the next reservation can follow this one. */
    uintptr_t start = round_up((uintptr_t)got, fake.page_size), stop = start + bytes;
    uintptr_t mapped = round_up((uintptr_t)got + bytes + slack, 4096);
    if (start > (uintptr_t)got)
        munmap(got, start - (uintptr_t)got);
    if (mapped > stop)
        munmap((void *)stop, mapped - stop);
    return start;
}

static uintptr_t invented_place(uintptr_t hint, size_t bytes)
{
    if (hint != 0 && fake.placement == OS_FOLLOW && is_free(hint, hint + bytes))
        return hint;
    elsewhere = round_down(elsewhere - bytes, 2 * fake.page_size) - fake.page_size;
    if (!is_free(elsewhere, elsewhere + bytes))
        die("invented addresses are used up", elsewhere, bytes);
    return elsewhere;
}

static uintptr_t place(uintptr_t hint, size_t bytes)
{
    uintptr_t next = hint == 0 ? fake.place_next : 0;
    if (next == 0)
        return fake.memory == OS_REAL ? map_real(fake.placement == OS_FOLLOW ? hint : 0, bytes, PROT_NONE)
                                      : invented_place(hint, bytes);
    if (!is_free(next, next + bytes))
        die("the place is taken", next, bytes);
    fake.place_next = 0;
    return next;
}

void *os_reserve(uintptr_t hint, size_t bytes)
{
    if (bytes == 0 || bytes % fake.page_size != 0)
        die("reserve: not whole pages", hint, bytes);
    bool ok = begin(OS_RESERVE) && bytes <= fake.limit && os_fake_reserved() <= fake.limit - bytes;
    uintptr_t address = ok ? place(hint, bytes) : 0;
    if (address != 0)
        paint(address, address + bytes, RESERVED);
    end(OS_RESERVE, address != 0 ? address : hint, bytes, address != 0);
    return (void *)address;
}

bool os_commit(void *p, size_t bytes)
{
    uintptr_t address = (uintptr_t)p;
    must_be_reserved(address, bytes, "commit of what is not reserved");
    if (!begin(OS_COMMIT))
        return end(OS_COMMIT, address, bytes, false);
    if (fake.memory == OS_REAL && mprotect(p, bytes, PROT_READ | PROT_WRITE) != 0)
        die("mprotect", address, bytes);
    paint(address, address + bytes, COMMITTED);
    return end(OS_COMMIT, address, bytes, true);
}

bool os_discard(void *p, size_t bytes)
{
    uintptr_t address = (uintptr_t)p;
    bool meta = is_either(MAPPED, MAPPED, address, address + bytes);
    enum os_fake_op op = meta ? OS_DISCARD_META : OS_DISCARD;
    if (meta)
        must_be_whole_pages(address, bytes);
    else
        must_be_committed(address, bytes, "discard of what is not committed");
    if (!begin(op))
        return end(op, address, bytes, false);
    if ((meta || fake.memory == OS_REAL) && madvise(p, bytes, MADV_DONTNEED) != 0)
        die("madvise", address, bytes);
    return end(op, address, bytes, true);
}

void os_release(void *p, size_t bytes)
{
    uintptr_t address = (uintptr_t)p;
    must_be_reserved(address, bytes, "release of what is not reserved");
    begin(OS_RELEASE);
    if (fake.memory == OS_REAL && munmap(p, bytes) != 0)
        die("munmap", address, bytes);
    paint(address, address + bytes, NOTHING);
    end(OS_RELEASE, address, bytes, true);
}

/* Metadata is touched, so it is real in any case. */
void *os_map(size_t bytes)
{
    if (bytes == 0 || bytes % fake.page_size != 0)
        die("map: not whole pages", 0, bytes);
    uintptr_t p = begin(OS_MAP) ? map_real(0, bytes, PROT_READ | PROT_WRITE) : 0;
    if (p != 0)
        paint(p, p + bytes, MAPPED);
    end(OS_MAP, p, bytes, p != 0);
    return (void *)p;
}

static void advise(enum os_fake_op op, void *p, size_t bytes)
{
    must_be_reserved((uintptr_t)p, bytes, "advice on what is not reserved");
    (void)begin(op);
    end(op, (uintptr_t)p, bytes, true);
}

void os_advise_huge(void *p, size_t bytes)
{
    advise(OS_HUGE, p, bytes);
}

void os_advise_small(void *p, size_t bytes)
{
    advise(OS_SMALL, p, bytes);
}

/* ---- alloc/os.h: threads and time ---- */

/* Nobody else runs who could change the word, so a wait would never end. */
void os_futex_wait(struct atomic32 *word, uint32_t expected)
{
    if (a32_load_relaxed(word) == expected)
        die("a wait without end", (uintptr_t)word, expected);
}

void os_futex_wait_ns(struct atomic32 *word, uint32_t expected, uint64_t ns)
{
    if (a32_load_relaxed(word) != expected)
        return;
    fake.now += ns;
    if (fake.on_sleep != NULL)
        fake.on_sleep(ns);
}

void os_futex_wake(struct atomic32 *word, int count)
{
    (void)word;
    (void)count;
}

bool os_helper_start(const struct os_helper *h)
{
    if (!begin(OS_HELPER) || fake.helper != NULL)
        return false;
    fake.helper = h;
    return true;
}

bool os_is_loader(const void *code)
{
    (void)code;
    return fake.loader;
}

void os_learn_loader(void)
{
}

/* ---- alloc/os.h: process ---- */

bool os_secure(void)
{
    return fake.secure;
}

uint64_t os_random(void)
{
    return 0x123456789abcdef0u;
}

int os_getpid(void)
{
    return 1;
}

int os_gettid(void)
{
    return 1;
}

int os_write(int fd, const char *s, size_t n)
{
    (void)fd;
    if (n > WRITTEN_MAX - 1 - fake.written_bytes)
        n = WRITTEN_MAX - 1 - fake.written_bytes;
    memcpy(fake.written[0] + fake.written_bytes, s, n);
    fake.written_bytes += n;
    return 0;
}

void os_abort(void)
{
    jmp_buf *to = fake.abort_to;
    if (to == NULL) {
        fwrite(fake.written[0], 1, fake.written_bytes, stderr);
        abort();
    }
    longjmp(*to, 1);
}
