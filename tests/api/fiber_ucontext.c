/* Fibers by ucontext, as a program would use them: a generator that walks a tree, one stack each. What
   is parked on a stack lives; a fiber's stack that is destroyed keeps nothing.

   The contexts lie in malloc's memory, which is not scanned: registers that swapcontext() stores there
   are those that grey_fiber_switch() has seen right before it. */
#include "thread.h"

#include <sys/mman.h>
#include <ucontext.h>

enum { STACK_BYTES = 32 << 10, GENERATORS = 200, DEPTH = 6, NODES = (1 << (DEPTH + 1)) - 1 };

struct node {
    struct node *left, *right;
    uintptr_t value;
};

struct generator {
    grey_fiber *fiber, *caller_fiber;
    ucontext_t context, caller;
    void *stack;
    uintptr_t seed, value;
    bool over;
};

static struct node *build(int depth, uintptr_t value)
{
    struct node *n = grey_alloc(GREY_CONSERVATIVE, sizeof *n);
    n->value = value;
    if (depth > 0) {
        grey_write(&n->left, build(depth - 1, value * 2));
        grey_write(&n->right, build(depth - 1, value * 2 + 1));
    }
    return n;
}

/* ---- the two switches ---- */

static void resume(struct generator *g)
{
    g->caller_fiber = grey_fiber_self();
    grey_fiber_switch(g->fiber);
    swapcontext(&g->caller, &g->context);
}

static void yield(struct generator *g, uintptr_t value)
{
    g->value = value;
    grey_fiber_switch(g->caller_fiber);
    swapcontext(&g->context, &g->caller);
}

/* ---- the generator ---- */

static void walk(struct generator *g, const struct node *n)
{
    if (n == NULL)
        return;
    walk(g, n->left);
    yield(g, n->value);
    walk(g, n->right);
}

static void generate(unsigned high, unsigned low)
{
    struct generator *g = (struct generator *)((uintptr_t)high << 32 | low);
    walk(g, build(DEPTH, g->seed)); /* the tree hangs on this stack alone */
    g->over = true;
    grey_fiber_switch(g->caller_fiber);
    swapcontext(&g->context, &g->caller);
}

static struct generator *begin(uintptr_t seed)
{
    struct generator *g = calloc(1, sizeof *g);
    g->seed = seed;
    g->stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g->fiber = grey_fiber_create(g->stack, STACK_BYTES);
    CHECK(g->stack != MAP_FAILED && g->fiber != NULL, "no fiber");
    getcontext(&g->context);
    g->context.uc_stack = (stack_t){ .ss_sp = g->stack, .ss_size = STACK_BYTES };
    /* Arguments of makecontext() are int's, and not scanned: no object is passed by them. */
    makecontext(&g->context, (void (*)(void))generate, 2, (unsigned)((uintptr_t)g >> 32),
                (unsigned)(uintptr_t)g);
    return g;
}

static void end(struct generator *g)
{
    grey_fiber_destroy(g->fiber);
    munmap(g->stack, STACK_BYTES);
    free(g);
}

/* Inorder values of such a tree, by arithmetic: the place of the node in the walk tells its path. */
static uintptr_t expected(uintptr_t seed, unsigned place)
{
    unsigned level = DEPTH - (unsigned)__builtin_ctz(place + 1);
    return (seed << level) + ((place + 1) >> (DEPTH - level + 1));
}

static size_t live_objects(void)
{
    struct grey_gc_stats s;
    scrub();
    grey_collect();
    grey_gc_stats(&s, sizeof s);
    return s.objects_live;
}

static void many_generators_in_turn(void)
{
    static struct generator *g[GENERATORS];
    size_t before = live_objects(), halfway = 0;
    for (size_t i = 0; i < GENERATORS; i++)
        g[i] = begin(1000 + i);
    for (unsigned place = 0; place < NODES; place++) {
        if (place % 16 == 0)
            collect_and_reuse();
        for (size_t i = 0; i < GENERATORS; i++) {
            resume(g[i]);
            CHECK(!g[i]->over && g[i]->value == expected(1000 + i, place), "generator %zu, place %u: %zu", i,
                  place, (size_t)g[i]->value);
            if (i == 50 && place % 16 == 5)
                grey_collect();
        }
        if (place == NODES / 2)
            halfway = live_objects();
    }
    /* The right half of each tree was still to be walked. */
    CHECK(halfway >= before + GENERATORS * (NODES / 2), "only %zu objects live on the fibers",
          halfway - before);
    for (size_t i = 0; i < GENERATORS; i++) {
        resume(g[i]);
        CHECK(g[i]->over, "generator %zu is not over", i);
    }
    for (size_t i = 0; i < GENERATORS; i++)
        end(g[i]);
    size_t after = live_objects();
    CHECK(after < before + GENERATORS * NODES / 4, "%zu of %d objects live on", after - before,
          GENERATORS * NODES);
}

/* Left in the middle, destroyed without having ended. */
static void a_fiber_destroyed_halfway_keeps_nothing(void)
{
    static struct generator *g[GENERATORS];
    size_t before = live_objects();
    for (size_t i = 0; i < GENERATORS; i++) {
        g[i] = begin(i);
        resume(g[i]);
    }
    size_t during = live_objects();
    CHECK(during >= before + GENERATORS * NODES, "only %zu objects live on the fibers", during - before);
    for (size_t i = 0; i < GENERATORS; i++)
        end(g[i]);
    size_t after = live_objects();
    CHECK(after < before + GENERATORS * NODES / 4, "%zu of %d objects live on", after - before,
          GENERATORS * NODES);
}

int main(void)
{
    if (UNDER_TSAN)
        return SKIPPED;
    grey_thread_attach();
    many_generators_in_turn();
    a_fiber_destroyed_halfway_keeps_nothing();
    return result();
}
