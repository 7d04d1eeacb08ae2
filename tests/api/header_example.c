#include <greyspan.h>
#include <stdio.h>

struct node { struct node *left, *right; }; // both words are pointers

static struct node *tree(int depth)
{
    struct node *n = (struct node *)grey_alloc(GREY_CONSERVATIVE, sizeof *n); // zeroed
    if (n != NULL && depth > 0) {
        grey_write(&n->left, tree(depth - 1));
        grey_write(&n->right, tree(depth - 1));
    }
    return n; // nobody frees it
}

int main(void)
{
    struct node *kept = tree(15); // found on the stack
    for (int i = 0; i < 1000; i++)
        tree(12);
    struct grey_gc_stats s;
    grey_gc_stats(&s, sizeof s);
    printf("%d cycles, %zu MiB marked\n", (int)s.cycles, (size_t)(s.marked_bytes >> 20));
    return kept->left == NULL;
}
