/* A cycle right after another: spans that nobody has swept yet have old marks, which must not pass for
   new ones. */
#include "mutants.h"

enum { OBJECTS = 400000 };

static struct known **table;

int main(int argc, char **argv)
{
    mutants_begin(argc, argv);
    table = (struct known **)grey_alloc(GREY_CONSERVATIVE, OBJECTS * sizeof *table);
    REQUIRE(table != NULL, "there is memory");
    for (uint64_t i = 0; i < OBJECTS; i++)
        table[i] = known_new(i + 1);
    for (int round = 0; round < 4; round++) {
        grey_collect();
        for (uint64_t i = 0; i < OBJECTS; i++)
            table[i]->next = NULL;
        grey_cycle_start();
        for (uint64_t i = OBJECTS - 3000; i < OBJECTS; i++)
            grey_write(&table[i]->next, known_new(i + 2));
        for (uint64_t i = 0; i < 3000; i++)
            grey_write(&table[i]->next, known_new(i + 2));
        grey_cycle_start();
        grey_collect();
        churn(20000);
        for (uint64_t i = 0; i < OBJECTS; i++) {
            known_check(table[i], i + 1);
            if (table[i]->next != NULL)
                known_check(table[i]->next, i + 2);
        }
    }
    return 0;
}
