/* startup: what happens when the library is loaded and when the process ends.
 *
 * The heap does not wait for it: the first allocation, which comes earlier in most programs, brings
 * the heap up with the options' defaults. No thread is started, nothing is registered with atexit
 * (whose lock the caller of a malloc may hold).
 */
#define _GNU_SOURCE
#include "alloc/copies.h"
#include "alloc/heap.h"
#include "alloc/memcheck.h"
#include "alloc/options.h"
#include "alloc/os.h"
#include "alloc/stats.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where GREY_STATS=1 writes: a duplicate of stderr, because many programs close theirs before our
   destructor runs. The file's identity is kept, so that we never write into a file that got the
   number later. [const] after the constructor. */
static struct {
    int fd;
    dev_t device;
    ino_t inode;
} summary = { .fd = -1 };

static void summary_open(void)
{
    enum { OUT_OF_THE_WAY = 200 };
    struct stat file;
    summary.fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
    if (summary.fd < 0)
        summary.fd = STDERR_FILENO;
    if (fstat(summary.fd, &file) != 0) {
        summary.fd = -1;
        return;
    }
    summary.device = file.st_dev;
    summary.inode = file.st_ino;
}

static void child_after_fork(void)
{
    heap_fork_child();
    memcheck_fork_child();
}

/* The preload library is linked with -z initfirst: its constructor runs before all others, libc's
   included, so that its fork handlers are the first to be registered and therefore hold the heap's
   locks only while no other library's handler, which may allocate, is running. libc's environ is not
   set yet then; glibc hands each constructor what it will be. */
__attribute__((constructor)) static void startup(int argc, char **argv, char **environment)
{
    (void)argc;
    (void)argv;
    if (!copies_start())
        return;
    os_learn_loader();
    options_read(environ != NULL ? environ : environment);
    heap_start_main();
    /* Fails only without memory; then a fork amid other threads' allocations is not safe. */
    (void)pthread_atfork(heap_fork_prepare, heap_fork_parent, child_after_fork);
    if (options.stats)
        summary_open();
}

__attribute__((destructor)) static void ending(void)
{
    struct stat file;
    if (!copies_is_live() || summary.fd < 0)
        return;
    if (fstat(summary.fd, &file) == 0 && file.st_dev == summary.device && file.st_ino == summary.inode)
        stats_print(summary.fd);
}
