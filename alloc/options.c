/* options: the table, its reader and its printer. See options.h. */
#include "alloc/options.h"

#include "alloc/assert.h"
#include "alloc/os.h"
#include "alloc/report.h"

#include <string.h>

static const char *const on_error_words[] = { "abort", "ignore", NULL };

/* The only place that knows a default: member, default, least, most, words for the values from
   least on (or NULL), what it does. docs/options.md shows this table as GREY_HELP=1 prints it. */
#define OPTION_ROWS(row)                                                                                     \
    row(help, 0, 0, 1, NULL, "print this table to stderr when the program starts")                           \
    row(stats, 0, 0, 1, NULL, "print a summary of the heap to stderr when the program exits")                \
    row(on_error, ON_ERROR_ABORT, 0, 1, on_error_words, "what follows the report of a bad free or the like") \
    row(scavenge, 1, 0, 1, NULL, "return free memory to the system in the background")                       \
    row(scavenge_delay, 1000, 0, 3600000, NULL, "milliseconds a free run of pages stays warm before that")   \
    row(cache, 4096, 0, 1048576, NULL, "KiB of free blocks a thread may keep for itself")                    \
    row(hugepages, 0, 0, 1, NULL, "ask the system for huge pages: fewer faults, more memory")

#define AS_DEFAULT(member, standard, least, most, words, sentence) .member = (standard),
struct options options = { OPTION_ROWS(AS_DEFAULT) };

struct option {
    const char *name; /* in small letters, without GREY_ */
    uint64_t *value;
    uint64_t standard, least, most;
    const char *const *words;
    const char *sentence;
};

#define AS_ROW(member, standard, least, most, words, sentence)                                               \
    { #member, &options.member, standard, least, most, words, sentence },
static const struct option table[] = { OPTION_ROWS(AS_ROW) };

static_assert(sizeof(struct options) == COUNT(table) * sizeof(uint64_t), "an option has no row in the table");

enum { NAME_MAX_BYTES = 32, VALUES_MAX_BYTES = 64 };

/* GREY_ and the name in capitals. */
static const char *full_name(const struct option *o, char out[NAME_MAX_BYTES])
{
    size_t n = report_format(out, NAME_MAX_BYTES, "GREY_%s", o->name);
    for (size_t i = 0; i < n; i++)
        if (out[i] >= 'a' && out[i] <= 'z')
            out[i] = (char)(out[i] - 'a' + 'A');
    return out;
}

/* A value as the user writes it. */
static const char *value_text(const struct option *o, uint64_t value, char out[VALUES_MAX_BYTES])
{
    if (o->words != NULL)
        report_format(out, VALUES_MAX_BYTES, "%s", o->words[value - o->least]);
    else
        report_format(out, VALUES_MAX_BYTES, "%ju", (uintmax_t)value);
    return out;
}

/* All values, "0 to 1" or "abort or ignore", with the words that join them given. */
static const char *values_text(const struct option *o, const char *to, const char *between,
                               char out[VALUES_MAX_BYTES])
{
    char one[VALUES_MAX_BYTES];
    if (o->words == NULL) {
        report_format(out, VALUES_MAX_BYTES, "%ju%s%ju", (uintmax_t)o->least, to, (uintmax_t)o->most);
        return out;
    }
    size_t n = 0;
    for (uint64_t v = o->least; v <= o->most; v++)
        n += report_format(out + n, VALUES_MAX_BYTES - n, "%s%s", v == o->least ? "" : between,
                           value_text(o, v, one));
    return out;
}

static bool parse_number(const char *s, uint64_t *out)
{
    uint64_t n = 0;
    if (*s == '\0')
        return false;
    for (; *s != '\0'; s++) {
        if (*s < '0' || *s > '9')
            return false;
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(*s - '0'), &n))
            return false;
    }
    *out = n;
    return true;
}

static bool parse(const struct option *o, const char *s, uint64_t *out)
{
    if (parse_number(s, out))
        return *out >= o->least && *out <= o->most;
    for (size_t i = 0; o->words != NULL && o->words[i] != NULL; i++)
        if (strcmp(s, o->words[i]) == 0) {
            *out = o->least + i;
            return true;
        }
    return false;
}

static void set(const struct option *o, const char *s)
{
    char name[NAME_MAX_BYTES], values[VALUES_MAX_BYTES], standard[VALUES_MAX_BYTES];
    if (parse(o, s, o->value))
        return;
    *o->value = o->standard;
    report_line("%s=%s: not %s%s; using %s", full_name(o, name), s,
                o->words == NULL ? "a whole number from " : "", values_text(o, " to ", " or ", values),
                value_text(o, o->standard, standard));
}

/* The row whose name stands before the '=' of a string of the environment. */
static const struct option *find(const char *s, size_t name_bytes)
{
    char name[NAME_MAX_BYTES];
    for (size_t i = 0; i < COUNT(table); i++) {
        full_name(&table[i], name);
        if (strlen(name) == name_bytes && memcmp(name, s, name_bytes) == 0)
            return &table[i];
    }
    return NULL;
}

/* Names that are left to the project's own tests. */
static bool is_reserved(const char *s)
{
    return strncmp(s, "GREY_TEST_", strlen("GREY_TEST_")) == 0;
}

static void complain_of_name(const char *s, size_t name_bytes)
{
    char name[REPORT_LINE_MAX / 4];
    size_t n = name_bytes < sizeof name - 1 ? name_bytes : sizeof name - 1;
    memcpy(name, s, n);
    name[n] = '\0';
    report_line("%s is not an option; GREY_HELP=1 lists them", name);
}

void options_read(char **environment)
{
    bool complained = false;
    if (environment == NULL || os_secure())
        return;
    for (size_t i = 0; i < COUNT(table); i++)
        *table[i].value = table[i].standard;
    for (char **e = environment; *e != NULL; e++) {
        const char *s = *e, *equals = strchr(s, '=');
        if (strncmp(s, "GREY_", strlen("GREY_")) != 0 || equals == NULL || is_reserved(s))
            continue;
        const struct option *o = find(s, (size_t)(equals - s));
        if (o != NULL) {
            set(o, equals + 1);
        } else if (!complained) {
            complained = true; /* one is enough to make the user look */
            complain_of_name(s, (size_t)(equals - s));
        }
    }
    if (options.help)
        options_print();
}

void options_print(void)
{
    enum { TO_STDERR = 2 };
    char name[NAME_MAX_BYTES], values[VALUES_MAX_BYTES], standard[VALUES_MAX_BYTES];
    report_row(TO_STDERR, "%-20s %-8s %-12s %s", "option", "default", "values", "what it does");
    for (size_t i = 0; i < COUNT(table); i++) {
        const struct option *o = &table[i];
        report_row(TO_STDERR, "%-20s %-8s %-12s %s", full_name(o, name), value_text(o, o->standard, standard),
                   values_text(o, "-", "|", values), o->sentence);
    }
}
