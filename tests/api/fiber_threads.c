/* Fibers that several threads take turns to run, while another one collects: a fiber lies parked, or runs
   on a thread that did not begin it, and what its stack names lives. */
#include "thread.h"

#include <sys/mman.h>
#include <ucontext.h>

enum { STACK_BYTES = 32 << 10, FIBERS = 24, THREADS = 4, STEPS = 300 };

struct fiber {
    pthread_mutex_t taken;
    grey_fiber *fiber, *caller_fiber;
    ucontext_t context, caller;
    void *stack;
};

static struct fiber fibers[FIBERS];
static size_t over;

static void leave(struct fiber *f)
{
    grey_fiber_switch(f->caller_fiber);
    swapcontext(&f->context, &f->caller);
}

/* Each step checks what the last one made. */
static void live(unsigned index)
{
    struct fiber *f = &fibers[index];
    struct object *last = grey_alloc(GREY_CONSERVATIVE, sizeof *last);
    for (uintptr_t step = 0; step < STEPS; step++) {
        CHECK(object_is_whole(last, step == 0 ? 0 : index * 100000 + step - 1), "fiber %u, step %zu: damaged",
              index, (size_t)step);
        struct object *next = grey_alloc(GREY_CONSERVATIVE, sizeof *next);
        for (size_t i = 0; i < OBJECT_WORDS; i++)
            next->word[i] = index * 100000 + step;
        last = next;
        leave(f);
    }
    __atomic_fetch_add(&over, 1, __ATOMIC_RELAXED);
    for (;;)
        leave(f);
}

static void begin(unsigned index)
{
    struct fiber *f = &fibers[index];
    pthread_mutex_init(&f->taken, NULL);
    f->stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    f->fiber = grey_fiber_create(f->stack, STACK_BYTES);
    CHECK(f->stack != MAP_FAILED && f->fiber != NULL, "no fiber");
    getcontext(&f->context);
    f->context.uc_stack = (stack_t){ .ss_sp = f->stack, .ss_size = STACK_BYTES };
    makecontext(&f->context, (void (*)(void))live, 1, index);
}

static void *run(void *seed)
{
    uint64_t random = *(unsigned char *)seed;
    while (__atomic_load_n(&over, __ATOMIC_RELAXED) < FIBERS) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        struct fiber *f = &fibers[(random >> 33) % FIBERS];
        grey_safepoint();
        if (pthread_mutex_trylock(&f->taken) != 0)
            continue;
        f->caller_fiber = grey_fiber_self();
        grey_fiber_switch(f->fiber);
        swapcontext(&f->caller, &f->context);
        pthread_mutex_unlock(&f->taken);
    }
    return NULL;
}

int main(void)
{
    if (UNDER_TSAN)
        return SKIPPED;
    static unsigned char seeds[THREADS] = { 1, 2, 3, 4 };
    pthread_t t[THREADS];
    grey_thread_attach();
    for (unsigned i = 0; i < FIBERS; i++)
        begin(i);
    for (size_t i = 0; i < THREADS; i++)
        CHECK(grey_pthread_create(&t[i], NULL, run, &seeds[i]) == 0, "no thread");
    while (__atomic_load_n(&over, __ATOMIC_RELAXED) < FIBERS)
        collect_and_reuse();
    for (size_t i = 0; i < THREADS; i++)
        grey_pthread_join(t[i], NULL);
    for (size_t i = 0; i < FIBERS; i++) {
        grey_fiber_destroy(fibers[i].fiber);
        munmap(fibers[i].stack, STACK_BYTES);
    }
    return result();
}
