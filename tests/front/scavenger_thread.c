/* The one thread that the allocator may have: started when there is much to give back, it
   blocks every signal, has a name of its own, and GREY_SCAVENGE=0 keeps it from starting. */
#include "subprocess.h"
#include <dirent.h>
#include <signal.h>

static size_t other_threads(char *id, size_t room)
{
    size_t n = 0;
    DIR *d = opendir("/proc/self/task");
    REQUIRE(d != NULL, "the threads can be listed");
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.' && atoi(e->d_name) != getpid()) {
            snprintf(id, room, "%s", e->d_name);
            n++;
        }
    closedir(d);
    return n;
}

/* Frees 256 MiB in many blocks. */
static void free_much(void)
{
    enum { BLOCKS = 4096 };
    static void *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = hidep(malloc(hide(65536)));
        touch(blocks[i], 65536);
    }
    for (size_t i = 0; i < BLOCKS; i++)
        free(blocks[i]);
}

static void read_task_file(const char *id, const char *file, char *text, size_t room)
{
    char path[300];
    snprintf(path, sizeof path, "/proc/self/task/%s/%s", id, file);
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, text, room - 1);
    text[n > 0 ? n : 0] = 0;
    if (fd >= 0)
        close(fd);
}

enum look { LOOK_GONE, LOOK_UNNAMED, LOOK_NAMED };

/* A thread names itself first thing, but may be looked at before. */
static enum look look_at_thread(const char *id)
{
    char status[4096], own_name[64], name[64];
    read_task_file(id, "status", status, sizeof status);
    read_task_file(id, "comm", name, sizeof name);
    char own_id[32];
    snprintf(own_id, sizeof own_id, "%d", getpid());
    read_task_file(own_id, "comm", own_name, sizeof own_name);
    const char *blocked = strstr(status, "SigBlk:");
    if (blocked == NULL || name[0] == 0)
        return LOOK_GONE; /* it has just ended */
    uint64_t mask = strtoull(blocked + 7, NULL, 16);
    uint64_t wanted = 0;
    for (int s = 1; s <= 31; s++)
        if (s != SIGKILL && s != SIGSTOP)
            wanted |= UINT64_C(1) << (s - 1);
    CHECK((mask & wanted) == wanted, "the thread blocks every signal (%#lx)", (unsigned long)mask);
    return strcmp(name, own_name) != 0 ? LOOK_NAMED : LOOK_UNNAMED;
}

static int with_scavenger(void)
{
    char id[300] = { 0 };
    bool seen = false, named = false;
    double end = seconds_now() + 8;
    free_much();
    while (seconds_now() < end) {
        size_t n = other_threads(id, sizeof id);
        CHECK(n <= 1, "there is at most one such thread");
        if (n == 1) {
            enum look look = look_at_thread(id);
            seen |= look != LOOK_GONE;
            named |= look == LOOK_NAMED;
        }
        if (n == 0 && seen)
            break;
        sleep_ms(1);
    }
    CHECK(seen, "a thread was seen to give memory back");
    CHECK(named, "the thread has a name of its own");
    return front_result();
}

static int without(void)
{
    char id[300];
    double end = seconds_now() + 2;
    free_much();
    while (seconds_now() < end) {
        CHECK(other_threads(id, sizeof id) == 0, "GREY_SCAVENGE=0: no thread starts");
        sleep_ms(20);
    }
    return front_result();
}

int main(int argc, char **argv)
{
    static struct run r;
    if (argc > 1)
        return strcmp(argv[1], "with") == 0 ? with_scavenger() : without();
    run_self(&r, "with", "GREY_SCAVENGE_DELAY=200", NULL);
    CHECK(run_ended_well(&r), "with the scavenger:\n%s", r.err);
    run_self(&r, "without", "GREY_SCAVENGE=0", NULL);
    CHECK(run_ended_well(&r), "without the scavenger:\n%s", r.err);
    return front_result();
}
