/* stats: sums, summary and XML. See stats.h. */
#include "alloc/stats.h"

#include "alloc/copies.h"
#include "alloc/os.h"
#include "alloc/report.h"
#include "alloc/upcall.h"

static size_t less(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Slots that are not free. */
static size_t class_bytes(const struct heap_stats *h)
{
    size_t bytes = 0;
    for (unsigned code = 0; code < h->class_count; code++)
        bytes += h->classes[code].used * h->classes[code].size;
    return bytes;
}

/* Of the spans of one block, those too large for a class. */
static void larger(const struct heap_stats *h, size_t *count, size_t *bytes)
{
    size_t spans = 0, in_classes = 0;
    for (unsigned code = CLASS_SMALL_LAST + 1; code < h->class_count; code++) {
        spans += h->classes[code].spans;
        in_classes += h->classes[code].spans * h->classes[code].size;
    }
    *count = h->large_blocks - less(spans, h->large_blocks);
    *bytes = h->large_bytes - less(in_classes, h->large_bytes);
}

void stats_read(struct grey_stats *sums, struct heap_stats *detail)
{
    struct heap_stats own, *h = detail != NULL ? detail : &own;
    size_t larger_count, larger_bytes;

    heap_stats_read(h);
    larger(h, &larger_count, &larger_bytes);

    /* The parts were read one after the other while threads went on: a part larger than its whole
       is cut to it, and one part of each sum is what the others leave. */
    size_t managed = less(h->managed, h->in_use), held = less(class_bytes(h) + larger_bytes, h->in_use - managed);
    size_t cached = less(h->cached, held);
    size_t backed = less(h->in_use + h->warm, h->mapped);
    *sums = (struct grey_stats){
        .reserved_bytes = h->mapped,
        .span_bytes = h->in_use,
        .warm_bytes = backed - h->in_use,
        .released_bytes = h->mapped - backed,
        .block_bytes = held - cached,
        .cached_bytes = cached,
        .unused_bytes = h->in_use - managed - held,
        .metadata_bytes = h->metadata,
        .peak_bytes = h->peak,
        .large_bytes = less(larger_bytes, held - cached),
        .large_count = larger_count,
        .span_count = h->spans,
        .thread_count = h->threads,
        .spans_created = h->spans_created,
        .returned_bytes_ever = h->scavenged_total,
        .managed_bytes = managed,
    };
}

/* ---- the summary ---------------------------------------------------------------------------------- */

/* "12.3 MiB", right-aligned in ten columns. */
struct amount {
    char text[24];
};

static struct amount amount(uint64_t bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    struct amount a;
    char number[16];
    unsigned u = 0;
    uint64_t tenths = bytes > UINT64_MAX / 10 ? UINT64_MAX : bytes * 10;

    while (tenths >= 10240 && u + 1 < COUNT(units)) {
        tenths /= 1024;
        u++;
    }
    if (u == 0)
        report_format(number, sizeof number, "%u", (unsigned)bytes);
    else
        report_format(number, sizeof number, "%u.%u", (unsigned)(tenths / 10), (unsigned)(tenths % 10));
    report_format(a.text, sizeof a.text, "%6s %-3s", number, units[u]);
    return a;
}

static unsigned percent(size_t part, size_t whole)
{
    return whole == 0 ? 0 : (unsigned)((double)part * 100 / (double)whole + 0.5);
}

static void print_sums(int fd, const struct grey_stats *s)
{
    report_row(fd, "%s  in blocks of the program", amount(s->block_bytes).text);
    report_row(fd, "%s  in threads' caches (%zu threads)", amount(s->cached_bytes).text, s->thread_count);
    report_row(fd, "%s  unused in spans: fragmentation %u%%", amount(s->unused_bytes).text,
               percent(s->unused_bytes, s->span_bytes - s->managed_bytes));
    if (s->managed_bytes != 0)
        report_row(fd, "%s  in spans of the collector", amount(s->managed_bytes).text);
    report_row(fd, "%s  = spans (%zu now, %ju ever made)", amount(s->span_bytes).text, s->span_count,
               (uintmax_t)s->spans_created);
    report_row(fd, "%s  free pages, warm", amount(s->warm_bytes).text);
    report_row(fd, "%s  spans and warm pages at their peak", amount(s->peak_bytes).text);
    report_row(fd, "%s  returned to the system since the start", amount(s->returned_bytes_ever).text);
    report_row(fd, "%s  of address space without memory behind it", amount(s->released_bytes).text);
    report_row(fd, "%s  records of the heap itself", amount(s->metadata_bytes).text);
}

static void print_classes(int fd, const struct heap_stats *h)
{
    size_t count, bytes;
    report_row(fd, "%10s %8s %10s %10s %5s", "size class", "spans", "slots", "taken", "full");
    for (unsigned i = 0; i < h->class_count; i++)
        if (h->classes[i].spans != 0)
            report_row(fd, "%10zu %8zu %10zu %10zu %4u%%", h->classes[i].size, h->classes[i].spans,
                       h->classes[i].slots, h->classes[i].used,
                       percent(h->classes[i].used, h->classes[i].slots));
    larger(h, &count, &bytes);
    if (count != 0)
        report_row(fd, "%10s %8zu %10zu %10zu  100%%  %s in all", "larger", count, count, count,
                   amount(bytes).text);
}

void stats_print(int fd)
{
    struct heap_stats h;
    struct grey_stats s;

    stats_read(&s, &h);
    report_row(fd, "greyspan %s: the heap of process %d", copies_version, os_getpid());
    print_sums(fd, &s);
    print_classes(fd, &h);
    if (upcall() != NULL && upcall()->print != NULL)
        upcall()->print(fd);
}

/* ---- malloc_info ---------------------------------------------------------------------------------- */

/* glibc's elements with glibc's meaning, a <size> for each class that has spans: count and total
   speak of its free slots. The attributes after total are ours. */
static void xml_sizes(FILE *out, const struct heap_stats *h, size_t *free_count, size_t *free_bytes)
{
    fputs("<sizes>\n", out);
    for (unsigned i = 0; i < h->class_count; i++) {
        size_t count = h->classes[i].slots - less(h->classes[i].used, h->classes[i].slots);
        if (h->classes[i].spans == 0)
            continue;
        *free_count += count;
        *free_bytes += count * h->classes[i].size;
        fprintf(out,
                "  <size from=\"%zu\" to=\"%zu\" total=\"%zu\" count=\"%zu\" spans=\"%zu\" used=\"%zu\"/>\n",
                i == 0 ? (size_t)1 : h->classes[i - 1].size + 1, h->classes[i].size,
                count * h->classes[i].size, count, h->classes[i].spans, h->classes[i].used);
    }
    fputs("</sizes>\n", out);
}

static void xml_totals(FILE *out, const struct heap_stats *h, size_t free_count, size_t free_bytes)
{
    size_t count, bytes;
    larger(h, &count, &bytes);
    fprintf(out, "<total type=\"fast\" count=\"0\" size=\"%zu\"/>\n", h->cached);
    fprintf(out, "<total type=\"rest\" count=\"%zu\" size=\"%zu\"/>\n", free_count, free_bytes);
    fprintf(out, "<total type=\"mmap\" count=\"%zu\" size=\"%zu\"/>\n", count, bytes);
    fprintf(out, "<system type=\"current\" size=\"%zu\"/>\n", h->in_use + h->warm);
    fprintf(out, "<system type=\"max\" size=\"%zu\"/>\n", h->peak);
    fprintf(out, "<aspace type=\"total\" size=\"%zu\"/>\n", h->mapped);
    fprintf(out, "<aspace type=\"mprotect\" size=\"%zu\"/>\n", h->mapped);
}

void stats_xml(FILE *out)
{
    struct heap_stats h;
    size_t free_count = 0, free_bytes = 0;

    heap_stats_read(&h);
    fputs("<malloc version=\"1\">\n<heap nr=\"0\">\n", out);
    xml_sizes(out, &h, &free_count, &free_bytes);
    xml_totals(out, &h, free_count, free_bytes);
    fputs("</heap>\n", out);
    xml_totals(out, &h, free_count, free_bytes);
    fputs("</malloc>\n", out);
}
