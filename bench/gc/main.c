/* Runs one program and prints one line of JSON about it: main PROGRAM ARGUMENT...
 *
 * Wall and processor time and the peak of memory are the runner's to take, from outside. */
#include "program.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static const struct program *const programs[] = { &gcbench_program, &trees_program, &cache_program,
                                                  &churn_program,   &alloc_program, &mark_program };
enum { PROGRAMS = sizeof programs / sizeof programs[0], ARGUMENTS_MOST = 8 };

static int usage(void)
{
    for (size_t i = 0; i < PROGRAMS; i++)
        fprintf(stderr, "%s %s\n", programs[i]->name, programs[i]->arguments);
    return 2;
}

static const struct program *find(const char *name)
{
    for (size_t i = 0; i < PROGRAMS; i++) {
        if (strcmp(programs[i]->name, name) == 0)
            return programs[i];
    }
    return NULL;
}

static bool read_numbers(char **text, int count, uint64_t *number)
{
    for (int i = 0; i < count; i++) {
        char *end;
        errno = 0;
        number[i] = strtoull(text[i], &end, 10);
        if (errno != 0 || end == text[i] || *end != '\0')
            return false;
    }
    return true;
}

static void print_requests(const struct histogram *h)
{
    printf(", \"request_ns\": {\"count\": %" PRIu64 ", \"p50\": %" PRIu64 ", \"p99\": %" PRIu64
           ", \"p999\": %" PRIu64 ", \"max\": %" PRIu64 "}",
           h->count, histogram_quantile(h, 0.5), histogram_quantile(h, 0.99), histogram_quantile(h, 0.999),
           h->max);
}

static void print(const struct outcome *out)
{
    struct memory_figures f = memory_figures();
    printf("{\"manager\": \"%s\", \"check\": %" PRIu64, memory_name(), out->check);
    if (!MEMORY_FREES)
        printf(", \"cycles\": %" PRIu64, f.cycles);
    if (f.stop_max_ns != 0)
        printf(", \"stop_ns\": {\"p99\": %" PRIu64 ", \"max\": %" PRIu64 ", \"total\": %" PRIu64 "}",
               f.stop_p99_ns, f.stop_max_ns, f.stop_total_ns);
    if (out->operations != 0)
        printf(", \"operations\": %" PRIu64 ", \"operations_ns\": %" PRIu64
               ", \"operations_stopped_ns\": %" PRIu64,
               out->operations, out->ns, out->stopped_ns);
    if (out->mark_ns != 0)
        printf(", \"mark_ns\": %" PRIu64, out->mark_ns);
    if (out->requests.count != 0)
        print_requests(&out->requests);
    puts("}");
}

int main(int argc, char **argv)
{
    static struct outcome out;
    uint64_t number[ARGUMENTS_MOST];
    const struct program *program = argc > 1 ? find(argv[1]) : NULL;
    if (program == NULL || argc - 2 != program->count || !read_numbers(argv + 2, program->count, number))
        return usage();
    memory_begin();
    program->run(number, &out);
    print(&out);
    return 0;
}
