/* front_cxx: operator new and delete of C++, in C, in libgreyspan-malloc.so only.
 *
 * All 8 forms of new and 12 of delete, by their mangled names. The library needs no C++ run-time,
 * yet a program that has one gets standard behaviour when memory runs out: the new-handler is called
 * until it gives up, then std::bad_alloc is thrown (or NULL returned by the nothrow forms). What that
 * takes of the run-time is looked up when it happens: by weak references, and, for a run-time that
 * came in later with a plugin, by name in the libraries where it lives.
 *
 * Compiled with -fexceptions: exceptions of the handler and bad_alloc pass through the frames here.
 */
#define _GNU_SOURCE
#include "alloc/heap.h"
#include "alloc/report.h"

#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <unwind.h>

#define EXPORT __attribute__((visibility("default")))

typedef void (*new_handler)(void);

/* ---- the C++ run-time, if there is one ---------------------------------------------------------- */

/* std::get_new_handler(), std::__throw_bad_alloc() of libstdc++ and of libc++, and the two calls
   that catch an exception and drop it. */
__attribute__((weak)) new_handler _ZSt15get_new_handlerv(void);
__attribute__((weak)) void _ZSt17__throw_bad_allocv(void);
__attribute__((weak)) void _ZNSt3__117__throw_bad_allocEv(void);
__attribute__((weak)) void *__cxa_begin_catch(void *exception);
__attribute__((weak)) void __cxa_end_catch(void);

/* The address of a function of the run-time, or NULL. Looked up only when memory has run out, and
   never by loading anything. */
static void *runtime_function(void *weak, const char *name)
{
    static const char *const libraries[] = { "libstdc++.so.6", "libc++.so.1", "libc++abi.so.1" };
    for (size_t i = 0; weak == NULL && i < COUNT(libraries); i++) {
        void *library = dlopen(libraries[i], RTLD_NOLOAD | RTLD_LAZY);
        if (library == NULL)
            continue;
        weak = dlsym(library, name);
        dlclose(library);
    }
    return weak;
}

#define RUNTIME_FUNCTION(name) ((__typeof__(&name))runtime_function((void *)name, #name))

static new_handler current_handler(void)
{
    new_handler (*get)(void) = RUNTIME_FUNCTION(_ZSt15get_new_handlerv);
    return get == NULL ? NULL : get();
}

_Noreturn static void throw_bad_alloc(size_t size)
{
    void (*thrower)(void) = RUNTIME_FUNCTION(_ZSt17__throw_bad_allocv);
    if (thrower == NULL)
        thrower = RUNTIME_FUNCTION(_ZNSt3__117__throw_bad_allocEv);
    if (thrower != NULL)
        thrower();
    report_fatal("operator new(%zu): out of memory, and no C++ run-time to throw std::bad_alloc with", size);
}

/* ---- a catch (...) in C ------------------------------------------------------------------------- */

/* The nothrow forms answer NULL when the handler throws. C has no catch, but the unwinder asks each
   frame's personality routine whether the frame handles the exception. call_and_catch() names one of
   ours for its frame, which says yes; when the unwinder, having run the destructors of the frames
   above, arrives to install the handler, it jumps back by longjmp. */
struct guard {
    jmp_buf landing;
    void *exception;
};

/* [owner] the guard of the innermost call_and_catch() of this thread. */
static __thread struct guard *innermost;

GREY_HIDDEN _Unwind_Reason_Code front_cxx_personality(int version, _Unwind_Action actions,
                                                      _Unwind_Exception_Class exception_class,
                                                      struct _Unwind_Exception *exception,
                                                      struct _Unwind_Context *context);

__attribute__((used)) _Unwind_Reason_Code front_cxx_personality(int version, _Unwind_Action actions,
                                                                _Unwind_Exception_Class exception_class,
                                                                struct _Unwind_Exception *exception,
                                                                struct _Unwind_Context *context)
{
    (void)exception_class;
    (void)context;
    /* A thread being cancelled unwinds through; nobody may stop that. */
    if (version != 1 || (actions & _UA_FORCE_UNWIND) != 0)
        return _URC_CONTINUE_UNWIND;
    if ((actions & _UA_SEARCH_PHASE) != 0)
        return _URC_HANDLER_FOUND;
    if ((actions & _UA_HANDLER_FRAME) == 0)
        return _URC_CONTINUE_UNWIND;
    innermost->exception = exception;
    longjmp(innermost->landing, 1);
}

static void drop_exception(void *exception)
{
    void *(*begin)(void *) = RUNTIME_FUNCTION(__cxa_begin_catch);
    void (*end)(void) = RUNTIME_FUNCTION(__cxa_end_catch);
    if (begin == NULL || end == NULL)
        return; /* not C++'s, and so small a leak is all that can be done about it */
    begin(exception);
    end();
}

/* Calls the handler; false when it left by an exception. */
GREY_NOINLINE static bool call_and_catch(new_handler handler)
{
    struct guard guard, *outer = innermost;
    /* 0x1b: the routine's address as a 4-byte distance from here. */
    __asm__ volatile(".cfi_personality 0x1b, front_cxx_personality");
    if (setjmp(guard.landing) != 0) {
        drop_exception(innermost->exception);
        innermost = outer;
        return false;
    }
    innermost = &guard;
    handler();
    innermost = outer;
    return true;
}

/* ---- new ---------------------------------------------------------------------------------------- */

static void *attempt(size_t size, size_t alignment, const char *call)
{
    if (alignment <= MIN_ALIGN)
        return heap_malloc(size, call);
    if (is_pow2(alignment))
        return heap_aligned(alignment, size, call);
    errno = ENOMEM; /* no compiler asks for that; libstdc++ throws bad_alloc too */
    return NULL;
}

/* After a first failure: the handler may find memory, or another handler; with none left we give up
   and throw. */
GREY_COLD static void *new_or_throw(size_t size, size_t alignment, const char *call)
{
    for (;;) {
        new_handler handler = current_handler();
        if (handler == NULL)
            throw_bad_alloc(size);
        handler();
        void *p = attempt(size, alignment, call);
        if (p != NULL)
            return p;
    }
}

GREY_COLD static void *new_or_null(size_t size, size_t alignment, const char *call)
{
    for (;;) {
        new_handler handler = current_handler();
        if (handler == NULL || !call_and_catch(handler))
            return NULL;
        void *p = attempt(size, alignment, call);
        if (p != NULL)
            return p;
    }
}

/* A new that worked leaves errno alone, also when it took the handler to make it work: that is the
   handler's business. */
#define DEFINE_NEW(call, plain, nothrow, plain_aligned, nothrow_aligned)                                     \
    EXPORT void *plain(size_t size);                                                                         \
    EXPORT void *nothrow(size_t size, const void *tag);                                                      \
    EXPORT void *plain_aligned(size_t size, size_t alignment);                                               \
    EXPORT void *nothrow_aligned(size_t size, size_t alignment, const void *tag);                            \
    void *plain(size_t size)                                                                                 \
    {                                                                                                        \
        void *p = heap_malloc(size, call);                                                                   \
        return likely(p != NULL) ? p : new_or_throw(size, MIN_ALIGN, call);                                  \
    }                                                                                                        \
    void *nothrow(size_t size, const void *tag)                                                              \
    {                                                                                                        \
        (void)tag;                                                                                           \
        void *p = heap_malloc(size, call);                                                                   \
        return likely(p != NULL) ? p : new_or_null(size, MIN_ALIGN, call);                                   \
    }                                                                                                        \
    void *plain_aligned(size_t size, size_t alignment)                                                       \
    {                                                                                                        \
        void *p = attempt(size, alignment, call);                                                            \
        return likely(p != NULL) ? p : new_or_throw(size, alignment, call);                                  \
    }                                                                                                        \
    void *nothrow_aligned(size_t size, size_t alignment, const void *tag)                                    \
    {                                                                                                        \
        (void)tag;                                                                                           \
        void *p = attempt(size, alignment, call);                                                            \
        return likely(p != NULL) ? p : new_or_null(size, alignment, call);                                   \
    }

DEFINE_NEW("operator new", _Znwm, _ZnwmRKSt9nothrow_t, _ZnwmSt11align_val_t,
           _ZnwmSt11align_val_tRKSt9nothrow_t)
DEFINE_NEW("operator new[]", _Znam, _ZnamRKSt9nothrow_t, _ZnamSt11align_val_t,
           _ZnamSt11align_val_tRKSt9nothrow_t)

/* ---- delete ------------------------------------------------------------------------------------- */

/* The sized forms check the size, as free_sized does: a class deleted through a base without a
   virtual destructor is found here. */
#define DEFINE_DELETE(call, plain, sized, nothrow, plain_aligned, sized_aligned, nothrow_aligned)            \
    EXPORT void plain(void *p);                                                                              \
    EXPORT void sized(void *p, size_t size);                                                                 \
    EXPORT void nothrow(void *p, const void *tag);                                                           \
    EXPORT void plain_aligned(void *p, size_t alignment);                                                    \
    EXPORT void sized_aligned(void *p, size_t size, size_t alignment);                                       \
    EXPORT void nothrow_aligned(void *p, size_t alignment, const void *tag);                                 \
    void plain(void *p)                                                                                      \
    {                                                                                                        \
        heap_free(p, call);                                                                                  \
    }                                                                                                        \
    void sized(void *p, size_t size)                                                                         \
    {                                                                                                        \
        heap_free_sized(p, size, call);                                                                      \
    }                                                                                                        \
    void nothrow(void *p, const void *tag)                                                                   \
    {                                                                                                        \
        (void)tag;                                                                                           \
        heap_free(p, call);                                                                                  \
    }                                                                                                        \
    void plain_aligned(void *p, size_t alignment)                                                            \
    {                                                                                                        \
        (void)alignment;                                                                                     \
        heap_free(p, call);                                                                                  \
    }                                                                                                        \
    void sized_aligned(void *p, size_t size, size_t alignment)                                               \
    {                                                                                                        \
        (void)alignment;                                                                                     \
        heap_free_sized(p, size, call);                                                                      \
    }                                                                                                        \
    void nothrow_aligned(void *p, size_t alignment, const void *tag)                                         \
    {                                                                                                        \
        (void)alignment;                                                                                     \
        (void)tag;                                                                                           \
        heap_free(p, call);                                                                                  \
    }

DEFINE_DELETE("operator delete", _ZdlPv, _ZdlPvm, _ZdlPvRKSt9nothrow_t, _ZdlPvSt11align_val_t,
              _ZdlPvmSt11align_val_t, _ZdlPvSt11align_val_tRKSt9nothrow_t)
DEFINE_DELETE("operator delete[]", _ZdaPv, _ZdaPvm, _ZdaPvRKSt9nothrow_t, _ZdaPvSt11align_val_t,
              _ZdaPvmSt11align_val_t, _ZdaPvSt11align_val_tRKSt9nothrow_t)
