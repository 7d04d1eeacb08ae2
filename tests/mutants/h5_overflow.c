/* There is no memory for the queue of what is to be scanned: nothing is forgotten. A chain of large
   objects fills it: each leads to thousands of small ones, and last of all to the next. */
#include "mutants.h"
#include <sys/resource.h>

enum { CHAIN = 150, CHILDREN = 8000 };

struct link {
    struct known *child[CHILDREN];
    struct link *next;
};

static struct link *first;

static void make(void)
{
    struct link **to = &first;
    for (uint64_t n = 0; n < CHAIN; n++) {
        struct link *l = (struct link *)grey_alloc(GREY_CONSERVATIVE, sizeof *l);
        REQUIRE(l != NULL, "there is memory");
        grey_write(to, l);
        to = &l->next;
        for (uint64_t i = 0; i < CHILDREN; i++) {
            grey_write(&l->child[i], known_new(i + 1));
            if (i % 4 == 0)
                grey_write(&l->child[i]->next, known_new(i + 2));
        }
    }
}

static void check(void)
{
    for (struct link *l = first; l != NULL; l = l->next)
        for (uint64_t i = 0; i < CHILDREN; i++) {
            known_check(l->child[i], i + 1);
            if (i % 4 == 0)
                known_check(l->child[i]->next, i + 2);
        }
}

int main(int argc, char **argv)
{
    struct grey_gc_stats s;
    mutants_begin(argc, argv);
#ifdef GREY_SANITIZED
    skip("a sanitizer's shadow needs all the address space there is");
#endif
    grey_collect(); /* so that there is a queue at all */
    grey_disable();
    make();
    grey_enable();
    struct rlimit r = { statm_bytes(0), RLIM_INFINITY };
    REQUIRE(setrlimit(RLIMIT_AS, &r) == 0, "the address space can be limited");
    grey_collect();
    grey_collect();
    r.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_AS, &r);
    churn(1000000);
    check();
    grey_gc_stats(&s, sizeof s);
    CHECK(s.mark_overflows > 0, "the queue had to do without memory");
    return front_result();
}
