/* Binary trees, as in the benchmarks game: nodes of two pointers, built bottom up, counted, dropped,
 * beside one tree that lives on. With several threads each builds its share of the trees. */
#include "program.h"

struct node {
    struct node *left, *right;
};

static struct memory_shape node_shape = MEMORY_SHAPE(struct node, 3);

enum { DEPTH_LEAST = 4, DEPTH_STEP = 2 };

struct share {
    pthread_t thread;
    uint64_t depth, threads, number; /* of the deepest tree; the latter: which of the threads */
    uint64_t nodes;                  /* counted */
};

static struct node *build(uint64_t depth)
{
    struct node *left = NULL, *right = NULL;
    if (depth > 0) {
        left = build(depth - 1);
        right = build(depth - 1);
    }
    struct node *n = memory_new(sizeof *n, &node_shape);
    memory_init(&n->left, left);
    memory_init(&n->right, right);
    return n;
}

static uint64_t count(const struct node *n)
{
    return n->left == NULL ? 1 : 1 + count(n->left) + count(n->right);
}

static void drop(struct node *n)
{
    if (!MEMORY_FREES)
        return;
    if (n->left != NULL) {
        drop(n->left);
        drop(n->right);
    }
    memory_free(n);
}

static uint64_t build_count_drop(uint64_t depth)
{
    struct node *n = build(depth);
    uint64_t nodes = count(n);
    drop(n);
    return nodes;
}

static void *work(void *argument)
{
    struct share *share = argument;
    for (uint64_t depth = DEPTH_LEAST; depth <= share->depth; depth += DEPTH_STEP) {
        uint64_t trees = (uint64_t)1 << (share->depth - depth + DEPTH_LEAST);
        for (uint64_t i = share->number; i < trees; i += share->threads)
            share->nodes += build_count_drop(depth);
    }
    return NULL;
}

static void run(const uint64_t *argument, struct outcome *out)
{
    static struct share share[THREADS_MOST];
    uint64_t depth = argument[0], threads = argument[1] < THREADS_MOST ? argument[1] : THREADS_MOST;
    memory_describe(&node_shape);

    out->check = build_count_drop(depth + 1);
    struct node *kept = build(depth);
    for (uint64_t t = 0; t < threads; t++)
        share[t] = (struct share){ .depth = depth, .threads = threads, .number = t };
    for (uint64_t t = 1; t < threads; t++)
        memory_thread(&share[t].thread, work, &share[t]);
    work(&share[0]);
    for (uint64_t t = 1; t < threads; t++)
        memory_join(share[t].thread);
    for (uint64_t t = 0; t < threads; t++)
        out->check += share[t].nodes;
    out->check += count(kept);
    drop(kept);
}

const struct program trees_program = { "trees", "DEPTH THREADS", 2, run };
