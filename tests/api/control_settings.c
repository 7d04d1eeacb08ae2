/* grey_set and grey_get: what is allowed, when, and that it takes effect at run time. */
#include "api.h"

/* Values that each setting takes and does not, besides its default. */
static const struct {
    enum grey_setting what;
    const char *name;
    uint64_t standard, good, bad;
    bool before_use;
} rows[] = {
    { GREY_SET_PERCENT, "GREY_PERCENT", 100, 1000000, 1000001, false },
    { GREY_SET_MIN_HEAP, "GREY_MIN_HEAP", 12 << 20, 1 << 20, UINT64_MAX, false },
    { GREY_SET_MEMORY_LIMIT, "GREY_MEMORY_LIMIT", 0, UINT64_C(1) << 47, (UINT64_C(1) << 47) + 1, false },
    { GREY_SET_CGROUP_LIMIT, "GREY_CGROUP_LIMIT", 0, 1, 2, false },
    { GREY_SET_HARD_LIMIT, "GREY_HARD_LIMIT", 0, UINT64_C(1) << 40, UINT64_MAX, false },
    { GREY_SET_WORKERS, "GREY_WORKERS", 0, 2, 65, false },
    { GREY_SET_STRESS, "GREY_STRESS", 0, 1000000, 1000000001, false },
    { GREY_SET_VERIFY, "GREY_VERIFY", 0, 1, 2, false },
    { GREY_SET_GCTRACE, "GREY_GCTRACE", 0, 1, 2, false },
    { GREY_SET_ROOTS, "GREY_ROOTS", GREY_ROOTS_AUTO, GREY_ROOTS_EXACT, 2, false },
    { GREY_SET_STOP, "GREY_STOP", GREY_STOP_SIGNAL, GREY_STOP_COOPERATIVE, 2, true },
    { GREY_SET_STOP_SIGNAL, "GREY_STOP_SIGNAL", SIGURG, SIGUSR2, 0, true },
    { GREY_SET_FINALIZERS, "GREY_FINALIZERS", GREY_FINALIZERS_THREAD, GREY_FINALIZERS_PUMP, 2, false },
    { GREY_SET_CHECK_WRITES, "GREY_CHECK_WRITES", 0, 1, 2, true },
    { GREY_SET_CHECK_TRACE, "GREY_CHECK_TRACE", 0, 1, 2, false },
    { GREY_SET_PERIOD, "GREY_PERIOD", 120, 0, 86401, false },
};

static uint64_t cycles(void)
{
    struct grey_gc_stats s;
    return grey_gc_stats(&s, sizeof s) ? s.cycles : 0;
}

/* Garbage, in blocks of a KiB. */
static void litter(size_t mib)
{
    for (size_t i = 0; i < mib * 1024; i++)
        if (hide(grey_alloc(GREY_NOSCAN, 1000)) == NULL)
            CHECK(false, "memory is there");
}

static void nothing_else_is_a_setting(void)
{
    static const int others[] = { -1, GREY_SETTINGS, GREY_SETTINGS + 1, INT32_MAX, INT32_MIN };
    CHECK(COUNT(rows) == GREY_SETTINGS, "every setting is tested");
    for (size_t i = 0; i < COUNT(others); i++) {
        errno = 0;
        CHECK(!grey_set((enum grey_setting)others[i], 1) && errno == EINVAL, "%d is no setting", others[i]);
        errno = 0;
        CHECK(grey_get((enum grey_setting)others[i]) == 0 && errno == EINVAL, "%d has no value", others[i]);
    }
}

/* Each takes what its option takes, and only that one changes. */
static void ranges_are_kept(bool used)
{
    uint64_t before[GREY_SETTINGS];
    for (size_t i = 0; i < COUNT(rows); i++)
        before[rows[i].what] = grey_get(rows[i].what);
    for (size_t i = 0; i < COUNT(rows); i++) {
        enum grey_setting what = rows[i].what;
        bool late = used && rows[i].before_use;
        errno = 0;
        CHECK(!grey_set(what, rows[i].bad) && (errno == EINVAL || (late && errno == EBUSY)), "%s refuses %ju",
              rows[i].name, (uintmax_t)rows[i].bad);
        CHECK(grey_get(what) == before[what], "%s stays as it was", rows[i].name);
        errno = 0;
        bool set = grey_set(what, rows[i].good);
        if (late && before[what] != rows[i].good)
            CHECK(!set && errno == EBUSY, "%s is too late", rows[i].name);
        else
            CHECK(set && errno == 0 && grey_get(what) == rows[i].good, "%s takes %ju", rows[i].name,
                  (uintmax_t)rows[i].good);
        for (size_t j = 0; j < COUNT(rows); j++)
            CHECK(j == i || grey_get(rows[j].what) == before[rows[j].what], "%s leaves %s alone",
                  rows[i].name, rows[j].name);
        CHECK(grey_set(what, before[what]), "%s is set back, or is not changed", rows[i].name);
    }
}

static void percent_and_minimum_decide_how_often(void)
{
    CHECK(grey_set(GREY_SET_MIN_HEAP, 64 << 20), "a minimum");
    uint64_t before = cycles();
    litter(48);
    CHECK(cycles() == before, "below the minimum no cycle begins, but %ju", (uintmax_t)(cycles() - before));
    litter(64);
    uint64_t rare = cycles() - before;
    CHECK(rare >= 1 && rare <= 3, "about one beyond it, not %ju", (uintmax_t)rare);

    CHECK(grey_set(GREY_SET_MIN_HEAP, 2 << 20), "a small one");
    before = cycles();
    litter(112);
    CHECK(cycles() - before > 10 * rare, "a smaller minimum means more cycles: %ju",
          (uintmax_t)(cycles() - before));

    CHECK(grey_set(GREY_SET_PERCENT, 0), "never by growth");
    before = cycles();
    litter(100);
    CHECK(cycles() == before, "with 0 percent no cycle begins by growth");
    struct grey_gc_stats s;
    CHECK(grey_gc_stats(&s, sizeof s) && s.heap_goal_bytes == UINT64_MAX, "there is no goal");
    CHECK(grey_set(GREY_SET_PERCENT, 100), "as before");
    before = cycles();
    litter(50);
    CHECK(cycles() - before >= 5, "and with 100 they do again: %ju", (uintmax_t)(cycles() - before));
}

static void disabling_nests(void)
{
    grey_disable();
    grey_disable();
    uint64_t before = cycles();
    litter(50);
    grey_enable();
    litter(50);
    CHECK(cycles() == before, "disabled twice, enabled once: no cycle");
    grey_collect();
    CHECK(cycles() > before, "what is asked for happens all the same");
    before = cycles();
    grey_enable();
    litter(50);
    CHECK(cycles() - before >= 5, "enabled twice: %ju cycles", (uintmax_t)(cycles() - before));
}

static void external_memory_counts(void)
{
    struct grey_gc_stats s;
    grey_collect();
    uint64_t before = cycles();
    /* 1 GiB outside behind 1024 small objects, which alone would be no reason. */
    for (int i = 0; i < 1024; i++) {
        hide(grey_alloc(GREY_NOSCAN, 32));
        grey_external(1 << 20);
    }
    CHECK(cycles() - before >= 3, "memory outside begins cycles: %ju", (uintmax_t)(cycles() - before));
    CHECK(grey_gc_stats(&s, sizeof s) && s.external_bytes == UINT64_C(1) << 30, "it is told back");
    grey_external(-(ptrdiff_t)(1 << 29));
    grey_external(0);
    CHECK(grey_gc_stats(&s, sizeof s) && s.external_bytes == UINT64_C(1) << 29, "some of it is gone");
    grey_external(-(ptrdiff_t)(1 << 29));
    CHECK(grey_gc_stats(&s, sizeof s) && s.external_bytes == 0, "all is gone");
}

/* Of 30 MiB that live and a limit of 45: growth alone would go to 60. */
static void a_limit_makes_cycles_come_sooner(void)
{
    enum { MIBS = 30 };
    static void *kept[MIBS];
    struct grey_gc_stats s;
    for (int i = 0; i < MIBS; i++)
        kept[i] = grey_alloc(GREY_NOSCAN, (1 << 20) - 64);
    CHECK(grey_root_add(kept, sizeof kept), "a root");
    grey_collect();
    grey_trim();
    uint64_t limit = 45 << 20;
    CHECK(grey_set(GREY_SET_MEMORY_LIMIT, limit), "a limit");
    CHECK(grey_gc_stats(&s, sizeof s) && s.limit_bytes == limit, "it is in force");
    CHECK(s.heap_goal_bytes < limit && s.heap_goal_bytes > s.marked_bytes, "the goal keeps below it: %ju",
          (uintmax_t)s.heap_goal_bytes);
    uint64_t before = s.limit_cycles;
    litter(100);
    CHECK(grey_gc_stats(&s, sizeof s) && s.limit_cycles > before, "cycles begin for its sake");
    CHECK(grey_set(GREY_SET_MEMORY_LIMIT, 0) && grey_gc_stats(&s, sizeof s) && s.limit_bytes == 0,
          "none again");
    CHECK(s.heap_goal_bytes > limit, "the goal is that of growth again: %ju", (uintmax_t)s.heap_goal_bytes);
    CHECK(grey_root_remove(kept, sizeof kept), "no root any more");
    memset(kept, 0, sizeof kept);
}

static int child(const char *what)
{
    if (strcmp(what, "enable") == 0)
        grey_enable();
    else if (strcmp(what, "external") == 0)
        grey_external(-1 - (ptrdiff_t)hide_size(4095));
    else if (strcmp(what, "too_much") == 0) {
        grey_external(PTRDIFF_MAX);
        grey_external(1);
    } else if (strcmp(what, "get") == 0)
        for (size_t i = 0; i < COUNT(rows); i++)
            printf("%ju ", (uintmax_t)grey_get(rows[i].what));
    return 0;
}

static void mistakes_end_in_a_sentence(void)
{
    static const char *const cases[][2] = {
        { "enable", "greyspan: grey_enable(): the collector is not disabled\n" },
        { "external", "greyspan: grey_external(-4096): only 0 bytes were reported\n" },
        { "too_much", "greyspan: grey_external(1): with 9223372036854775807 bytes it is more than can be\n" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct outcome *o = run_shell("ulimit -c 0; exec '%s' %s 2>&1", self_path(), cases[i][0]);
        CHECK(strcmp(o->output, cases[i][1]) == 0, "%s: not %s", cases[i][1], o->output);
        CHECK(aborted(o), "%s ends the program", cases[i][0]);
        o = run_shell("GREY_ON_ERROR=ignore '%s' %s 2>&1", self_path(), cases[i][0]);
        CHECK(strcmp(o->output, cases[i][1]) == 0 && succeeded(o), "%s can be ignored", cases[i][0]);
    }
}

static void the_environment_comes_first(void)
{
    char expected[1000], settings[2000];
    size_t e = 0, n = 0;
    for (size_t i = 0; i < COUNT(rows); i++) {
        n += (size_t)snprintf(settings + n, sizeof settings - n, "%s=%ju ", rows[i].name,
                              (uintmax_t)rows[i].good);
        e += (size_t)snprintf(expected + e, sizeof expected - e, "%ju ", (uintmax_t)rows[i].good);
    }
    struct outcome *o = run_shell("%s '%s' get", settings, self_path());
    CHECK(strcmp(o->output, expected) == 0, "the environment's values: %s not %s", expected, o->output);

    for (size_t i = 0, at = 0; i < COUNT(rows); i++)
        at += (size_t)snprintf(expected + at, sizeof expected - at, "%ju ", (uintmax_t)rows[i].standard);
    o = run_shell("env -u GREY_STOP '%s' get", self_path());
    CHECK(strcmp(o->output, expected) == 0, "the defaults: %s not %s", expected, o->output);
    o = run_shell("GREY_MIN_HEAP=16MiB '%s' get", self_path());
    CHECK(strncmp(o->output, "100 16777216 ", 13) == 0, "a unit: %s", o->output);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return child(argv[1]);
    nothing_else_is_a_setting();
    ranges_are_kept(false);
    CHECK(cycles() == 0, "asking for all that is no use of the collector");
    litter(1);
    ranges_are_kept(true);
    percent_and_minimum_decide_how_often();
    disabling_nests();
    external_memory_counts();
    a_limit_makes_cycles_come_sooner();
    mistakes_end_in_a_sentence();
    the_environment_comes_first();
    return result();
}
