/* Roots that a program registers: ranges, slots, handles, callbacks, root blocks. The words lie in
   memory of which the collector knows nothing else. */
#include "root.h"

enum { WORDS = 200 };

static void **hidden;

static void begin_hidden(void)
{
    hidden = root_hidden_memory(WORDS * sizeof(void *));
}

static void store_hidden(size_t i, void *p)
{
    hidden[i] = p;
}

static void *load_hidden(size_t i)
{
    return hidden[i];
}

/* ---- nothing: without a root the objects die ---- */

static const struct root_kind none = { "no root", WORDS, begin_hidden, store_hidden,
                                       load_hidden, NULL, true };

/* ---- ranges ---- */

static void begin_range(void)
{
    begin_hidden();
    CHECK(grey_root_add(hidden, WORDS * sizeof(void *)), "a range is registered");
}

static void drop_range(void)
{
    CHECK(grey_root_remove(hidden, WORDS * sizeof(void *)), "a range is removed");
}

/* Registered twice, removed once. */
static void begin_range_twice(void)
{
    begin_hidden();
    for (int i = 0; i < 2; i++)
        CHECK(grey_root_add(hidden, WORDS * sizeof(void *)), "a range is registered");
    drop_range();
}

/* In 64 MiB of which hardly a page is used. */
enum { SPARSE_BYTES = 64 << 20, SPARSE_STEP = SPARSE_BYTES / sizeof(void *) / WORDS };

static void begin_sparse(void)
{
    hidden = root_hidden_memory(SPARSE_BYTES);
    CHECK(grey_root_add(hidden, SPARSE_BYTES), "a large range is registered");
}

static void store_sparse(size_t i, void *p)
{
    hidden[i * SPARSE_STEP] = p;
}

static void *load_sparse(size_t i)
{
    return hidden[i * SPARSE_STEP];
}

static void drop_sparse(void)
{
    CHECK(grey_root_remove(hidden, SPARSE_BYTES), "a large range is removed");
}

/* Shared with a child that writes the words: its pages are not touched here. */
static void begin_shared(void)
{
    hidden = mmap(NULL, SPARSE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(hidden != MAP_FAILED && grey_root_add(hidden, SPARSE_BYTES), "a shared range is registered");
}

static void store_shared(size_t i, void *p)
{
    pid_t child = fork();
    if (child == 0) {
        store_sparse(i, p);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

/* ---- slots ---- */

static void begin_slots(void)
{
    begin_hidden();
    for (size_t i = 0; i < WORDS; i++)
        CHECK(grey_slots_add(&hidden[i], 1), "a slot is registered");
}

static void write_hidden(size_t i, void *p)
{
    grey_write(&hidden[i], p);
}

static void drop_slots(void)
{
    for (size_t i = 0; i < WORDS; i++)
        CHECK(grey_slots_remove(&hidden[i], 1), "a slot is removed");
}

/* ---- handles ---- */

static grey_handle *handles[WORDS];

static void create_handle(size_t i, void *p)
{
    handles[i] = grey_handle_create(p);
}

static void set_handle(size_t i, void *p)
{
    handles[i] = grey_handle_create(NULL);
    grey_handle_set(handles[i], p);
}

static void *load_handle(size_t i)
{
    return grey_handle_get(handles[i]);
}

static void drop_handles(void)
{
    for (size_t i = 0; i < WORDS; i++)
        grey_handle_release(handles[i]);
}

static void clear_handles(void)
{
    for (size_t i = 0; i < WORDS; i++)
        grey_handle_set(handles[i], NULL);
}

/* ---- callbacks: the words are not even readable as they are ---- */

static void store_secret(size_t i, void *p)
{
    hidden[i] = (void *)~(uintptr_t)p;
}

static void *load_secret(size_t i)
{
    return (void *)~(uintptr_t)hidden[i];
}

static void tell_secrets(void *data, struct grey_tracer *tracer)
{
    for (size_t i = 0; i < WORDS; i++)
        if (((void **)data)[i] != NULL)
            grey_trace_value(tracer, (void *)~(uintptr_t)((void **)data)[i]);
}

static void begin_callback(void)
{
    begin_hidden();
    CHECK(grey_root_callback_add(tell_secrets, hidden), "a callback is registered");
}

static void drop_callback(void)
{
    CHECK(grey_root_callback_remove(tell_secrets, hidden), "a callback is removed");
}

static void tell_words(void *data, struct grey_tracer *tracer)
{
    grey_trace_words(tracer, data, WORDS / 2);
    for (size_t i = WORDS / 2; i < WORDS; i++)
        grey_trace(tracer, (void **)data + i);
}

static void begin_callback_words(void)
{
    begin_hidden();
    CHECK(grey_root_callback_add(tell_words, hidden), "a callback is registered");
}

static void drop_callback_words(void)
{
    CHECK(grey_root_callback_remove(tell_words, hidden), "a callback is removed");
}

/* ---- root blocks, whose addresses nobody else keeps ---- */

static uintptr_t secret_block;

static void **block(void)
{
    return (void **)~secret_block;
}

static void begin_block(void)
{
    secret_block = ~(uintptr_t)grey_alloc_root(WORDS * sizeof(void *));
}

static void begin_large_block(void)
{
    secret_block = ~(uintptr_t)grey_alloc_root(1 << 20);
}

static void store_block(size_t i, void *p)
{
    block()[i] = p;
}

static void *load_block(size_t i)
{
    return block()[i];
}

static void drop_block(void)
{
    grey_free(block());
}

int main(void)
{
    static const struct root_kind kinds[] = {
        { "a range", WORDS, begin_range, store_hidden, load_hidden, drop_range, false },
        { "a range added twice", WORDS, begin_range_twice, store_hidden, load_hidden, drop_range, false },
        { "a sparse range", WORDS, begin_sparse, store_sparse, load_sparse, drop_sparse, false },
        { "a shared range", 20, begin_shared, store_shared, load_sparse, drop_sparse, false },
        { "slots", WORDS, begin_slots, write_hidden, load_hidden, drop_slots, false },
        { "handles", WORDS, NULL, create_handle, load_handle, drop_handles, false },
        { "handles that are set", WORDS, NULL, set_handle, load_handle, clear_handles, false },
        { "a callback", WORDS, begin_callback, store_secret, load_secret, drop_callback, false },
        { "a callback's words", WORDS, begin_callback_words, store_hidden, load_hidden, drop_callback_words,
          false },
        { "a root block", WORDS, begin_block, store_block, load_block, drop_block, false },
        { "a large root block", WORDS, begin_large_block, store_block, load_block, drop_block, false },
    };
    root_test(&none);
    for (size_t i = 0; i < COUNT(kinds); i++)
        root_test(&kinds[i]);
    return result();
}
