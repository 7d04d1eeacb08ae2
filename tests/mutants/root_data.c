/* Objects that variables of the program hold, initialised and not, static and not. */
#include "mutants.h"

static void *in_data = &in_data, *in_bss;
extern void *in_common_data;
void *in_common_data;

static __attribute__((noinline)) void put(void **at, const struct hidden *h)
{
    __atomic_store_n(at, (void *)~h->inverse, __ATOMIC_RELAXED);
}

static void once(void **at, const char *where)
{
    struct hidden h = hidden_new();
    put(at, &h);
    hidden_let_go(&h);
    hidden_must_live(&h, where);
    *at = NULL;
}

int main(int argc, char **argv)
{
    static void *in_function;
    mutants_begin(argc, argv);
    once(&in_data, "an initialised variable");
    once(&in_bss, "a variable that was zero");
    once(&in_common_data, "a variable that others see");
    once(&in_function, "a variable of a function");
    return 0;
}
