/* Managed objects through grey_free, grey_realloc, grey_shrink and grey_usable_size; tiny ones; root
   blocks. */
#include "gc_contract.h"

static void trace_first(void *object, struct grey_tracer *t)
{
    grey_trace(t, object);
}

static grey_kind kinds[3] = { GREY_NOSCAN, GREY_CONSERVATIVE, 0 };

static size_t managed_bytes(void)
{
    struct grey_gc_stats s;
    CHECK(grey_gc_stats(&s, sizeof s), "there are statistics");
    return (size_t)s.bytes_live;
}

/* What is freed at once need not be collected: the heap does not grow, though no cycle may begin. */
static void early_free(grey_kind kind)
{
    static const size_t sizes[] = { 16, 48, 100, 512, 3000, 20000, 40000, 300000, 5 << 20 };
    grey_disable();
    for (size_t i = 0; i < COUNT(sizes); i++) {
        size_t rounds = ((size_t)256 << 20) / sizes[i], before = managed_bytes();
        for (size_t n = 0; n < (rounds > 20000 ? 20000 : rounds); n++) {
            char *p = grey_alloc(kind, sizes[i]);
            CHECK(p != NULL && all_zero(p, sizes[i] < 4096 ? sizes[i] : 4096), "%zu bytes of kind %u, zeroed",
                  sizes[i], kind);
            if (p == NULL)
                break;
            memset(p, 0xee, sizes[i] < 4096 ? sizes[i] : 4096);
            grey_free(p);
        }
        size_t after = managed_bytes();
        CHECK(after < before + 40 * sizes[i] + 100000, "kind %u, %zu bytes: freed at once, %zu more live", kind,
              sizes[i], after - before);
    }
    grey_enable();
}

static void resizes(grey_kind kind)
{
    for (size_t start = 16; start < 3000000; start = start * 5 + 3) {
        char *p = grey_alloc(kind, start);
        size_t before = start;
        fill(p, start, 3);
        for (size_t n = start; n < 4000000; n += n / 3 + 1) {
            p = grey_realloc(p, n);
            struct grey_object o = { 0 };
            CHECK(p != NULL && holds(p, before, 3), "kind %u: %zu to %zu keeps the contents", kind, before, n);
            CHECK(grey_object_at(p, &o) && o.base == p && o.kind == kind && o.size >= n,
                  "kind %u: %zu bytes are still a managed object of the kind", kind, n);
            CHECK(grey_usable_size(p) >= n, "kind %u: %zu usable", kind, n);
            fill(p, n, 3);
            before = n;
        }
        for (size_t n = before; n > 16; n -= n / 3) {
            p = grey_realloc(p, n);
            CHECK(p != NULL && holds(p, n, 3) && grey_base(p) == p, "kind %u: %zu to %zu", kind, before, n);
            before = n;
            if (n < 19)
                break;
        }
        grey_collect();
        CHECK(holds(p, before, 3), "it lives on");
        CHECK(grey_realloc(p, 0) == NULL, "size 0 frees");
    }
}

/* What grows is zero behind the old contents, as a new object would be. */
static void growth_is_zero(grey_kind kind)
{
    for (size_t n = 16; n < 1000000; n = n * 2 + 5) {
        char *p = grey_alloc(kind, n);
        fill(p, n, 5);
        p = grey_realloc(p, n * 3);
        CHECK(p != NULL && holds(p, n, 5) && all_zero(p + n, n * 2), "kind %u: %zu grown to %zu", kind, n, n * 3);
        grey_free(p);
    }
}

static void shrinks(grey_kind kind)
{
    static const size_t to[] = { 1, 16, 4096, 8192, 8193, 100000, 1 << 20 };
    for (size_t i = 0; i < COUNT(to); i++) {
        char *p = grey_alloc(kind, 4 << 20);
        size_t usable = grey_usable_size(p);
        fill(p, to[i], 7);
        errno = 0;
        CHECK(!grey_shrink(p, usable + 1) && errno == EINVAL, "nothing grows by grey_shrink");
        CHECK(grey_shrink(p, to[i]), "4 MiB to %zu", to[i]);
        CHECK(grey_usable_size(p) >= to[i] && grey_usable_size(p) < to[i] + 100000, "%zu of %zu bytes are left",
              grey_usable_size(p), to[i]);
        grey_collect();
        CHECK(holds(p, to[i], 7) && grey_base(p + to[i] - 1) == p, "4 MiB to %zu: the rest is as it was", to[i]);
        CHECK(grey_base(p + (3 << 20)) != p, "what is gone belongs to it no more");
    }
    errno = 0;
    CHECK(!grey_shrink(&failures, 1) && errno == EINVAL, "what is no object does not shrink");
}

/* What was cut off does not come back when the object grows in place. */
static void regrown_is_zero(grey_kind kind)
{
    static const size_t sizes[] = { 8, 16, 112, 500, 8192, 32768, 40960, 1 << 20 };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        for (size_t cut = 1; cut < 30 && cut < sizes[i]; cut += 6) {
            char *p = grey_alloc(kind, sizes[i]), *neighbour = grey_alloc(kind, sizes[i]);
            size_t usable = grey_usable_size(p), kept = usable - cut;
            fill(p, usable, 9);
            fill(neighbour, usable, 11);
            CHECK(grey_shrink(p, kept), "kind %u: %zu bytes to %zu", kind, usable, kept);
            p = grey_realloc(p, usable);
            CHECK(p != NULL && holds(p, kept, 9) && all_zero(p + kept, cut), "kind %u: %zu bytes, %zu cut off", kind,
                  usable, cut);
            CHECK(holds(neighbour, usable, 11), "kind %u: the neighbour of %zu bytes", kind, usable);
        }
    }
}

/* Bytes that were cut off are freed ones: they do not count as living for ever. */
static void cut_off_is_counted(grey_kind kind)
{
    size_t before = managed_bytes();
    for (int i = 0; i < 50; i++) {
        char *p = grey_alloc(kind, 4 << 20);
        CHECK(grey_shrink(p, 1 << 20), "4 MiB to one");
        grey_free(p);
    }
    CHECK(managed_bytes() < before + (8 << 20), "kind %u: %zu bytes more live, though all were freed", kind,
          managed_bytes() - before);
}

/* The references in the part that goes keep nothing, those before it do. */
static void *shrink_holder(void *argument)
{
    void **object = (void **)grey_alloc(GREY_CONSERVATIVE, 100 * 8);
    *(grey_handle **)argument = grey_handle_create(object);
    for (size_t i = 0; i < 100; i++)
        grey_write(&object[i], watch(grey_alloc(GREY_NOSCAN, 500)));
    CHECK(grey_shrink(object, 50 * 8), "100 words to 50");
    return NULL;
}

static void shrunk_references(void)
{
    grey_handle *h = NULL;
    on_thread(shrink_holder, &h);
    size_t alive = watched_alive();
    CHECK(alive >= 50 && alive <= 60, "50 of 100 references are left: %zu", alive);
    grey_handle_release(h);
}

/* ---- tiny ones: several share 16 bytes ------------------------------------------------------ */

static void tiny(void)
{
    enum { TINIES = 5000 };
    static unsigned char *objects[TINIES];
    static size_t sizes[TINIES];
    uint64_t random = 5;
    for (size_t i = 0; i < TINIES; i++) {
        size_t n = sizes[i] = random_next(&random) % 16;
        size_t alignment = n >= 8 ? 8 : n >= 4 ? 4 : n >= 2 ? 2 : 1;
        objects[i] = grey_alloc(GREY_NOSCAN, n);
        CHECK(objects[i] != NULL && (uintptr_t)objects[i] % alignment == 0, "%zu bytes, aligned", n);
        CHECK(all_zero(objects[i], n), "%zu bytes are zero", n);
        fill(objects[i], n, (unsigned)i);
    }
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < TINIES; i++)
            CHECK(holds(objects[i], sizes[i], (unsigned)i), "tiny object %zu of %zu bytes is whole", i, sizes[i]);
        grey_collect();
    }
    for (size_t i = 0; i < TINIES; i += 2) { /* its neighbours stay whatever becomes of it */
        grey_free(objects[i]);
        objects[i] = NULL;
    }
    for (size_t i = 0; i < 2 * TINIES; i++)
        memset(grey_alloc(GREY_NOSCAN, 8), 0xff, 8);
    for (size_t i = 1; i < TINIES; i += 2)
        CHECK(holds(objects[i], sizes[i], (unsigned)i), "tiny object %zu outlives its neighbour's grey_free", i);
    grey_disable(); /* what dies meanwhile is not to be counted off */
    grey_collect();
    size_t before = managed_bytes();
    for (size_t i = 0; i < TINIES; i++)
        (void)hide(grey_alloc(GREY_NOSCAN, 1));
    size_t after = managed_bytes();
    CHECK(after > before && after - before < TINIES * 12, "two share a slot of 16 bytes: %zu, %zu", before, after);
    grey_enable();
    memset(objects, 0, sizeof objects);
}

/* ---- root blocks ---------------------------------------------------------------------------- */

static void *fill_root(void *argument)
{
    void **root = (void **)argument;
    for (size_t i = 0; i < 1000; i++)
        root[i] = watch(grey_alloc(GREY_NOSCAN, 100));
    return NULL;
}

static void root_blocks(void)
{
    void **root = (void **)grey_alloc_root(8000);
    CHECK(root != NULL && all_zero(root, 8000) && grey_usable_size(root) >= 8000, "a root block");
    uintptr_t hidden = ~(uintptr_t)root;
    root = NULL;
    on_thread(fill_root, (void *)~hidden);
    CHECK_ALL_LIVE(1000, "held by a root block");
    on_thread(fill_root, (void *)~hidden);
    grey_free((void *)~hidden);
    CHECK_MOST_DIE(1000, "the root block is freed");
}

int main(void)
{
    kinds[2] = grey_kind_create(&(struct grey_kind_info){ "first", trace_first });
    for (size_t k = 0; k < COUNT(kinds); k++)
        early_free(kinds[k]);
    for (size_t k = 0; k < 2; k++) {
        resizes(kinds[k]);
        growth_is_zero(kinds[k]);
        shrinks(kinds[k]);
        regrown_is_zero(kinds[k]);
        cut_off_is_counted(kinds[k]);
    }
    shrunk_references();
    tiny();
    root_blocks();
    CHECK(grey_verify(), "the heap is sound");
    return result();
}
