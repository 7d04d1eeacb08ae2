/* Thread-local storage, static and of a loaded module, and thread-specific values are roots of their
   thread, the first one and others. What they name lives; what they named dies. */
#include "thread.h"

#include <limits.h>

enum { KEYS = 100, SLOTS = 50, ALL = 1 + SLOTS + KEYS, THREADS = 4 };

static __thread struct object *volatile local;
static pthread_key_t keys[KEYS];
static void (*set)(size_t i, void *p);
static void *(*get)(size_t i);

struct planted {
    struct witness in_static, in_module[SLOTS], in_key[KEYS];
};

/* No reference stays on the stack that does not outlive this. */
__attribute__((noinline)) static void plant(struct planted *p)
{
    local = make_object(&p->in_static, 11);
    for (uintptr_t i = 0; i < SLOTS; i++)
        set(i, make_object(&p->in_module[i], 20 + i));
    for (uintptr_t i = 0; i < KEYS; i++)
        pthread_setspecific(keys[i], make_object(&p->in_key[i], 100 + i));
}

__attribute__((noinline)) static void uproot(void)
{
    local = NULL;
    for (size_t i = 0; i < SLOTS; i++)
        set(i, NULL);
    for (size_t i = 0; i < KEYS; i++)
        pthread_setspecific(keys[i], NULL);
}

__attribute__((noinline)) static size_t living(const struct planted *p)
{
    size_t n = is_alive(&p->in_static);
    for (size_t i = 0; i < SLOTS; i++)
        n += is_alive(&p->in_module[i]);
    for (size_t i = 0; i < KEYS; i++)
        n += is_alive(&p->in_key[i]);
    return n;
}

static void *visit(void *name)
{
    struct planted *p = calloc(1, sizeof *p); /* holds no reference */
    plant(p);
    for (int i = 0; i < 5; i++) {
        collect_and_reuse();
        size_t n = living(p);
        CHECK(n == ALL, "%s: only %zu of %d live", (const char *)name, n, ALL);
        CHECK(is_alive(&p->in_static), "%s: the static one is lost", (const char *)name);
        for (uintptr_t k = 0; k < SLOTS; k++)
            CHECK(object_is_whole(get(k), 20 + k), "%s: the module's are lost", (const char *)name);
    }
    uproot();
    collect_and_reuse();
    collect_and_reuse();
    CHECK(living(p) < ALL / 2, "%s: %zu live that nothing names", (const char *)name, living(p));
    free(p);
    return NULL;
}

static void open_module(void)
{
    char path[PATH_MAX + 64], self[PATH_MAX];
    snprintf(self, sizeof self, "%s", self_path());
    *strrchr(self, '/') = '\0';
    snprintf(path, sizeof path, "%s/thread_tls_plugin.so", self);
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (module == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    void *s = dlsym(module, "plugin_set"), *g = dlsym(module, "plugin_get");
    memcpy(&set, &s, sizeof set);
    memcpy(&get, &g, sizeof get);
}

static int opened;

/* Exists when the module comes. */
static void *wait_and_visit(void *name)
{
    grey_thread_attach();
    await(&opened);
    return visit(name);
}

int main(void)
{
    pthread_t old, new[THREADS];
    grey_thread_attach();
    for (size_t i = 0; i < KEYS; i++)
        CHECK(pthread_key_create(&keys[i], NULL) == 0, "no key");
    CHECK(pthread_create(&old, NULL, wait_and_visit, "a thread older than the module") == 0, "no thread");
    open_module();
    visit("the first thread");
    raise_flag(&opened);
    for (size_t i = 0; i < THREADS; i++)
        CHECK(grey_pthread_create(&new[i], NULL, visit, "a new thread") == 0, "no thread");
    for (size_t i = 0; i < THREADS; i++)
        grey_pthread_join(new[i], NULL);
    grey_pthread_join(old, NULL);
    return result();
}
