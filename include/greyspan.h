/* Greyspan: memory for C programs.
 *
 * The functions here are malloc and its family on a heap of their own. A program that links
 * libgreyspan keeps its libc malloc beside it; a block goes back to the heap it came from.
 *
 * A complete program (cc words.c -lgreyspan):
 *
 *     #include <greyspan.h>
 *     #include <stdio.h>
 *
 *     // Reads a file of any length into one block that grows.
 *     int main(int argc, char **argv)
 *     {
 *         FILE *in = fopen(argc > 1 ? argv[1] : "/etc/passwd", "r");
 *         char *text = NULL;
 *         size_t length = 0, words = 0;
 *
 *         for (int c, last = ' '; in != NULL && (c = getc(in)) != EOF; last = c) {
 *             if (length == grey_usable_size(text)) {
 *                 char *longer = (char *)grey_realloc(text, length + length / 2 + 64);
 *                 if (longer == NULL)
 *                     break; // text is as it was
 *                 text = longer;
 *             }
 *             text[length++] = (char)c;
 *             words += (last == ' ' || last == '\n') && c != ' ' && c != '\n';
 *         }
 *         printf("%zu words in %zu bytes\n", words, length);
 *         if (in != NULL)
 *             fclose(in);
 *         grey_free(text);
 *
 *         struct grey_stats s;
 *         if (grey_stats(&s, sizeof s))
 *             printf("%zu bytes still in blocks\n", s.block_bytes);
 *         return 0;
 *     }
 *
 * What holds for all functions: they may be called from any thread at any time, before main, in
 * destructors and in a forked child, but not from a signal handler. A pointer that is not a live
 * block of this heap ends the program with a sentence on stderr that names the function and the
 * pointer; with GREY_ON_ERROR=ignore in the environment the call does nothing instead. Sizes are
 * bytes.
 */
#ifndef GREYSPAN_H
#define GREYSPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GREY_VERSION "0.1.0"

#define GREY_API __attribute__((visibility("default")))

/* ---- blocks ------------------------------------------------------------------------------------- */

/* Frees a block. NULL is nothing to free. errno is kept.
 *
 * Owner: the block is the heap's again; the program must not touch it.
 * Threads: any; a block may be freed by another thread than the one that allocated it.
 * Safepoint: never; no collection happens inside, here and in every function of this header.
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
 * On failure NULL with errno ENOMEM, and p is as it was.
 *
 * Owner: the caller owns the result; p is gone unless the call failed.
 * Threads: any.
 * Safepoint: never.
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
 *     span_bytes     == block_bytes + cached_bytes + unused_bytes
 *
 * Threads that allocate during the call may be counted in part. */
struct grey_stats {
    size_t reserved_bytes; /* address space of the heap */
    size_t span_bytes;     /* pages that hold blocks */
    size_t warm_bytes;     /* free pages still backed by memory */
    size_t released_bytes; /* the rest: given back, or not needed so far */

    size_t block_bytes;  /* blocks the program holds, rounded up to their slots */
    size_t cached_bytes; /* free blocks that threads keep for themselves */
    size_t unused_bytes; /* the rest of the spans: free slots, ends of pages */

    size_t metadata_bytes; /* the heap's own records, outside the above */
    size_t peak_bytes;     /* the most that spans and warm pages ever took together */
    size_t large_bytes;    /* the part of block_bytes in blocks of more than 1 MiB */
    size_t large_count;    /* number of those */
    size_t span_count;     /* number of spans now */
    size_t thread_count;   /* number of threads with a cache */

    uint64_t spans_created;       /* number of spans ever made */
    uint64_t returned_bytes_ever; /* memory given back to the system since the start */
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

#ifdef __cplusplus
}
#endif

#endif
