/* Threads that allocate, resize, check and free blocks of all sizes, hand them to each other
   through a table, and are replaced by new ones, while the main thread forks now and then.
   What each thread does follows from the seed; how they interleave does not, so a replay
   may need several runs. */
#include "stress.h"
#include <pthread.h>
#include <sys/wait.h>

enum { SHARED = 2048, OWN = 256, CHILD_SECONDS = 20 };

/* The head of each block; its pattern follows. */
struct head {
    size_t size; /* without the head */
    uint64_t seed;
};

struct worker {
    uint64_t random;
    uint64_t step;
    struct head *own[OWN];
};

static struct head *shared[SHARED];
static int stop;

static struct head *exchange(size_t i, struct head *mine)
{
    return __atomic_exchange_n(&shared[i], mine, __ATOMIC_ACQ_REL);
}

static void check_block(const struct head *b, uint64_t step)
{
    if ((uintptr_t)b % 16 != 0)
        stress_failed(step, "block %p is misaligned", (const void *)b);
    if (heap_usable((void *)(uintptr_t)b) < b->size + sizeof *b)
        stress_failed(step, "block %p of %zu bytes has %zu usable ones", (const void *)b, b->size + sizeof *b,
                      heap_usable((void *)(uintptr_t)b));
    if (!stress_holds(b + 1, b->size, b->seed))
        stress_failed(step, "block %p of %zu bytes has changed", (const void *)b, b->size);
}

static struct head *new_block(struct worker *w)
{
    size_t size = stress_size(&w->random), total = size + sizeof(struct head);
    uint64_t how = random_below(&w->random, 16), alignment = 16;
    struct head *b;
    if (how == 0) {
        alignment = (uint64_t)16 << random_below(&w->random, 11);
        b = heap_aligned(alignment, total);
    } else if (how == 1) {
        b = heap_calloc(1, total);
        if (b != NULL && !all_zero(b, total))
            stress_failed(w->step, "calloc of %zu bytes is not zero", total);
    } else {
        b = heap_malloc(total);
    }
    if (b == NULL)
        stress_failed(w->step, "no memory for %zu bytes", total);
    if ((uintptr_t)b % alignment != 0)
        stress_failed(w->step, "block %p is not aligned to %llu", (void *)b, (unsigned long long)alignment);
    *b = (struct head){ size, random_next(&w->random) };
    stress_fill(b + 1, size, b->seed);
    return b;
}

static struct head *resize(struct worker *w, struct head *b)
{
    size_t old = b->size, size = stress_size(&w->random);
    struct head *moved = heap_realloc(b, size + sizeof *b);
    if (moved == NULL)
        stress_failed(w->step, "no memory to resize from %zu to %zu bytes", old, size);
    if (!stress_holds_start(moved + 1, old, size, moved->seed))
        stress_failed(w->step, "realloc from %zu to %zu bytes lost its content", old, size);
    moved->size = size;
    stress_fill(moved + 1, size, moved->seed);
    return moved;
}

static void drop(struct worker *w, struct head *b)
{
    if (b == NULL)
        return;
    check_block(b, w->step);
    heap_free(b);
}

static void one_step(struct worker *w)
{
    struct head **own = &w->own[random_below(&w->random, OWN)];
    switch (random_below(&w->random, 8)) {
    case 0:
    case 1:
    case 2:
        drop(w, *own);
        *own = new_block(w);
        break;
    case 3:
        if (*own != NULL)
            *own = resize(w, *own);
        break;
    case 4:
        drop(w, *own);
        *own = NULL;
        break;
    default: /* what another thread left is checked here, and freed or resized later on */
        *own = exchange(random_below(&w->random, SHARED), *own);
        if (*own != NULL)
            check_block(*own, w->step);
        break;
    }
    if (random_below(&w->random, 20000) == 0)
        heap_trim();
}

static void *work(void *argument)
{
    struct worker w = { .random = (uintptr_t)argument };
    uint64_t life = 200 + random_below(&w.random, 4000);
    for (; w.step < life && !__atomic_load_n(&stop, __ATOMIC_RELAXED); w.step++)
        one_step(&w);
    /* Half of the blocks outlive their thread. */
    for (size_t i = 0; i < OWN; i++)
        drop(&w, i % 2 == 0 ? w.own[i] : exchange(random_below(&w.random, SHARED), w.own[i]));
    return NULL;
}

/* The table's blocks are nobody's at the moment of the fork, so they are whole. */
static int child(uint64_t seed)
{
    struct worker w = { .random = seed };
    child_clock(CHILD_SECONDS);
    for (size_t i = 0; i < SHARED; i++)
        drop(&w, exchange(i, NULL));
    for (; w.step < 2000; w.step++)
        one_step(&w);
    return 0;
}

static void fork_once(uint64_t seed)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(child(seed));
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        stress_failed(0, "a child ended with status %#x", (unsigned)status);
}

int main(int argc, char **argv)
{
    pthread_t t[64];
    stress_begin(argc, argv);
    uint64_t random = arguments.seed, replaced = 0, forks = 0;
    double end = seconds_now() + arguments.seconds, next_fork = seconds_now() + 0.1;

    for (unsigned i = 0; i < arguments.threads; i++)
        if (pthread_create(&t[i], NULL, work, (void *)(uintptr_t)random_next(&random)) != 0)
            stress_failed(0, "no thread");
    /* The oldest thread is joined and replaced, whatever the others do. */
    for (unsigned i = 0; seconds_now() < end; i = (i + 1) % arguments.threads) {
        pthread_join(t[i], NULL);
        if (pthread_create(&t[i], NULL, work, (void *)(uintptr_t)random_next(&random)) != 0)
            stress_failed(0, "no thread");
        replaced++;
        if (arguments.forks && seconds_now() > next_fork) {
            fork_once(random_next(&random));
            next_fork = seconds_now() + 0.1;
            forks++;
        }
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < arguments.threads; i++)
        pthread_join(t[i], NULL);

    struct worker w = { .random = arguments.seed };
    for (size_t i = 0; i < SHARED; i++)
        drop(&w, exchange(i, NULL));
    dprintf(1, "%llu threads came and went, %llu forks\n", (unsigned long long)replaced + arguments.threads,
            (unsigned long long)forks);
    return 0;
}
