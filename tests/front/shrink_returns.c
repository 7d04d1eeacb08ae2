/* What realloc and libc's own functions free goes back to the system too, with no further call of
   the program; also in a program with much thread-local data, which libc takes from new threads'
   stacks. */
#include "front.h"

static __thread char much[600000];

static int compare(const void *a, const void *b)
{
    return *(const int *)a < *(const int *)b ? -1 : *(const int *)a > *(const int *)b;
}

static bool settles_below(size_t bound)
{
    double end = seconds_now() + 10;
    while (resident_bytes() > bound && seconds_now() < end)
        sleep_ms(100);
    return resident_bytes() <= bound;
}

int main(void)
{
    much[hide(5000)] = 1;
    size_t before = resident_bytes();
    char *p = hidep(malloc(hide(200 * MIB)));
    memset(p, 1, 200 * MIB);
    p = hidep(realloc(p, hide(2 * MIB)));
    CHECK(settles_below(before + 16 * MIB), "what realloc cut off goes back: %zu KiB, then %zu", before / KIB,
          resident_bytes() / KIB);
    free(p);

    size_t count = 8 * MIB;
    int *numbers = hidep(malloc(hide(count * sizeof *numbers)));
    for (size_t i = 0; i < count; i++)
        numbers[i] = (int)(count - i);
    before = resident_bytes();
    qsort(numbers, count, sizeof *numbers, compare);
    CHECK(settles_below(before + 16 * MIB), "qsort's buffer goes back: %zu KiB, then %zu", before / KIB,
          resident_bytes() / KIB);
    free(numbers);
    return front_result();
}
