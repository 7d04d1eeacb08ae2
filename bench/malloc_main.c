/* The malloc rows as one program: it runs one row per process, under whatever malloc is preloaded.
 *
 *   malloc_bench --list                  every row: name, threads, "time" or "time+memory"
 *   malloc_bench --which                 the file that malloc came from
 *   malloc_bench ROW [--min-time S] [--scale F]
 */
#include "malloc_rows.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct bench_rows *const groups[] = {
    &pair_rows,    &batch_rows,  &remote_rows, &server_rows,  &thread_rows,
    &realloc_rows, &calloc_rows, &large_rows,  &aligned_rows, &fragment_rows,
};
enum { GROUP_COUNT = sizeof groups / sizeof groups[0] };

static void list_rows(void)
{
    for (size_t g = 0; g < GROUP_COUNT; g++) {
        for (size_t i = 0; i < groups[g]->count; i++) {
            const struct bench_row *row = &groups[g]->row[i];
            const char *kind = row->memory ? "time+memory" : "time";
            printf("%s\t1\t%s\n", row->name, kind);
            if (row->scaling)
                printf("%s@2\t2\ttime\n", row->name);
        }
    }
}

static int print_origin(void)
{
    Dl_info where;
    void *(*function)(size_t) = malloc;
    void *address;
    memcpy(&address, &function, sizeof address);
    if (dladdr(address, &where) == 0)
        return 1;
    puts(where.dli_fname);
    return 0;
}

/* NAME or NAME@2; NULL if there is no such row. */
static const struct bench_row *find_row(const char *name, unsigned *threads)
{
    const char *at = strchr(name, '@');
    size_t length = at == NULL ? strlen(name) : (size_t)(at - name);
    *threads = at == NULL ? 1 : (unsigned)strtoul(at + 1, NULL, 10);
    for (size_t g = 0; g < GROUP_COUNT; g++) {
        for (size_t i = 0; i < groups[g]->count; i++) {
            const struct bench_row *row = &groups[g]->row[i];
            if (strlen(row->name) == length && strncmp(row->name, name, length) == 0)
                return at == NULL || (row->scaling && *threads == 2) ? row : NULL;
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct bench_settings settings = { .min_seconds = 0.25, .scale = 1, .threads = 1 };

    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        list_rows();
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--which") == 0)
        return print_origin();
    const struct bench_row *row = argc < 2 ? NULL : find_row(argv[1], &settings.threads);
    if (row == NULL) {
        fputs("usage: malloc_bench --list | --which | ROW [--min-time S] [--scale F]\n", stderr);
        return 2;
    }
    for (int i = 2; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--min-time") == 0)
            settings.min_seconds = strtod(argv[i + 1], NULL);
        else if (strcmp(argv[i], "--scale") == 0)
            settings.scale = strtod(argv[i + 1], NULL);
    }
    draw_mixed_sizes();
    return bench_run(row, &settings);
}
