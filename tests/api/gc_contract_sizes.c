/* grey_alloc and its kin, for every kind and size: alignment, zeroes, also where an object was before,
   what the address of each byte leads to, and that no two objects overlap. */
#include "gc_contract.h"

static void trace_nothing(void *object, struct grey_tracer *t)
{
    (void)object;
    (void)t;
}

static grey_kind kinds[3] = { GREY_NOSCAN, GREY_CONSERVATIVE, 0 };

/* 0 to 300, then both sides of every step of an eighth up to 1 MiB and beyond. */
static size_t next_size(size_t n)
{
    return n < 300 ? n + 1 : n % 2 == 0 ? n + 1 : (n + n / 16) & ~(size_t)1;
}

/* alignment 1: a tiny one. */
static void check_one(grey_kind kind, size_t size, size_t alignment, char *p)
{
    struct grey_object o = { 0 };
    CHECK(p != NULL, "kind %u: %zu bytes", kind, size);
    if (p == NULL)
        return;
    CHECK((uintptr_t)p % alignment == 0, "kind %u: %zu bytes at %p: aligned to %zu", kind, size, (void *)p,
          alignment);
    CHECK(all_zero(p, size), "kind %u: %zu bytes are zero", kind, size);
    CHECK(grey_object_at(p, &o) && o.size >= size && o.kind == kind && o.type == NULL,
          "kind %u: %zu bytes: known as %zu of kind %u", kind, size, o.size, o.kind);
    if (alignment == 1)
        return; /* it may share its block */
    CHECK(o.base == p, "kind %u: %zu bytes: its base", kind, size);
    CHECK(grey_usable_size(p) == o.size, "kind %u: %zu bytes: usable are %zu, known are %zu", kind, size,
          grey_usable_size(p), o.size);
    for (size_t at = 0; at < o.size; at += at < 64 ? 1 : o.size / 61 + 1)
        CHECK(grey_base(p + at) == p, "kind %u: %zu bytes: byte %zu leads to it", kind, size, at);
    CHECK(grey_base(p + o.size - 1) == p, "kind %u: %zu bytes: its last byte leads to it", kind, size);
    CHECK(grey_base(p + o.size) != p, "kind %u: %zu bytes: the byte after it does not", kind, size);
    memset(p, 0xee, o.size); /* all of it may be used; whoever gets it next must not see this */
}

/* Twice, with everything dropped in between, so that the second round gets memory that was used. */
static void *sizes(void *kind)
{
    for (size_t n = 0; n <= (size_t)1 << 20; n = next_size(n))
        check_one(*(grey_kind *)kind, n, n < 16 && *(grey_kind *)kind == GREY_NOSCAN ? 1 : 16,
                  grey_alloc(*(grey_kind *)kind, n));
    for (size_t n = 5u << 20; n <= (size_t)80 << 20; n *= 4)
        check_one(*(grey_kind *)kind, n + 1, 16, grey_alloc(*(grey_kind *)kind, n + 1));
    return NULL;
}

static void *alignments(void *kind)
{
    for (size_t a = 1; a <= (size_t)1 << 20; a *= 2)
        for (size_t n = 0; n < 200000; n = n < 20 ? n + 1 : n * 3)
            check_one(*(grey_kind *)kind, n, a < 16 ? 16 : a, grey_alloc_aligned(*(grey_kind *)kind, a, n));
    return NULL;
}

/* Many live at once; each is filled to its end, and nobody's bytes change. */
static void apart(grey_kind kind)
{
    enum { OBJECTS = 3000 };
    static unsigned char *objects[OBJECTS];
    uint64_t random = kind;
    for (unsigned i = 0; i < OBJECTS; i++) {
        size_t n = random_next(&random) % (i % 100 == 0 ? 60000 : i % 10 == 0 ? 3000 : 200) + 16;
        objects[i] = grey_alloc(kind, n);
        if (objects[i] != NULL)
            fill(objects[i], grey_usable_size(objects[i]), i);
        if (i % 700 == 0)
            grey_collect();
    }
    for (unsigned i = 0; i < OBJECTS; i++) {
        CHECK(objects[i] != NULL && holds(objects[i], grey_usable_size(objects[i]), i),
              "kind %u: nobody else wrote into object %u", kind, i);
        objects[i] = NULL;
    }
}

/* What the inline path is told by its tables. */
static void inline_tables(void)
{
    for (size_t n = 1; n <= GREY_INLINE_MAX; n++) {
        size_t c = n <= 128 ? (n + 15) / 16 : grey_size_class8[(n + 7) / 8];
        CHECK(grey_class_size[c] >= n && (c == 0 || grey_class_size[c - 1] < n),
              "%zu bytes are of the smallest class that holds them", n);
    }
    CHECK(grey_class_size[0] == 0, "class 0 is empty");
}

/* Words that lie in no object lead to none. */
static void words_of_nothing(void)
{
    struct grey_object o;
    static const uintptr_t words[] = { 0,      1,           8,           4096,           0x7fffffffffff,
                                       UINTPTR_MAX, UINTPTR_MAX / 2, UINTPTR_MAX - 4095, (uintptr_t)1 << 47,
                                       (uintptr_t)1 << 48 };
    uint64_t random = 1;
    void *block = grey_malloc(100);
    for (size_t i = 0; i < COUNT(words); i++)
        CHECK(!grey_object_at((void *)words[i], &o) && grey_base((void *)words[i]) == NULL, "%#jx",
              (uintmax_t)words[i]);
    for (int i = 0; i < 100000; i++)
        (void)grey_base((void *)(uintptr_t)(random_next(&random) >> i % 40));
    CHECK(grey_base(&o) == NULL && grey_base(&failures) == NULL && grey_base(hide(sizes)) == NULL,
          "stack, data and code are no objects");
    CHECK(grey_base(block) == NULL, "a manual block is no object");
    grey_free(block);
    CHECK(grey_object_at(hide(grey_alloc(GREY_NOSCAN, 40)), NULL), "the answer need not be filled in");
}

int main(void)
{
    kinds[2] = grey_kind_create(&(struct grey_kind_info){ "nothing", trace_nothing });
    CHECK(kinds[2] >= GREY_KIND_FIRST_CUSTOM, "a kind of our own");
    for (size_t round = 0; round < 2; round++)
        for (size_t k = 0; k < COUNT(kinds); k++) {
            on_thread(sizes, &kinds[k]);
            on_thread(alignments, &kinds[k]);
            grey_collect();
        }
    for (size_t k = 0; k < COUNT(kinds); k++)
        apart(kinds[k]);
    inline_tables();
    words_of_nothing();
    CHECK(grey_verify(), "the heap is sound");
    return result();
}
