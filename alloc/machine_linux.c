/* machine, on Linux with glibc: x86-64 and AArch64, and as far as it goes others. See machine.h. */
#define _GNU_SOURCE
#include "alloc/machine.h"

#include "alloc/os.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <sys/uio.h>
#include <unistd.h>
#include <valgrind/valgrind.h>

/* ---- the processor ---- */

static uintptr_t thread_pointer(void)
{
#if defined(__x86_64__)
    uintptr_t p;
    __asm__("mov %%fs:0, %0" : "=r"(p));
    return p;
#else
    return (uintptr_t)__builtin_thread_pointer();
#endif
}

GREY_NOINLINE void machine_spilled(machine_spilled_fn *fn, void *argument)
{
#if defined(__aarch64__)
    /* The lower halves of v8 to v15 are the caller's, too, and the builtin below leaves them alone. */
    double vector[8];
    __asm__ __volatile__("stp d8, d9, [%0]\n\tstp d10, d11, [%0, #16]\n\t"
                         "stp d12, d13, [%0, #32]\n\tstp d14, d15, [%0, #48]"
                         :
                         : "r"(vector)
                         : "memory");
#endif
    /* Stores them in this frame. Not setjmp(), which mangles some of them. */
    __builtin_unwind_init();
    uintptr_t sp;
#if defined(__x86_64__)
    __asm__ __volatile__("mov %%rsp, %0" : "=r"(sp));
#elif defined(__aarch64__)
    __asm__ __volatile__("mov %0, sp" : "=r"(sp));
#else
    sp = (uintptr_t)&sp;
#endif
    fn(argument, sp);
    /* No call in tail position: this frame must stay. */
    __asm__ __volatile__("" : : : "memory");
}

#if defined(__x86_64__)
/* The end of what XSAVE stored, of which the kernel tells the size in bytes that FXSAVE leaves free. */
MACHINE_ANY_MEMORY static struct machine_range vector_of(const ucontext_t *u)
{
    enum { MARK = 0x46505853, AT = 464, LEGACY = 512 };
    uintptr_t from = (uintptr_t)u->uc_mcontext.fpregs;
    uint32_t mark, bytes;
    if (from == 0)
        return (struct machine_range){ 0, 0 };
    const uint32_t *word = (const uint32_t *)(from + AT);
    mark = word[0];
    bytes = word[1];
    return (struct machine_range){ from, from + (mark == MARK ? bytes : LEGACY) };
}

static void frame_read(struct machine_frame *f, const ucontext_t *u)
{
    const greg_t *regs = u->uc_mcontext.gregs;
    f->general = (struct machine_range){ (uintptr_t)regs, (uintptr_t)(regs + NGREG) };
    f->vector = vector_of(u);
    f->sp = (uintptr_t)regs[REG_RSP];
}
#elif defined(__aarch64__)
static void frame_read(struct machine_frame *f, const ucontext_t *u)
{
    const mcontext_t *m = &u->uc_mcontext;
    f->general = (struct machine_range){ (uintptr_t)m->regs, (uintptr_t)(m->regs + COUNT(m->regs)) };
    f->sp = (uintptr_t)m->sp;
    /* Records of the kernel's up to the frame's end: SVE's may lie behind the context proper. The frame
       ends where the interrupted code's stack begins, or at the end of the alternate stack. */
    uintptr_t end = machine_in(f->alt, f->at) && !machine_in(f->alt, f->sp) ? f->alt.to : f->sp;
    f->vector = (struct machine_range){ (uintptr_t)m->__reserved, end };
    if (end < f->vector.from)
        f->vector.to = (uintptr_t)(m + 1);
}
#else
static void frame_read(struct machine_frame *f, const ucontext_t *u)
{
    f->general = (struct machine_range){ (uintptr_t)u, (uintptr_t)(u + 1) };
    f->sp = f->at;
}
#endif

/* ---- the calling thread ---- */

/* When libc cannot tell (without /proc): the first thread's stack ends near where its environment is. */
extern void *__libc_stack_end __attribute__((weak));

static bool stack_of_first(struct machine_range *out)
{
    if (&__libc_stack_end == NULL)
        return false;
    struct machine_range r = { 0, round_up((uintptr_t)__libc_stack_end + 1, os_page_size()) };
    out->to = r.to;
    out->from = machine_mapped_from(r);
    return true;
}

bool machine_thread_self(struct machine_thread *out)
{
    pthread_attr_t attr;
    void *low;
    size_t bytes;
    out->pointer = thread_pointer();
    out->tid = os_gettid();
    out->first = out->tid == os_getpid();
    int error = pthread_getattr_np(pthread_self(), &attr);
    if (error != 0) {
        errno = error;
        if (out->first)
            return error != ENOMEM && stack_of_first(&out->stack);
        return machine_thread_stack(out->pointer, &out->stack);
    }
    pthread_attr_getstack(&attr, &low, &bytes);
    pthread_attr_destroy(&attr);
    out->stack = (struct machine_range){ (uintptr_t)low, (uintptr_t)low + bytes };
    return true;
}

void machine_thread_name(char out[MACHINE_NAME_BYTES])
{
    out[0] = '\0';
    prctl(PR_GET_NAME, out, 0, 0, 0);
    out[MACHINE_NAME_BYTES - 1] = '\0';
}

void machine_yield(void)
{
    int kept = errno;
    syscall(SYS_sched_yield);
    errno = kept;
}

static struct machine_range alt_range(const stack_t *s)
{
    uintptr_t from = (uintptr_t)s->ss_sp;
    if ((s->ss_flags & SS_DISABLE) != 0)
        return (struct machine_range){ 0, 0 };
    return (struct machine_range){ from, from + s->ss_size };
}

struct machine_range machine_alt_stack(void)
{
    stack_t now = { .ss_flags = SS_DISABLE };
    sigaltstack(NULL, &now);
    return alt_range(&now);
}

unsigned machine_stack_announce(struct machine_range stack)
{
    return VALGRIND_STACK_REGISTER(stack.from, stack.to);
}

void machine_stack_renounce(unsigned id)
{
    VALGRIND_STACK_DEREGISTER(id);
}

/* ---- the stop signal ---- */

static_assert(MACHINE_STOP_SIGNAL == SIGURG, "the standard signal");

/* The handlers that were there before ours. One is replaced only when the program installs another over
   ours, seconds apart, so that a handler never reads the one that is being written. */
static struct {
    int number;                 /* [const] */
    machine_stop_fn *fn;        /* [const] */
    struct sigaction before[2]; /* see above */
    struct atomic32 current;    /* [atomic] which of them */
    struct atomic32 process;    /* [atomic] our id */
    struct atomic32 plain;      /* [atomic] the system refuses signals with a value: tgkill() */
} stop;

const char *machine_signal_problem(int signal)
{
    switch (signal) {
    case SIGKILL:
    case SIGSTOP:
        return "no program can catch it";
    case SIGSEGV:
    case SIGBUS:
    case SIGILL:
    case SIGFPE:
    case SIGTRAP:
    case SIGABRT:
        return "it tells of errors";
    case SIGPWR:
        return "container managers send it to stop a program";
    case SIGXCPU:
        return "it tells of a spent limit";
    default:
        if (signal >= 32 && signal < SIGRTMIN)
            return "libc keeps it for itself";
        return signal >= 1 && signal <= SIGRTMAX ? NULL : "there is no such signal";
    }
}

/* What the kernel would have done without any handler: nothing, or end the program. */
static void act_by_default(int signal)
{
    struct sigaction standard = { .sa_handler = SIG_DFL };
    if (signal == SIGURG || signal == SIGCHLD || signal == SIGWINCH || signal == SIGCONT)
        return;
    sigaction(signal, &standard, NULL);
    raise(signal); /* blocked until we return */
}

/* A handler that the program installed over ours may hand on to ours in turn, which would hand on to it. */
static __thread bool handing_on __attribute__((tls_model("initial-exec")));

static void hand_on(int signal, siginfo_t *info, void *context)
{
    if (handing_on)
        return;
    handing_on = true;
    /* acquire: pairs with the release in install(). */
    const struct sigaction *a = &stop.before[a32_load_acquire(&stop.current)];
    if ((a->sa_flags & SA_SIGINFO) != 0)
        a->sa_sigaction(signal, info, context);
    else if (a->sa_handler == SIG_DFL)
        act_by_default(signal);
    else if (a->sa_handler != SIG_IGN)
        a->sa_handler(signal);
    handing_on = false;
}

/* Ours carries an address of ours. Where the system refuses such signals every one that this process
   sends to a thread is taken for ours. */
static bool is_ours(const siginfo_t *info)
{
    if (info->si_code == SI_QUEUE)
        return info->si_value.sival_ptr == &stop;
    /* relaxed, both: numbers. */
    return info->si_code == SI_TKILL && a32_load_relaxed(&stop.plain) != 0
           && (uint32_t)info->si_pid == a32_load_relaxed(&stop.process);
}

static void on_signal(int signal, siginfo_t *info, void *context)
{
    int kept = errno;
    const ucontext_t *u = context;
    struct machine_frame f = { .at = (uintptr_t)u, .alt = alt_range(&u->uc_stack) };
    frame_read(&f, u);
    stop.fn(&f);
    if (!is_ours(info))
        hand_on(signal, info, context);
    errno = kept;
}

static bool is_installed(void)
{
    struct sigaction now;
    return sigaction(stop.number, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) != 0
           && now.sa_sigaction == on_signal;
}

static bool install(void)
{
    struct sigaction a = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK };
    uint32_t slot = 1 - a32_load_relaxed(&stop.current); /* relaxed: only we write it */
    /* Every signal, libc's own for cancellation too: no other handler runs in a stopped thread. */
    memset(&a.sa_mask, 0xff, sizeof a.sa_mask);
    if (sigaction(stop.number, NULL, &stop.before[slot]) != 0)
        return false;
    /* release: pairs with the acquire in hand_on(). Ours may run from the next line on. */
    a32_store_release(&stop.current, slot);
    return sigaction(stop.number, &a, NULL) == 0;
}

bool machine_signal_install(int signal, machine_stop_fn *fn)
{
    stop.number = signal;
    stop.fn = fn;
    a32_store_relaxed(&stop.process, (uint32_t)os_getpid()); /* relaxed: our thread's, before any signal */
    /* It is there in a child that was forked amid another thread's first use of the collector. */
    return is_installed() || install();
}

bool machine_signal_renew(void)
{
    return !is_installed() && install();
}

void machine_signal_admit(void)
{
    sigset_t one;
    if (stop.number == 0)
        return; /* threads are stopped without */
    sigemptyset(&one);
    sigaddset(&one, stop.number);
    pthread_sigmask(SIG_UNBLOCK, &one, NULL);
}

/* Not pthread_kill(), which takes a lock and is content with a thread that has ended. */
static long send_signal(int process, int tid)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = stop.number;
    info.si_code = SI_QUEUE;
    info.si_pid = process;
    info.si_uid = getuid();
    info.si_value.sival_ptr = &stop;
    if (a32_load_relaxed(&stop.plain) == 0) { /* relaxed: only we write it */
        long r = syscall(SYS_rt_tgsigqueueinfo, process, tid, stop.number, &info);
        if (r == 0 || errno == ESRCH || errno == EAGAIN)
            return r;
        a32_store_relaxed(&stop.plain, 1); /* relaxed: the kernel orders it before the signal */
    }
    return syscall(SYS_tgkill, process, tid, stop.number);
}

enum machine_sent machine_signal_send(int tid)
{
    int kept = errno;
    long r = send_signal((int)a32_load_relaxed(&stop.process), tid);
    enum machine_sent sent = r == 0 ? MACHINE_SENT : errno == ESRCH ? MACHINE_GONE : MACHINE_LATER;
    errno = kept;
    return sent;
}

static char *put_text(char *to, const char *s)
{
    size_t n = strlen(s);
    memcpy(to, s, n);
    return to + n;
}

static char *put_number(char *to, int n)
{
    if (n >= 10)
        to = put_number(to, n / 10);
    *to = (char)('0' + n % 10);
    return to + 1;
}

/* Behind a label of /proc's status, and a tab. */
static const char *field(const char *text, const char *label)
{
    const char *at = strstr(text, label);
    return at == NULL ? "" : at + strlen(label);
}

/* Between stop and resume: system calls only, none of which is a cancellation point. */
bool machine_thread_status(int tid, struct machine_status *out)
{
    char text[4096];
    char *end = put_text(put_number(put_text(text, "/proc/self/task/"), tid), "/status");
    *end = '\0';
    long fd = syscall(SYS_openat, AT_FDCWD, text, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    long n = syscall(SYS_read, fd, text, sizeof text - 1);
    syscall(SYS_close, fd);
    text[n < 0 ? 0 : n] = '\0';
    uint64_t bits = 0;
    for (const char *m = field(text, "\nSigBlk:\t"); (*m >= '0' && *m <= '9') || (*m >= 'a' && *m <= 'f');
         m++)
        bits = bits << 4 | (uint64_t)(*m <= '9' ? *m - '0' : *m - 'a' + 10);
    out->blocks_signal = (bits >> (stop.number - 1) & 1) != 0;
    out->state = *field(text, "\nState:\t");
    const char *name = field(text, "Name:\t");
    size_t length = strcspn(name, "\n");
    if (length > sizeof out->name - 1)
        length = sizeof out->name - 1;
    memcpy(out->name, name, length);
    out->name[length] = '\0';
    return out->state != '\0';
}

void machine_fork_child(void)
{
    a32_store_relaxed(&stop.process, (uint32_t)os_getpid()); /* relaxed: the only thread */
}

/* ---- memory ---- */

/* A way of changing the signal mask that does not exist: the kernel reads the mask before it says so. No
   sandbox minds. Valgrind has another opinion of such a call, and none of the one that it gets instead. */
bool machine_is_readable(uintptr_t p)
{
    int kept = errno;
    bool readable;
    p = round_down(p, sizeof p);
    if (RUNNING_ON_VALGRIND) {
        uintptr_t word;
        struct iovec to = { &word, sizeof word }, from = { (void *)p, sizeof word };
        readable = syscall(SYS_process_vm_readv, getpid(), &to, 1, &from, 1, 0) == (long)sizeof word;
    } else {
        readable = syscall(SYS_rt_sigprocmask, ~0, p, NULL, sizeof(uint64_t)) == -1 && errno == EINVAL;
    }
    errno = kept;
    return readable;
}

uintptr_t machine_mapped_from(struct machine_range r)
{
    int kept = errno;
    unsigned char unused[64];
    size_t page = os_page_size(), step = page * COUNT(unused);
    uintptr_t at = round_down(r.to, page);
    while (at > r.from) {
        size_t bytes = at - r.from < step ? round_up(at - r.from, page) : step;
        if (syscall(SYS_mincore, at - bytes, bytes, unused) == 0)
            at -= bytes;
        else if (step > page)
            step = page;
        else
            break;
    }
    errno = kept;
    return at > r.from ? at : r.from;
}

/* ---- thread-local storage ----

   The vector of a thread's blocks hangs off its record: vector[-1] tells how many entries it has,
   vector[module] where the block is, all ones while the thread has not touched it. */

#if defined(__GLIBC__) && (defined(__x86_64__) || defined(__aarch64__))
#define HAS_VECTOR 1
#else
#define HAS_VECTOR 0
#endif

struct vector_entry {
    uintptr_t value;
    uintptr_t to_free;
};

/* Known after machine_tls_learn(). */
static struct {
    struct atomicw static_bytes; /* [atomic] of all modules that have a fixed place; 0 unknown */
    struct atomicw record_bytes; /* [atomic] libc's record of a thread; 0 unknown */
    struct atomicw keys_at;      /* [atomic] where the key arrays' addresses are, from the thread pointer; 0 unknown */
} tls; /* relaxed, all: the same whoever stores it */

/* From a thread pointer to the end of the stack that libc gave the thread; 0 unknown. */
static size_t bytes_above(void)
{
    if (!HAS_VECTOR)
        return 0;
#if defined(__x86_64__)
    return aw_load_relaxed(&tls.record_bytes);
#else
    return aw_load_relaxed(&tls.static_bytes);
#endif
}

bool machine_thread_stack(uintptr_t pointer, struct machine_range *out)
{
    size_t page = os_page_size(), above = bytes_above();
    if (above == 0)
        return false;
    out->to = round_up(pointer + above, page);
    out->from = round_down(pointer, page);
    while (machine_is_readable(out->from - page))
        out->from -= page;
    return true;
}

/* Of unknown size, on one side of the thread pointer. */
struct machine_range machine_thread_record(const struct machine_thread *t)
{
#if defined(__x86_64__)
    struct machine_range r = { t->pointer, t->pointer + MACHINE_RECORD_BYTES };
    if (machine_in(t->stack, t->pointer) && r.to > t->stack.to)
        r.to = t->stack.to;
    uintptr_t next = round_down(r.to - 1, os_page_size());
    if (next > r.from && !machine_is_readable(next))
        r.to = next;
#else
    struct machine_range r = { t->pointer + 2 * sizeof(uintptr_t) - MACHINE_RECORD_BYTES,
                               t->pointer + 2 * sizeof(uintptr_t) };
    uintptr_t first = round_up(r.from, os_page_size());
    if (first < t->pointer && !machine_is_readable(r.from))
        r.from = first;
#endif
    return r;
}

struct machine_range machine_static_tls(const struct machine_thread *t)
{
    size_t bytes = aw_load_relaxed(&tls.static_bytes);
    if (bytes == 0)
        return (struct machine_range){ 0, 0 };
#if defined(__x86_64__)
    struct machine_range r = { t->pointer - bytes, t->pointer };
    r.from = machine_mapped_from(r);
    return r;
#else
    return (struct machine_range){ t->pointer, t->pointer + bytes };
#endif
}

MACHINE_ANY_MEMORY struct machine_tls machine_tls_of(const struct machine_thread *t)
{
    struct machine_tls none = { NULL, 0 };
#if HAS_VECTOR
#if defined(__x86_64__)
    const struct vector_entry *vector = ((struct vector_entry **)t->pointer)[1];
#else
    const struct vector_entry *vector = ((struct vector_entry **)t->pointer)[0];
#endif
    /* The thread may have been stopped while it was exchanging its vector for a larger one. */
    if (!machine_is_readable((uintptr_t)(vector - 1)))
        return none;
    size_t count = vector[-1].value;
    uintptr_t last = (uintptr_t)(vector + count);
    if (count > UINT32_MAX
        || (last / os_page_size() != (uintptr_t)(vector - 1) / os_page_size() && !machine_is_readable(last)))
        return none;
    return (struct machine_tls){ vector, count };
#else
    (void)t;
    return none;
#endif
}

MACHINE_ANY_MEMORY uintptr_t machine_tls_block(const struct machine_tls *t, size_t module)
{
    const struct vector_entry *vector = t->entries;
    if (module > t->count || vector[module].value == UINTPTR_MAX)
        return 0;
    return vector[module].value;
}

/* ---- thread-specific values ----

   Those of the first 32 keys lie in the thread's record. The others are in arrays of 32 that libc
   allocates when they are first used; their addresses are 32 words of the record. Which: a value set for
   a key of the second array shows it. */

enum { KEYS_AN_ARRAY = 32, KEY_ARRAYS = 32, KEY_BYTES = 2 * sizeof(uintptr_t) };

static const char *key_slot(uintptr_t array, pthread_key_t key)
{
    return (const char *)array + key % KEYS_AN_ARRAY * KEY_BYTES + sizeof(uintptr_t);
}

/* Is this word of the record the address of the array that holds the key's value? */
MACHINE_ANY_MEMORY static bool is_key_array(uintptr_t word, pthread_key_t key, const void *value)
{
    if (word == 0 || word % sizeof(uintptr_t) != 0 || word >> 48 != 0 || !machine_is_readable(word))
        return false;
    uintptr_t slot = (uintptr_t)key_slot(word, key);
    return machine_is_readable(slot) && *(const uintptr_t *)slot == (uintptr_t)value;
}

MACHINE_ANY_MEMORY static intptr_t find_keys(const struct machine_thread *self, pthread_key_t key)
{
    static const char value;
    intptr_t found = 0;
    if (pthread_setspecific(key, &value) != 0)
        return 0;
    struct machine_range r = machine_thread_record(self);
    for (uintptr_t p = r.from; p + sizeof p <= r.to && found == 0; p += sizeof p)
        if (is_key_array(*(const uintptr_t *)p, key, &value))
            found = (intptr_t)(p - self->pointer) - (intptr_t)(key / KEYS_AN_ARRAY * sizeof p);
    pthread_setspecific(key, NULL);
    return found;
}

static void learn_keys(void)
{
    struct machine_thread self;
    pthread_key_t keys[KEYS_AN_ARRAY + 1];
    size_t made = 0;
    if (!machine_thread_self(&self))
        return;
    /* Keys are given out from the lowest free one up, so one of these is of a later array. */
    while (made < COUNT(keys) && pthread_key_create(&keys[made], NULL) == 0) {
        pthread_key_t key = keys[made++];
        if (key >= KEYS_AN_ARRAY) {
            aw_store_relaxed(&tls.keys_at, (uintptr_t)find_keys(&self, key));
            break;
        }
    }
    while (made > 0)
        pthread_key_delete(keys[--made]);
}

size_t machine_key_arrays(void)
{
    return aw_load_relaxed(&tls.keys_at) == 0 ? 0 : KEY_ARRAYS - 1;
}

MACHINE_ANY_MEMORY struct machine_range machine_key_array(const struct machine_thread *t, size_t i)
{
    struct machine_range none = { 0, 0 };
    const uintptr_t *arrays = (const uintptr_t *)(t->pointer + aw_load_relaxed(&tls.keys_at));
    uintptr_t at = arrays[i + 1];
    if (at == 0)
        return none;
    return (struct machine_range){ at, at + KEYS_AN_ARRAY * KEY_BYTES };
}

void machine_tls_learn(void)
{
    /* Of the dynamic loader's; there is no public way to learn where the blocks of all modules end. */
    typedef void static_info(size_t *bytes, size_t *alignment);
    static_info *info;
    void *symbol = dlsym(RTLD_DEFAULT, "_dl_get_tls_static_info");
    size_t bytes = 0, alignment;
    memcpy(&info, &symbol, sizeof info);
    if (info != NULL)
        info(&bytes, &alignment);
#if defined(__x86_64__)
    /* The size covers libc's record, too, which lies above the thread pointer. */
    const uint32_t *record = dlsym(RTLD_DEFAULT, "_thread_db_sizeof_pthread");
    if (record != NULL && bytes > *record)
        bytes -= *record;
    aw_store_relaxed(&tls.record_bytes, record == NULL ? 0 : *record);
#endif
    aw_store_relaxed(&tls.static_bytes, bytes);
    learn_keys();
}
