/* without: takes one remedy out, so that a test shows that it is needed. In a build with GREY_MUTANTS
   the environment's GREY_TEST_WITHOUT names a row of the table; in all others without() is false and
   costs nothing. Each row is one hazard of docs/hazards.md, with the place that asks. */
#ifndef ALLOC_WITHOUT_H
#define ALLOC_WITHOUT_H

#include "alloc/base.h"

#define REMEDIES(row)                                                                                        \
    row(H1_RUN, "the unused part of a cached run is not marked while threads are stopped")                   \
    row(H1_BUSY, "a thread inside the allocator is stopped at once")                                         \
    row(H2_ZERO, "slots are not zeroed before they are handed out")                                          \
    row(H3_ALLOC, "markers do not look at the alloc bit")                                                    \
    row(H5_OVERFLOW, "what did not fit the mark queue is forgotten")                                         \
    row(H6_DLOPEN, "a module opened between the reading of the loader's list and the stop goes unnoticed")   \
    row(H6_DLCLOSE, "data of modules are read though they may be unmapped meanwhile")                        \
    row(H6_LOADER, "a forked child asks for the loader's list, whose lock may be lost")                      \
    row(H8_REDZONE, "the 128 bytes below the interrupted stack pointer are not scanned")                     \
    row(H8_VECTOR, "vector registers are not scanned")                                                       \
    row(H8_REGISTERS, "general registers are not scanned")                                                   \
    row(H8_ALTSTACK, "a thread on its alternate stack: the normal one is not scanned")                       \
    row(H8_TLS, "thread-local storage is not scanned")                                                       \
    row(H8_KEYS, "thread-specific values from key 32 on are not scanned")                                    \
    row(H10_FINALIZER, "the queue of finalizers is no root")                                                 \
    row(H11_ARGUMENT, "a new thread's argument is not kept")                                                 \
    row(H11_RESULT, "an ended thread's result is not kept")                                                  \
    row(H12_LOCK, "a thread that holds a lock of the allocator's is stopped at once")                         \
    row(H15_ZERO, "trace callbacks are called on zeroed objects")                                            \
    row(H16_PAST, "a pointer one past the end keeps nothing")                                                \
    row(H17_SWEEP, "cached spans are not swept before threads go on")                                        \
    row(SWEEP_FINISH, "a cycle begins before the last one is swept")                                         \
    row(ROOT_DATA, "writable data are not scanned")                                                          \
    row(ROOT_FIBER, "parked fibers are not scanned")                                                         \
    row(EPHEMERON_FIXPOINT, "ephemerons are looked at once")                                                 \
    row(WEAK_CLEAR, "weak references to dead objects stay")

#define AS_REMEDY(name, sentence) WITHOUT_##name,
enum remedy { REMEDIES(AS_REMEDY) REMEDY_COUNT };

#ifdef GREY_MUTANTS
GREY_HIDDEN bool without_asked(enum remedy r);
#define without(name) unlikely(without_asked(WITHOUT_##name))
#else
#define without(name) false
#endif

#endif
