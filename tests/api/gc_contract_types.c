/* Which words of an object keep others alive: all of a conservative one, none of a noscan one, those
   of its bitmap in a typed one, in every element of an array, however large and far away. */
#include "gc_contract.h"

enum { TARGETS = 60 };

/* An object whose words are given one watched object each. */
struct holder {
    const char *what;
    void *(*make)(const struct holder *h);
    const grey_type *type;
    size_t words;   /* of the object */
    size_t *at;     /* the words that get one: TARGETS of them */
    bool keeps;     /* do they keep it? */
    grey_handle *handle;
};

static void *make_holder(void *argument)
{
    struct holder *h = (struct holder *)argument;
    void **object = (void **)h->make(h);
    CHECK(object != NULL, "%s: there is one", h->what);
    if (object == NULL)
        return NULL;
    CHECK(all_zero(object, h->words * 8), "%s: it is zero", h->what);
    h->handle = grey_handle_create(object);
    for (size_t i = 0; i < TARGETS; i++)
        grey_write(&object[h->at[i]], watch(grey_alloc(GREY_NOSCAN, 16 + i * 40)));
    return NULL;
}

static void check_holder(struct holder h)
{
    on_thread(make_holder, &h);
    if (h.keeps)
        CHECK_ALL_LIVE(TARGETS, h.what);
    else
        CHECK_MOST_DIE(TARGETS, h.what);
    grey_handle_release(h.handle);
}

/* ---- places for the references --------------------------------------------------------------- */

static size_t places[TARGETS];

/* The words of an object that are pointers (or are not) by its type's bitmap, from both ends. */
static size_t *places_by(const uint64_t *bitmap, size_t element, size_t words, bool pointers)
{
    size_t n = 0, low = 0, high = words;
    while (n < TARGETS && low < high) {
        size_t i = n % 2 == 0 ? low++ : --high, bit = i % element;
        if (bitmap == NULL || ((bitmap[bit / 64] >> bit % 64 & 1) != 0) == pointers)
            places[n++] = i;
    }
    CHECK(n == TARGETS, "there are %d places", TARGETS);
    return places;
}

/* ---- makers ----------------------------------------------------------------------------------- */

static void *make_noscan(const struct holder *h)
{
    return grey_alloc(GREY_NOSCAN, h->words * 8);
}

static void *make_conservative(const struct holder *h)
{
    return grey_alloc(GREY_CONSERVATIVE, h->words * 8);
}

static void *make_typed(const struct holder *h)
{
    return grey_alloc_typed(h->type);
}

static size_t element_words;

static void *make_array(const struct holder *h)
{
    return grey_alloc_array(h->type, h->words / element_words);
}

static const grey_type *type_new(const uint64_t *bitmap, size_t words)
{
    const grey_type *t = grey_type_create(&(struct grey_type_info){ "of the test", words * 8, bitmap });
    CHECK(t != NULL, "a type of %zu words", words);
    return t;
}

/* ---- cases ------------------------------------------------------------------------------------- */

static void plain(void)
{
    static const size_t words[] = { TARGETS, 64, 128, 1000, 4096, 16384, 16385, 40000, 600000 };
    for (size_t i = 0; i < COUNT(words); i++) {
        size_t *at = places_by(NULL, 1, words[i], true);
        check_holder((struct holder){ "conservative", make_conservative, NULL, words[i], at, true, NULL });
        check_holder((struct holder){ "noscan", make_noscan, NULL, words[i], at, false, NULL });
    }
}

/* A bitmap in which every third word, and the last, is a pointer; from about the size where the bitmap
   leaves the span's end to one that spans several pages. */
static void typed(void)
{
    static const size_t words[] = { 180, 192, 511, 512, 1000, 4095, 20000 };
    for (size_t i = 0; i < COUNT(words); i++) {
        uint64_t *bitmap = calloc(words[i] / 64 + 1, 8);
        for (size_t w = 0; w < words[i]; w += 3)
            bitmap[w / 64] |= UINT64_C(1) << w % 64;
        const grey_type *t = type_new(bitmap, words[i]);
        check_holder((struct holder){ "typed, pointers", make_typed, t, words[i],
                                      places_by(bitmap, words[i], words[i], true), true, NULL });
        check_holder((struct holder){ "typed, others", make_typed, t, words[i],
                                      places_by(bitmap, words[i], words[i], false), false, NULL });
        free(bitmap);
    }
}

/* Elements from 1 word to some pages; in all from a few words to megabytes. Large objects are scanned
   in pieces, so an element may lie across the end of one. */
static void arrays(void)
{
    static const size_t elements[] = { 2, 3, 5, 7, 60, 64, 65, 127, 1024, 2047 };
    static const size_t sizes[] = { 200, 3000, 16383, 16384, 16390, 50000, 1000000 };
    for (size_t e = 0; e < COUNT(elements); e++) {
        uint64_t bitmap[32] = { 0 };
        for (size_t w = 0; w < elements[e]; w += 2)
            bitmap[w / 64] |= UINT64_C(1) << w % 64;
        element_words = elements[e];
        const grey_type *t = type_new(bitmap, element_words);
        for (size_t s = 0; s < COUNT(sizes); s++) {
            size_t words = sizes[s] / element_words * element_words;
            if (words < 2 * TARGETS + 2)
                continue;
            check_holder((struct holder){ "array, pointers", make_array, t, words,
                                          places_by(bitmap, element_words, words, true), true, NULL });
            check_holder((struct holder){ "array, others", make_array, t, words,
                                          places_by(bitmap, element_words, words, false), false, NULL });
        }
    }
}

/* Small typed objects of different types side by side in one span. */
struct small {
    const grey_type *type;
    uint64_t bitmap;
    size_t words;
};

enum { SMALLS = 400 };
static grey_handle *smalls[SMALLS];
static size_t smalls_kept;

static void *make_smalls(void *argument)
{
    uint64_t random = (uintptr_t)argument;
    smalls_kept = 0;
    for (size_t i = 0; i < SMALLS; i++) {
        size_t words = 1 + random_next(&random) % 64;
        uint64_t bitmap = random_next(&random);
        const grey_type *t = type_new(&bitmap, words);
        void **object = (void **)(i % 2 == 0 ? grey_alloc_typed(t) : grey_alloc_array(t, 1));
        if (object == NULL)
            return NULL;
        smalls[i] = grey_handle_create(object);
        size_t word = random_next(&random) % words;
        if ((bitmap >> word & 1) != 0) {
            grey_write(&object[word], watch(grey_alloc(GREY_NOSCAN, 64)));
            smalls_kept++;
        }
    }
    return NULL;
}

static void small_ones(void)
{
    for (uintptr_t seed = 1; seed <= 5; seed++) {
        on_thread(make_smalls, (void *)seed);
        CHECK_ALL_LIVE(smalls_kept, "small typed objects");
        for (size_t i = 0; i < SMALLS; i++)
            grey_handle_release(smalls[i]);
        grey_collect(); /* the next ones get slots in which others' bits stood */
    }
}

static void errors(void)
{
    uint64_t bits = 1;
    const grey_type *odd = grey_type_create(&(struct grey_type_info){ "odd", 12, &bits });
    errno = 0;
    CHECK(grey_type_create(NULL) == NULL && errno == EINVAL, "no type of nothing");
    errno = 0;
    CHECK(grey_type_create(&(struct grey_type_info){ "empty", 0, &bits }) == NULL && errno == EINVAL,
          "no type of no bytes");
    errno = 0;
    CHECK(grey_type_create(&(struct grey_type_info){ "bare", 64, NULL }) == NULL && errno == EINVAL,
          "no type without a bitmap");
    errno = 0;
    CHECK(grey_alloc_typed(NULL) == NULL && errno == EINVAL, "no object without a type");
    errno = 0;
    CHECK(grey_alloc_array(NULL, 1) == NULL && errno == EINVAL, "no array without a type");
    CHECK(odd != NULL && grey_alloc_typed(odd) != NULL, "a type of 12 bytes may be allocated");
    errno = 0;
    CHECK(grey_alloc_array(odd, 3) == NULL && errno == EINVAL, "but no array of it");
    const grey_type *word = type_new(&bits, 1);
    static const size_t counts[] = { SIZE_MAX, SIZE_MAX / 8, SIZE_MAX / 8 + 2, PTRDIFF_MAX / 8, (size_t)1 << 58 };
    for (size_t i = 0; i < COUNT(counts); i++) {
        errno = 0;
        CHECK(grey_alloc_array(word, hide_size(counts[i])) == NULL && errno == ENOMEM, "an array of %zu words",
              counts[i]);
    }
    void *none = grey_alloc_array(word, 0);
    CHECK(none != NULL && grey_base(none) == none, "an array of no elements is an object");
}

int main(void)
{
    plain();
    typed();
    arrays();
    small_ones();
    errors();
    CHECK(grey_verify(), "the heap is sound");
    return result();
}
