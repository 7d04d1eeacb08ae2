/* A thread's run of free slots outlives a collection: what is allocated from its rest is nobody
   else's. */
#include "mutants.h"

enum { OBJECTS = 3000 };

int main(int argc, char **argv)
{
    static struct known *kept[OBJECTS];
    mutants_begin(argc, argv);
    for (int round = 0; round < 20; round++) {
        for (uint64_t i = 0; i < OBJECTS; i++) {
            kept[i] = known_new(i + 1);
            if (i % 97 == 0)
                grey_collect();
        }
        for (uint64_t i = 0; i < OBJECTS; i++)
            known_check(kept[i], i + 1);
        memset(kept, 0, sizeof kept);
    }
    return 0;
}
