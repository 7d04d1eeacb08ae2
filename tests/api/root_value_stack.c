/* An interpreter's value stack, growing up or down, of plain pointers or of words that a hook decodes. */
#include "root.h"

enum { WORDS = 200 };

static void **stack;
static void *volatile top; /* the live part's end */

/* The stack of the case before shares top. */
static void attach(void **base)
{
    if (stack != NULL)
        grey_stack_detach(stack);
    stack = base;
    top = base;
    CHECK(grey_stack_attach(base, (void *const *)&top), "a stack is attached");
}

static void begin_up(void)
{
    attach(root_hidden_memory(2 * WORDS * sizeof(void *)));
}

static void push_up(size_t i, void *p)
{
    top = stack + i + 1;
    stack[i] = p;
}

static void *load_up(size_t i)
{
    return stack[i];
}

static void drop_values(void)
{
    top = stack;
}

static void detach(void)
{
    CHECK(grey_stack_detach(stack), "a stack is detached");
    stack = NULL;
}

/* stack is its high end. */
static void begin_down(void)
{
    attach((void **)root_hidden_memory(2 * WORDS * sizeof(void *)) + 2 * WORDS);
}

static void push_down(size_t i, void *p)
{
    top = stack - i - 1;
    stack[-(ptrdiff_t)i - 1] = p;
}

static void *load_down(size_t i)
{
    return stack[-(ptrdiff_t)i - 1];
}

/* What lies beyond the top is dead. */
static void push_beyond(size_t i, void *p)
{
    stack[i] = p;
}

/* ---- boxes: pointers with a tag in the high 16 bits, as in NaNs ---- */

#define TAG ((uintptr_t)0xfff8 << 48)

static uintptr_t unbox(uintptr_t word)
{
    return (word & TAG) == TAG ? word & ~TAG : word;
}

static void push_box(size_t i, void *p)
{
    push_up(i, (void *)((uintptr_t)p | TAG));
}

static void *load_box(size_t i)
{
    return (void *)((uintptr_t)stack[i] & ~TAG);
}

static void begin_box(void)
{
    begin_up();
    grey_decode_set(unbox);
}

static void drop_decode(void)
{
    grey_decode_set(NULL);
}

int main(void)
{
    static const struct root_kind kinds[] = {
        { "a stack that grows up", WORDS, begin_up, push_up, load_up, drop_values, false },
        { "a stack that is detached", WORDS, begin_up, push_up, load_up, detach, false },
        { "a stack that grows down", WORDS, begin_down, push_down, load_down, drop_values, false },
        { "beyond the top of a stack", WORDS, begin_up, push_beyond, load_up, NULL, true },
        { "boxes, not decoded", WORDS, begin_up, push_box, load_box, NULL, true },
        { "boxes", WORDS, begin_box, push_box, load_box, drop_decode, false },
        { "a plain stack, decoded", WORDS, begin_box, push_up, load_up, drop_values, false },
    };
    for (size_t i = 0; i < COUNT(kinds); i++)
        root_test(&kinds[i]);
    return result();
}
