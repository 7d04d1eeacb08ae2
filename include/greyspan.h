/* Greyspan: memory for C programs: a malloc, and a collector for interpreters and runtimes.
 *
 * A complete program (cc tree.c -lgreyspan):
 *
 *     #include <greyspan.h>
 *     #include <stdio.h>
 *
 *     struct node { struct node *left, *right; }; // both words are pointers
 *
 *     static struct node *tree(int depth)
 *     {
 *         struct node *n = (struct node *)grey_alloc(GREY_CONSERVATIVE, sizeof *n); // zeroed
 *         if (n != NULL && depth > 0) {
 *             grey_write(&n->left, tree(depth - 1));
 *             grey_write(&n->right, tree(depth - 1));
 *         }
 *         return n; // nobody frees it
 *     }
 *
 *     int main(void)
 *     {
 *         struct node *kept = tree(15); // found on the stack
 *         for (int i = 0; i < 1000; i++)
 *             tree(12);
 *         struct grey_gc_stats s;
 *         grey_gc_stats(&s, sizeof s);
 *         printf("%d cycles, %zu MiB marked\n", (int)s.cycles, (size_t)(s.marked_bytes >> 20));
 *         return kept->left == NULL;
 *     }
 *
 * Manual memory (grey_malloc and its family) and managed memory (grey_alloc and all below it) live in
 * one heap. docs/embedding.md has the rules that a program keeps which uses the collector.
 *
 * What holds for all functions: they may be called from any thread, also in a forked child, but not
 * from a signal handler; the manual ones also before main and in destructors, the others not from a
 * callback of dl_iterate_phdr. A pointer that is not what a function asks for ends the program with a
 * sentence on stderr that names the function and the pointer; with GREY_ON_ERROR=ignore in the
 * environment the call does nothing instead. Sizes are bytes, times are nanoseconds.
 */
#ifndef GREYSPAN_H
#define GREYSPAN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GREY_VERSION "0.2.0"

#define GREY_API __attribute__((visibility("default")))

/* ==== manual memory ============================================================================== */

/* ---- blocks ------------------------------------------------------------------------------------- */

/* Frees a block. NULL is nothing to free. errno is kept. Takes managed objects and root blocks as well:
 * what their finalizers, cleanups and weak references see is told under "lifetime".
 *
 * Owner: the block is the heap's again; the program must not touch it.
 * Threads: any; a block may be freed by another thread than the one that allocated it.
 * Safepoint: never, here and in all functions for manual memory; with a managed object, yes.
 * Cost: a few nanoseconds; freed by a stranger or larger than 32 KiB, up to some microseconds. */
GREY_API void grey_free(void *p);

/* Returns a block of at least size bytes, aligned to 16, its contents undefined; for size 0 the
 * smallest one, different from every other. NULL with errno ENOMEM when there is no memory or size
 * is above PTRDIFF_MAX; errno is untouched on success.
 *
 * Owner: the caller, until grey_free or grey_realloc.
 * Threads: any.
 * Safepoint: never.
 * Cost: a few nanoseconds; up to some microseconds when a span has to be fetched, and the system's
 * time when memory has to be asked for. */
GREY_API void *grey_malloc(size_t size) __attribute__((malloc, alloc_size(1), warn_unused_result));

/* Returns a block for count objects of size bytes each, all zero. NULL with errno ENOMEM as
 * grey_malloc, and when count * size overflows.
 *
 * Owner: the caller.
 * Threads: any.
 * Safepoint: never.
 * Cost: that of grey_malloc, and clearing; pages fresh from the system are not cleared again. */
GREY_API void *grey_calloc(size_t count, size_t size)
    __attribute__((malloc, alloc_size(1, 2), warn_unused_result));

/* Returns a block of at least size bytes with the contents of p up to the smaller of both sizes; it
 * may be p itself. p NULL: as grey_malloc(size). size 0 and p not NULL: frees p and returns NULL.
 * On failure NULL with errno ENOMEM, and p is as it was. A managed object becomes one of the same kind,
 * what is new of it zero; a typed one of up to 512 bytes cannot move (EINVAL): see grey_realloc_array.
 *
 * Owner: the caller owns the result; p is gone unless the call failed. Of managed objects p stays what
 * it was, for others may refer to it.
 * Threads: any.
 * Safepoint: never; with a managed object, collects.
 * Cost: a few nanoseconds when the block's own slot is large enough, else allocating, copying and
 * freeing. Large blocks grow in place where the pages behind them are free. */
GREY_API void *grey_realloc(void *p, size_t size) __attribute__((alloc_size(2), warn_unused_result));

/* Returns a block of at least size bytes at a multiple of alignment, a power of two; size need not
 * be a multiple of it. NULL with errno EINVAL when alignment is no power of two, with ENOMEM as
 * grey_malloc. grey_free and grey_realloc take the block; what grey_realloc returns is aligned to 16.
 *
 * Owner: the caller.
 * Threads: any.
 * Safepoint: never.
 * Cost: that of grey_malloc for a size rounded up to the alignment; beyond a page, that of a large
 * block. */
GREY_API void *grey_aligned_alloc(size_t alignment, size_t size)
    __attribute__((malloc, alloc_align(1), alloc_size(2), warn_unused_result));

/* Returns how many bytes of the block the program may use: at least what it asked for, all of them
 * writable; 0 for NULL.
 *
 * Owner: unchanged.
 * Threads: any; nobody may free the block meanwhile.
 * Safepoint: never.
 * Cost: a few nanoseconds. */
GREY_API size_t grey_usable_size(const void *p);

/* ---- the heap as a whole ------------------------------------------------------------------------ */

/* Returns the system all memory that no block needs, now, and the number of bytes given back. The
 * heap does so by itself after about a second (GREY_SCAVENGE_DELAY); this is for a program that
 * knows better.
 *
 * Owner: unchanged.
 * Threads: any; others may allocate meanwhile.
 * Safepoint: never.
 * Cost: system calls, about 0.1 ms per MiB given back. Memory given back costs page faults when it
 * is used again. */
GREY_API size_t grey_trim(void);

/* What the heap consists of, in bytes unless said otherwise. Two sums hold in every answer:
 *
 *     reserved_bytes == span_bytes + warm_bytes + released_bytes
 *     span_bytes     == block_bytes + cached_bytes + unused_bytes + managed_bytes
 *
 * Threads that allocate during the call may be counted in part. */
struct grey_stats {
    size_t reserved_bytes; /* address space of the heap */
    size_t span_bytes;     /* pages that hold blocks */
    size_t warm_bytes;     /* free pages still backed by memory */
    size_t released_bytes; /* the rest: given back, or not needed so far */

    size_t block_bytes;  /* blocks the program holds, rounded up to their slots */
    size_t cached_bytes; /* free blocks that threads keep for themselves */
    size_t unused_bytes; /* the rest of the blocks' spans: free slots, ends of pages */

    size_t metadata_bytes; /* the heap's own records, outside the above */
    size_t peak_bytes;     /* the most that spans and warm pages ever took together */
    size_t large_bytes;    /* the part of block_bytes in blocks of more than 1 MiB */
    size_t large_count;    /* number of those */
    size_t span_count, thread_count; /* number of spans, of threads with a cache, now */

    uint64_t spans_created;       /* number of spans ever made */
    uint64_t returned_bytes_ever; /* memory given back to the system since the start */
    size_t managed_bytes;         /* the collector's part of the spans */
};

/* Fills in *out and returns true; false, and nothing written, when out is NULL or out_size is 0.
 * out_size is sizeof *out as the program knows it: a program compiled with an older header gets the
 * fields it knows, and one with a newer header finds 0 in those that the library does not.
 *
 * Owner: *out is the caller's.
 * Threads: any.
 * Safepoint: never.
 * Cost: some microseconds for each of the heap's thread caches and size classes; takes their locks
 * one after the other. */
GREY_API bool grey_stats(struct grey_stats *out, size_t out_size);

/* Writes a summary for people to a file descriptor: the sums above, a line for each size class in
 * use, fragmentation. It is the text of GREY_STATS=1 and changes from version to version.
 *
 * Owner: fd stays the caller's.
 * Threads: any.
 * Safepoint: never.
 * Cost: that of grey_stats and a write for each line. */
GREY_API void grey_stats_print(int fd);

/* Returns the version of the library that answers, "major.minor.patch"; GREY_VERSION is that of the
 * header. Never fails.
 *
 * Owner: the library.
 * Threads: any.
 * Safepoint: never.
 * Cost: none. */
GREY_API const char *grey_version(void);

/* ==== the collector ==============================================================================
 *
 * Managed objects come zeroed, never move, and are freed when nothing that a root leads to names them,
 * by their first byte or by an address inside. What the comments below mean by
 *
 *   Owner: the collector   nobody frees it; grey_free may, early;
 *   Threads: any           a thread that is not attached is attached by the call (see "threads");
 *   Safepoint: collects    the call may run a collection itself;
 *              yes         another thread's collection may run inside, also where this thread stops at
 *                          safepoints only. Threads that a signal stops can be stopped anywhere. What
 *                          stacks and registers name is kept, so this matters to who hides references
 *                          from the scan, or has not yet called grey_init;
 *              never       neither.
 *
 * A function that fails leaves everything as it was. */

/* ---- kinds: who finds the pointers in an object -------------------------------------------------- */

/* What grey_alloc is told of an object. Custom kinds follow GREY_KIND_FIRST_CUSTOM. */
typedef unsigned grey_kind;

enum {
    GREY_NOSCAN = 1,       /* no pointers: strings, numbers */
    GREY_CONSERVATIVE = 2, /* every aligned word may be a pointer */
    GREY_TYPED = 3,        /* by pointer bitmap: grey_alloc_typed, grey_alloc_array */
    GREY_ROOT = 5,         /* grey_alloc_root: scanned, freed by hand */
    GREY_KIND_FIRST_CUSTOM = 16,
    GREY_CUSTOM_KINDS = 64
};

struct grey_tracer;

struct grey_kind_info {
    const char *name;                                          /* for messages, dumps; copied */
    void (*trace)(void *object, struct grey_tracer *tracer);   /* see "trace callbacks" */
};

/* Returns the kind whose objects info->trace finds the references of; the same callback has the same
 * kind. 0 with errno EINVAL without a callback, ENOSPC after GREY_CUSTOM_KINDS, ENOMEM.
 * Owner: the library, for ever; *info is copied. Threads: any. Safepoint: yes.
 * Cost: a lock and a search; call it once, and keep the number. */
GREY_API grey_kind grey_kind_create(const struct grey_kind_info *info);

/* Returns the name of a kind, the library's own ones included; NULL when there is no such kind.
 * Owner: the library, for ever. Threads: any. Safepoint: never. Cost: a few loads. */
GREY_API const char *grey_kind_name(grey_kind kind);

/* A layout: bit i of the bitmap says that the word at byte 8 * i of the object is a pointer. */
typedef struct grey_type grey_type;
struct grey_type_info {
    const char *name;
    size_t size;              /* bytes of one element; a multiple of the word for arrays */
    const uint64_t *pointers; /* (size / 8 + 63) / 64 words; copied */
};

/* Returns a layout for grey_alloc_typed and grey_alloc_array. NULL with errno EINVAL for a size of 0 or
 * no bitmap, ENOMEM.
 * Owner: the library, for ever; *info is copied. Threads: any. Safepoint: yes.
 * Cost: a lock and some metadata; call it once for each type. */
GREY_API const grey_type *grey_type_create(const struct grey_type_info *info);

/* ---- allocation: zeroed, owned by the collector ------------------------------------------------- */

/* What grey_alloc(kind, size), the inline path in greyspan_inline.h, does when the thread's run of free
 * slots is used up; returns what it returns. NULL with errno ENOMEM, after a collection and the hook of
 * grey_no_memory_set; EINVAL for a kind that takes no size: GREY_TYPED, GREY_ROOT, none.
 * Owner: the collector. Threads: any. Safepoint: collects.
 * Cost: some hundred nanoseconds for a run of free slots, sweeping included; a collection when one is
 * due. Objects over 32 KiB: a run of pages each, cleared. */
GREY_API void *grey_alloc_slow(grey_kind kind, size_t size);

/* Returns a zeroed object of at least size bytes at a multiple of alignment, a power of two; as
 * grey_alloc_slow otherwise. EINVAL for another alignment.
 * Owner: the collector. Threads: any. Safepoint: collects.
 * Cost: that of grey_alloc_slow; beyond a page (8 KiB), that of an object over 32 KiB. */
GREY_API void *grey_alloc_aligned(grey_kind kind, size_t alignment, size_t size);

/* Returns a zeroed object of a type; for an array, of count elements one after the other. NULL with
 * errno ENOMEM, also when count times the size overflows; EINVAL without a type, or for an array of
 * elements whose size is no multiple of the word.
 * Owner: the collector. Threads: any. Safepoint: collects.
 * Cost: some tens of nanoseconds; up to 512 bytes a bit a word beside the object says what is a
 * pointer, beyond the object's slot has one more word. */
GREY_API void *grey_alloc_typed(const grey_type *type);
GREY_API void *grey_alloc_array(const grey_type *type, size_t count);

/* Returns an array of count elements of the type with what p, an array of the same type (or NULL), holds up
 * to the smaller count; further elements are zero. It may be p itself. NULL with errno as grey_alloc_array,
 * EINVAL when p is no typed object; p is as it was then.
 * Owner: the collector; p, if it is not the result, is left to the collector, too. Threads: any; nobody
 * writes to p meanwhile. Safepoint: collects. Cost: that of grey_alloc_array and of grey_copy. */
GREY_API void *grey_realloc_array(const grey_type *type, void *p, size_t count);

/* Returns a zeroed block whose every aligned word is scanned as a root: for native structs that hold
 * references. They are loose, stored without grey_write. NULL with errno ENOMEM.
 * Owner: the caller, until grey_free; never collected. Threads: any. Safepoint: collects.
 * Cost: that of grey_alloc, and its scan in each collection. */
GREY_API void *grey_alloc_root(size_t size);

/* Tells that the program needs only the first size bytes of an object, named by its first byte, from now
 * on: what lies behind becomes zero, so that it keeps nothing alive, and of objects over 32 KiB whole
 * pages are given back. False with errno EINVAL when it is no object, or has fewer bytes.
 * Owner: the collector. Threads: any; nobody uses the part that goes. Safepoint: yes.
 * Cost: some tens of nanoseconds, and clearing. */
GREY_API bool grey_shrink(void *object, size_t size);

/* grey_free, grey_realloc and grey_usable_size take managed objects, too. */

/* The object that an address, interior or not, lies in. */
struct grey_object {
    void *base;
    size_t size;           /* of its slot */
    grey_kind kind;
    const grey_type *type; /* of typed objects larger than 512 bytes; NULL else */
};

/* Fills in *out with the managed object or root block that p points to or into, and returns true; false
 * for any other word. grey_base returns the first byte alone, or NULL. An integer that happens to name
 * an object keeps nothing alive before the call; the answer does.
 * Owner: unchanged. Threads: any. Safepoint: yes. Cost: a few nanoseconds. */
GREY_API bool grey_object_at(const void *p, struct grey_object *out);
GREY_API void *grey_base(const void *p);

/* ---- roots: where references outside managed objects are found ---------------------------------------
 *
 * Who writes a place decides when it can be read, so there are three classes.
 *
 *   Private    a thread's stack, registers and thread-local storage (by themselves, once it is
 *              attached), value stacks attached to it, fibers. Written by that thread alone, without
 *              grey_write; read while it is stopped.
 *   Loose      what anyone writes at any time without grey_write: writable data of the program and of
 *              its libraries (by themselves, unless GREY_SET_ROOTS is GREY_ROOTS_EXACT), ranges added
 *              here, root blocks, callbacks. Read while all threads are stopped.
 *   Barriered  handles and registered slots: every store goes through grey_write or its kin. Like
 *              managed objects they may be read while the program runs.
 *
 * Memory in none of them keeps nothing alive: blocks of malloc and grey_malloc, mappings, and
 * what the kernel or libc keep for the program (docs/embedding.md has the list). */

/* Makes a range loose roots, every aligned word of it, until it is removed by the same two arguments, as
 * often as it was added. False with errno EINVAL (no range of addresses; remove: not there), ENOMEM.
 * Removing takes references away: what only the range named may be gone after the next safepoint.
 * Owner: the memory stays the caller's, who removes the range before the memory goes. Threads: any.
 * Safepoint: yes. Cost: a lock and a search; its scan in each collection. */
GREY_API bool grey_root_add(void *from, size_t bytes);
GREY_API bool grey_root_remove(void *from, size_t bytes);

/* Calls fn(data, tracer) in each collection with all threads stopped; it tells the tracer of references
 * by grey_trace and its kin and calls nothing else: no lock, no allocation, no stdio. Removed by the same
 * two arguments, as often as it was added. False with errno EINVAL, ENOMEM.
 * Owner: data stays the caller's. Threads: any. Safepoint: yes. Cost: a lock; fn's time as a stop. */
typedef void grey_root_fn(void *data, struct grey_tracer *tracer);
GREY_API bool grey_root_callback_add(grey_root_fn *fn, void *data);
GREY_API bool grey_root_callback_remove(grey_root_fn *fn, void *data);

/* Makes count words barriered roots, until removed by the same two arguments: from the addition on
 * every store into them is a grey_write. False with errno EINVAL (also when not aligned), ENOMEM.
 * Owner: the memory stays the caller's. Threads: any. Safepoint: yes. Cost: as grey_root_add. */
GREY_API bool grey_slots_add(void *slots, size_t count);
GREY_API bool grey_slots_remove(void *slots, size_t count);

/* A slot of its own for one reference, barriered; its address may be kept anywhere, in malloc's memory
 * too. create returns a handle for the object (any word, NULL too); NULL with errno ENOMEM. get and set
 * read and write it as one step. After release the handle must not be used.
 * Owner: the caller, until grey_handle_release. Threads: any; several may use one handle.
 * Safepoint: yes. Cost: create and release a lock, get and set a few nanoseconds. */
typedef struct grey_handle grey_handle;
GREY_API grey_handle *grey_handle_create(void *object);
GREY_API void *grey_handle_get(const grey_handle *h);
GREY_API void grey_handle_set(grey_handle *h, void *object);
GREY_API void grey_handle_release(grey_handle *h);

/* Makes the words between base and *top (either may be the higher; the higher is outside) roots of the
 * calling thread: an interpreter's value stack. *top is read when the thread is stopped, at any
 * instruction: raise it before you store above it, and read a word before you lower it below, with top
 * volatile. False with errno EINVAL (NULL; detach: this thread has attached no such base), ENOMEM. A
 * thread may have several.
 * Owner: memory and *top stay the caller's. Threads: the stack is the calling thread's until it detaches
 * it, or ends; then another may attach it. Safepoint: yes. Cost: a search; its scan, the live part alone. */
GREY_API bool grey_stack_attach(void *base, void *const *top);
GREY_API bool grey_stack_detach(void *base);

/* Stacks that threads switch between. create: for a stack on which nothing runs yet, of `bytes` from
 * `stack` up; NULL with errno EINVAL, ENOMEM. self: the fiber the calling thread runs on, that of the
 * stack it began on at first. switch: call it right before the program switches stacks, by swapcontext
 * or code of its own: the stack that is left is parked as it is, its part in use a root until somebody
 * resumes it, and `to` is the calling thread's. destroy: before the stack's memory goes. What a ucontext_t
 * holds (makecontext's arguments) is not looked at: hand references over in memory that is scanned.
 *
 *     grey_fiber *back = grey_fiber_self();
 *     grey_fiber_switch(worker);
 *     swapcontext(&here, &there); // there: on worker's stack; it calls grey_fiber_switch(back)
 *
 * Owner: the caller, of the stack too; a fiber that runs cannot be destroyed. Threads: any; a parked
 * fiber may be resumed by another thread, but for the stack that a thread began on. Safepoint: yes.
 * Cost: a switch copies registers and some frames, tens of nanoseconds. */
typedef struct grey_fiber grey_fiber;
GREY_API grey_fiber *grey_fiber_create(void *stack, size_t bytes);
GREY_API grey_fiber *grey_fiber_self(void);
GREY_API void grey_fiber_switch(grey_fiber *to);
GREY_API void grey_fiber_destroy(grey_fiber *f);

/* Sets what makes an address of a word of a stack, a register, a value stack or thread-local storage, for
 * values that are no plain pointers (NaN boxes, tags in high bits). Both the word, for C code has plain
 * pointers there, too, and the answer are looked up. It is called with threads stopped, for any word,
 * and calls nothing. NULL: words are looked up as they are.
 * Owner: the code stays the caller's. Threads: any; before managed objects exist. Safepoint: yes.
 * Cost: a call for each word of private roots. */
typedef uintptr_t grey_decode_fn(uintptr_t word);
GREY_API void grey_decode_set(grey_decode_fn *fn);

/* ---- threads -----------------------------------------------------------------------------------------
 *
 * A thread that touches managed objects is attached: the collector can stop it and knows where its
 * stack lies. Its first allocation attaches it, whoever created it, and so does any call of which is
 * said "Threads: any"; a thread that only reads objects which others gave it attaches itself before, or
 * is created by grey_pthread_create. Its end detaches it. How it is stopped:
 *
 *   signalled    (the default) by a signal, GREY_SET_STOP_SIGNAL, at any instruction but inside this
 *                library. The program may handle that signal, too; it must not block it for long.
 *   cooperative  (grey_thread_cooperative, or GREY_SET_STOP for all) at safepoints only. A thread that
 *                reaches none delays every collection, and after a second is named on stderr. Whatever
 *                may wait it does in blocking regions: locks, input, other threads; beside signalled
 *                threads malloc and stdio, too, whose locks a stopped thread may hold. */

/* Attaches the calling thread, and returns true; also when it was attached. False with errno ENOMEM.
 * Owner: the library; a thread's end detaches it. Threads: any. Safepoint: yes.
 * Cost: some ten microseconds: it learns where the thread's stack lies. */
GREY_API bool grey_thread_attach(void);

/* Detaches the calling thread: its stack is no root from here on, and it must not touch managed objects
 * until it is attached again. Its value stacks are detached, its critical sections closed. Nothing when
 * it is not attached.
 * Owner: unchanged. Threads: any. Safepoint: yes. Cost: microseconds: its cached spans go back. */
GREY_API void grey_thread_detach(void);

/* Returns whether the calling thread is attached. Never fails.
 * Owner: unchanged. Threads: any. Safepoint: never. Cost: a load. */
GREY_API bool grey_thread_is_attached(void);

/* Says that from now on the calling thread is stopped at safepoints only, or (false) anywhere. Where
 * GREY_SET_STOP is cooperative false changes nothing.
 * Owner: unchanged. Threads: any, each for itself. Safepoint: yes. Cost: a few nanoseconds. */
GREY_API void grey_thread_cooperative(bool yes);

/* As pthread_create, pthread_join and pthread_detach, for threads that are attached from their first
 * instruction to their last; argument and result may be managed objects that nothing else names: they
 * are kept until the thread has the one, and who joins the other. Return an error number.
 * Owner: the result is kept until join or detach by the calls here. Threads: any; join is a blocking
 * region. Safepoint: yes. Cost: that of libc's, and a record. */
GREY_API int grey_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *),
                                 void *argument);
GREY_API int grey_pthread_join(pthread_t t, void **result);
GREY_API int grey_pthread_detach(pthread_t t);

/* Lets a stop that was asked for happen; grey_safepoint(), inline, calls it when there is one. A thread
 * that is not attached does nothing.
 * Owner: unchanged. Threads: any. Safepoint: yes. Cost: the stop. */
GREY_API void grey_safepoint_slow(void);

/* Between enter and leave, which nest, the thread touches no managed memory and calls nothing of the
 * collector: a collection does not wait for it. For whatever may take long: locks, read(), sleep. Its
 * stack and registers are roots as they are at enter; the function that calls enter must not return
 * before leave. leave waits while threads are stopped. call does fn(argument) between the two, leaves
 * also when the thread is cancelled (cleanup handlers inside enter and leave run blocked), and returns
 * fn's result.
 * Owner: what the stack names at enter stays alive. Threads: any; one that is not attached does nothing.
 * Safepoint: yes, all three. Cost: some tens of nanoseconds. */
GREY_API void grey_blocking_enter(void);
GREY_API void grey_blocking_leave(void);
GREY_API void *grey_blocking_call(void *(*fn)(void *), void *argument);

/* Between enter and leave, which nest, no collection begins, in no thread: for a few instructions that
 * hold a reference where no scan finds it. An allocation that would collect grows the heap instead, and
 * grey_collect and grey_cycle_start do nothing, in any thread.
 * Owner: unchanged. Threads: any. Safepoint: enter: yes, between: never, leave: yes. Cost: an addition. */
GREY_API void grey_critical_enter(void);
GREY_API void grey_critical_leave(void);

/* How deep the calling thread is in critical sections and blocking regions, and its fiber: save before
 * setjmp, restore first of all where longjmp arrives, and what it jumped out of is left. (POSIX has no
 * longjmp over cleanup handlers: out of grey_blocking_call none, if the thread may be cancelled later.)
 * Owner: *out is the caller's. Threads: the one that saved. Safepoint: restore: yes. Cost: nanoseconds. */
struct grey_state {
    uint32_t critical, blocking;
    void *fiber;
};
GREY_API void grey_state_save(struct grey_state *out);
GREY_API void grey_state_restore(const struct grey_state *state);

/* ---- writes ------------------------------------------------------------------------------------------
 *
 * The store contract. Every store of a reference into a managed object, a handle or a registered slot is
 * one of the calls here or in greyspan_inline.h: grey_write, grey_exchange, grey_compare_exchange;
 * grey_move, grey_copy and grey_clear for many words. Storing NULL, or a number over a reference, is
 * such a store. grey_init does for an object that this thread has allocated and nobody else has seen,
 * before its next allocation or safepoint. Stacks, locals, loose roots and objects without pointers
 * need none of them, and none does harm: slot may lie anywhere, the value may be any word.
 *
 * Marking stops the program today, and a plain store loses nothing; it will when marking runs beside
 * the program. GREY_SET_CHECK_WRITES finds such stores now.
 *
 * A slot is an aligned word. The library stores it with release and the collector loads it with
 * acquire; threads that share slots among themselves order them as C asks for. */

/* What grey_write, grey_exchange, grey_compare_exchange and grey_init do while grey_barrier_on is not 0;
 * the inline ones decide. Never fail.
 * Owner: value stays alive by slot from here on. Threads: attached ones. Safepoint: never.
 * Cost: some nanoseconds to tens of them. */
GREY_API void grey_write_slow(void *slot, void *value);
GREY_API void *grey_exchange_slow(void *slot, void *value);
GREY_API bool grey_compare_exchange_slow(void *slot, void **expected, void *value);
GREY_API void grey_init_slow(void *slot, void *value);

/* memmove, memcpy and memset(to, 0, bytes) for memory that holds references: word by word where to and
 * bytes are aligned to words, so that nobody sees half a reference. move takes ranges that overlap.
 * Owner: unchanged. Threads: attached ones. Safepoint: yes, amid large ones. Cost: about 1 ns a word. */
GREY_API void grey_move(void *to, const void *from, size_t bytes);
GREY_API void grey_copy(void *to, const void *from, size_t bytes);
GREY_API void grey_clear(void *to, size_t bytes);

/* ---- trace callbacks ---------------------------------------------------------------------------------
 *
 * The contract of grey_kind_info.trace, which says what an object refers to. It runs on any thread of
 * the collector or the program, several at once, while threads are stopped; in a later version while the
 * program runs. So it
 *
 *   - reports every reference, by grey_trace(tracer, &object->field), grey_trace_value for one computed
 *     from a word (tags taken off), grey_trace_words for a range of words that may or may not be some;
 *     words that name no object are ignored, so numbers may be reported, too;
 *   - reads each slot once: grey_trace does, and what decides about a slot (a tag, a length) is read
 *     into a local first;
 *   - may meet an object that is still all zero, as grey_alloc returns it. The collector skips objects
 *     whose first word is zero: begin each with a word (a tag, a length, a pointer to its class) that is
 *     never zero, and write it before the first reference;
 *   - relies on a layout that does not change: a reachable object's tag or length is written once,
 *     before its references, and later only by grey_shrink and grey_realloc;
 *   - writes nothing, allocates nothing, takes no lock, calls nothing of libc or of this library but
 *     the three functions above, and does not longjmp. A thread that was stopped may hold any lock.
 *
 * GREY_SET_CHECK_TRACE calls it on zeroed objects, whose slots all hold NULL, and at odd moments. */

/* Passed to trace callbacks. edge: a reference, and the slot that holds it (NULL: it was computed). */
struct grey_tracer {
    void (*edge)(struct grey_tracer *t, void *slot, void *value);
    void (*words)(struct grey_tracer *t, void *from, size_t count); /* a range of words, conservatively */
};

/* ---- lifetime ----------------------------------------------------------------------------------------
 *
 * What happens when objects are found unreachable, in this order: values of ephemerons and weak tables
 * whose keys live are kept; weak references and entries whose objects or keys do not are cleared;
 * objects with a finalizer are queued for it and kept, with all they reach, once more; cleanups of what
 * is gone now are queued. Finalizers run in no order among themselves, also those of objects that refer
 * to each other, on a thread of the library's (grey-finalizer, a stack of 256 KiB, all signals blocked
 * but the stop signal), or in grey_finalizers_run alone when GREY_SET_FINALIZERS is
 * GREY_FINALIZERS_PUMP; with no lock of the library held. They may allocate, take locks, and make their
 * object reachable again; then it lives on without a finalizer. None runs because the program ends.
 *
 * grey_free of an object drops its finalizer, queues its cleanups and clears its weak references; where it
 * is a key, of an ephemeron or a weak table, the program takes it away before. Tiny objects (without
 * pointers, up to 8 bytes) share a slot: they are gone when both are unreachable; grey_free does nothing. */

typedef void grey_finalizer_fn(void *object, void *data);
typedef void grey_cleanup_fn(void *data);

/* Lets fn(object, data) run once when the object, named by its first byte, is unreachable; another call
 * replaces it, a NULL fn takes it away. False with errno ENOMEM, EINVAL for NULL. data is no root, and
 * must not name the object or what refers to it.
 * Owner: data is fn's. Threads: any. Safepoint: yes. Cost: a lock and a hash table. */
GREY_API bool grey_finalizer_set(void *object, grey_finalizer_fn *fn, void *data);

/* Lets fn(data) run once after the object is gone, for good; an object may have several. Returns a
 * number for grey_cleanup_cancel; 0 with errno ENOMEM, EINVAL for NULL. data is no root. cancel returns
 * whether the cleanup had not begun to run: then it does not.
 * Owner: data is fn's. Threads: any. Safepoint: yes. Cost: a lock and a hash table. */
GREY_API uint64_t grey_cleanup_add(void *object, grey_cleanup_fn *fn, void *data);
GREY_API bool grey_cleanup_cancel(uint64_t id);

/* Runs the finalizers and cleanups that are due at the call on the calling thread, also where the library
 * has a thread for them, and returns how many. Collects nothing itself.
 * Owner: unchanged. Threads: any. Safepoint: yes, and whatever they do. Cost: theirs. */
GREY_API size_t grey_finalizers_run(void);

/* A reference that keeps nothing alive. create: for any address in an object; NULL with errno ENOMEM,
 * EINVAL for NULL. get returns that address, and from then on the caller's copy keeps the object alive;
 * NULL once it was found unreachable, before its finalizer runs.
 * Owner: the caller, until grey_weak_release. Threads: any. Safepoint: yes. Cost: a lock; get has none. */
typedef struct grey_weak grey_weak;
GREY_API grey_weak *grey_weak_create(void *object);
GREY_API void *grey_weak_get(const grey_weak *w);
GREY_API void grey_weak_release(grey_weak *w);

/* A managed object whose value is alive while it and its key are, even if the value refers to the key.
 * create: NULL with errno ENOMEM, EINVAL without a key. key and value return NULL once the key was found
 * unreachable; set replaces the value while the key lives. A key that names no object never dies.
 * Owner: the collector. Threads: any. Safepoint: create collects, else yes. Cost: a few nanoseconds; in
 * each collection some time for each ephemeron that lives. */
typedef struct grey_ephemeron grey_ephemeron;
GREY_API grey_ephemeron *grey_ephemeron_create(void *key, void *value);
GREY_API void *grey_ephemeron_key(const grey_ephemeron *e);
GREY_API void *grey_ephemeron_value(const grey_ephemeron *e);
GREY_API void grey_ephemeron_set(grey_ephemeron *e, void *value);

/* A hash table with weak keys: an entry lives while the table and its key do, and its value with it.
 * info NULL, or without equal: keys are the same when their addresses are. Otherwise hash and equal see
 * keys that live, and what the calls were given: a key to look up may be any memory that the two
 * understand, put's is an object (one that is none never dies). They are called with no lock held and may
 * allocate, but not put into the same table.
 *
 * create: NULL with errno ENOMEM, EINVAL for equal without hash. get: the key's value, find: the equal
 * key that the table holds; NULL when there is none. put sets or replaces; false with errno ENOMEM,
 * EINVAL for NULL. remove: whether it was there. count: the entries, those of dead keys until a
 * collection has found them. each calls fn for what is there at the call, kept alive until it returns;
 * fn may change the table; without memory it calls nothing and errno is ENOMEM.
 * Owner: the table and its entries are the collector's; *info is copied. Threads: any; one call is one
 * step, two are not. Safepoint: create, put and each collect, else yes. Cost: a lock, a hash. */
typedef struct grey_weak_table grey_weak_table;
struct grey_weak_table_info {
    uint64_t (*hash)(const void *key);
    bool (*equal)(const void *a, const void *b);
};
GREY_API grey_weak_table *grey_weak_table_create(const struct grey_weak_table_info *info);
GREY_API void *grey_weak_table_get(const grey_weak_table *t, const void *key);
GREY_API void *grey_weak_table_find(const grey_weak_table *t, const void *key);
GREY_API bool grey_weak_table_put(grey_weak_table *t, void *key, void *value);
GREY_API bool grey_weak_table_remove(grey_weak_table *t, const void *key);
GREY_API size_t grey_weak_table_count(const grey_weak_table *t);
GREY_API void grey_weak_table_each(const grey_weak_table *t, void (*fn)(void *key, void *value, void *data),
                                   void *data);

/* Objects kept for reuse: what put gave and nobody got is kept through one collection and dropped at
 * the second (Go's sync.Pool). create: make(data), or NULL, gives get an object when the pool has none;
 * NULL with errno ENOMEM. get: an object as it was put, in no order; NULL when there is none and make
 * gives none. put may drop it.
 * Owner: the pool is the caller's until destroy, what is in it the collector's. Threads: any.
 * Safepoint: yes, and what make does. Cost: a few nanoseconds, no lock, for what the thread put itself. */
typedef struct grey_pool grey_pool;
GREY_API grey_pool *grey_pool_create(void *(*make)(void *data), void *data);
GREY_API void *grey_pool_get(grey_pool *p);
GREY_API void grey_pool_put(grey_pool *p, void *object);
GREY_API void grey_pool_destroy(grey_pool *p);

/* ---- control ------------------------------------------------------------------------------------------ */

/* Each has an environment variable of the same name, GREY_PERCENT ...: docs/options.md has defaults. */
enum grey_setting {
    GREY_SET_PERCENT,      /* growth of the heap, percent of what lived, before the next cycle; 0: never */
    GREY_SET_MIN_HEAP,     /* bytes that the heap may grow by before a cycle begins, at percent 100 */
    GREY_SET_MEMORY_LIMIT, /* bytes, soft: collect more often; 0 none */
    GREY_SET_CGROUP_LIMIT, /* 1: 90 % of the container's memory as the soft limit, read again now and then */
    GREY_SET_HARD_LIMIT,   /* bytes: allocation fails; 0 none */
    GREY_SET_WORKERS,      /* marking threads, 0: as many as CPUs may be used */
    GREY_SET_STRESS,       /* collect at every so manyth allocation; 0 off */
    GREY_SET_VERIFY,       /* 1: verify after each cycle */
    GREY_SET_GCTRACE,      /* 1: a line a cycle on stderr */
    GREY_SET_ROOTS,        /* enum grey_roots */
    GREY_SET_STOP,         /* enum grey_stop; before the first thread is attached */
    GREY_SET_STOP_SIGNAL,  /* number of the signal; before the first thread is attached */
    GREY_SET_FINALIZERS,   /* enum grey_finalizers */
    GREY_SET_CHECK_WRITES, /* 1; before the first allocation */
    GREY_SET_CHECK_TRACE,  /* 1: call trace callbacks on zeroed objects and at odd moments */
    GREY_SET_PERIOD,       /* seconds after which a cycle begins though nothing grew; 0 never */
    GREY_SETTINGS
};
enum grey_roots { GREY_ROOTS_AUTO, GREY_ROOTS_EXACT };
enum grey_stop { GREY_STOP_SIGNAL, GREY_STOP_COOPERATIVE };
enum grey_finalizers { GREY_FINALIZERS_THREAD, GREY_FINALIZERS_PUMP };

/* Changes a setting, over what the environment said, and returns true; false with errno EINVAL (unknown,
 * out of range), EBUSY (too late). get returns its value; 0 with errno EINVAL for an unknown one.
 * Owner: unchanged. Threads: any, attached or not. Safepoint: yes. Cost: a store, and a new goal. */
GREY_API bool grey_set(enum grey_setting what, uint64_t value);
GREY_API uint64_t grey_get(enum grey_setting what);

/* Runs a whole cycle, sweeping included: what was unreachable at the call is free at the return, but for
 * objects that wait for a finalizer. cycle_start marks, and sweeping follows as the program goes on;
 * false when no cycle could begin, because a critical section is open or there is no memory.
 * Owner: unchanged. Threads: any. Safepoint: collects. Cost: about 2 to 40 ns for each object that lives,
 * divided by the marking threads; all threads are stopped meanwhile. */
GREY_API void grey_collect(void);
GREY_API bool grey_cycle_start(void);

/* Between disable and enable, which nest over all threads, no cycle begins by itself. grey_collect still
 * collects, and so does an allocation that finds no memory.
 * Owner: unchanged. Threads: any, attached or not. Safepoint: never. Cost: a few nanoseconds. */
GREY_API void grey_disable(void);
GREY_API void grey_enable(void);

/* Tells of memory outside the heap that managed objects hold, and (negative) that it was given back: it
 * counts as growth, so that cycles come in time.
 * Owner: unchanged. Threads: any, attached or not. Safepoint: collects. Cost: a few nanoseconds. */
GREY_API void grey_external(ptrdiff_t bytes);

/* Sets what is called, with no lock held, on a thread whose managed allocation is about to fail although
 * a collection has run; true tries again. It may free, allocate, collect, or longjmp away. NULL: none.
 * Returns false with errno ENOMEM when there is no memory to note it.
 * Owner: data stays the caller's, no root. Threads: any, attached or not. Safepoint: yes. Cost: a store. */
typedef bool grey_no_memory_fn(size_t size, void *data);
GREY_API bool grey_no_memory_set(grey_no_memory_fn *fn, void *data);

/* ---- statistics --------------------------------------------------------------------------------------- */

enum { GREY_PAUSE_BUCKETS = 40 };

/* What the collector has and what it has done since the start, in bytes and nanoseconds (of
 * CLOCK_MONOTONIC; of CPU time where the name says so). These hold in every answer:
 *
 *     heap_live_bytes   == marked_bytes + fresh_bytes
 *     objects_allocated == objects_freed + objects_live, and bytes alike
 *     mapped_bytes      == in_use_bytes + warm_bytes + released_bytes
 *     cycles            == growth_cycles + limit_cycles + forced_cycles + stress_cycles + period_cycles
 *                          + no_memory_cycles
 *     cycles            == the sum of pause_histogram
 *     stop_ns_total     == stopping_ns + roots_ns + marking_ns + settling_ns + resuming_ns
 */
struct grey_gc_stats {
    uint64_t heap_live_bytes; /* what triggers a cycle is compared with the goal */
    uint64_t heap_goal_bytes; /* at which the next cycle begins; UINT64_MAX: never by growth */
    uint64_t marked_bytes;    /* objects that the last cycle found alive */
    uint64_t fresh_bytes;     /* taken for allocation since */
    uint64_t external_bytes;  /* as told by grey_external */
    uint64_t limit_bytes;     /* the soft limit in force; 0 none */

    uint64_t objects_allocated, objects_freed, objects_live; /* live: not freed, whether reachable or not */
    uint64_t bytes_allocated, bytes_freed, bytes_live;       /* of their slots */

    uint64_t mapped_bytes;   /* address space of the page heap, which manual blocks share */
    uint64_t in_use_bytes;   /* pages of spans */
    uint64_t warm_bytes;     /* free pages still backed by memory */
    uint64_t released_bytes; /* the rest */

    uint64_t cycles; /* by what began them: */
    uint64_t growth_cycles, limit_cycles, forced_cycles, stress_cycles, period_cycles, no_memory_cycles;
    uint64_t root_bytes; /* scanned in the last cycle */
    uint64_t threads;    /* attached */

    uint64_t stop_ns_total, stop_ns_max, stop_ns_last; /* from the request until all threads may go on */
    uint64_t stopping_ns;                              /* until the last thread had stopped */
    uint64_t roots_ns, marking_ns, settling_ns;        /* settling: finalizers, weak references */
    uint64_t resuming_ns;
    /* Stops of less than 0.25 us in bucket 0, of 2^(i-1) / 4 to 2^i / 4 us in bucket i; the last takes all
       that are longer. */
    uint64_t pause_histogram[GREY_PAUSE_BUCKETS];

    uint64_t mark_cpu_ns;  /* CPU time of all marking threads */
    uint64_t sweep_cpu_ns; /* CPU time of sweeping that was not done for an allocation */
    uint64_t finalizers_run, finalizers_waiting, cleanups_run, weak_cleared;
    uint64_t mark_overflows; /* times the mark queue had to do without memory */
};

/* Fills in *out and returns true; false, and nothing written, when out is NULL or out_size is 0.
 * out_size as of grey_stats. Objects count as allocated when their run of slots is taken.
 * Owner: *out is the caller's. Threads: any, attached or not. Safepoint: yes.
 * Cost: some microseconds and a few locks. */
GREY_API bool grey_gc_stats(struct grey_gc_stats *out, size_t out_size);

struct grey_class_stats {
    grey_kind kind;
    size_t size;          /* of a slot; 0: large objects together */
    size_t spans, slots, objects;
};

/* Fills in a row for each kind and class in use, up to max of them, and returns how many there are.
 * Owner: out is the caller's. Threads: any, attached or not. Safepoint: yes. Cost: a walk over all spans. */
GREY_API size_t grey_class_stats(struct grey_class_stats *out, size_t max);

enum grey_event {
    GREY_EVENT_CYCLE_BEGIN, GREY_EVENT_STOP_BEGIN, GREY_EVENT_STOPPED, GREY_EVENT_MARKED, GREY_EVENT_RESUMED,
    GREY_EVENT_CYCLE_END, GREY_EVENT_SWEPT, GREY_EVENT_RELEASED
};

/* Sets what is called at each event with its time (CLOCK_MONOTONIC) and a value: the cycle's number at
 * its begin and end, threads when stopped, bytes marked, nanoseconds of the stop at the resume, bytes
 * swept or released. A cycle that is given up (a critical section, no memory) resumes and ends without
 * more, with 0 at its end; the next one has its number. Threads may be stopped: no call of this library,
 * none of libc that may lock. NULL: none. Returns false with errno ENOMEM when there is no memory to note it.
 * Owner: data stays the caller's. Threads: any, attached or not. Safepoint: yes. Cost: while set, fn's. */
typedef void grey_listener_fn(enum grey_event event, uint64_t time_ns, uint64_t value, void *data);
GREY_API bool grey_listener_set(grey_listener_fn *fn, void *data);

/* ---- finding mistakes ---------------------------------------------------------------------------------- */

/* Stops all threads, marks again by another algorithm, compares, and walks every structure of the heap;
 * returns true when all is well, and says on stderr what is not.
 * Owner: unchanged. Threads: any. Safepoint: yes. Cost: several times that of a cycle. */
GREY_API bool grey_verify(void);

/* Writes every root, every object with its kind and size, and every edge to a descriptor, as text, and
 * returns true; docs/debugging.md has the format. False with errno ENOMEM (the thread cannot be attached),
 * or that of the write that failed.
 * Owner: fd stays the caller's. Threads: any. Safepoint: yes. Cost: a line for each of them. */
GREY_API bool grey_dump(int fd);

/* Writes a shortest path from a root to the object that p points to or into, and returns true; false
 * when no root leads there. A word on a thread's own stack or in its registers is an answer only when
 * there is no other: whoever asks holds the address.
 * Owner: fd stays the caller's. Threads: any. Safepoint: yes. Cost: that of a cycle or two. */
GREY_API bool grey_why_live(const void *p, int fd);

#ifdef __cplusplus
}
#endif

#include "greyspan_inline.h"

#endif
