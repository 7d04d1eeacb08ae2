/* The thread that gives memory back is one of libc's, which ends a process with its last thread: a
   program whose main thread has ended by pthread_exit ends when its own threads have, not later. */
#include "front.h"
#include "subprocess.h"
#include <pthread.h>

static void *work(void *unused)
{
    static char *blocks[1000];
    for (size_t i = 0; i < COUNT(blocks); i++) {
        blocks[i] = hidep(malloc(hide(100000)));
        memset(blocks[i], 1, 100000);
    }
    for (size_t i = 0; i < COUNT(blocks); i++)
        free(blocks[i]);
    for (int i = 0; i < 50; i++)
        free(hidep(malloc(hide(2 * MIB))));
    return unused;
}

int main(int argc, char **argv)
{
    static struct run r;
    if (argc > 1 && strcmp(argv[1], "ends") == 0) {
        pthread_t t;
        alarm(15); /* a watchdog: by itself the scavenger would stay for minutes */
        pthread_create(&t, NULL, work, NULL);
        pthread_exit(NULL);
    }
    run_self(&r, "ends", "GREY_SCAVENGE_DELAY=600000", NULL);
    CHECK(run_ended_well(&r), "the process ends with its last thread (status %#x)", (unsigned)r.status);
    return front_result();
}
