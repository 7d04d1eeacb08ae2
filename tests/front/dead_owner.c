/* Blocks outlive their thread: others read, resize and free them after it ended, and their
   memory serves again. */
#include "front.h"
#include <pthread.h>

enum { BLOCKS = 4000, ROUNDS = 60, THREADS = 3 };

struct batch {
    uint64_t seed;
    char *block[BLOCKS];
    size_t size[BLOCKS];
};

static struct batch batches[THREADS];

static void *produce(void *argument)
{
    struct batch *b = argument;
    for (size_t i = 0; i < BLOCKS; i++) {
        b->size[i] = random_size(&b->seed, i % 100 == 0 ? 17 : 10);
        b->block[i] = hidep(i % 5 == 0 ? memalign(64, b->size[i]) : malloc(hide(b->size[i])));
        pattern_fill(b->block[i], b->size[i], i);
    }
    return NULL;
}

static void consume(struct batch *b)
{
    for (size_t i = 0; i < BLOCKS; i++) {
        CHECK(pattern_holds(b->block[i], b->size[i], i), "a block of a dead thread is intact");
        if (i % 7 == 0)
            b->block[i] = realloc(b->block[i], hide(b->size[i] + 50));
        free(b->block[i]);
    }
}

static void *consume_in_thread(void *argument)
{
    consume(argument);
    return NULL;
}

int main(void)
{
    size_t settled = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        pthread_t t[THREADS];
        for (size_t i = 0; i < THREADS; i++) {
            batches[i].seed = round * 10 + i;
            REQUIRE(pthread_create(&t[i], NULL, produce, &batches[i]) == 0, "a thread starts");
        }
        for (size_t i = 0; i < THREADS; i++)
            pthread_join(t[i], NULL);

        consume(&batches[0]);
        REQUIRE(pthread_create(&t[1], NULL, consume_in_thread, &batches[1]) == 0, "a thread starts");
        REQUIRE(pthread_create(&t[2], NULL, consume_in_thread, &batches[2]) == 0, "a thread starts");
        pthread_join(t[1], NULL);
        pthread_join(t[2], NULL);
        if (round == ROUNDS / 6)
            settled = resident_bytes();
    }
    size_t after = resident_bytes();
    CHECK(after < settled + 16 * MIB, "the memory of dead threads' blocks serves again (%zu, %zu)", settled,
          after);
    return front_result();
}
