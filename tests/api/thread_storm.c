/* Many threads build and check trees while all of them collect: what each holds on its stack is whole. */
#include "thread.h"

enum { THREADS = UNDER_TSAN ? 12 : 64, ROUNDS = 12, DEPTH = UNDER_TSAN ? 5 : 7, WAVES = 2 };

struct node {
    struct node *left, *right;
    uintptr_t value;
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

static bool is_whole(const struct node *n, int depth, uintptr_t value)
{
    if (n->value != value)
        return false;
    if (depth == 0)
        return n->left == NULL && n->right == NULL;
    return is_whole(n->left, depth - 1, value * 2) && is_whole(n->right, depth - 1, value * 2 + 1);
}

static int damaged;

static void *storm(void *number)
{
    uintptr_t n = *(uintptr_t *)number;
    struct node *kept = build(DEPTH, n);
    for (uintptr_t i = 1; i <= ROUNDS; i++) {
        struct node *fresh = build(DEPTH, n + i);
        if (i % 4 == n % 4)
            grey_collect();
        if (!is_whole(kept, DEPTH, n + i - 1) || !is_whole(fresh, DEPTH, n + i))
            __atomic_fetch_add(&damaged, 1, __ATOMIC_RELAXED);
        kept = fresh;
    }
    return NULL;
}

int main(void)
{
    static uintptr_t numbers[THREADS];
    pthread_t t[THREADS];
    grey_thread_attach();
    for (int wave = 0; wave < WAVES; wave++) {
        for (size_t i = 0; i < THREADS; i++) {
            numbers[i] = 1000 * (i + 1);
            int error = i % 2 == 0 ? grey_pthread_create(&t[i], NULL, storm, &numbers[i])
                                   : pthread_create(&t[i], NULL, storm, &numbers[i]);
            CHECK(error == 0, "no thread");
        }
        for (size_t i = 0; i < THREADS; i++)
            grey_pthread_join(t[i], NULL);
    }
    CHECK(damaged == 0, "%d trees are damaged", damaged);
    CHECK(threads_now() == 1, "%d threads are attached", (int)threads_now());
    return result();
}
