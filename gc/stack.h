/* stack: where the private roots of a stopped thread lie (H8): its stack, registers, thread-local
   storage, value stacks; and fibers.

   K1  A thread's capture says where it stopped: at a frame of the signal's, or with its registers copied
       and the address from which on its stack is in use.
   K2  A fiber that is not RUNNING has a capture of its own, and its stack does not change. */
#ifndef GC_STACK_H
#define GC_STACK_H

#include "gc/mutator.h"

#include "alloc/machine.h"

/* Registers and the library's own frames, copied, and the stack from there on. */
#define CAPTURE_WORDS 384
struct stack_capture {
    bool by_signal; /* frame holds, else what follows */
    struct machine_frame frame;
    uintptr_t sp;
    size_t words;
    uintptr_t word[CAPTURE_WORDS];
};

enum fiber_state { FIBER_PARKED, FIBER_RUNNING };

struct grey_fiber {
    struct atomic32 state;      /* [atomic] enum fiber_state */
    struct machine_range stack; /* [const] */
    unsigned announced;         /* [const] to valgrind */
    struct stack_capture saved; /* [owner] K2; written by the thread that parks it */
    struct mutator *home;       /* [const] the thread whose first stack it is; NULL: made by the program */
    struct grey_fiber *next, *prev; /* [lock:fibers] */
};

struct value_stack {
    struct value_stack *next; /* [owner] */
    const uintptr_t *base;    /* [const] */
    void *const *top;         /* [const] what it points to is the program's */
};

struct stacks {
    struct machine_thread thread; /* [const] */
    struct machine_range record;  /* [const] libc's record and the static storage, */
    struct machine_range fixed;   /* [const] where they are no part of the stack; else empty */
    struct stack_capture now;     /* [owner] K1 */
    struct machine_range alt;     /* [owner] the alternate signal stack, as last seen */
    struct grey_fiber first;      /* [owner] the stack that the thread began on */
    struct grey_fiber *current;   /* [owner] */
    struct value_stack *values;   /* [owner] */
};

/* A mutator's record of its stacks: false without memory. Filled in for the calling thread, false with
   errno. Given back. */
GREY_HIDDEN bool stack_new(struct mutator *m);
GREY_HIDDEN bool stack_learn(struct mutator *m);
GREY_HIDDEN void stack_delete(struct mutator *m);

/* The calling thread stops, or goes on without touching managed memory: stores its registers, and the
   library's frames below caller_sp. */
GREY_HIDDEN void stack_capture_here(struct mutator *m, uintptr_t caller_sp);
/* The same for a thread that a signal stopped at this frame. In the handler. */
GREY_HIDDEN void stack_capture_frame(struct mutator *m, const struct machine_frame *f);

/* All private roots of a thread; those of fibers that no thread runs. */
GREY_HIDDEN void stack_roots_stopped(struct mutator *m, struct root_sink *sink);
GREY_HIDDEN void stack_fibers_stopped(struct root_sink *sink);

/* For grey_state_restore(): the thread runs on this fiber, and left the one it ran on for good or not. */
GREY_HIDDEN void stack_jumped(struct mutator *m, struct grey_fiber *to);

GREY_HIDDEN struct lock *stack_lock(void); /* of the list of fibers, for fork */
GREY_HIDDEN void stack_fork_child(const struct mutator *self);

#endif
