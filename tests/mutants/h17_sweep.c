/* A thread allocates on from the span that it had before a collection; then that span is swept by
   others, and what was allocated is still there. */
#include "mutants.h"

enum { OBJECTS = 4000 };

int main(int argc, char **argv)
{
    static struct known *kept[OBJECTS];
    mutants_begin(argc, argv);
    for (int round = 0; round < 20; round++) {
        for (uint64_t i = 0; i < OBJECTS; i++) {
            kept[i] = known_new(i + 1);
            if (i % 200 == 100)
                grey_cycle_start();
            if (i % 200 == 0)
                grey_collect();
        }
        for (uint64_t i = 0; i < OBJECTS; i++)
            known_check(kept[i], i + 1);
        memset(kept, 0, sizeof kept);
    }
    return 0;
}
