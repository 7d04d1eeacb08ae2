/* Every entry point of a malloc replacement is there, and all come from one object: a
   single one left to libc mixes two heaps (docs/testing.md, "front"). */
#include "front.h"

static const char *const required[] = {
    "malloc",
    "calloc",
    "realloc",
    "free",
    "cfree",
    "reallocarray",
    "free_sized",
    "free_aligned_sized",
    "posix_memalign",
    "aligned_alloc",
    "memalign",
    "valloc",
    "pvalloc",
    "malloc_usable_size",
    "mallinfo",
    "mallinfo2",
    "mallopt",
    "malloc_trim",
    "malloc_stats",
    "malloc_info",
    "__libc_malloc",
    "__libc_calloc",
    "__libc_realloc",
    "__libc_free",
    "__libc_memalign",
    "__libc_valloc",
    "__libc_pvalloc",
    "__posix_memalign",
    /* operator new, new[]: plain, nothrow, aligned, both */
    "_Znwm",
    "_Znam",
    "_ZnwmRKSt9nothrow_t",
    "_ZnamRKSt9nothrow_t",
    "_ZnwmSt11align_val_t",
    "_ZnamSt11align_val_t",
    "_ZnwmSt11align_val_tRKSt9nothrow_t",
    "_ZnamSt11align_val_tRKSt9nothrow_t",
    /* operator delete, delete[]: plain, sized, nothrow, aligned, sized and aligned, nothrow and aligned */
    "_ZdlPv",
    "_ZdaPv",
    "_ZdlPvm",
    "_ZdaPvm",
    "_ZdlPvRKSt9nothrow_t",
    "_ZdaPvRKSt9nothrow_t",
    "_ZdlPvSt11align_val_t",
    "_ZdaPvSt11align_val_t",
    "_ZdlPvmSt11align_val_t",
    "_ZdaPvmSt11align_val_t",
    "_ZdlPvSt11align_val_tRKSt9nothrow_t",
    "_ZdaPvSt11align_val_tRKSt9nothrow_t",
};

/* Names of other allocators: a program that finds one believes that it talks to that one. */
static const char *const foreign[] = {
    "mallctl", "je_malloc", "mallocx",   "sdallocx",
    "rallocx", "mi_malloc", "tc_malloc", "MallocExtension_GetNumericProperty",
};

static const char *object_of(void *address)
{
    Dl_info info;
    return address != NULL && dladdr(address, &info) != 0 ? info.dli_fname : "nowhere";
}

int main(void)
{
    const char *home = object_of(symbol("malloc"));

    for (size_t i = 0; i < COUNT(required); i++) {
        const char *object = object_of(symbol(required[i]));
        CHECK(strcmp(object, home) == 0, "%s comes from where malloc does (%s), not from %s", required[i],
              home, object);
    }
    for (size_t i = 0; i < COUNT(foreign); i++)
        CHECK(strcmp(object_of(symbol(foreign[i])), home) != 0, "%s is not ours to define", foreign[i]);

    return front_result();
}
