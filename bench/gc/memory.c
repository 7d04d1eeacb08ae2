/* What the managers do once, and what they say of their stops. A stop lasts from the request to the
 * moment when the last thread may go on. Their callbacks come one at a time, threads stopped or about to be:
 * they write to static memory only. */
#include "memory.h"

#include "histogram.h"

#if defined MEMORY_BY_HAND

void memory_begin(void)
{
}

void memory_describe(struct memory_shape *shape)
{
    (void)shape;
}

struct memory_figures memory_figures(void)
{
    return (struct memory_figures){ 0 };
}

uint64_t memory_mark_ns(void)
{
    return 0;
}

const char *memory_name(void)
{
    return "by hand";
}

#else

static struct histogram stops;
static uint64_t stop_began, mark_began, mark_took;

static struct memory_figures figures_of(uint64_t cycles)
{
    return (struct memory_figures){ .cycles = cycles,
                                    .stop_p99_ns = histogram_quantile(&stops, 0.99),
                                    .stop_max_ns = stops.max,
                                    .stop_total_ns = stops.total };
}

#if defined MEMORY_GREYSPAN

static void listen(enum grey_event event, uint64_t time_ns, uint64_t value, void *data)
{
    (void)value, (void)data;
    switch (event) {
    case GREY_EVENT_STOP_BEGIN:
        stop_began = time_ns;
        break;
    case GREY_EVENT_STOPPED:
        mark_began = time_ns;
        break;
    case GREY_EVENT_MARKED:
        mark_took = time_ns - mark_began;
        break;
    case GREY_EVENT_RESUMED:
        histogram_record(&stops, time_ns - stop_began);
        break;
    default:
        break;
    }
}

#ifdef MEMORY_GREYSPAN_TYPED
const grey_type *memory_pointer;

static const grey_type *describe(const char *name, size_t size, uint64_t pointers)
{
    struct grey_type_info info = { .name = name, .size = size, .pointers = &pointers };
    return memory_must((void *)grey_type_create(&info));
}
#endif

void memory_begin(void)
{
    grey_listener_set(listen, NULL);
#ifdef MEMORY_GREYSPAN_TYPED
    memory_pointer = describe("pointer", sizeof(void *), 1);
#endif
}

void memory_describe(struct memory_shape *shape)
{
#ifdef MEMORY_GREYSPAN_TYPED
    shape->type = describe(shape->name, shape->size, shape->pointers);
#else
    (void)shape;
#endif
}

struct memory_figures memory_figures(void)
{
    struct grey_gc_stats stats;
    grey_gc_stats(&stats, sizeof stats);
    return figures_of(stats.cycles);
}

uint64_t memory_mark_ns(void)
{
    grey_collect();
    return mark_took;
}

const char *memory_name(void)
{
    return "Greyspan";
}

#else

static void GC_CALLBACK listen(GC_EventType event)
{
    switch (event) {
    case GC_EVENT_PRE_STOP_WORLD:
        stop_began = now_ns();
        break;
    case GC_EVENT_MARK_START:
        mark_began = now_ns();
        break;
    case GC_EVENT_MARK_END:
        mark_took = now_ns() - mark_began;
        break;
    case GC_EVENT_POST_START_WORLD:
        histogram_record(&stops, now_ns() - stop_began);
        break;
    default:
        break;
    }
}

void memory_begin(void)
{
    GC_INIT();
    GC_start_mark_threads(); /* they would start with the first thread of the program else */
    GC_set_on_collection_event(listen);
}

void memory_describe(struct memory_shape *shape)
{
    (void)shape;
}

struct memory_figures memory_figures(void)
{
    return figures_of(GC_get_gc_no());
}

uint64_t memory_mark_ns(void)
{
    GC_gcollect();
    return mark_took;
}

const char *memory_name(void)
{
    return "libgc";
}

#endif
#endif
