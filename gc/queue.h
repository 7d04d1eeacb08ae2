/* queue: grey objects that wait to be scanned: packets of words, a stack of its own for each marker and a
   pool that all share. Memory comes from the system, not from metadata, whose lock a stopped thread may
   hold; when there is none queue_push() says so, and the marker remembers otherwise what it could not
   queue (mark.c). */
#ifndef GC_QUEUE_H
#define GC_QUEUE_H

#include "gc/gc.h"

#define PACKET_BYTES KIB(32)
#define PACKET_WORDS (PACKET_BYTES / sizeof(uintptr_t) - 2)

struct packet {
    struct packet *next; /* [lock:mark] */
    size_t count;        /* [owner] */
    uintptr_t word[PACKET_WORDS];
};
static_assert(sizeof(struct packet) == PACKET_BYTES, "packets fill pages");

/* A marker's end: two packets, so that a stack that goes up and down at a packet's edge stays local. */
struct queue {
    struct packet *top, *spare; /* [owner] spare is full or empty */
};

/* Empty packets, at least so many, as far as the system gives them. */
GREY_HIDDEN void queue_reserve(size_t packets);
GREY_HIDDEN bool queue_open(struct queue *q);
GREY_HIDDEN void queue_close(struct queue *q); /* empty */

GREY_HIDDEN bool queue_push_slow(struct queue *q, uintptr_t word);
GREY_HIDDEN uintptr_t queue_pop_slow(struct queue *q);

/* False when there is no memory: the word is not queued. */
GREY_INLINE bool queue_push(struct queue *q, uintptr_t word)
{
    struct packet *p = q->top;
    if (likely(p->count < PACKET_WORDS)) {
        p->word[p->count++] = word;
        return true;
    }
    return queue_push_slow(q, word);
}

/* 0 when the marker's own stack is empty and the pool was, too. */
GREY_INLINE uintptr_t queue_pop(struct queue *q)
{
    struct packet *p = q->top;
    if (likely(p->count > 0))
        return p->word[--p->count];
    return queue_pop_slow(q);
}

/* Gives half of what the marker has to the pool, if that is empty. */
GREY_HIDDEN void queue_share(struct queue *q);
/* Is there something in the pool? A hint. */
GREY_HIDDEN bool queue_pool_has_work(void);
/* After a cycle: what empty packets beyond those worth keeping hold goes back to the system. */
GREY_HIDDEN void queue_trim(void);
GREY_HIDDEN void queue_fork_child(void);
/* For tests: no more than so many packets are in use at once; 0 lifts it. A marker needs two. */
GREY_HIDDEN void queue_limit(size_t packets);

#endif
