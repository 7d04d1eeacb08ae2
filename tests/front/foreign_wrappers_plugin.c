/* A library that wraps mmap, munmap, madvise, mprotect, open and read, and
   allocates in each: an allocator that gets its memory through these names is called from
   within itself. */
#include "front.h"
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>

int wrapped_calls;

static void use_heap(void)
{
    static __thread int inside;
    wrapped_calls++;
    if (inside++ == 0) {
        char *p = hidep(malloc(hide(100)));
        REQUIRE(p != NULL, "malloc works inside a wrapped call");
        memset(p, 1, 100);
        free(hidep(realloc(p, hide(40000))));
    }
    inside--;
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    use_heap();
    return (void *)syscall(SYS_mmap, at, size, protection, flags, fd, offset);
}

void *mmap64(void *at, size_t size, int protection, int flags, int fd, off64_t offset)
{
    return mmap(at, size, protection, flags, fd, offset);
}

int munmap(void *at, size_t size)
{
    use_heap();
    return (int)syscall(SYS_munmap, at, size);
}

int madvise(void *at, size_t size, int advice)
{
    use_heap();
    return (int)syscall(SYS_madvise, at, size, advice);
}

int mprotect(void *at, size_t size, int protection)
{
    use_heap();
    return (int)syscall(SYS_mprotect, at, size, protection);
}

int open(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    int mode = (flags & O_CREAT) != 0 ? va_arg(list, int) : 0;
    va_end(list);
    use_heap();
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

ssize_t read(int fd, void *p, size_t n)
{
    use_heap();
    return syscall(SYS_read, fd, p, n);
}
