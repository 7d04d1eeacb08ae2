/* Modules that come and go: their variables are roots as long as they are loaded; also when a module is
   opened between the moment a collection begins and the stop. Closing one then, or, by a thread of which
   the collector knows nothing, while it looks there, does no harm. */
#include "root.h"

#include <limits.h>

enum { WORDS = 100, RACES = 300 };

/* Who reads the loader's list holds the loader's lock, of which the thread sanitizer does not know. */
const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void)
{
    return "race:image_read\n";
}

/* What another thread has reached, or is to do. */
enum { BEGUN, READY, ENDING, RACING };
static int stage;

static void set_stage(int to)
{
    __atomic_store_n(&stage, to, __ATOMIC_RELEASE);
}

static void await_stage(int wanted)
{
    while (__atomic_load_n(&stage, __ATOMIC_ACQUIRE) != wanted) {
        grey_safepoint();
        usleep(100);
    }
}

static char large_path[PATH_MAX + 32], small_path[PATH_MAX + 32];
static void *handle;
static void **words;

static void *open_module(const char *path)
{
    void *h = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (h == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        abort();
    }
    return h;
}

/* The same code as another module. The descriptor stays open: the loader knows modules by their paths. */
static void *open_copy(const char *path)
{
    static char bytes[1 << 20];
    char name[32];
    FILE *f = fopen(path, "r");
    int fd = memfd_create("a copy", 0);
    size_t n = f == NULL ? 0 : fread(bytes, 1, sizeof bytes, f);
    if (n == 0 || n == sizeof bytes || write(fd, bytes, n) != (ssize_t)n)
        abort();
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    void *h = open_module(name);
    fclose(f);
    return h;
}

static void **words_of(void *h, int which)
{
    void **(*f)(int) = (void **(*)(int))(uintptr_t)dlsym(h, "plugin_words");
    return f(which);
}

static void begin_small(void)
{
    handle = open_module(small_path);
    words = words_of(handle, 0);
}

static void begin_bss(void)
{
    handle = open_module(large_path);
    words = words_of(handle, 0);
}

static void begin_data(void)
{
    handle = open_module(large_path);
    words = words_of(handle, 1);
}

static void begin_large(void)
{
    handle = open_module(large_path);
    words = words_of(handle, 2);
}

static void store(size_t i, void *p)
{
    words[i] = p;
}

static void *load(size_t i)
{
    return words[i];
}

static void close_module(void)
{
    CHECK(dlclose(handle) == 0, "the module is closed");
}

/* ---- opened after the loader's list was read ---- */

static void await_stop(void)
{
    set_stage(READY);
    while (__atomic_load_n(&grey_stop_wanted, __ATOMIC_RELAXED) == 0)
        usleep(100);
}

/* Once a stop is wanted the loader's list has been read. Until this thread comes to a safepoint it can
   open a module and move what only its own memory named. */
static void *open_late(void *argument)
{
    const struct root_kind *k = argument;
    void **mine = root_hidden_memory(WORDS * sizeof(void *));
    if (!grey_thread_attach())
        abort();
    grey_thread_cooperative(true);
    CHECK(grey_root_add(mine, WORDS * sizeof(void *)), "a range is registered");
    words = mine;
    root_fill((void *)(uintptr_t)k);
    await_stop();
    begin_large();
    memcpy(words, mine, WORDS * sizeof(void *));
    memset(mine, 0, WORDS * sizeof(void *));
    await_stage(ENDING);
    CHECK(grey_root_remove(mine, WORDS * sizeof(void *)), "a range is removed");
    return NULL;
}

static void opened_before_the_stop(void)
{
    static const struct root_kind k = { "a module opened late", WORDS, NULL, store, load, NULL, false };
    pthread_t t;
    root_died = 0;
    set_stage(BEGUN);
    if (grey_pthread_create(&t, NULL, open_late, (void *)(uintptr_t)&k) != 0)
        abort();
    await_stage(READY);
    grey_collect();
    set_stage(ENDING);
    grey_pthread_join(t, NULL);
    root_collect();
    CHECK(root_died == 0, "%zu objects died whose module was opened late", root_died);
    root_on_thread(root_check, &k);
    close_module();
    root_check_died(&k);
}

/* ---- closed after the loader's list was read, so that what it has is not mapped ---- */

static void *close_late(void *unused)
{
    if (!grey_thread_attach())
        abort();
    grey_thread_cooperative(true);
    await_stop();
    close_module();
    await_stage(ENDING);
    return unused;
}

/* Two others behind it: the list's end stays as it was. */
static void closed_before_the_stop(void)
{
    pthread_t t;
    void *others[2];
    begin_small();
    for (size_t i = 0; i < COUNT(others); i++)
        others[i] = open_copy(small_path);
    set_stage(BEGUN);
    if (grey_pthread_create(&t, NULL, close_late, NULL) != 0)
        abort();
    await_stage(READY);
    grey_collect();
    set_stage(ENDING);
    grey_pthread_join(t, NULL);
    for (size_t i = 0; i < COUNT(others); i++)
        dlclose(others[i]);
}

/* ---- closed while threads are stopped ---- */

/* Not attached: it runs on whatever the collector does. */
static void *open_and_close(void *unused)
{
    while (__atomic_load_n(&stage, __ATOMIC_ACQUIRE) == RACING)
        dlclose(open_module(small_path));
    return unused;
}

static void closed_while_stopped(void)
{
    pthread_t t;
    set_stage(RACING);
    if (pthread_create(&t, NULL, open_and_close, NULL) != 0)
        abort();
    for (int i = 0; i < RACES; i++)
        grey_collect();
    set_stage(ENDING);
    pthread_join(t, NULL);
}

int main(void)
{
    static const struct root_kind kinds[] = {
        { "a small module's variable", WORDS, begin_small, store, load, close_module, false },
        { "a module's .bss", WORDS, begin_bss, store, load, close_module, false },
        { "a module's .data", WORDS, begin_data, store, load, close_module, false },
        { "a module's large array", WORDS, begin_large, store, load, close_module, false },
    };
    char *self = strdup(self_path());
    *strrchr(self, '/') = '\0';
    snprintf(large_path, sizeof large_path, "%s/root_plugin.so", self);
    snprintf(small_path, sizeof small_path, "%s/root_small_plugin.so", self);
    for (size_t i = 0; i < COUNT(kinds); i++)
        root_test(&kinds[i]);
    opened_before_the_stop();
    closed_before_the_stop();
    closed_while_stopped();
    free(self);
    return result();
}
