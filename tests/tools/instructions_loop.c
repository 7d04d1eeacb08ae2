/* What instructions.sh counts: the common path of malloc and free, as often as the argument says. Knows
   nothing of Greyspan. */
#include <stdlib.h>

int main(int argc, char **argv)
{
    long pairs = argc > 1 ? atol(argv[1]) : 1;
    for (long i = 0; i < pairs; i++) {
        char *p = malloc(32);
        if (p == NULL)
            return 1;
        free(p);
    }
    return 0;
}
