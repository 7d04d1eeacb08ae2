/* There is no memory for the queue of what is to be scanned: nothing is forgotten. An object with many
   children fills it; each child has one of its own. */
#include "mutants.h"
#include <sys/resource.h>

enum { CHILDREN = 3000000 };

static struct known **parent;

static size_t address_space(void)
{
    return statm_bytes(0);
}

int main(int argc, char **argv)
{
    struct grey_gc_stats s;
    mutants_begin(argc, argv);
#ifdef GREY_SANITIZED
    skip("a sanitizer's shadow needs all the address space there is");
#endif
    grey_disable();
    parent = (struct known **)grey_alloc(GREY_CONSERVATIVE, (size_t)CHILDREN * sizeof *parent);
    REQUIRE(parent != NULL, "there is memory");
    for (uint64_t i = 0; i < CHILDREN; i++) {
        struct known *child = known_new(i + 1);
        if (i % 4 == 0)
            child->next = known_new(i + 2);
        parent[i] = child;
    }
    grey_enable();
    struct rlimit r = { address_space() + 9 * MIB, RLIM_INFINITY };
    REQUIRE(setrlimit(RLIMIT_AS, &r) == 0, "the address space can be limited");
    grey_collect();
    grey_collect();
    r.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_AS, &r);
    churn(1000000);
    for (uint64_t i = 0; i < CHILDREN; i++) {
        known_check(parent[i], i + 1);
        if (i % 4 == 0)
            known_check(parent[i]->next, i + 2);
    }
    grey_gc_stats(&s, sizeof s);
    CHECK(s.mark_overflows > 0, "the queue had to do without memory");
    return front_result();
}
