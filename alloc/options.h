/* options: what a user sets in the environment, GREY_<NAME>. docs/options.md explains them.
 *
 * Defaults and ranges live in the table of options.c and nowhere else. The struct holds the
 * defaults from the first instruction on: an allocation that comes before the constructor which
 * reads the environment sees those.
 */
#ifndef ALLOC_OPTIONS_H
#define ALLOC_OPTIONS_H

#include "alloc/atomics.h"

/* The most that options.workers can be, and that mark.c has room for. */
#define WORKERS_MAX 64

enum options_on_error { ON_ERROR_ABORT, ON_ERROR_IGNORE };
enum options_hugepages { HUGEPAGES_NEVER, HUGEPAGES_ALWAYS, HUGEPAGES_COLLECTED };

/* Every member is a uint64_t and has a row in options.c; one without a row does not compile.
   [const] after options_read(), which runs before main; a reader that came earlier saw defaults. Those of the
   collector are [atomic]: options_change() writes them while threads run, option_now() reads them. */
struct options {
    uint64_t help;
    uint64_t stats;
    uint64_t on_error; /* enum options_on_error */
    uint64_t scavenge;
    uint64_t scavenge_delay; /* milliseconds */
    uint64_t cache;          /* KiB */
    uint64_t hugepages; /* enum options_hugepages */
    /* The collector's, each a row of enum grey_setting. */
    uint64_t percent;
    uint64_t min_heap;     /* bytes */
    uint64_t memory_limit; /* bytes */
    uint64_t cgroup_limit;
    uint64_t hard_limit; /* bytes */
    uint64_t workers;
    uint64_t stress;
    uint64_t verify;
    uint64_t gctrace;
    uint64_t roots;       /* enum grey_roots */
    uint64_t stop;        /* enum grey_stop */
    uint64_t stop_signal;
    uint64_t finalizers;  /* enum grey_finalizers */
    uint64_t check_writes;
    uint64_t check_trace;
    uint64_t period; /* seconds */
};

GREY_HIDDEN extern struct options options;

/* Sets the options from the NAME=value strings of a null-terminated array (environ; NULL is an
   empty one). Reports what it cannot read in one line each. Leaves everything alone in a set-uid
   program. Idempotent; call it before other threads exist. */
GREY_HIDDEN void options_read(char **environment);

/* relaxed: pairs with the store in options_change(). Each option is a number of its own. */
GREY_INLINE uint64_t option_now(const uint64_t *member)
{
    static_assert(sizeof(struct atomicw) == sizeof(uint64_t), "an option is an atomic word");
    return aw_load_relaxed((const struct atomicw *)member);
}

/* Sets one option, at any time, when its row of the table allows the value; else false, and it stays. */
GREY_HIDDEN bool options_change(uint64_t *member, uint64_t value);

/* Prints the table of options to stderr: GREY_HELP=1. */
GREY_HIDDEN void options_print(void);

#endif
