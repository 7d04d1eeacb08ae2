/* os_fake: the operating system below the allocator's tests, as alloc/os.h wants it.
 *
 * Memory is real (anonymous maps) or invented: then addresses are numbers, nothing may be touched,
 * and a run of 4 GiB costs nothing. Of both kinds it keeps a map, and ends the program when it is
 * asked for what a system would refuse or what would do harm: to commit what is not reserved, to
 * discard what is not committed, to release what is not there, or anything off the page size.
 *
 * Any call can be refused, the nth from now, so that a test can refuse each call of an operation in
 * turn. The clock moves when a test moves it or the helper sleeps; the helper is a function that the
 * test runs. For programs of one thread.
 */
#ifndef FAKE_OS_FAKE_H
#define FAKE_OS_FAKE_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum os_fake_op {
    OS_RESERVE,
    OS_COMMIT,
    OS_DISCARD,
    OS_DISCARD_META, /* os_discard() of what os_map() gave */
    OS_RELEASE,
    OS_MAP,
    OS_HELPER,
    OS_HUGE,  /* advice: not refused */
    OS_SMALL,
    OS_OP_COUNT
};

enum os_fake_memory { OS_REAL, OS_INVENTED };

/* Where a reservation goes. */
enum os_fake_placement {
    OS_FOLLOW,    /* at the hint if that is free */
    OS_ELSEWHERE, /* never at the hint; downwards, at odd multiples of the page size */
};

/* As the program started: real memory, 4 KiB pages, nothing refused, the counters and the log empty,
   the clock at one second, nothing written, no helper waiting. The map is kept. */
void os_fake_reset(void);

void os_fake_memory(enum os_fake_memory memory, enum os_fake_placement placement);
void os_fake_page_size(size_t bytes);
void os_fake_secure(bool secure);
/* Whether callers pass for the loader. */
void os_fake_loader(bool is_loader);

/* A terabyte of invented addresses that nobody had before. */
uintptr_t os_fake_fresh_hint(void);
/* The next reservation without a hint lies exactly here. */
void os_fake_place_next(uintptr_t address);
/* Reservations fail beyond this many bytes in all, as under ulimit -v. */
void os_fake_limit(size_t bytes);

/* Refuses the nth call of the operation from now, 1 being the next one; 0: none. */
void os_fake_refuse(enum os_fake_op op, size_t nth);
/* Refuses every call from now on, until os_fake_refuse(op, 0). */
void os_fake_refuse_all(enum os_fake_op op);
/* Since the last os_fake_reset(). Refused calls count as calls. */
size_t os_fake_calls(enum os_fake_op op);
size_t os_fake_refusals(enum os_fake_op op);

/* The last calls on memory, oldest first, until OS_FAKE_LOG_MAX. */
enum { OS_FAKE_LOG_MAX = 256 };
struct os_fake_call {
    enum os_fake_op op;
    uintptr_t address;
    size_t bytes;
    bool ok;
};
const struct os_fake_call *os_fake_log(size_t *count);

size_t os_fake_reserved(void); /* bytes of address space, committed ones included */
size_t os_fake_committed(void);

/* The helper: the function given to os_helper_start() since the last run, or none. Running it clears
   it. on_sleep is called at each of its sleeps, after the clock moved by what it asked for. */
bool os_fake_helper_waits(void);
void os_fake_helper_run(void);
/* As in a forked child, which has no helper. */
void os_fake_helper_lose(void);
void os_fake_on_sleep(void (*on_sleep)(uint64_t ns));
uint64_t os_fake_now(void);

/* What was written to any descriptor since the last call; empty at first. */
const char *os_fake_written(void);
/* Until the next os_fake_reset(), os_abort() jumps there; without it, it ends the program. */
void os_fake_catch_abort(jmp_buf *where);

#endif
