/* A program that gives up root after a burst gives it up in all its threads: setuid is a
   call of each thread, and libc makes it in those it knows. */
#include "front.h"
#include <dirent.h>

enum { NOBODY = 65534 };

static void burst(void)
{
    enum { BLOCKS = 2048 };
    static void *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = hidep(malloc(hide(65536)));
        touch(blocks[i], 65536);
    }
    for (size_t i = 0; i < BLOCKS; i++)
        free(blocks[i]);
}

/* The effective user of a thread, or NOBODY when it has just ended. */
static unsigned long user_of(const char *id)
{
    char path[300], text[4096] = { 0 };
    snprintf(path, sizeof path, "/proc/self/task/%s/status", id);
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    const char *line = n <= 0 ? NULL : strstr(text, "\nUid:");
    char *at = NULL;
    if (line == NULL)
        return NOBODY;
    (void)strtoul(line + 5, &at, 10);
    return strtoul(at, NULL, 10);
}

static void check_threads(void)
{
    DIR *d = opendir("/proc/self/task");
    REQUIRE(d != NULL, "the threads can be listed");
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.')
            CHECK(user_of(e->d_name) == NOBODY, "thread %s (of process %d) has given up root", e->d_name,
                  getpid());
    closedir(d);
}

int main(void)
{
    if (geteuid() != 0)
        skip("only root can give up root");
    burst();
    if (setresuid(NOBODY, NOBODY, NOBODY) != 0)
        skip("the user cannot be changed here");
    check_threads();
    burst();
    sleep_ms(500);
    check_threads();
    return front_result();
}
