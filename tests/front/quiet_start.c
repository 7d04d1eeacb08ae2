/* The allocator starts no thread and keeps no descriptor in a program of small use: a second
   thread makes unshare(CLONE_NEWUSER) fail, which sandboxes call first, and descriptors are
   closed and counted by programs. */
#include "front.h"
#include <dirent.h>
#include <sched.h>

static size_t count_entries(const char *directory)
{
    size_t n = 0;
    DIR *d = opendir(directory);
    REQUIRE(d != NULL, "%s can be listed", directory);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

int main(void)
{
    CHECK(count_entries("/proc/self/task") == 1, "there is one thread at start");
    size_t descriptors = count_entries("/proc/self/fd");

    for (size_t i = 0; i < 100000; i++)
        free(hidep(malloc(hide(i % 50000))));
    free(hidep(malloc(hide(8 * MIB))));
    CHECK(count_entries("/proc/self/task") == 1, "there is one thread after small use");
    CHECK(unshare(CLONE_NEWUSER) == 0 || errno != EINVAL,
          "unshare(CLONE_NEWUSER) is not refused for a second thread");
    CHECK(count_entries("/proc/self/fd") == descriptors, "no descriptor was opened meanwhile");
    return front_result();
}
