/* Threads that stop at safepoints only: some of them, or all (GREY_STOP=cooperative), when no signal is
   used at all and the program's handler for it is its own. */
#include "thread.h"

enum { THREADS = 6, OBJECTS = 200 };

static int stop_now;

/* Polls, and calls the library, and waits in blocking regions. */
static void *work(void *number)
{
    static const unsigned char seed[THREADS + 1] = { 1, 2, 3, 4, 5, 6, 7 };
    const unsigned char *me = number;
    struct object *kept[OBJECTS] = { 0 };
    grey_thread_cooperative((*me & 1) != 0);
    for (uintptr_t i = 0; !flag(&stop_now); i++) {
        struct object *o = grey_alloc(GREY_CONSERVATIVE, sizeof *o);
        uintptr_t tag = (i << 8) + seed[*me % THREADS];
        for (size_t w = 0; w < OBJECT_WORDS; w++)
            o->word[w] = tag;
        struct object **slot = &kept[i % OBJECTS];
        if (*slot != NULL)
            CHECK(object_is_whole(*slot, tag - ((uintptr_t)OBJECTS << 8)), "an object is damaged");
        *slot = o;
        grey_safepoint();
        if (i % 1000 == 0) {
            grey_blocking_enter();
            usleep(100);
            grey_blocking_leave();
        }
    }
    return NULL;
}

static void run(void)
{
    static const unsigned char numbers[THREADS] = { 0, 1, 2, 3, 4, 5 };
    pthread_t t[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        CHECK(grey_pthread_create(&t[i], NULL, work, (void *)(uintptr_t)&numbers[i]) == 0, "no thread");
    for (int i = 0; i < 50; i++) {
        grey_collect();
        usleep(500);
    }
    raise_flag(&stop_now);
    for (size_t i = 0; i < THREADS; i++)
        grey_pthread_join(t[i], NULL);
}

static void on_urgent(int signal)
{
    (void)signal;
    static const char text[] = "a signal came\n";
    if (write(2, text, sizeof text - 1) < 0)
        _exit(3);
}

/* As a program of its own, for the setting counts from the start. */
static int without_signals(void)
{
    struct sigaction mine = { .sa_handler = on_urgent }, now;
    sigaction(SIGURG, &mine, NULL);
    run();
    sigaction(SIGURG, NULL, &now);
    CHECK(now.sa_handler == on_urgent, "the handler was replaced");
    return result();
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "without") == 0)
        return without_signals();
    run();
    const struct outcome *o = run_self("GREY_STOP=cooperative", "without");
    CHECK(succeeded(o) && o->output[0] == '\0', "without signals: status %x: %s", o->status, o->output);
    return result();
}
