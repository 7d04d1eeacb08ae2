/* assert: what we can get wrong. The three kinds of check of docs/invariants.md:
   report_misuse() for users' mistakes, always on; assert() here, in debug builds;
   check() walks a structure and is on in the check build. The only #if on NDEBUG. */
#ifndef ALLOC_ASSERT_H
#define ALLOC_ASSERT_H

/* First, for it includes libc's assert.h, whose macro is replaced below. */
#include <atomic_ops.h>

#include "alloc/base.h"

GREY_HIDDEN _Noreturn void assert_failed(const char *text, const char *file, int line);

#undef assert
#ifdef NDEBUG
#define assert(x) ((void)sizeof(x))
#else
#define assert(x) (likely(x) ? (void)0 : assert_failed(#x, __FILE__, __LINE__))
#endif

#ifdef GREY_CHECK
#define check(x) ((void)(x))
#else
#define check(x) ((void)0)
#endif

#endif
