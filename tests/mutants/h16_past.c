/* An object that fills its slot, held by the address one past its end alone. */
#include "mutants.h"

static void hold(struct holder *h)
{
    void *volatile past = (void *)(~h->object.inverse + sizeof(struct known));
    __atomic_store_n(&h->holds, 1, __ATOMIC_RELEASE);
    while (__atomic_load_n(&h->done, __ATOMIC_ACQUIRE) == 0) {
        grey_safepoint();
        sleep_ms(1);
    }
    past = NULL;
    (void)past;
}

int main(int argc, char **argv)
{
    mutants_begin(argc, argv);
    for (int i = 0; i < 5; i++)
        hold_once(hold, "the address one past its end");
    return 0;
}
