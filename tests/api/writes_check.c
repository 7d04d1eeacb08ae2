/* GREY_CHECK_WRITES: programs that change references behind the collector's back are told where; those
   that keep the rules hear nothing. Each runs as a process of its own. */
#include "api.h"

#include <pthread.h>

static void *volatile kept[8]; /* writable data: loose roots, which nobody checks */

struct pair {
    void *tag, *a, *b;
};

static void trace_pair(void *object, struct grey_tracer *t)
{
    struct pair *p = object;
    grey_trace(t, &p->a);
    grey_trace(t, &p->b);
}

static grey_kind pair_kind(void)
{
    struct grey_kind_info info = { "pair", trace_pair };
    return grey_kind_create(&info);
}

static void **conservative(size_t words)
{
    return kept[0] = grey_alloc(GREY_CONSERVATIVE, words * sizeof(void *));
}

static void *leaf(void)
{
    return kept[1] = grey_alloc(GREY_NOSCAN, 16);
}

/* So large that the descriptor is in the object; words 1, 3, 5, ... are pointers. */
static void **typed(size_t words)
{
    static const uint64_t map[] = { 2 };
    static const struct grey_type_info info = { "odd words", 2 * sizeof(void *), map };
    return kept[0] = grey_alloc_array(grey_type_create(&info), words / 2);
}

/* The compiler may not drop or delay the stores in question. */
static void store(void *slot, void *value)
{
    *(void *volatile *)slot = value;
}

/* ---- programs that break the rule ---- */

static void plain_store(void)
{
    void **o = conservative(4);
    store(&o[1], leaf());
    grey_collect();
}

static void plain_clear(void)
{
    void **o = conservative(4);
    grey_write(&o[2], leaf());
    grey_collect();
    store(&o[2], NULL);
    grey_collect();
}

static void plain_number(void)
{
    void **o = conservative(4);
    grey_write(&o[0], leaf());
    store(&o[0], (void *)7);
    grey_collect();
}

static void typed_small(void)
{
    void **o = typed(8);
    store(&o[3], leaf());
    grey_collect();
}

static void typed_large(void)
{
    void **o = typed(200);
    store(&o[199], leaf());
    grey_collect();
}

static void custom_store(void)
{
    struct pair *p = kept[0] = grey_alloc(pair_kind(), sizeof *p);
    p->tag = p;
    store(&p->b, leaf());
    grey_collect();
}

/* The callback does not tell of a slot that holds NULL. */
static void custom_clear(void)
{
    struct pair *p = kept[0] = grey_alloc(pair_kind(), sizeof *p);
    p->tag = (void *)1;
    grey_init(&p->a, leaf());
    store(&p->a, NULL);
    grey_collect();
}

static void large_object(void)
{
    void **o = conservative(1 << 20);
    store(&o[1000000], leaf());
    grey_collect();
}

static void over_memcpy(void)
{
    void **o = conservative(4), *from[4] = { leaf(), leaf(), (void *)1, NULL };
    memcpy(hide(o), from, sizeof from);
    grey_collect();
}

static void after_realloc(void)
{
    void **o = conservative(4);
    grey_write(&o[1], leaf());
    o = kept[0] = grey_realloc(o, 4096);
    grey_collect();
    store(&o[1], kept[0]);
    grey_collect();
}

static void grown_tail(void)
{
    void **o = conservative(1 << 16);
    o = kept[0] = grey_realloc(o, (1 << 20) * sizeof(void *));
    store(&o[1 << 19], leaf());
    grey_collect();
}

struct change {
    const char *kind;
    size_t size, offset;
    const char *before, *now; /* $: an address of the heap */
};

static const struct wrong {
    const char *name;
    void (*program)(void);
    struct change changes[2]; /* that are reported */
} wrongs[] = {
    { "plain_store", plain_store, { { "conservative", 32, 8, "0x0", "$" } } },
    { "plain_clear", plain_clear, { { "conservative", 32, 16, "$", "0x0" } } },
    { "plain_number", plain_number, { { "conservative", 32, 0, "$", "0x7" } } },
    { "typed_small", typed_small, { { "typed", 64, 24, "0x0", "$" } } },
    { "typed_large", typed_large, { { "typed", 1664, 1592, "0x0", "$" } } },
    { "custom_store", custom_store, { { "pair", 32, 16, "0x0", "$" } } },
    { "custom_clear", custom_clear, { { "pair", 32, 8, "$", "0x0" } } },
    { "large_object", large_object, { { "conservative", 8388608, 8000000, "0x0", "$" } } },
    { "over_memcpy", over_memcpy,
      { { "conservative", 32, 0, "0x0", "$" },
        { "conservative", 32, 8, "0x0", "$" } } },
    { "after_realloc", after_realloc, { { "conservative", 4096, 8, "$", "$" } } },
    { "grown_tail", grown_tail, { { "conservative", 8388608, 4194304, "0x0", "$" } } },
};

/* ---- programs that keep it ---- */

static void all_forms(void)
{
    void **o = conservative(32), *x = leaf(), *was = x, *from[8];
    for (int i = 0; i < 8; i++)
        from[i] = x;
    grey_init(&o[0], x);
    grey_init_pair(&o[2], x, o);
    CHECK(o[2] == x && o[3] == o, "both words are written");
    grey_write(&o[1], o);
    CHECK(grey_exchange(&o[1], x) == o && o[1] == x, "an exchange under the check is one");
    CHECK(grey_compare_exchange(&o[1], &was, NULL) && o[1] == NULL, "the word is what was expected");
    CHECK(!grey_compare_exchange(&o[1], &was, x) && was == NULL, "the word is not what was expected");
    grey_collect();
    grey_copy(&o[4], from, sizeof from);
    grey_move(&o[5], &o[4], 8 * sizeof(void *));
    grey_move((char *)&o[20] + 3, (char *)&o[4] + 3, 40);
    grey_collect();
    grey_clear((char *)&o[6] + 5, 31);
    grey_collect();
    grey_clear(o, 32 * sizeof(void *));
    grey_collect();
}

static void numbers(void)
{
    volatile uintptr_t *o = (uintptr_t *)conservative(64), *bytes;
    bytes = kept[2] = grey_alloc(GREY_NOSCAN, 512);
    for (uintptr_t i = 0; i < 64; i++) {
        o[i] = i * 12345;
        bytes[i] = (uintptr_t)leaf(); /* no references, by the object's kind */
    }
    grey_collect();
}

static void root_blocks(void)
{
    void **block = kept[2] = grey_alloc_root(64);
    for (int i = 0; i < 8; i++)
        store(&block[i], leaf());
    grey_collect();
    store(block, NULL);
    grey_collect();
    grey_free(block);
}

/* Memory of dead and freed objects comes back as new objects: their past is forgotten. */
static void reuse(void)
{
    for (int round = 0; round < (UNDER_TSAN ? 4 : 20); round++) {
        for (int i = 0; i < 2000; i++) {
            void **o = grey_alloc(GREY_CONSERVATIVE, (size_t)(i % 50 + 1) * 16);
            grey_write(&o[i % 2], leaf());
            if (i % 3 == 0)
                grey_free(o);
        }
        void **large = grey_alloc(GREY_CONSERVATIVE, 1 << 20);
        for (int i = 0; i < 1 << 17; i += 100)
            grey_write(&large[i], leaf());
        if (round % 2 == 0)
            grey_free(large);
        grey_collect();
    }
}

static void resized(void)
{
    void **o = conservative(8);
    for (size_t words = 8; words < 1 << 18; words *= 2) {
        grey_write(&o[words - 1], leaf());
        o = kept[0] = grey_realloc(o, 2 * words * sizeof(void *));
        grey_collect();
    }
    for (size_t words = 1 << 17; words > 8; words /= 2) {
        CHECK(grey_shrink(o, words * sizeof(void *)), "an object shrinks to %zu words", words);
        grey_collect();
    }
}

static void lifetimes(void)
{
    grey_weak_table *t = kept[2] = grey_weak_table_create(NULL);
    grey_weak *w = grey_weak_create(conservative(4));
    for (int i = 0; i < 1000; i++) {
        void **key = grey_alloc(GREY_CONSERVATIVE, 32);
        grey_weak_table_put(t, key, leaf());
        kept[3 + i % 5] = grey_ephemeron_create(key, leaf());
        grey_ephemeron_set(kept[3 + i % 5], leaf());
        if (i % 100 == 0)
            grey_collect();
    }
    CHECK(grey_weak_get(w) == kept[0], "a weak reference to what lives");
    grey_weak_release(w);
    grey_collect();
}

enum { SHARED = 16384 };

static struct {
    pthread_barrier_t together;
    void **object;
    int number;
} writers;

static void write_somehow(void **slot, int way, void *value)
{
    void *there = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
    switch (way) {
    case 0:
        grey_write(slot, value);
        break;
    case 1:
        grey_exchange(slot, value);
        break;
    case 2:
        grey_compare_exchange(slot, &there, value);
        break;
    default:
        grey_copy(slot, &value, sizeof value);
    }
}

/* Two threads write different values to the same words at the same time: whoever is last, the shadow
   has to know. */
static void *write_at_once(void *values)
{
    (void)hide(grey_alloc(GREY_NOSCAN, 16)); /* attached */
    for (int round = 0; round < (UNDER_TSAN ? 10 : 50); round++) {
        grey_blocking_enter();
        pthread_barrier_wait(&writers.together);
        grey_blocking_leave();
        for (int i = 0; i < SHARED; i++)
            write_somehow(&writers.object[i], round % 4, ((void **)values)[round % 2]);
        grey_blocking_enter();
        pthread_barrier_wait(&writers.together);
        grey_blocking_leave();
        if (values == &kept[2])
            grey_collect();
    }
    return NULL;
}

static void threads(void)
{
    pthread_t t[2];
    writers.object = conservative(SHARED);
    kept[2] = kept[5] = kept[0];
    pthread_barrier_init(&writers.together, NULL, 2);
    for (size_t i = 0; i < COUNT(t); i++)
        grey_pthread_create(&t[i], NULL, write_at_once, (void *)&kept[2 + 2 * i]);
    for (size_t i = 0; i < COUNT(t); i++)
        grey_pthread_join(t[i], NULL);
}

static bool ended;

static void *write_on(void *slots)
{
    void **o = slots;
    for (int i = 0; !__atomic_load_n(&ended, __ATOMIC_RELAXED); i++)
        write_somehow(&o[i % 7], i % 4, i / 7 % 2 == 0 ? NULL : o);
    return NULL;
}

/* Another thread writes at the moment of the fork; the child's checks go on. */
static void fork_amid(void)
{
    pthread_t t;
    void **o = conservative(8);
    int status = 0;
    grey_pthread_create(&t, NULL, write_on, o);
    for (int i = 0; i < (UNDER_TSAN ? 10 : 200) && status == 0; i++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(10);
            grey_collect();
            for (int k = 0; k < 8; k++)
                grey_write(&o[k], i % 2 == 0 ? o : NULL);
            grey_collect();
            _exit(0);
        }
        waitpid(child, &status, 0);
    }
    CHECK(status == 0, "the child's check (status %#x)", (unsigned)status);
    __atomic_store_n(&ended, true, __ATOMIC_RELAXED);
    grey_pthread_join(t, NULL);
}

static const struct {
    const char *name;
    void (*program)(void);
} rights[] = {
    { "all_forms", all_forms }, { "numbers", numbers },     { "root_blocks", root_blocks },
    { "reuse", reuse },         { "resized", resized },     { "lifetimes", lifetimes },
    { "threads", threads },     { "fork_amid", fork_amid },
};

/* ---- the test ---- */

/* Like strcmp() == 0, but $ in the pattern is an address other than 0x0 and 0x7. */
static bool matches(const char *text, const char *pattern)
{
    for (; *pattern != '\0'; pattern++) {
        if (*pattern != '$') {
            if (*text++ != *pattern)
                return false;
            continue;
        }
        size_t digits = strncmp(text, "0x", 2) == 0 ? strspn(text + 2, "0123456789abcdef") : 0;
        if (digits < 4)
            return false;
        text += 2 + digits;
    }
    return *text == '\0';
}

/* What the program of the row says. */
static const char *lines_of(const struct wrong *w)
{
    static char lines[2048];
    size_t n = 0, changes = 0;
    for (const struct change *c = w->changes; c < w->changes + COUNT(w->changes) && c->kind != NULL; c++) {
        n += (size_t)snprintf(lines + n, sizeof lines - n,
                              "greyspan: check_writes: object $ (kind \"%s\", %zu bytes): the word at"
                              " offset %zu changed from %s to %s without grey_write\n",
                              c->kind, c->size, c->offset, c->before, c->now);
        changes++;
    }
    snprintf(lines + n, sizeof lines - n, "greyspan: check_writes: %zu change%s that no barrier announced\n",
             changes, changes == 1 ? "" : "s");
    return lines;
}

static void wrong_programs_are_told(void)
{
    for (size_t i = 0; i < COUNT(wrongs); i++) {
        const struct wrong *w = &wrongs[i];
        const char *lines = lines_of(w);
        struct outcome *o = run_shell("ulimit -c 0; GREY_CHECK_WRITES=1 exec '%s' %s 2>&1", self_path(),
                                      w->name);
        CHECK(aborted(o) && matches(o->output, lines), "%s (status %#x) says: %s", w->name,
              (unsigned)o->status, o->output);
        o = run_shell("env GREY_CHECK_WRITES=1 GREY_ON_ERROR=ignore '%s' %s 2>&1", self_path(), w->name);
        CHECK(succeeded(o) && matches(o->output, lines), "%s, ignored, says once: %s", w->name, o->output);
        o = run_shell("'%s' %s 2>&1", self_path(), w->name);
        CHECK(succeeded(o) && o->output[0] == '\0', "%s, unchecked, says: %s", w->name, o->output);
    }
}

static void right_programs_hear_nothing(void)
{
    for (size_t i = 0; i < COUNT(rights); i++) {
        struct outcome *o = run_shell("env GREY_CHECK_WRITES=1 GREY_VERIFY=1 '%s' %s 2>&1", self_path(),
                                      rights[i].name);
        CHECK(succeeded(o) && o->output[0] == '\0', "%s (status %#x) says: %s", rights[i].name,
              (unsigned)o->status, o->output);
    }
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < COUNT(wrongs); i++)
        if (strcmp(argv[1], wrongs[i].name) == 0)
            wrongs[i].program();
    for (size_t i = 0; argc > 1 && i < COUNT(rights); i++)
        if (strcmp(argv[1], rights[i].name) == 0)
            rights[i].program();
    if (argc > 1)
        return result();
    wrong_programs_are_told();
    right_programs_hear_nothing();
    return result();
}
