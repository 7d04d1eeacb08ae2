/* grey_why_live(): a shortest path from a root, or none. */
#include "api.h"

#include <limits.h>

static void *root_variable;

/* What it says, without the last newline. */
static bool why(const void *p, char *text, size_t size)
{
    char name[] = "/tmp/greyspan-test-XXXXXX";
    int fd = mkstemp(name);
    unlink(name);
    bool live = grey_why_live(p, fd);
    ssize_t n = pread(fd, text, size - 1, 0);
    text[n < 0 ? 0 : n] = '\0';
    close(fd);
    return live;
}

/* root -> a -> b -> c, and a longer way round; only a is named by a variable. */
static void the_path_is_a_shortest(void)
{
    char text[4096], wanted[1024];
    void **a = root_variable = grey_alloc(GREY_CONSERVATIVE, 32), **b = grey_alloc(GREY_CONSERVATIVE, 48);
    void **c = grey_alloc(GREY_NOSCAN, 64), **way = grey_alloc(GREY_CONSERVATIVE, 32);
    void **round = grey_alloc(GREY_CONSERVATIVE, 32);
    grey_write(&a[0], way);
    grey_write(&way[0], round);
    grey_write(&round[0], b);
    grey_write(&a[3], b);
    grey_write(&b[5], c);
    void *cc = c;
    a = b = c = way = round = hide(NULL);
    CHECK(why(cc, text, sizeof text), "c lives");
    a = root_variable;
    b = a[3];
    snprintf(wanted, sizeof wanted,
             " %p %p\nobject %p 32 conservative - 24>%p\nobject %p 48 conservative - 40>%p\n"
             "object %p 64 noscan -\n",
             (void *)&root_variable, (void *)a, (void *)a, (void *)b, (void *)b, cc, cc);
    CHECK(strncmp(text, "root ", 5) == 0, "a root comes first: %s", text);
    /* A stack word may name b or a, too; never c alone. */
    CHECK(strstr(text, wanted) != NULL || strstr(text, strstr(wanted, "object")) != NULL
              || strstr(text, strstr(strstr(wanted, "object") + 1, "object")) != NULL,
          "the path ends in:\n%s but is:\n%s", wanted, text);
}

/* Only variables of threads name it. */
static void a_stack_is_the_last_answer(void)
{
    char text[4096];
    void *volatile local = grey_alloc(GREY_NOSCAN, 32);
    CHECK(why(local, text, sizeof text), "a local variable's object lives");
    CHECK(strncmp(text, "root stack ", 11) == 0 || strncmp(text, "root registers ", 15) == 0
              || strncmp(text, "root tls ", 9) == 0,
          "what holds it is the thread's own: %s", text);
}

static void handles_are_named(void)
{
    char text[4096];
    void *object = grey_alloc(GREY_CONSERVATIVE, 16);
    grey_handle *h = grey_handle_create(object);
    CHECK(why(object, text, sizeof text) && strncmp(text, "root handle ", 12) == 0, "a handle: %s", text);
    grey_handle_release(h);
}

/* The collector reads a copy of a module's data: what it says is where the word is. */
static void a_module_s_variable_is_named(void)
{
    char path[PATH_MAX + 32], text[4096], wanted[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s_plugin.so", self_path());
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CHECK(module != NULL, "a module: %s", dlerror());
    void **variable = dlsym(module, "why_variable");
    *variable = grey_alloc(GREY_NOSCAN, 48);
    CHECK(why(*variable, text, sizeof text), "it names an object");
    snprintf(wanted, sizeof wanted, "%s %p %p\nobject %p", strrchr(path, '/') + 1, (void *)variable, *variable,
             *variable);
    CHECK(strncmp(text, "root data ", 10) == 0 && strstr(text, wanted) != NULL, "not %s... but %s", wanted, text);
    dlclose(module);
}

static uintptr_t hidden[200];

static __attribute__((noinline)) void make_dead(void)
{
    for (size_t i = 0; i < COUNT(hidden); i++)
        hidden[i] = ~(uintptr_t)grey_alloc(GREY_CONSERVATIVE, 96);
}

static __attribute__((noinline)) bool is_live(size_t i, int fd)
{
    return grey_why_live((void *)~hidden[i], fd);
}

static void the_dead_have_no_reason(void)
{
    size_t live = 0;
    grey_disable();
    make_dead();
    /* Not one after its neighbour: what the stack holds of the last call may point one past the end of it. */
    for (size_t i = 0; i < COUNT(hidden); i++)
        live += is_live(i * 7 % COUNT(hidden), STDERR_FILENO + 1000);
    CHECK(live < 10, "of %zu dead objects %zu are said to live", COUNT(hidden), live);
    grey_enable();
}

static void other_addresses_have_none_either(void)
{
    char text[64];
    int variable = 0;
    CHECK(!why(&variable, text, sizeof text) && text[0] == '\0', "a variable is no object");
    CHECK(!why(NULL, text, sizeof text), "nor is NULL");
    void *manual = grey_malloc(32);
    CHECK(!why(manual, text, sizeof text), "nor is a manual block");
    grey_free(manual);
}

enum { LENGTH = 20000 };

/* The complement of the last node's address, on a thread of its own: no stack keeps a node. */
static void *make_list(void *unused)
{
    (void)unused;
    void **last = NULL;
    for (int i = 0; i < LENGTH; i++) {
        void **n = grey_alloc(GREY_CONSERVATIVE, 16);
        if (i == 0)
            root_variable = n;
        else
            grey_write(&last[1], n);
        last = n;
    }
    return (void *)~(uintptr_t)last;
}

/* The walk needs memory for each, and no stack. */
static void a_long_path_is_printed_whole(void)
{
    char name[] = "/tmp/greyspan-test-XXXXXX";
    pthread_t maker;
    void *last;
    CHECK(pthread_create(&maker, NULL, make_list, NULL) == 0, "a thread starts");
    CHECK(pthread_join(maker, &last) == 0, "and ends");
    int fd = mkstemp(name);
    unlink(name);
    CHECK(grey_why_live((void *)~(uintptr_t)last, fd), "the end of a list lives");
    off_t size = lseek(fd, 0, SEEK_END);
    CHECK(size > LENGTH * 40, "its path has %ld bytes", (long)size);
    close(fd);
    root_variable = NULL;
}

int main(void)
{
    alarm(200);
    the_path_is_a_shortest();
    a_stack_is_the_last_answer();
    handles_are_named();
    a_module_s_variable_is_named();
    the_dead_have_no_reason();
    other_addresses_have_none_either();
    a_long_path_is_printed_whole();
    return result();
}
