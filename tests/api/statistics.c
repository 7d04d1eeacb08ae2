/* grey_stats: the identities of greyspan.h, plausible numbers, older and newer callers; grey_trim. */
#include "api.h"

#include <valgrind/valgrind.h>

#define MIB ((size_t)1 << 20)

static struct grey_stats read_stats(void)
{
    struct grey_stats s;
    CHECK(grey_stats(&s, sizeof s), "grey_stats answers");
    CHECK(s.reserved_bytes == s.span_bytes + s.warm_bytes + s.released_bytes,
          "reserved %zu = spans %zu + warm %zu + released %zu", s.reserved_bytes, s.span_bytes, s.warm_bytes,
          s.released_bytes);
    CHECK(s.span_bytes == s.block_bytes + s.cached_bytes + s.unused_bytes + s.managed_bytes,
          "spans %zu = blocks %zu + cached %zu + unused %zu", s.span_bytes, s.block_bytes, s.cached_bytes,
          s.unused_bytes);
    CHECK(s.large_bytes <= s.block_bytes, "large blocks are blocks");
    CHECK(s.peak_bytes >= s.span_bytes + s.warm_bytes, "now is no more than the peak");
    CHECK(s.spans_created >= s.span_count, "spans there are were made");
    return s;
}

static void counts_follow_the_program(void)
{
    enum { BLOCKS = 100000, SIZE = 96 };
    static void *blocks[BLOCKS];
    struct grey_stats before = read_stats();
    for (size_t i = 0; i < BLOCKS; i++)
        blocks[i] = grey_malloc(SIZE);
    void *large = grey_malloc(40 * MIB);
    memset(large, 1, 40 * MIB);
    struct grey_stats full = read_stats();
    for (size_t i = 0; i < BLOCKS; i++)
        grey_free(blocks[i]);
    grey_free(large);
    struct grey_stats after = read_stats();

    if (RUNNING_ON_VALGRIND)
        return; /* blocks have zones around them, and freed ones wait */
    CHECK(full.block_bytes == before.block_bytes + (size_t)BLOCKS * SIZE + 40 * MIB,
          "blocks are counted exactly: %zu", full.block_bytes - before.block_bytes);
    CHECK(full.large_count == before.large_count + 1 && full.large_bytes == before.large_bytes + 40 * MIB,
          "the large one is one");
    CHECK(after.block_bytes == before.block_bytes, "freed blocks leave the count");
    CHECK(full.thread_count >= 1, "this thread has a cache");
    CHECK(full.metadata_bytes > 0, "records take room");
}

/* What the collector has is no block, and no waste either. */
static void managed_memory_is_apart(void)
{
    enum { LISTS = 20000, SIZE = 1000 };
    struct grey_stats before = read_stats();
    void *first = NULL;
    for (int i = 0; i < LISTS; i++) {
        void **o = (void **)grey_alloc(GREY_CONSERVATIVE, SIZE);
        CHECK(o != NULL, "an object");
        if (o == NULL)
            return;
        *o = first;
        first = o;
    }
    struct grey_stats after = read_stats();
    CHECK(before.managed_bytes == 0 && after.managed_bytes >= (size_t)LISTS * SIZE, "%zu bytes are the collector's",
          after.managed_bytes);
    CHECK(after.block_bytes < before.block_bytes + MIB && after.unused_bytes < before.unused_bytes + MIB,
          "blocks %zu, then %zu; unused %zu, then %zu", before.block_bytes, after.block_bytes, before.unused_bytes,
          after.unused_bytes);
    CHECK(grey_base(first) == first, "the objects live");
}

static void trim_returns_memory(void)
{
    void *large = grey_malloc(64 * MIB);
    memset(large, 1, 64 * MIB);
    grey_free(large); /* more than waits under valgrind, too */
    struct grey_stats before = read_stats();
    size_t given = grey_trim();
    struct grey_stats after = read_stats();
    CHECK(after.warm_bytes < before.warm_bytes || before.warm_bytes == 0, "trimming leaves less warm memory");
    CHECK(after.returned_bytes_ever >= before.returned_bytes_ever + given, "what was given back is counted");
    CHECK(after.returned_bytes_ever >= 32 * MIB, "a large freed block went back, by trim or by itself");
}

static void callers_of_other_versions(void)
{
    struct {
        struct grey_stats known;
        uint64_t newer[3];
    } s;
    memset(&s, 0xee, sizeof s);
    CHECK(grey_stats(&s.known, sizeof s), "a caller with a newer header is answered");
    CHECK(s.newer[0] == 0 && s.newer[2] == 0, "what the library does not know reads as 0");

    unsigned char old[sizeof(struct grey_stats)];
    memset(old, 0xee, sizeof old);
    CHECK(grey_stats((struct grey_stats *)old, 2 * sizeof(size_t)),
          "a caller with an older header is answered");
    CHECK(old[2 * sizeof(size_t)] == 0xee, "and nothing is written behind what it has");
    CHECK(!grey_stats(NULL, sizeof s) && !grey_stats(&s.known, 0), "nowhere to write is refused");
}

static void the_summary_prints(void)
{
    char text[OUTPUT_MAX];
    FILE *f = tmpfile();
    void *p = grey_malloc(100000);
    grey_stats_print(fileno(f));
    grey_free(p);
    ssize_t n = pread(fileno(f), text, sizeof text - 1, 0);
    fclose(f);
    text[n < 0 ? 0 : n] = '\0';
    static const char *const parts[] = { "in blocks", "caches",   "fragmentation",
                                         "peak",      "returned", "size class" };
    for (size_t i = 0; i < COUNT(parts); i++)
        CHECK(strstr(text, parts[i]) != NULL, "the summary speaks of '%s':\n%s", parts[i], text);
}

int main(void)
{
    counts_follow_the_program();
    managed_memory_is_apart();
    trim_returns_memory();
    callers_of_other_versions();
    the_summary_prints();
    return result();
}
