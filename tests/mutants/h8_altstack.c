/* A thread in a signal's handler on its alternate stack: its normal stack is in use from where the
   signal came. */
#include "mutants.h"

static struct holder *in_handler;

static void handler(int signal)
{
    (void)signal;
    __atomic_store_n(&in_handler->holds, 1, __ATOMIC_RELEASE);
    while (__atomic_load_n(&in_handler->done, __ATOMIC_ACQUIRE) == 0)
        sleep_ms(1);
}

static __attribute__((noinline)) void hold_below(struct holder *h)
{
    void *volatile local = (void *)~h->object.inverse;
    pthread_kill(pthread_self(), SIGUSR1); /* returns when the handler does */
    local = NULL;
    (void)local;
}

static void hold(struct holder *h)
{
    static char alternate[64 << 10];
    stack_t s = { .ss_sp = alternate, .ss_size = sizeof alternate }, none = { .ss_flags = SS_DISABLE };
    struct sigaction a = { .sa_handler = handler, .sa_flags = SA_ONSTACK };
    REQUIRE(sigaltstack(&s, NULL) == 0 && sigaction(SIGUSR1, &a, NULL) == 0, "an alternate stack");
    in_handler = h;
    hold_below(h);
    sigaltstack(&none, NULL);
}

int main(int argc, char **argv)
{
    mutants_begin(argc, argv);
    skip_if_cooperative();
    hold_once(hold, "the normal stack of a thread on its alternate one");
    return 0;
}
