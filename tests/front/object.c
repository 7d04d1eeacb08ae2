/* The shared object that malloc comes from: small initial-exec TLS (a large one breaks dlopen,
   a dynamic one calls malloc at first touch), never unloaded, needing nothing but libc. */
#include "front.h"
#include <link.h>

enum { MOST_TLS = 64 };

static void check_dynamic(const struct link_map *map)
{
    const char *strings = NULL;
    bool nodelete = false, static_tls = false;
    for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++) {
        if (d->d_tag == DT_STRTAB)
            strings = (const char *)d->d_un.d_ptr;
        nodelete |= d->d_tag == DT_FLAGS_1 && (d->d_un.d_val & DF_1_NODELETE) != 0;
        static_tls |= d->d_tag == DT_FLAGS && (d->d_un.d_val & DF_STATIC_TLS) != 0;
    }
    CHECK(nodelete, "the object is marked NODELETE: threads that end may still call it");
    CHECK(static_tls, "the object's thread-local memory is static (initial-exec)");
    for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++)
        if (d->d_tag == DT_NEEDED)
            CHECK(strncmp(strings + d->d_un.d_val, "libc.so", 7) == 0 ||
                      strncmp(strings + d->d_un.d_val, "ld-linux", 8) == 0,
                  "it needs libc alone, not %s", strings + d->d_un.d_val);
}

static int check_tls(struct dl_phdr_info *info, size_t size, void *base)
{
    (void)size;
    if ((void *)info->dlpi_addr != base)
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_TLS)
            CHECK(info->dlpi_phdr[i].p_memsz <= MOST_TLS, "its thread-local memory is %zu bytes, at most %d",
                  (size_t)info->dlpi_phdr[i].p_memsz, MOST_TLS);
    return 1;
}

int main(void)
{
    Dl_info info;
    struct link_map *map;
    REQUIRE(dladdr1(symbol("malloc"), &info, (void **)&map, RTLD_DL_LINKMAP) != 0,
            "malloc is found in an object");
    check_dynamic(map);
    CHECK(dl_iterate_phdr(check_tls, info.dli_fbase) == 1, "the object is found among those loaded");
    return front_result();
}
