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
    size_t count;        /* [lock:mark] words, while it is in the pool */
    uintptr_t word[PACKET_WORDS];
};
static_assert(sizeof(struct packet) == PACKET_BYTES, "packets fill pages");

/* A marker's end: a packet as its stack, and a spare one, so that a stack that goes up and down at a
   packet's edge stays local. */
struct queue {
    uintptr_t *sp;             /* [owner] one past the newest word */
    uintptr_t *bottom, *end;   /* [owner] of the packet's words */
    struct packet *top, *spare;
    size_t spare_count;        /* [owner] words in the spare one */
};

/* Empty packets, at least so many, as far as the system gives them. */
GREY_HIDDEN void queue_reserve(size_t packets);
GREY_HIDDEN bool queue_open(struct queue *q);

/* Room for n words (at most QUEUE_ROOM) on the stack; false when there is no memory for it. */
#define QUEUE_ROOM 512
GREY_HIDDEN bool queue_make_room(struct queue *q);
GREY_HIDDEN uintptr_t queue_pop_slow(struct queue *q);

GREY_INLINE bool queue_has_room(struct queue *q, size_t n)
{
    return likely((size_t)(q->end - q->sp) >= n) || queue_make_room(q);
}

/* False when there is no memory: the word is not queued. */
GREY_INLINE bool queue_push(struct queue *q, uintptr_t word)
{
    if (unlikely(!queue_has_room(q, 1)))
        return false;
    *q->sp++ = word;
    return true;
}

/* 0 when the marker's own stack is empty and the pool was, too. */
GREY_INLINE uintptr_t queue_pop(struct queue *q)
{
    return likely(q->sp != q->bottom) ? *--q->sp : queue_pop_slow(q);
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
