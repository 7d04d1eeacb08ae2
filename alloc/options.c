/* options: the table, its reader and its printer. See options.h. */
#include "alloc/options.h"

#include "alloc/assert.h"
#include "alloc/machine.h"
#include "alloc/os.h"
#include "alloc/report.h"

#include <string.h>

static const char *const on_error_words[] = { "abort", "ignore", NULL };
static const char *const roots_words[] = { "auto", "exact", NULL };
static const char *const stop_words[] = { "signal", "cooperative", NULL };
static const char *const finalizers_words[] = { "thread", "pump", NULL };

#define BYTES_MAX (UINT64_C(1) << 47)

/* Numbers of bytes may carry K, M, G or T, and are printed so. */
enum unit { PLAIN, BYTES };

/* The only place that knows a default: member, unit, default, least, most, words for the values from
   least on (or NULL), what it does. docs/options.md shows this table as GREY_HELP=1 prints it. */
#define OPTION_ROWS(row)                                                                                     \
    row(help, PLAIN, 0, 0, 1, NULL, "print this table to stderr when the program starts")                    \
    row(stats, PLAIN, 0, 0, 1, NULL, "print a summary of the heap to stderr when the program exits")         \
    row(on_error, PLAIN, ON_ERROR_ABORT, 0, 1, on_error_words,                                               \
        "what follows the report of a bad free or the like")                                                 \
    row(scavenge, PLAIN, 1, 0, 1, NULL, "return free memory to the system in the background")                \
    row(scavenge_delay, PLAIN, 1000, 0, 3600000, NULL,                                                       \
        "milliseconds a free run of pages stays warm before that")                                           \
    row(cache, PLAIN, 4096, 0, 1048576, NULL, "KiB of free blocks a thread may keep for itself")             \
    row(hugepages, PLAIN, HUGEPAGES_NEVER, HUGEPAGES_NEVER, HUGEPAGES_COLLECTED, NULL,                  \
        "ask for huge pages: 0 never, 1 always, 2 for what a collected heap grows by beyond 64 MiB")         \
    row(percent, PLAIN, 100, 0, 1000000, NULL,                                                               \
        "growth of what lived before the next collection; 0: never by growth")                               \
    row(min_heap, BYTES, MIB(12), 0, BYTES_MAX, NULL, "bytes the heap may grow by before a collection, at percent 100") \
    row(memory_limit, BYTES, 0, 0, BYTES_MAX, NULL, "bytes the collector tries to stay within; 0: none")     \
    row(cgroup_limit, PLAIN, 0, 0, 1, NULL, "take 90 % of the container's memory as memory_limit")           \
    row(hard_limit, BYTES, 0, 0, BYTES_MAX, NULL, "bytes at which managed allocation fails; 0: none")        \
    row(workers, PLAIN, 0, 0, WORKERS_MAX, NULL, "threads that mark; 0: as many as CPUs may be used")        \
    row(stress, PLAIN, 0, 0, 1000000000, NULL, "collect at every so manyth managed allocation; 0: off")      \
    row(verify, PLAIN, 0, 0, 1, NULL,                                                                        \
        "mark again and compare, and walk every structure, after each collection")                           \
    row(gctrace, PLAIN, 0, 0, 1, NULL, "a line on stderr for each collection, as of Go's gctrace")           \
    row(roots, PLAIN, 0, 0, 1, roots_words,                                                                  \
        "exact: writable data of the program and its libraries are no roots")                                \
    row(stop, PLAIN, 0, 0, 1, stop_words,                                                                    \
        "cooperative: threads stop at safepoints only; no signal is used")                                   \
    row(stop_signal, PLAIN, MACHINE_STOP_SIGNAL, 1, 64, NULL, "number of the signal that stops threads")                      \
    row(finalizers, PLAIN, 0, 0, 1, finalizers_words,                                                        \
        "who runs finalizers: a thread, or grey_finalizers_run()")                                           \
    row(check_writes, PLAIN, 0, 0, 1, NULL, "report changes of managed objects that bypassed grey_write")    \
    row(check_trace, PLAIN, 0, 0, 1, NULL, "call trace callbacks on zeroed objects and at odd moments")      \
    row(period, PLAIN, 120, 0, 86400, NULL,                                                                  \
        "seconds after which a collection begins although nothing grew; 0: never")

#define AS_DEFAULT(member, unit, standard, least, most, words, sentence) .member = (standard),
struct options options = { OPTION_ROWS(AS_DEFAULT) };

struct option {
    const char *name; /* in small letters, without GREY_ */
    uint64_t *value;
    enum unit unit;
    uint64_t standard, least, most;
    const char *const *words;
    const char *sentence;
};

#define AS_ROW(member, unit, standard, least, most, words, sentence)                                         \
    { #member, &options.member, unit, standard, least, most, words, sentence },
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

static const char unit_letters[] = "KMGT";

/* The largest unit that leaves a whole number. */
static void bytes_text(uint64_t n, char out[VALUES_MAX_BYTES])
{
    unsigned unit = 0;
    while (n != 0 && n % 1024 == 0 && unit < strlen(unit_letters)) {
        n /= 1024;
        unit++;
    }
    size_t used = report_format(out, VALUES_MAX_BYTES, "%ju", (uintmax_t)n);
    if (unit > 0)
        report_format(out + used, VALUES_MAX_BYTES - used, "%c", unit_letters[unit - 1]);
}

/* A value as the user writes it. */
static const char *value_text(const struct option *o, uint64_t value, char out[VALUES_MAX_BYTES])
{
    if (o->words != NULL)
        report_format(out, VALUES_MAX_BYTES, "%s", o->words[value - o->least]);
    else if (o->unit == BYTES)
        bytes_text(value, out);
    else
        report_format(out, VALUES_MAX_BYTES, "%ju", (uintmax_t)value);
    return out;
}

/* All values, "0 to 1" or "abort or ignore", with the words that join them given. */
static const char *values_text(const struct option *o, const char *to, const char *between,
                               char out[VALUES_MAX_BYTES])
{
    char one[VALUES_MAX_BYTES], other[VALUES_MAX_BYTES];
    if (o->words == NULL) {
        report_format(out, VALUES_MAX_BYTES, "%s%s%s", value_text(o, o->least, one), to,
                      value_text(o, o->most, other));
        return out;
    }
    size_t n = 0;
    for (uint64_t v = o->least; v <= o->most; v++)
        n += report_format(out + n, VALUES_MAX_BYTES - n, "%s%s", v == o->least ? "" : between,
                           value_text(o, v, one));
    return out;
}

/* Digits, at least one; what follows them. NULL when there are none or too many. */
static const char *parse_digits(const char *s, uint64_t *out)
{
    uint64_t n = 0;
    const char *at = s;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(*at - '0'), &n))
            return NULL;
    *out = n;
    return at == s ? NULL : at;
}

/* "4M", "4m" and "4MiB" are 4194304. */
static bool parse_unit(const char *s, uint64_t *n)
{
    char letter = *s >= 'a' && *s <= 'z' ? (char)(*s - 'a' + 'A') : *s;
    const char *unit = letter == '\0' ? NULL : strchr(unit_letters, letter);
    if (unit == NULL || (s[1] != '\0' && strcmp(s + 1, "iB") != 0))
        return false;
    return !__builtin_mul_overflow(*n, UINT64_C(1024) << (10 * (unit - unit_letters)), n);
}

static bool parse_number(const struct option *o, const char *s, uint64_t *out)
{
    const char *rest = parse_digits(s, out);
    return rest != NULL && (*rest == '\0' || (o->unit == BYTES && parse_unit(rest, out)));
}

static bool is_allowed(const struct option *o, uint64_t value)
{
    return value >= o->least && value <= o->most;
}

static bool parse(const struct option *o, const char *s, uint64_t *out)
{
    uint64_t n;
    if (parse_number(o, s, &n)) {
        if (is_allowed(o, n))
            *out = n;
        return is_allowed(o, n);
    }
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

bool options_change(uint64_t *member, uint64_t value)
{
    for (size_t i = 0; i < COUNT(table); i++)
        if (table[i].value == member && is_allowed(&table[i], value)) {
            /* relaxed: pairs with option_now(); one number, of which nothing else hangs. */
            aw_store_relaxed((struct atomicw *)member, value);
            return true;
        }
    return false;
}

void options_print(void)
{
    enum { TO_STDERR = 2 };
    static const char columns[] = "%-20s %-8s %-18s %s";
    char name[NAME_MAX_BYTES], values[VALUES_MAX_BYTES], standard[VALUES_MAX_BYTES];
    report_row(TO_STDERR, columns, "option", "default", "values", "what it does");
    for (size_t i = 0; i < COUNT(table); i++) {
        const struct option *o = &table[i];
        report_row(TO_STDERR, columns, full_name(o, name), value_text(o, o->standard, standard),
                   values_text(o, "-", "|", values), o->sentence);
    }
}
