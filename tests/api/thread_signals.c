/* The signal that stops threads: another one by option, none of those that must not be used; the
   program's own handler for it gets what is the program's; calls of the system go on. */
#include "thread.h"

#include <poll.h>
#include <time.h>

enum { STOPS = 100, OWN = 20 };

static volatile sig_atomic_t own;

static void on_own(int signal)
{
    (void)signal;
    own++;
}

static int pipe_ends[2];

/* Sits in read(), which a stop does not end. */
static void *read_on(void *unused)
{
    char c;
    ssize_t n = read(pipe_ends[0], &c, 1);
    CHECK(n == 1 && c == 'x', "read() returned %zd, %s", n, strerror(errno));
    return unused;
}

static int errors;

/* errno is the thread's own. */
static void *keep_errno(void *end)
{
    while (!flag(end)) {
        errno = 12345;
        for (volatile int i = 0; i < 1000; i++)
            continue;
        if (errno != 12345)
            errors++;
        grey_safepoint();
    }
    return NULL;
}

static int beside(int signal)
{
    static int end;
    pthread_t reader, keeper;
    struct sigaction a = { .sa_handler = on_own };
    sigaction(signal, &a, NULL); /* before the collector has its own */
    grey_thread_attach();
    CHECK(pipe(pipe_ends) == 0, "no pipe");
    grey_pthread_create(&reader, NULL, read_on, NULL);
    grey_pthread_create(&keeper, NULL, keep_errno, &end);
    usleep(2000);
    for (int i = 0; i < STOPS; i++) {
        grey_collect();
        if (i % (STOPS / OWN) == 0) {
            int before = own;
            kill(getpid(), signal);
            while (own == before) {
                grey_safepoint();
                sched_yield();
            }
        }
    }
    CHECK(write(pipe_ends[1], "x", 1) == 1, "write");
    raise_flag(&end);
    grey_pthread_join(reader, NULL);
    grey_pthread_join(keeper, NULL);
    CHECK(own == OWN, "%d signals of the program's came, not %d", (int)own, OWN);
    CHECK(errors == 0, "errno was changed %d times", errors);
    return result();
}

/* A signal whose default is the end of the program still ends it when it comes from outside. */
static int ended(void)
{
    grey_thread_attach();
    grey_collect();
    kill(getpid(), SIGUSR2);
    sleep(5);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "urgent") == 0)
        return beside(SIGURG);
    if (argc > 1 && strcmp(argv[1], "user") == 0)
        return beside(SIGUSR2);
    if (argc > 1 && strcmp(argv[1], "ended") == 0)
        return ended();

    if (getenv("GREY_STOP") != NULL)
        return SKIPPED; /* no signal is used */
    const struct outcome *o = run_self("", "urgent");
    CHECK(succeeded(o) && o->output[0] == '\0', "SIGURG: status %x: %s", o->status, o->output);
    o = run_self("GREY_STOP_SIGNAL=12", "user");
    CHECK(succeeded(o) && o->output[0] == '\0', "SIGUSR2: status %x: %s", o->status, o->output);
    o = run_self("GREY_STOP_SIGNAL=64", "urgent");
    CHECK(succeeded(o) && o->output[0] == '\0', "SIGRTMAX: status %x: %s", o->status, o->output);
    o = run_self("GREY_STOP_SIGNAL=12", "ended");
    CHECK(!succeeded(o) && strstr(o->output, "User defined signal 2") != NULL,
          "SIGUSR2 from outside: status %x: %s", o->status, o->output);
    static const int refused[] = { SIGSEGV, SIGPWR, SIGXCPU, SIGKILL, 33 };
    for (size_t i = 0; i < COUNT(refused); i++) {
        char setting[64], sentence[64];
        snprintf(setting, sizeof setting, "GREY_STOP_SIGNAL=%d", refused[i]);
        snprintf(sentence, sizeof sentence, "greyspan: GREY_STOP_SIGNAL=%d: ", refused[i]);
        o = run_self(setting, "urgent");
        CHECK(succeeded(o) && strstr(o->output, sentence) != NULL
                  && strstr(o->output, "; using 23\n") != NULL,
              "signal %d: status %x: %s", refused[i], o->status, o->output);
    }
    return result();
}
