/* Preloaded behind the allocator, so the loader runs its constructor before and its
   destructor after those of the allocator. tests early, late and atfork_early use it. */
#include "front.h"
#include <pthread.h>

enum { BLOCKS = 500 };

static void *blocks[BLOCKS];
static int atfork_calls;

void *early_block(int i);
int early_atfork_calls(void);
void early_use(size_t size);

void *early_block(int i)
{
    return blocks[i];
}

int early_atfork_calls(void)
{
    return atfork_calls;
}

/* A lock of the library's, which allocates under it and holds it over forks, as glib and others do:
   had the allocator locked itself first, the two would wait for each other. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void early_use(size_t size)
{
    pthread_mutex_lock(&lock);
    free(hidep(malloc(hide(size))));
    pthread_mutex_unlock(&lock);
}

static void take_lock(void)
{
    pthread_mutex_lock(&lock);
}

static void drop_lock(void)
{
    pthread_mutex_unlock(&lock);
}

/* A handler may allocate: many do, for a log line or a list. */
static void in_atfork(void)
{
    for (size_t n = 1; n < 300000; n *= 3) {
        char *p = hidep(malloc(hide(n)));
        REQUIRE(p != NULL, "malloc works in an atfork handler");
        p[n - 1] = 1;
        p = hidep(realloc(p, n + 100));
        free(p);
    }
    atfork_calls++;
}

static void at_exit(void)
{
    free(hidep(malloc(hide(1000))));
}

__attribute__((constructor(101))) static void begin(void)
{
    /* More than libc's first table of handlers holds: it callocs, under the lock of atexit. */
    for (int i = 0; i < 100; i++)
        atexit(at_exit);
    for (size_t i = 0; i < BLOCKS; i++) {
        size_t size = i * i;
        blocks[i] = i % 2 == 0 ? malloc(hide(size)) : calloc(1, hide(size));
        REQUIRE(blocks[i] != NULL, "malloc works in a constructor of priority 101");
        pattern_fill(hidep(blocks[i]), size, i);
    }
    if (getenv("EARLY_ATFORK") != NULL) {
        pthread_atfork(in_atfork, in_atfork, in_atfork);
        pthread_atfork(take_lock, drop_lock, drop_lock);
    }
}

__attribute__((destructor(101))) static void end(void)
{
    if (getenv("EARLY_LATE") == NULL)
        return;
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = realloc(blocks[i], hide(i * 10 + 1));
        free(blocks[i]);
        free(hidep(calloc(3, hide(i * 100))));
    }
    free(hidep(malloc(200 * MIB)));
    char *text = NULL;
    if (asprintf(&text, "the last destructor is done\n") > 0 && write(1, text, strlen(text)) > 0)
        free(text);
}
