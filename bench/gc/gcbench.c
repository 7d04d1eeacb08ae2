/* GCBench: trees of many sizes are built and dropped, top down and bottom up, while one large tree and
 * one large array of numbers live on. The algorithm is that of John Ellis and Pete Kovac, as
 * modified by Hans Boehm; each size gets about the same number of nodes. */
#include "program.h"

struct node {
    struct node *left, *right;
    int32_t i, j;
};

static struct memory_shape node_shape = MEMORY_SHAPE(struct node, 3);

enum { DEPTH_LEAST = 4, DEPTH_STEP = 2 };

static uint64_t nodes_of(uint64_t depth)
{
    return ((uint64_t)1 << (depth + 1)) - 1;
}

static struct node *node_new(struct node *left, struct node *right)
{
    struct node *n = memory_new(sizeof *n, &node_shape);
    memory_init(&n->left, left);
    memory_init(&n->right, right);
    n->i = n->j = 0;
    return n;
}

/* Top down: an older node is made to point to a younger one. */
static void populate(uint64_t depth, struct node *n)
{
    if (depth == 0)
        return;
    memory_write(&n->left, node_new(NULL, NULL));
    memory_write(&n->right, node_new(NULL, NULL));
    populate(depth - 1, n->left);
    populate(depth - 1, n->right);
}

static struct node *bottom_up(uint64_t depth)
{
    if (depth == 0)
        return node_new(NULL, NULL);
    struct node *left = bottom_up(depth - 1);
    return node_new(left, bottom_up(depth - 1));
}

static struct node *top_down(uint64_t depth)
{
    struct node *n = node_new(NULL, NULL);
    populate(depth, n);
    return n;
}

static uint64_t count(const struct node *n)
{
    return n == NULL ? 0 : 1 + count(n->left) + count(n->right);
}

static void drop(struct node *n)
{
    if (!MEMORY_FREES || n == NULL)
        return;
    drop(n->left);
    drop(n->right);
    memory_free(n);
}

static void build_trees(uint64_t depth, uint64_t times)
{
    for (uint64_t i = 0; i < times; i++) {
        struct node *n = top_down(depth);
        memory_keep(n);
        drop(n);
    }
    for (uint64_t i = 0; i < times; i++) {
        struct node *n = bottom_up(depth);
        memory_keep(n);
        drop(n);
    }
}

static void run(const uint64_t *argument, struct outcome *out)
{
    uint64_t kept_depth = argument[0], stretch_depth = argument[1], numbers = argument[2];
    memory_describe(&node_shape);

    struct node *stretch = bottom_up(stretch_depth);
    memory_keep(stretch);
    drop(stretch);

    struct node *kept = top_down(kept_depth);
    double *array = memory_bytes(numbers * sizeof *array);
    for (uint64_t i = 0; i < numbers; i++)
        array[i] = 1.0 / (double)(i + 1);

    for (uint64_t depth = DEPTH_LEAST; depth <= argument[3]; depth += DEPTH_STEP)
        build_trees(depth, 2 * nodes_of(stretch_depth) / nodes_of(depth));

    out->check = count(kept) + (uint64_t)(1.0 / array[numbers / 2]);
    drop(kept);
    memory_free(array);
}

const struct program gcbench_program = { "gcbench", "KEPT-DEPTH STRETCH-DEPTH NUMBERS MOST-DEPTH", 4, run };
