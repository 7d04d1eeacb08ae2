/* What the wrong programs share: they make many objects, and say how many of them the collector took.
 * Under GREY_STRESS dead objects are filled with 0xdb, which is how they tell, before something else is
 * allocated there. In each file "with:" is the environment in which the mistake shows, "says:" what must
 * be printed. */
#ifndef MISTAKE_H
#define MISTAKE_H

#include <greyspan.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 200, ALIVE = 12345 };

struct thing {
    long alive; /* ALIVE in all that live */
    struct thing *next;
};

/* Not inlined: what lies on a function's stack is gone when the function has returned, nearly. */
__attribute__((noinline, unused)) static struct thing *thing_new(void)
{
    struct thing *t = grey_alloc(GREY_CONSERVATIVE, sizeof *t);
    if (t == NULL)
        abort();
    t->alive = ALIVE;
    return t;
}

/* Collects, and has dead objects swept; clears what stale words earlier calls left on the stack. */
__attribute__((noinline, unused)) static void collect(void)
{
    volatile char stale[4096];
    memset((char *)stale, 0, sizeof stale);
    grey_collect();
}

/* Says whether they live. A stale word on the stack keeps one or another by chance. */
__attribute__((unused)) static int judge(int lost)
{
    printf("%s: %d of %d lost\n", lost > MANY / 4 ? "many" : "few", lost, MANY);
    return lost > MANY / 4;
}

#endif
