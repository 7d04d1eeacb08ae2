/* options: what a user sets in the environment, GREY_<NAME>. docs/options.md explains them.
 *
 * Defaults and ranges live in the table of options.c and nowhere else. The struct holds the
 * defaults from the first instruction on: an allocation that comes before the constructor which
 * reads the environment sees those.
 */
#ifndef ALLOC_OPTIONS_H
#define ALLOC_OPTIONS_H

#include "alloc/base.h"

enum options_on_error { ON_ERROR_ABORT, ON_ERROR_IGNORE };

/* Every member is a uint64_t and has a row in options.c; one without a row does not compile.
   [const] after options_read(), which runs before main; a reader that came earlier saw defaults. */
struct options {
    uint64_t help;
    uint64_t stats;
    uint64_t on_error; /* enum options_on_error */
    uint64_t scavenge;
    uint64_t scavenge_delay; /* milliseconds */
    uint64_t cache;          /* KiB */
    uint64_t hugepages;
};

GREY_HIDDEN extern struct options options;

/* Sets the options from the NAME=value strings of a null-terminated array (environ; NULL is an
   empty one). Reports what it cannot read in one line each. Leaves everything alone in a set-uid
   program. Idempotent; call it before other threads exist. */
GREY_HIDDEN void options_read(char **environment);

/* Prints the table of options to stderr: GREY_HELP=1. */
GREY_HIDDEN void options_print(void);

#endif
