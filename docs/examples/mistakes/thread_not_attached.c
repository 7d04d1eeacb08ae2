// with: GREY_STRESS=1000000
// says: many: [0-9]+ of 200 lost
/* A thread that the collector does not know has the only references. */
#include "mistake.h"

static pthread_barrier_t filled, collected;
static int lost;

static void *reader(void *things) /* right: grey_pthread_create(), or grey_thread_attach() here at first */
{
    struct thing *mine[MANY];
    memcpy(mine, things, sizeof mine);
    memset(things, 0, sizeof mine);
    pthread_barrier_wait(&filled);
    pthread_barrier_wait(&collected);
    for (int i = 0; i < MANY; i++)
        lost += mine[i]->alive != ALIVE;
    return NULL;
}

__attribute__((noinline)) static void start(pthread_t *thread)
{
    static struct thing *things[MANY];
    for (int i = 0; i < MANY; i++)
        things[i] = thing_new();
    pthread_create(thread, NULL, reader, things);
}

int main(void)
{
    pthread_t thread;
    pthread_barrier_init(&filled, NULL, 2);
    pthread_barrier_init(&collected, NULL, 2);
    start(&thread);
    pthread_barrier_wait(&filled);
    collect();
    pthread_barrier_wait(&collected);
    pthread_join(thread, NULL);
    return judge(lost);
}
