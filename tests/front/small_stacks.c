/* Every path of the allocator fits the smallest stack that a thread may have. */
#include "front.h"
#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>

enum { THREADS = 200, BATCH = 10 };

static void *thread(void *argument)
{
    char *blocks[60];
    uint64_t random = (uintptr_t)argument;
    for (size_t i = 0; i < COUNT(blocks); i++) {
        size_t size = random_size(&random, i % 10 == 0 ? 22 : 15);
        switch (i % 4) {
        case 0:
            blocks[i] = calloc(1, hide(size));
            break;
        case 1:
            blocks[i] = memalign(hide(1024), hide(size));
            break;
        case 2:
            blocks[i] = realloc(malloc(hide(10)), hide(size));
            break;
        default:
            blocks[i] = malloc(hide(size));
            break;
        }
        REQUIRE(blocks[i] != NULL, "a thread with a small stack gets memory");
        blocks[i][size - 1] = 1;
    }
    malloc_trim(0);
    for (size_t i = 0; i < COUNT(blocks); i++)
        free(blocks[i]);
    CHECK(malloc(hide(SIZE_MAX / 2)) == NULL, "a refusal fits the stack as well");
    return NULL;
}

int main(void)
{
    pthread_attr_t attributes;
    long smallest = sysconf(_SC_THREAD_STACK_MIN);
    pthread_attr_init(&attributes);
    REQUIRE(pthread_attr_setstacksize(&attributes, smallest > 0 ? (size_t)smallest : 16384) == 0,
            "the smallest stack is accepted");
    for (uintptr_t i = 0; i < THREADS; i += BATCH) {
        pthread_t t[BATCH];
        for (uintptr_t k = 0; k < BATCH; k++)
            REQUIRE(pthread_create(&t[k], &attributes, thread, (void *)(i + k)) == 0, "a thread starts");
        for (uintptr_t k = 0; k < BATCH; k++)
            pthread_join(t[k], NULL);
    }
    return front_result();
}
