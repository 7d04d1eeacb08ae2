/* An object that a thread-local variable holds: the program's, and one of a module loaded later. */
#include "mutants.h"

static __thread void *variable;

static void spin(struct holder *h)
{
    __atomic_store_n(&h->holds, 1, __ATOMIC_RELEASE);
    while (__atomic_load_n(&h->done, __ATOMIC_ACQUIRE) == 0) {
        grey_safepoint();
        sleep_ms(1);
    }
}

static __attribute__((noinline)) void put(void **at, const struct holder *h)
{
    __atomic_store_n(at, (void *)~h->object.inverse, __ATOMIC_RELAXED);
}

static void hold_static(struct holder *h)
{
    put(&variable, h);
    spin(h);
    variable = NULL;
}

static void **(*module_tls)(void);

static void hold_dynamic(struct holder *h)
{
    void **at = module_tls();
    put(at, h);
    spin(h);
    *at = NULL;
}

/* The main thread's lies elsewhere than other threads'. */
static void main_thread(void)
{
    struct hidden h = hidden_new();
    struct holder of_main = { .object = h };
    put(&variable, &of_main);
    hidden_let_go(&h);
    hidden_must_live(&h, "a thread-local variable of the main thread");
    variable = NULL;
}

int main(int argc, char **argv)
{
    char path[4096 + 32];
    mutants_begin(argc, argv);
    ssize_t n = readlink("/proc/self/exe", path, 4096);
    REQUIRE(n > 0, "/proc/self/exe can be read");
    path[n] = '\0';
    strcpy(strrchr(path, '/'), "/mutants_tls_plugin.so");
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    REQUIRE(module != NULL, "the module opens: %s", dlerror());
    *(void **)&module_tls = dlsym(module, "mutants_plugin_tls");
    hold_once(hold_static, "a thread-local variable");
    hold_once(hold_dynamic, "a thread-local variable of a module");
    main_thread();
    return 0;
}
