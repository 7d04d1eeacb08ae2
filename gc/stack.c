/* stack: see stack.h.

   Which stack a thread is on is told by its stack pointer alone, for between grey_fiber_switch() and the
   switch itself it is still on the one that it has parked. */
#include "gc/stack.h"

#include "gc/stop.h"

#include <errno.h>
#include <string.h>

/* Fibers of the program; those of threads hang off their threads. */
static struct {
    struct lock lock;
    struct grey_fiber *list; /* [lock:fibers] */
} fibers = { .lock = LOCK_INIT(RANK_ROOTS) };

static struct fixalloc stacks_records = { .size = sizeof(struct stacks) };
static struct fixalloc fiber_records = { .size = sizeof(struct grey_fiber) };
static struct fixalloc value_records = { .size = sizeof(struct value_stack) };

struct lock *stack_lock(void)
{
    return &fibers.lock;
}

/* ---- captures ---- */

struct to_capture {
    struct stack_capture *c;
    uintptr_t caller_sp;
};

MACHINE_ANY_MEMORY static void copy_frames(void *argument, uintptr_t sp)
{
    struct to_capture *t = argument;
    struct stack_capture *c = t->c;
    size_t words = (t->caller_sp - sp) / sizeof(uintptr_t);
    if (words > CAPTURE_WORDS)
        report_fatal("internal error: %zu words of the library's own frames", words);
    c->by_signal = false;
    c->sp = t->caller_sp;
    c->words = words;
    for (size_t i = 0; i < words; i++)
        c->word[i] = ((const uintptr_t *)sp)[i];
}

static void capture(struct stack_capture *c, uintptr_t caller_sp)
{
    struct to_capture t = { c, caller_sp };
    machine_spilled(copy_frames, &t);
}

void stack_capture_here(struct mutator *m, uintptr_t caller_sp)
{
    struct stacks *s = m->stacks;
    if (!machine_in(s->current->stack, caller_sp))
        s->alt = machine_alt_stack(); /* perhaps it is there */
    capture(&s->now, caller_sp);
}

void stack_capture_frame(struct mutator *m, const struct machine_frame *f)
{
    struct stacks *s = m->stacks;
    s->now.by_signal = true;
    s->now.frame = *f;
    if (f->alt.to != 0)
        s->alt = f->alt; /* empty while a handler with SS_AUTODISARM runs, which may be on the last one */
}

/* ---- handing out ---- */

struct giver {
    struct root_sink *sink;
    const char *name;
};

static void give(const struct giver *g, enum root_class class, uintptr_t from, uintptr_t to)
{
    from = round_up(from, sizeof(uintptr_t));
    to = round_down(to, sizeof(uintptr_t));
    if (from >= to)
        return;
    struct root_range r = { .class = class, .name = g->name };
    r.from = (const uintptr_t *)from;
    r.to = (const uintptr_t *)to;
    g->sink->range(g->sink, &r);
}

/* A whole stack, of which nobody knows how much is in use: what is mapped, and can be read. */
static void give_touched(const struct giver *g, struct machine_range stack)
{
    size_t page = os_page_size();
    uintptr_t from = machine_mapped_from(stack);
    for (uintptr_t at = from, next; at < stack.to; at = next) {
        next = round_down(at, page) + page;
        if (machine_is_readable(at))
            give(g, ROOT_STACK, at, next < stack.to ? next : stack.to);
    }
}

static void give_saved(const struct giver *g, enum root_class class, const struct grey_fiber *f)
{
    const struct stack_capture *c = &f->saved;
    if (!without(H8_REGISTERS))
        give(g, ROOT_REGISTERS, (uintptr_t)c->word, (uintptr_t)(c->word + c->words));
    give(g, class, c->sp, f->stack.to);
}

static void give_registers(const struct giver *g, const struct stack_capture *c)
{
    if (!c->by_signal) {
        if (!without(H8_REGISTERS))
            give(g, ROOT_REGISTERS, (uintptr_t)c->word, (uintptr_t)(c->word + c->words));
        return;
    }
    if (!without(H8_REGISTERS))
        give(g, ROOT_REGISTERS, c->frame.general.from, c->frame.general.to);
    if (!without(H8_VECTOR))
        give(g, ROOT_REGISTERS, c->frame.vector.from, c->frame.vector.to);
}

/* ---- which stack ---- */

static struct grey_fiber *fiber_at(const struct stacks *s, uintptr_t sp)
{
    if (machine_in(s->current->stack, sp))
        return s->current;
    for (struct grey_fiber *f = fibers.list; f != NULL; f = f->next)
        if (machine_in(f->stack, sp))
            return f;
    return NULL;
}

/* The stack that a thread is on; NULL: its alternate one. The first thread's own may have grown beyond
   what its limit was when it was attached. */
static struct grey_fiber *stack_of(struct mutator *m, uintptr_t sp)
{
    struct stacks *s = m->stacks;
    /* Fibers first: the program may have made one of a part of the thread's stack. */
    struct grey_fiber *f = fiber_at(s, sp);
    if (f == NULL && machine_in(s->first.stack, sp))
        f = &s->first;
    if (f != NULL || machine_in(s->alt, sp))
        return f;
    struct machine_range grown = { sp, s->first.stack.to };
    if (s->thread.first && sp < s->first.stack.from && machine_mapped_from(grown) == sp) {
        s->first.stack.from = round_down(sp, os_page_size());
        return &s->first;
    }
    report_fatal(
        "thread %s (%d) is on a stack that is not known: its stack pointer is %p; register the stack by "
        "grey_fiber_create and call grey_fiber_switch before the switch",
        m->name, m->tid, (void *)sp);
}

/* From a stack pointer up. The red zone below it belongs to code that a signal stopped. */
static void give_from(const struct giver *g, const struct stack_capture *c, struct machine_range stack)
{
    uintptr_t sp = c->sp;
    if (c->by_signal) {
        sp = c->frame.sp;
        if (!without(H8_REDZONE))
            sp -= MACHINE_RED_ZONE;
        if (sp < stack.from)
            sp = stack.from;
    }
    give(g, ROOT_STACK, sp, stack.to);
}

static void give_stacks(const struct giver *g, struct mutator *m)
{
    struct stacks *s = m->stacks;
    const struct stack_capture *c = &s->now;
    uintptr_t sp = c->by_signal ? c->frame.sp : c->sp;
    const struct grey_fiber *on = stack_of(m, sp);
    if (on != NULL) {
        give_from(g, c, on->stack);
    } else {
        give_from(g, c, s->alt);
        if (!without(H8_ALTSTACK))
            give_touched(g, s->current->stack);
    }
    /* The fiber that it is about to switch to, or the stack that it began on, parked. */
    if (on != NULL && on != s->current)
        give_saved(g, ROOT_FIBER, s->current);
    if (on != &s->first && s->current != &s->first)
        give_saved(g, ROOT_FIBER, &s->first);
}

/* ---- thread-local storage ---- */

static void give_tls(const struct giver *g, const struct stacks *s)
{
    const struct machine_thread *t = &s->thread;
    give(g, ROOT_TLS, s->fixed.from, s->fixed.to);
    give(g, ROOT_TLS, s->record.from, s->record.to);
    struct machine_tls own = machine_tls_of(t);
    for (size_t id = 1; id <= roots_tls_modules(); id++) {
        uintptr_t at = machine_tls_block(&own, id);
        size_t bytes = roots_tls_bytes(id);
        if (at == 0 || bytes == 0 || machine_in(t->stack, at) || machine_in(s->fixed, at))
            continue;
        /* One of an object that is gone since may be smaller than that of its successor. */
        if (machine_is_readable(at) && machine_is_readable(at + bytes - 1))
            give(g, ROOT_TLS, at, at + bytes);
    }
}

static void give_keys(const struct giver *g, const struct stacks *s)
{
    for (size_t i = 0; i < machine_key_arrays(); i++) {
        struct machine_range r = machine_key_array(&s->thread, i);
        give(g, ROOT_TLS, r.from, r.to);
    }
}

/* ---- all of a thread ---- */

static void give_values(const struct giver *g, const struct stacks *s)
{
    for (const struct value_stack *v = s->values; v != NULL; v = v->next) {
        uintptr_t base = (uintptr_t)v->base, top = (uintptr_t)*v->top;
        give(g, ROOT_VALUE_STACK, base < top ? base : top, base < top ? top : base);
    }
}

void stack_roots_stopped(struct mutator *m, struct root_sink *sink)
{
    const struct giver g = { sink, m->name };
    give_registers(&g, &m->stacks->now);
    give_stacks(&g, m);
    give_values(&g, m->stacks);
    if (!without(H8_TLS))
        give_tls(&g, m->stacks);
    if (!without(H8_KEYS))
        give_keys(&g, m->stacks);
}

void stack_fibers_stopped(struct root_sink *sink)
{
    const struct giver g = { sink, "fiber" };
    for (struct grey_fiber *f = fibers.list; f != NULL; f = f->next) {
        /* The stack itself may be a managed object. */
        give(&g, ROOT_INTERNAL, (uintptr_t)&f->stack.from, (uintptr_t)(&f->stack.from + 1));
        /* relaxed: threads are stopped. */
        if (a32_load_relaxed(&f->state) == FIBER_PARKED && !without(ROOT_FIBER))
            give_saved(&g, ROOT_FIBER, f);
    }
}

/* ---- a thread's own ---- */

bool stack_new(struct mutator *m)
{
    m->stacks = fixalloc_take(&stacks_records);
    return m->stacks != NULL;
}

bool stack_learn(struct mutator *m)
{
    struct stacks *s = m->stacks;
    if (!machine_thread_self(&s->thread))
        return false;
    /* The record and static storage of other threads than the first lie at the end of their stacks, which
       are handed out up to there. */
    if (!machine_in(s->thread.stack, s->thread.pointer)) {
        s->record = machine_thread_record(&s->thread);
        s->fixed = machine_static_tls(&s->thread);
    }
    s->first.stack = s->thread.stack;
    s->first.home = m;
    a32_store_relaxed(&s->first.state, FIBER_RUNNING); /* relaxed: nobody has seen it */
    s->current = &s->first;
    m->tid = s->thread.tid;
    return true;
}

void stack_delete(struct mutator *m)
{
    struct stacks *s = m->stacks;
    struct value_stack *next;
    for (struct value_stack *v = s->values; v != NULL; v = next) {
        next = v->next;
        fixalloc_give(&value_records, v);
    }
    /* A thread that ends on a fiber's stack leaves nothing on it. */
    if (s->current != NULL && s->current != &s->first) {
        s->current->saved = (struct stack_capture){ .sp = s->current->stack.to };
        /* release: pairs with the acquire in fiber_switch(). */
        a32_store_release(&s->current->state, FIBER_PARKED);
    }
    m->stacks = NULL;
    fixalloc_give(&stacks_records, s);
}

/* ---- value stacks ---- */

GREY_API bool grey_stack_attach(void *base, void *const *top)
{
    if (base == NULL || top == NULL) {
        errno = EINVAL;
        return false;
    }
    struct mutator *m = mutator_enter("grey_stack_attach");
    if (m == NULL)
        return false;
    struct value_stack *v = fixalloc_take(&value_records);
    if (v != NULL) {
        *v = (struct value_stack){ .next = m->stacks->values, .base = base, .top = top };
        m->stacks->values = v;
    }
    mutator_leave(m);
    if (v == NULL)
        errno = ENOMEM;
    return v != NULL;
}

GREY_API bool grey_stack_detach(void *base)
{
    struct mutator *m = mutator_enter("grey_stack_detach");
    if (m == NULL)
        return false;
    struct value_stack **link = &m->stacks->values;
    while (*link != NULL && (*link)->base != base)
        link = &(*link)->next;
    struct value_stack *v = *link;
    if (v != NULL) {
        *link = v->next;
        fixalloc_give(&value_records, v);
    }
    mutator_leave(m);
    if (v == NULL)
        errno = EINVAL;
    return v != NULL;
}

/* ---- fibers ---- */

GREY_API grey_fiber *grey_fiber_create(void *stack, size_t bytes)
{
    uintptr_t from = (uintptr_t)stack;
    if (stack == NULL || bytes < 2 * sizeof(uintptr_t) || from + bytes < from) {
        errno = EINVAL;
        return NULL;
    }
    struct mutator *m = mutator_enter("grey_fiber_create");
    if (m == NULL)
        return NULL;
    struct grey_fiber *f = fixalloc_take(&fiber_records);
    if (f != NULL) {
        f->stack = (struct machine_range){ from, from + bytes };
        f->saved.sp = f->stack.to;
        f->announced = machine_stack_announce(f->stack);
        lock_take(&fibers.lock);
        f->next = fibers.list;
        if (f->next != NULL)
            f->next->prev = f;
        fibers.list = f;
        lock_drop(&fibers.lock);
    }
    mutator_leave(m);
    if (f == NULL)
        errno = ENOMEM;
    return f;
}

GREY_API grey_fiber *grey_fiber_self(void)
{
    struct mutator *m = mutator_enter("grey_fiber_self");
    if (m == NULL)
        return NULL;
    struct grey_fiber *f = m->stacks->current;
    mutator_leave(m);
    return f;
}

/* Why the thread cannot switch to it, or NULL when it has. */
static const char *fiber_switch(struct mutator *m, struct grey_fiber *to, uintptr_t caller_sp)
{
    struct stacks *s = m->stacks;
    struct grey_fiber *from = s->current;
    if (to == from)
        return NULL;
    if (to->home != NULL && to->home != m)
        return "it is the stack that another thread began on";
    /* acquire: pairs with the release of whoever parked it. */
    if (!a32_cas_acquire(&to->state, FIBER_PARKED, FIBER_RUNNING))
        return "a thread runs on it";
    capture(&from->saved, caller_sp);
    s->current = to;
    a32_store_release(&from->state, FIBER_PARKED); /* release: pairs with the acquire above */
    return NULL;
}

GREY_API GREY_NOINLINE void grey_fiber_switch(grey_fiber *to)
{
    struct mutator *m = mutator_enter("grey_fiber_switch");
    if (m == NULL)
        return;
    const char *problem = to == NULL ? "no fiber" : fiber_switch(m, to, machine_caller_sp());
    mutator_leave(m);
    if (problem != NULL)
        report_misuse("grey_fiber_switch", to, problem);
}

static void unlist(struct grey_fiber *f)
{
    lock_take(&fibers.lock);
    if (f->prev != NULL)
        f->prev->next = f->next;
    else
        fibers.list = f->next;
    if (f->next != NULL)
        f->next->prev = f->prev;
    lock_drop(&fibers.lock);
}

GREY_API void grey_fiber_destroy(grey_fiber *f)
{
    struct mutator *m = f == NULL ? NULL : mutator_enter("grey_fiber_destroy");
    const char *problem = NULL;
    if (m == NULL)
        return;
    if (f->home != NULL)
        problem = "it is the stack that a thread began on";
    /* acquire: pairs with the release of whoever parked it. */
    else if (!a32_cas_acquire(&f->state, FIBER_PARKED, FIBER_RUNNING))
        problem = "a thread runs on it";
    else
        unlist(f);
    if (problem == NULL) {
        machine_stack_renounce(f->announced);
        fixalloc_give(&fiber_records, f);
    }
    mutator_leave(m);
    if (problem != NULL)
        report_misuse("grey_fiber_destroy", f, problem);
}

/* Fibers that ran on threads which the child does not have are as good as new. */
void stack_fork_child(const struct mutator *self)
{
    for (struct grey_fiber *f = fibers.list; f != NULL; f = f->next) {
        if (a32_load_relaxed(&f->state) != FIBER_RUNNING || (self != NULL && self->stacks->current == f))
            continue;
        f->saved = (struct stack_capture){ .sp = f->stack.to };
        a32_store_relaxed(&f->state, FIBER_PARKED); /* relaxed: the only thread */
    }
}

/* The fiber that was left may go on later (coroutines are made of longjmp, too), from nobody knows where:
   all of its stack stays a root. */
void stack_jumped(struct mutator *m, struct grey_fiber *to)
{
    struct stacks *s = m->stacks;
    struct grey_fiber *from = s->current;
    if (to == from || to == NULL)
        return;
    /* acquire: pairs with the release of whoever parked it. */
    if (!a32_cas_acquire(&to->state, FIBER_PARKED, FIBER_RUNNING)) {
        report_misuse("grey_state_restore", to, "another thread runs on this fiber");
        return;
    }
    from->saved = (struct stack_capture){ .sp = from->stack.from };
    s->current = to;
    a32_store_release(&from->state, FIBER_PARKED); /* release: pairs with the acquire above */
}
