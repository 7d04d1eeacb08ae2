/* After a fork the child has the parent's blocks: it reads, resizes and frees them all, those
   of the threads it does not have as well, and the parent's stay as they are. */
#include "fork.h"

enum { BLOCKS = 3000, THREADS = 3, ROUNDS = 40 };

struct batch {
    uint64_t seed;
    char *block[BLOCKS];
    size_t size[BLOCKS];
};

static struct batch batches[THREADS + 1];
static pthread_barrier_t filled, checked;

static void fill(struct batch *b)
{
    uint64_t random = b->seed;
    for (size_t i = 0; i < BLOCKS; i++) {
        b->size[i] = random_size(&random, i % 200 == 0 ? 20 : 9);
        b->block[i] = hidep(malloc(hide(b->size[i])));
        pattern_fill(b->block[i], b->size[i], i);
    }
}

static void check_and_free(struct batch *b, bool resize)
{
    for (size_t i = 0; i < BLOCKS; i++) {
        CHECK(pattern_holds(b->block[i], b->size[i], i), "a block is intact on both sides of a fork");
        if (resize && i % 3 == 0)
            b->block[i] = realloc(b->block[i], hide(b->size[i] * 2 + 1));
        free(b->block[i]);
    }
}

static void *thread(void *argument)
{
    for (int round = 0; round < ROUNDS; round++) {
        fill(argument);
        pthread_barrier_wait(&filled);
        pthread_barrier_wait(&checked);
        check_and_free(argument, false);
    }
    return NULL;
}

int main(void)
{
    pthread_t t[THREADS];
    alarm(FORK_WATCHDOG_SECONDS);
    pthread_barrier_init(&filled, NULL, THREADS + 1);
    pthread_barrier_init(&checked, NULL, THREADS + 1);
    for (size_t i = 0; i < THREADS; i++) {
        batches[i + 1].seed = i;
        REQUIRE(pthread_create(&t[i], NULL, thread, &batches[i + 1]) == 0, "a thread starts");
    }
    for (int round = 0; round < ROUNDS; round++) {
        fill(&batches[0]);
        pthread_barrier_wait(&filled);
        pid_t child = fork();
        if (child == 0) {
            alarm(FORK_CHILD_SECONDS);
            for (size_t i = 0; i < COUNT(batches); i++)
                check_and_free(&batches[i], true);
            _exit(fork_child(3, 0));
        }
        fork_wait(child, "the child frees the parent's blocks");
        pthread_barrier_wait(&checked);
        check_and_free(&batches[0], false);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    return front_result();
}
