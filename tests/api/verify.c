/* grey_verify() on heaps of every kind of object and root, alone and among threads; what it says of a
   reference to freed memory. */
#include "api.h"

#include <pthread.h>

struct node {
    void *tag, *left, *right;
};

static void trace_node(void *object, struct grey_tracer *t)
{
    struct node *n = object;
    grey_trace(t, &n->left);
    grey_trace(t, &n->right);
}

static grey_kind node_kind;
static const grey_type *small_type, *large_type;
static void *roots[64];

static void make_kinds(void)
{
    static const uint64_t odd_words[] = { UINT64_C(0xaaaaaaaaaaaaaaaa), UINT64_C(0xaaaaaaaaaaaaaaaa) };
    static const struct grey_type_info small = { "small", 48, odd_words };
    static const struct grey_type_info large = { "large", 1024, odd_words };
    struct grey_kind_info info = { "node", trace_node };
    node_kind = grey_kind_create(&info);
    small_type = grey_type_create(&small);
    large_type = grey_type_create(&large);
}

/* An object of a random kind with a reference at its second word. */
static void **make(unsigned r, void *to)
{
    void **o = NULL;
    switch (r % 7) {
    case 0:
        return grey_alloc(GREY_NOSCAN, r % 1000);
    case 1:
        o = grey_alloc(GREY_CONSERVATIVE, 16 + r % 3000);
        break;
    case 2:
        o = grey_alloc_typed(small_type);
        break;
    case 3:
        o = grey_alloc_array(large_type, 1 + r % 20);
        break;
    case 4:
        o = grey_alloc(GREY_CONSERVATIVE, r % 16 == 0 ? 40000 + r % 300000 : 16);
        break;
    case 5:
        return (void **)grey_ephemeron_create(__atomic_load_n(&roots[r % 64], __ATOMIC_ACQUIRE), to);
    default:
        o = grey_alloc(node_kind, sizeof(struct node));
        o[0] = o;
    }
    grey_write(&o[1], to);
    return o;
}

static void *churn(void *seed)
{
    unsigned r = (unsigned)(uintptr_t)seed;
    for (int i = 0; i < (UNDER_TSAN ? 400 : 2000); i++) {
        r = r * 1664525 + 1013904223;
        void **slot = &roots[r >> 26], *there = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
        grey_write(slot, make(r >> 8, i % 10 == 0 ? NULL : there));
    }
    return NULL;
}

static void a_sound_heap_verifies(void)
{
    for (uintptr_t i = 1; i <= 10; i++) {
        churn((void *)i);
        CHECK(grey_verify(), "round %d", (int)i);
        if (i % 3 == 0)
            grey_collect();
    }
}

static void it_does_so_among_threads(void)
{
    pthread_t t[3];
    for (size_t i = 0; i < COUNT(t); i++)
        CHECK(grey_pthread_create(&t[i], NULL, churn, (void *)(i + 100)) == 0, "a thread starts");
    for (int i = 0; i < 10; i++)
        CHECK(grey_verify(), "while others allocate, round %d", i);
    for (size_t i = 0; i < COUNT(t); i++)
        grey_pthread_join(t[i], NULL);
    CHECK(grey_verify(), "when they are gone");
}

/* ---- programs ---- */

static int sound(void)
{
    make_kinds();
    a_sound_heap_verifies();
    it_does_so_among_threads();
    return result();
}

static int dangling(void)
{
    make_kinds();
    void **o = roots[0] = grey_alloc_typed(small_type), *freed = grey_alloc(GREY_CONSERVATIVE, 64);
    for (int i = 1; i < 64; i++)
        roots[i] = grey_alloc(GREY_CONSERVATIVE, 64); /* around what is freed, so that its span stays */
    grey_write(&o[3], (char *)freed + 8);
    grey_free(freed);
    return grey_verify() ? 1 : 0;
}

/* The place of an object that begins where another one ends; 0 if there is none. */
static int find_follower(int *before)
{
    for (int i = 1; i < 64; i++)
        for (int k = 1; k < 64; k++)
            if ((char *)roots[i] + 64 == roots[k]) {
                *before = i;
                return k;
            }
    return 0;
}

/* A pointer past the end of an object is no reference to what comes there. */
static int past_the_end(void)
{
    int before = 0;
    make_kinds();
    void **o = roots[0] = grey_alloc_typed(small_type);
    for (int i = 1; i < 64; i++)
        roots[i] = grey_alloc(GREY_CONSERVATIVE, 64);
    int follower = find_follower(&before);
    CHECK(follower != 0, "two objects are neighbours");
    grey_write(&o[3], (char *)roots[before] + 64);
    grey_free(roots[follower]);
    roots[follower] = NULL;
    CHECK(grey_verify(), "a pointer past the end of an object is sound");
    return result();
}

static const struct {
    const char *name;
    int (*program)(void);
    const char *says;
} programs[] = {
    { "sound", sound, "" },
    { "dangling", dangling, "greyspan: verify: offset 24 of object 0x" },
    { "past_the_end", past_the_end, "" },
};

static void run(const char *name, const char *environment, const char *says)
{
    struct outcome *o = run_shell("env %s '%s' %s 2>&1", environment, self_path(), name);
    bool right = says[0] == '\0' ? o->output[0] == '\0' : strncmp(o->output, says, strlen(says)) == 0;
    CHECK(succeeded(o) && right, "%s with %s (status %#x) says: %s", name, environment, (unsigned)o->status,
          o->output);
}

int main(int argc, char **argv)
{
    alarm(200);
    for (size_t i = 0; i < COUNT(programs); i++) {
        if (argc > 1 && strcmp(argv[1], programs[i].name) == 0)
            return programs[i].program();
        if (argc == 1)
            run(programs[i].name, "A=1", programs[i].says);
    }
    run("sound", "GREY_VERIFY=1 GREY_MIN_HEAP=262144", "");
    run("sound", "GREY_VERIFY=1 GREY_STRESS=497 GREY_CHECK_WRITES=1", "");
    run("sound", "GREY_VERIFY=1 GREY_STRESS=497 GREY_STOP=cooperative GREY_WORKERS=1", "");
    return result();
}
