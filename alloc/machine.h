/* machine: threads as the processor, the kernel and libc make them: where a thread's stack, registers
   and thread-local storage lie, and the signal that stops it. All that differs between processors and
   C libraries is behind this header.

   Nothing here takes a lock of the library's. What says "stopped" needs no lock of libc's either. */
#ifndef ALLOC_MACHINE_H
#define ALLOC_MACHINE_H

#include "alloc/atomics.h"

/* Memory to be scanned: [from, to), addresses of any alignment. */
struct machine_range {
    uintptr_t from, to;
};

/* For who reads memory that is not ours, of which the sanitizers have other opinions. */
#define MACHINE_ANY_MEMORY __attribute__((no_sanitize("address", "thread")))

GREY_INLINE bool machine_in(struct machine_range r, uintptr_t p)
{
    return p >= r.from && p < r.to;
}

/* ---- the calling thread --------------------------------------------------------------------------- */

struct machine_thread {
    uintptr_t pointer;          /* its thread pointer: libc's record of it lies there */
    struct machine_range stack; /* the stack it began on, without its guard */
    int tid;
    bool first; /* the process's first: its stack grows, its thread-local storage lies elsewhere */
};

/* Waits for libc's locks, may allocate. False with errno when it cannot be told. */
GREY_HIDDEN bool machine_thread_self(struct machine_thread *out);
/* The same stack, in whole pages, of any thread but the first, told without memory: libc's record lies at its
   end, and below is what can be read. False where records are not known to lie so, or before machine_tls_learn(). */
GREY_HIDDEN bool machine_thread_stack(uintptr_t pointer, struct machine_range *out);
enum { MACHINE_NAME_BYTES = 16 };
GREY_HIDDEN void machine_thread_name(char out[MACHINE_NAME_BYTES]);
GREY_HIDDEN void machine_yield(void);

/* The alternate signal stack, empty when there is none. */
GREY_HIDDEN struct machine_range machine_alt_stack(void);

/* Tells valgrind of a stack that threads will switch to; of the end of it. Nothing without valgrind. */
GREY_HIDDEN unsigned machine_stack_announce(struct machine_range stack);
GREY_HIDDEN void machine_stack_renounce(unsigned id);

/* Calls fn with every register that a function must keep for its caller stored at sp or above, in
   memory that stays as it is until fn returns. */
typedef void machine_spilled_fn(void *argument, uintptr_t sp);
GREY_HIDDEN void machine_spilled(machine_spilled_fn *fn, void *argument);

/* What the stack pointer will be when the function that asks has returned: its caller's frames lie at
   this address and above. For functions that are not inlined. */
#define machine_caller_sp() ((uintptr_t)__builtin_dwarf_cfa())

/* ---- the stop signal ------------------------------------------------------------------------------ */

/* Where the handler found the thread: the registers that the kernel stored, and the stack. */
struct machine_frame {
    struct machine_range general; /* the general registers */
    struct machine_range vector;  /* the vector registers; empty when the kernel stored none */
    struct machine_range alt;     /* the alternate stack, empty when there is none */
    uintptr_t at;                 /* the frame's own place, on either stack */
    uintptr_t sp;                 /* of the interrupted code */
};

/* Below the stack pointer a function without calls may keep this many bytes. */
#if defined(__x86_64__)
#define MACHINE_RED_ZONE 128
#else
#define MACHINE_RED_ZONE 0
#endif

/* Called in the handler, for every delivery; what was not sent by machine_signal_send() then goes to the
   handler that was installed before. */
typedef void machine_stop_fn(const struct machine_frame *f);

/* SIGURG: ignored by default, and never refused. */
#define MACHINE_STOP_SIGNAL 23

/* NULL when threads can be stopped by it, else why not. */
GREY_HIDDEN const char *machine_signal_problem(int signal);
GREY_HIDDEN bool machine_signal_install(int signal, machine_stop_fn *fn);
/* Installs the handler again if the program has put another one in its place, to which it then hands on
   what is not for us. True when it had to. */
GREY_HIDDEN bool machine_signal_renew(void);

/* A helper (os.h) is born with all signals blocked; one that is to be stopped lets this one in. */
GREY_HIDDEN void machine_signal_admit(void);

enum machine_sent { MACHINE_SENT, MACHINE_GONE /* no such thread */, MACHINE_LATER /* not now */ };
GREY_HIDDEN enum machine_sent machine_signal_send(int tid);
/* For messages, from /proc: a thread that does not stop. False when it cannot be told. */
struct machine_status {
    char name[MACHINE_NAME_BYTES];
    char state;         /* the letter of /proc: S sleeps, D sleeps and takes no signal, R runs */
    bool blocks_signal; /* the one that stops threads */
};
GREY_HIDDEN bool machine_thread_status(int tid, struct machine_status *out);
GREY_HIDDEN void machine_fork_child(void);

/* ---- stopped threads -------------------------------------------------------------------------------- */

/* Can the page of this address be read? A system call; never a fault. */
GREY_HIDDEN bool machine_is_readable(uintptr_t p);
/* The lowest address, not below r.from, from which all pages up to r.to are mapped. */
GREY_HIDDEN uintptr_t machine_mapped_from(struct machine_range r);

/* Learns from libc what the following need. Once, before any of them; may allocate. */
GREY_HIDDEN void machine_tls_learn(void);

/* libc's record of a thread is no larger than this. */
#define MACHINE_RECORD_BYTES 4096

/* Where libc keeps the thread's record (its thread-specific values up to key 31, its result), and its
   static thread-local storage as far as the layout is known. */
GREY_HIDDEN struct machine_range machine_thread_record(const struct machine_thread *t);
GREY_HIDDEN struct machine_range machine_static_tls(const struct machine_thread *t);
/* The thread's own blocks, one for each loaded object that has such storage and that it has used. */
struct machine_tls {
    const void *entries;
    size_t count;
};
GREY_HIDDEN struct machine_tls machine_tls_of(const struct machine_thread *t);
/* Where the block of a loaded object lies; 0: the thread has none. */
GREY_HIDDEN uintptr_t machine_tls_block(const struct machine_tls *tls, size_t module);
/* Thread-specific values from key 32 on lie in arrays of their own: the i-th, of
   machine_key_arrays(). Empty when the thread has not used it. */
GREY_HIDDEN size_t machine_key_arrays(void);
GREY_HIDDEN struct machine_range machine_key_array(const struct machine_thread *t, size_t i);

#endif
