/* The span that a thread allocates from is swept with the others: marks that it kept would pass for those
   of the next collection, which then would not look at what its objects refer to. */
#include "mutants.h"

enum { PARENTS = 20 };

struct parent {
    uint64_t number;
    struct known *child;
    char more[200];
};

static struct parent *parent[PARENTS];

int main(int argc, char **argv)
{
    mutants_begin(argc, argv);
    for (int round = 0; round < 20; round++) {
        for (uint64_t i = 0; i < PARENTS; i++) {
            parent[i] = (struct parent *)grey_alloc(GREY_CONSERVATIVE, sizeof *parent[i]);
            REQUIRE(parent[i] != NULL, "there is memory");
            parent[i]->number = i;
        }
        for (int n = 0; n < 3; n++) {
            grey_collect();
            for (uint64_t i = 0; i < PARENTS; i++)
                grey_write(&parent[i]->child, known_new(i + 1));
            grey_collect();
            churn(5000);
            for (uint64_t i = 0; i < PARENTS; i++) {
                CHECK(parent[i]->number == i, "parent %zu is whole", (size_t)i);
                known_check(parent[i]->child, i + 1);
            }
        }
    }
    return front_result();
}
