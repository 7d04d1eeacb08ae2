/* grey_dump(): the text names every root, object and edge, in the format of docs/debugging.md. */
#include "api.h"

#include <fcntl.h>

struct node {
    void *tag, *next, *other;
};

static void trace_node(void *object, struct grey_tracer *t)
{
    struct node *n = object;
    grey_trace(t, &n->next);
    grey_trace_value(t, (void *)((uintptr_t)n->other & ~(uintptr_t)7));
}

static void *kept[4];
static grey_handle *handle;

/* Reads what grey_dump() writes; a pipe would do for short dumps alone. */
static char *dump_text(void)
{
    char name[] = "/tmp/greyspan-test-XXXXXX";
    int fd = mkstemp(name);
    unlink(name);
    CHECK(grey_dump(fd), "a dump is written");
    off_t size = lseek(fd, 0, SEEK_END);
    char *text = calloc(1, (size_t)size + 1);
    CHECK(pread(fd, text, (size_t)size, 0) == size, "the dump can be read");
    close(fd);
    return text;
}

static const char *line_of(const char *text, const char *fmt, void *p)
{
    static char line[4096];
    char start[128];
    int n = snprintf(start, sizeof start, fmt, p);
    for (const char *l = text; l != NULL && *l != '\0'; l = strchr(l, '\n'), l = l == NULL ? NULL : l + 1)
        if (strncmp(l, start, (size_t)n) == 0 && (l[n] == ' ' || l[n] == '\n')) {
            snprintf(line, sizeof line, "%.*s", (int)strcspn(l, "\n"), l);
            return line;
        }
    return "";
}

static void check_line(const char *text, void *object, const char *fmt, ...)
{
    char wanted[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(wanted, sizeof wanted, fmt, args);
    va_end(args);
    const char *line = line_of(text, "object %p", object);
    CHECK(strcmp(line, wanted) == 0, "the line is not: %s\n but: %s", wanted, line);
}

/* Each line has one of the forms documented; sums at the end are right. */
static void check_format(const char *text)
{
    size_t roots = 0, objects = 0, edges = 0, end[3] = { 0 };
    bool ended = false;
    CHECK(strncmp(text, "greyspan-dump 1\n", 16) == 0, "the version comes first: %.20s", text);
    for (const char *l = strchr(text, '\n') + 1; *l != '\0'; l = strchr(l, '\n') + 1) {
        char class[64], name[256], slot[64], target[64], size[64], type[256], state[16];
        CHECK(!ended, "nothing comes after the end: %.80s", l);
        if (sscanf(l, "root %63s %255s %63s %63s\n", class, name, slot, target) == 4) {
            roots++;
            CHECK(objects == 0, "roots come before objects");
        } else if (sscanf(l, "object %63s %63s %255s %255s %15s", target, size, name, type, state) == 5) {
            objects++;
            CHECK(strcmp(state, "live") == 0 || strcmp(state, "dead") == 0, "a state: %s", state);
            for (const char *c = l; *c != '\n'; c++)
                edges += *c == '>';
        } else if (sscanf(l, "end %zu roots %zu objects %zu edges\n", &end[0], &end[1], &end[2]) == 3) {
            ended = true;
        } else {
            CHECK(false, "a line of no known form: %.80s", l);
            return; /* one is enough */
        }
    }
    CHECK(ended && end[0] == roots && end[1] == objects && end[2] == edges,
          "the end counts %zu %zu %zu; there are %zu %zu %zu", end[0], end[1], end[2], roots, objects, edges);
}

static const grey_type *large_type(void)
{
    static const uint64_t map[] = { 1 };
    static const struct grey_type_info info = { "one in ten", 80, map };
    return grey_type_create(&info);
}

static void every_kind_of_object_has_its_line(void)
{
    struct grey_kind_info info = { "node of 100 %", trace_node };
    struct node *n = grey_alloc(grey_kind_create(&info), sizeof *n);
    void **c = kept[0] = grey_alloc(GREY_CONSERVATIVE, 48), **leaf = grey_alloc(GREY_NOSCAN, 100);
    void **typed = grey_alloc_array(large_type(), 8);
    void *e = grey_ephemeron_create(c, leaf);
    n->tag = n;
    grey_write(&n->next, n);
    grey_write(&n->other, (char *)leaf + 3);
    grey_write(&c[1], n);
    grey_write(&c[3], (char *)leaf + 50);
    grey_write(&c[4], typed);
    grey_write(&c[5], e);
    grey_write(&typed[10], c);
    char *text = dump_text();
    check_format(text);
    check_line(text, c, "object %p 48 conservative - live 8>%p 24>%p+50 32>%p 40>%p", (void *)c, (void *)n,
               (void *)leaf, (void *)typed, e);
    check_line(text, leaf, "object %p 112 noscan - live", (void *)leaf);
    check_line(text, n, "object %p 32 node%%20of%%20100%%20%%25 - live 8>%p ->%p", (void *)n, (void *)n,
               (void *)leaf);
    check_line(text, typed, "object %p 704 typed one%%20in%%20ten live 80>%p", (void *)typed, (void *)c);
    const char *line = line_of(text, "object %p", e);
    char key[64], value[64];
    snprintf(key, sizeof key, "key:");
    snprintf(value, sizeof value, ">%p", (void *)leaf);
    CHECK(strstr(line, key) != NULL && strstr(line, "value:") != NULL && strstr(line, value) != NULL,
          "an ephemeron's edges are marked: %s", line);
    free(text);
}

static void roots_have_their_class(void)
{
    void **block = kept[1] = grey_alloc_root(64), *stack_object = grey_alloc(GREY_NOSCAN, 64);
    void *held = grey_alloc(GREY_NOSCAN, 32);
    char wanted[128];
    handle = grey_handle_create(held);
    char *text = dump_text();
    check_format(text);
    snprintf(wanted, sizeof wanted, "root block - - %p\n", (void *)block);
    CHECK(strstr(text, wanted) != NULL, "no line: %s", wanted);
    snprintf(wanted, sizeof wanted, " %p\n", held);
    CHECK(strstr(text, "root handle ") != NULL && strstr(text, wanted) != NULL, "the handle's root is there");
    snprintf(wanted, sizeof wanted, "%p %p\n", (void *)&kept[0], kept[0]);
    CHECK(strstr(text, "root data ") != NULL && strstr(text, wanted) != NULL, "a variable: %s", wanted);
    CHECK(strstr(text, "root stack ") != NULL, "the stack's roots are there");
    snprintf(wanted, sizeof wanted, "%p 64 noscan - live", stack_object);
    CHECK(strstr(text, wanted) != NULL, "what a local variable names lives");
    grey_keep(stack_object);
    grey_handle_release(handle);
    free(text);
}

static __attribute__((noinline)) void drop_many(size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)hide(grey_alloc(GREY_CONSERVATIVE, 80));
}

static uintptr_t hidden[4];

/* Each value is kept by an ephemeron whose key is the value of another, which is reached later or earlier. */
static __attribute__((noinline)) void chain_ephemerons(void)
{
    void **all = kept[2] = grey_alloc(GREY_CONSERVATIVE, 64);
    for (int i = 0; i < 2; i++) {
        void *key = grey_alloc(GREY_NOSCAN, 400), *value = grey_alloc(GREY_NOSCAN, 400);
        grey_write(&all[i], grey_ephemeron_create(i == 0 ? all : key, i == 0 ? key : value));
        grey_write(&all[3 - i], grey_ephemeron_create(i == 0 ? key : all, i == 0 ? value : key));
        hidden[2 * i] = ~(uintptr_t)key;
        hidden[2 * i + 1] = ~(uintptr_t)value;
    }
}

static void values_of_ephemerons_live(void)
{
    chain_ephemerons();
    char *text = dump_text();
    for (size_t i = 0; i < COUNT(hidden); i++)
        check_line(text, (void *)~hidden[i], "object %p 416 noscan - live", (void *)~hidden[i]);
    free(text);
}

/* What the thread holds ready behind this one is none. */
static void only_objects_are_listed(void)
{
    void *alone = grey_alloc(GREY_CONSERVATIVE, 208);
    char *text = dump_text();
    size_t n = 0;
    for (const char *l = text; (l = strstr(l, " 208 conservative ")) != NULL; l++)
        n++;
    CHECK(n == 1, "one object of a size is %zu objects", n);
    grey_keep(alone);
    free(text);
}

static void the_dead_are_called_dead(void)
{
    grey_disable();
    drop_many(2000);
    char *text = dump_text();
    size_t dead = 0;
    check_format(text);
    for (const char *l = text; (l = strstr(l, " 80 conservative - dead")) != NULL; l++)
        dead++;
    CHECK(dead > 1900, "of 2000 dead objects %zu are called so", dead);
    free(text);
    grey_enable();
}

/* In a blocking region, unless signals stop threads anyway. */
static ssize_t read_some(int fd, char *buffer, size_t size)
{
    bool cooperative = grey_get(GREY_SET_STOP) == GREY_STOP_COOPERATIVE;
    if (cooperative)
        grey_blocking_enter();
    ssize_t n = read(fd, buffer, size);
    if (cooperative)
        grey_blocking_leave();
    return n;
}

/* Larger than a pipe holds, read by a thread that is stopped while the text is made. */
static void *read_all(void *fd)
{
    char buffer[4096];
    size_t sum = 0;
    ssize_t n;
    (void)hide(grey_alloc(GREY_NOSCAN, 16)); /* attached */
    while ((n = read_some(*(int *)fd, buffer, sizeof buffer)) > 0) {
        if (sum < 5 * sizeof buffer) /* the writer, which waits for us, is waited for by nobody */
            grey_collect();
        sum += (size_t)n;
    }
    return (void *)sum;
}

static void a_pipe_may_be_read_in_the_same_process(void)
{
    int ends[2];
    pthread_t t;
    void *sum = NULL;
    drop_many(5000);
    CHECK(pipe(ends) == 0, "a pipe");
    CHECK(grey_pthread_create(&t, NULL, read_all, &ends[0]) == 0, "a thread");
    CHECK(grey_dump(ends[1]), "a dump into a pipe");
    close(ends[1]);
    grey_pthread_join(t, &sum);
    CHECK((size_t)sum > 100000, "the reader got %zu bytes", (size_t)sum);
    close(ends[0]);
}

/* What cannot be written is told: to nowhere, and to a device that is full. */
static void a_text_that_is_not_written_is_told(void)
{
    int full = open("/dev/full", O_WRONLY);
    errno = 0;
    CHECK(!grey_dump(-1) && errno == EBADF, "no descriptor: errno %d", errno);
    CHECK(full >= 0 && !grey_dump(full) && errno == ENOSPC, "no room: errno %d", errno);
    close(full);
}

int main(void)
{
    alarm(200);
    every_kind_of_object_has_its_line();
    roots_have_their_class();
    values_of_ephemerons_live();
    only_objects_are_listed();
    the_dead_are_called_dead();
    a_pipe_may_be_read_in_the_same_process();
    a_text_that_is_not_written_is_told();
    return result();
}
