/* image, on Linux: dl_iterate_phdr(), the debugger's view of the loader (r_debug), /proc, and
   process_vm_readv(). */
#define _GNU_SOURCE
#include "alloc/image.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---- lists that grow ---- */

struct list {
    char *memory;
    size_t used, room; /* bytes */
};

/* Room for so many bytes behind the used ones, or NULL. */
static void *list_add(struct list *l, size_t bytes)
{
    if (l->room - l->used < bytes) {
        size_t room = round_up(l->used * 2 + bytes, os_page_size());
        char *memory = os_map(room);
        if (memory == NULL)
            return NULL;
        if (l->used > 0)
            memcpy(memory, l->memory, l->used);
        if (l->room > 0)
            os_release(l->memory, l->room);
        l->memory = memory;
        l->room = room;
    }
    void *added = l->memory + l->used;
    l->used += bytes;
    return memset(added, 0, bytes);
}

/* ---- the loader's list ---- */

/* A loaded object as the loader shows it to debuggers. */
struct module {
    const struct link_map *map;
    const char *soname, *names; /* names: its string table */
    bool lasting, followed; /* followed: those that it needs are lasting, too */
};

/* All of it belongs to the one user. */
static struct {
    bool read;                     /* adds and subs are those of the lists below */
    bool loading;                  /* a module had thread-local storage but no id yet */
    bool inherited;                /* I3: the lists are the parent's */
    unsigned long long adds, subs; /* how often the loader added and removed one */
    struct list data;              /* struct image_data */
    struct list names;             /* text */
    struct list tls;               /* size_t, by module id */
    struct list modules;           /* struct module: only while the list is read */
    const struct r_debug *debug;   /* NULL: there is none, so nothing is opened later (a static program) */
    const struct link_map *last;   /* I1: the last element, where it lies, and what it held */
    struct link_map last_held;
    bool last_lasting; /* it and the one before it never go */
    int pagemap;                   /* a descriptor, or -1 */
} image = { .pagemap = -1 };

static uintptr_t segment_start(const struct dl_phdr_info *info, const ElfW(Phdr) *p)
{
    return (uintptr_t)info->dlpi_addr + p->p_vaddr;
}

/* Addresses in a dynamic section are relocated on most machines, and in the vdso on none. */
static uintptr_t dynamic_address(uintptr_t bias, uintptr_t value)
{
    return value < bias ? value + bias : value;
}

GREY_RACY static void read_names(struct module *m)
{
    uintptr_t strings = 0, soname = 0;
    for (const ElfW(Dyn) *d = m->map->l_ld; d != NULL && d->d_tag != DT_NULL; d++) {
        if (d->d_tag == DT_STRTAB)
            strings = dynamic_address(m->map->l_addr, d->d_un.d_ptr);
        else if (d->d_tag == DT_SONAME)
            soname = d->d_un.d_val;
    }
    m->names = (const char *)strings;
    m->soname = strings != 0 && soname != 0 ? m->names + soname : NULL;
}

static bool is_called(const struct module *m, const char *name)
{
    if (m->soname != NULL)
        return strcmp(m->soname, name) == 0;
    const char *slash = strrchr(m->map->l_name, '/');
    return strcmp(slash == NULL ? m->map->l_name : slash + 1, name) == 0;
}

/* Of two modules of one name the first is the one that counted. */
static void mark_needed(struct module *modules, size_t count, struct module *by)
{
    by->followed = true;
    for (const ElfW(Dyn) *d = by->map->l_ld; d != NULL && d->d_tag != DT_NULL; d++) {
        if (d->d_tag != DT_NEEDED || by->names == NULL)
            continue;
        size_t i = 0;
        while (i < count && !is_called(&modules[i], by->names + d->d_un.d_val))
            i++;
        if (i < count)
            modules[i].lasting = true;
    }
}

/* Modules that the program needs, and those that they need, were there at its start and never go. */
static void mark_lasting(struct module *modules, size_t count)
{
    bool found = true;
    modules[0].lasting = true;
    while (found) {
        found = false;
        for (size_t i = 0; i < count; i++) {
            if (!modules[i].lasting || modules[i].followed)
                continue;
            mark_needed(modules, count, &modules[i]);
            found = true;
        }
    }
}

/* The address that the loader wrote into the program's dynamic section for debuggers. */
static const struct r_debug *find_debug(const struct dl_phdr_info *program)
{
    for (unsigned i = 0; i < program->dlpi_phnum; i++) {
        if (program->dlpi_phdr[i].p_type != PT_DYNAMIC)
            continue;
        const ElfW(Dyn) *d = (const ElfW(Dyn) *)segment_start(program, &program->dlpi_phdr[i]);
        for (; d->d_tag != DT_NULL; d++)
            if (d->d_tag == DT_DEBUG)
                return (const struct r_debug *)d->d_un.d_ptr;
    }
    return NULL;
}

static const struct link_map *first_map(void)
{
    return image.debug == NULL ? NULL : image.debug->r_map;
}

/* The loader's lock is held, so the list of link maps is at rest; it has the order of the calls of
   dl_iterate_phdr(). */
GREY_RACY static bool read_modules(const struct dl_phdr_info *program)
{
    image.debug = find_debug(program);
    image.last = NULL;
    for (const struct link_map *l = first_map(); l != NULL; l = l->l_next) {
        struct module *m = list_add(&image.modules, sizeof *m);
        if (m == NULL)
            return false;
        m->map = l;
        read_names(m);
        image.last = l;
    }
    if (image.last == NULL)
        return true;
    image.last_held = *image.last;
    struct module *modules = (struct module *)image.modules.memory;
    size_t count = image.modules.used / sizeof *modules;
    mark_lasting(modules, count);
    image.last_lasting = modules[count - 1].lasting && modules[count > 1 ? count - 2 : 0].lasting;
    return true;
}

static bool add_data(uintptr_t from, uintptr_t to, size_t name, bool lasting)
{
    from = round_up(from, sizeof(uintptr_t));
    to = round_down(to, sizeof(uintptr_t));
    if (from >= to)
        return true;
    struct image_data *d = list_add(&image.data, sizeof *d);
    if (d == NULL)
        return false;
    /* The text may still move: an offset, made a pointer in image_read(). */
    *d = (struct image_data){ .from = from, .to = to, .name = (const char *)name, .lasting = lasting };
    return true;
}

/* A writable segment without the part that the loader makes read-only: whole pages. */
static bool add_segment(const struct dl_phdr_info *info, const ElfW(Phdr) *segment, size_t name, bool lasting)
{
    uintptr_t from = segment_start(info, segment), to = from + segment->p_memsz;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type != PT_GNU_RELRO)
            continue;
        uintptr_t start = segment_start(info, p), stop = round_down(start + p->p_memsz, os_page_size());
        start = round_down(start, os_page_size());
        if (stop <= from || start >= to || start >= stop)
            continue;
        if (start > from && !add_data(from, start, name, lasting))
            return false;
        from = stop;
    }
    return add_data(from, to, name, lasting);
}

static bool add_tls(const struct dl_phdr_info *info, const ElfW(Phdr) *segment)
{
    size_t id = info->dlpi_tls_modid, known = image.tls.used / sizeof(size_t);
    if (segment->p_memsz == 0)
        return true;
    if (id == 0) {
        image.loading = image.last != NULL;
        return true;
    }
    if (id >= known && list_add(&image.tls, (id + 1 - known) * sizeof(size_t)) == NULL)
        return false;
    ((size_t *)image.tls.memory)[id] = segment->p_memsz;
    return true;
}

/* Our library as a shared object of its own: all of its data are records that hold no object. An
   embedder's library that has the archive inside is called otherwise, and is scanned like any. */
static bool is_ours(const struct dl_phdr_info *info, const struct module *m)
{
    static const char own_name[] = "libgreyspan.so", preload_name[] = "libgreyspan-malloc.so";
    if (m == NULL || m->soname == NULL)
        return false;
    if (strncmp(m->soname, own_name, sizeof own_name - 1) != 0
        && strncmp(m->soname, preload_name, sizeof preload_name - 1) != 0)
        return false;
    for (unsigned i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD
            && (uintptr_t)&image - segment_start(info, &info->dlpi_phdr[i]) < info->dlpi_phdr[i].p_memsz)
            return true;
    return false;
}

static bool add_name(const char *name, size_t *at)
{
    *at = image.names.used;
    char *text = list_add(&image.names, strlen(name) + 1);
    if (text == NULL)
        return false;
    memcpy(text, name, strlen(name));
    return true;
}

static bool add_object(const struct dl_phdr_info *info, const struct module *m, bool first)
{
    size_t name;
    bool program = first || info->dlpi_name == NULL, ours = is_ours(info, m);
    if (!add_name(program ? "the program" : info->dlpi_name, &name))
        return false;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type == PT_TLS && !add_tls(info, p))
            return false;
        if (p->p_type == PT_LOAD && (p->p_flags & PF_W) != 0 && !ours
            && !add_segment(info, p, name, first || (m != NULL && m->lasting)))
            return false;
    }
    return true;
}

enum reading { READ_BEGIN, READ_OBJECTS, READ_FAILED };

struct reader {
    enum reading state;
    size_t next; /* number of the object that is to come */
};

static void forget_lists(void)
{
    image.read = image.loading = false;
    image.data.used = image.names.used = image.tls.used = image.modules.used = 0;
}

/* Under the loader's lock: memory comes from the system alone. */
static int read_object(struct dl_phdr_info *info, size_t size, void *context)
{
    struct reader *r = context;
    (void)size;
    if (r->state == READ_BEGIN) {
        if (image.read && !image.loading && info->dlpi_adds == image.adds && info->dlpi_subs == image.subs)
            return 1;
        forget_lists();
        image.adds = info->dlpi_adds;
        image.subs = info->dlpi_subs;
        r->state = read_modules(info) ? READ_OBJECTS : READ_FAILED;
    }
    const struct module *m = (const struct module *)image.modules.memory + r->next;
    if (r->next >= image.modules.used / sizeof *m)
        m = NULL;
    if (r->state == READ_OBJECTS && !add_object(info, m, r->next == 0))
        r->state = READ_FAILED;
    r->next++;
    return r->state == READ_FAILED;
}

bool image_read(void)
{
    struct reader r = { READ_BEGIN, 0 };
    if (image.inherited && image_is_current())
        return true;
    image.inherited = false;
    dl_iterate_phdr(read_object, &r);
    if (r.state == READ_FAILED)
        forget_lists();
    if (r.state != READ_OBJECTS)
        return image.read;
    for (size_t i = 0; i < image_data_count(); i++) {
        struct image_data *d = (struct image_data *)image.data.memory + i;
        d->name = image.names.memory + (size_t)d->name;
    }
    image.read = true;
    return true;
}

/* False when it is gone. Where the kernel cannot copy, it is read as it is: that is wrong only while a
   thread that is not stopped closes a module. */
static bool copy_map(struct link_map *to, const struct link_map *from)
{
    ptrdiff_t n = image.last_lasting ? -1 : image_copy(to, (uintptr_t)from, sizeof *to);
    if (n < 0)
        *to = *from;
    return n < 0 || n == sizeof *to;
}

/* The last element may have been freed, its memory even be unmapped; and freed memory may look as it
   did. If another element was appended, ours has a successor, or was unlinked before: then its
   predecessor does not lead to it, or it has another one. */
bool image_is_current(void)
{
    struct link_map now, before;
    const struct link_map *held = &image.last_held;
    if (!image.read || image.loading)
        return false;
    if (image.last == NULL)
        return true;
    if (!copy_map(&now, image.last) || now.l_addr != held->l_addr || now.l_name != held->l_name
        || now.l_ld != held->l_ld || now.l_prev != held->l_prev || now.l_next != NULL)
        return false;
    return held->l_prev == NULL || (copy_map(&before, held->l_prev) && before.l_next == image.last);
}

void image_fork_prepare(void)
{
    if (!image_is_current())
        (void)image_read(); /* without memory the child tries again */
}

/* A thread that is gone may have been amid a change, which is one store each way: the list leads to an end. */
GREY_RACY void image_fork_child(void)
{
    const struct link_map *last = first_map();
    image.inherited = image.read;
    image.loading = false;
    while (last != NULL && last->l_next != NULL)
        last = last->l_next;
    if (last == NULL)
        return;
    image.last_lasting &= last == image.last;
    image.last = last;
    image.last_held = *last;
}

size_t image_data_count(void)
{
    return image.data.used / sizeof(struct image_data);
}

const struct image_data *image_data(size_t i)
{
    return (const struct image_data *)image.data.memory + i;
}

size_t image_tls_modules(void)
{
    size_t known = image.tls.used / sizeof(size_t);
    return known == 0 ? 0 : known - 1;
}

size_t image_tls_bytes(size_t module_id)
{
    return module_id < image.tls.used / sizeof(size_t) ? ((const size_t *)image.tls.memory)[module_id] : 0;
}

/* ---- system calls: libc's syscall() takes no lock and is no cancellation point ---- */

static long call4(long n, long a, long b, long c, long d)
{
    int kept = errno;
    long r = syscall(n, a, b, c, d);
    if (r < 0)
        r = -errno;
    errno = kept;
    return r;
}

static int open_to_read(const char *path)
{
    long fd = call4(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0);
    return fd < 0 ? -1 : (int)fd;
}

ptrdiff_t image_copy(void *to, uintptr_t from, size_t bytes)
{
    struct iovec here = { to, bytes }, there = { (void *)from, bytes };
    int kept = errno;
    /* Whole words: of a variadic int half of the register may be anything. */
    long n = syscall(SYS_process_vm_readv, (long)os_getpid(), &here, 1L, &there, 1L, 0L);
    if (n < 0)
        n = errno == EFAULT ? 0 : -1;
    errno = kept;
    return n;
}

/* ---- pages that were touched ---- */

#define PAGE_PRESENT  (UINT64_C(1) << 63)
#define PAGE_SWAPPED  (UINT64_C(1) << 62)
#define ENTRIES_ATONCE 512

void image_touched_open(void)
{
    /* thread-self: of a main thread that has ended the kernel knows no memory. */
    if (image.pagemap < 0)
        image.pagemap = open_to_read("/proc/thread-self/pagemap");
}

void image_touched_close(void)
{
    if (image.pagemap >= 0)
        call4(SYS_close, image.pagemap, 0, 0, 0);
    image.pagemap = -1;
}

/* A run of touched pages that may go on in the next piece of the page map. */
struct run {
    uintptr_t from, to; /* from < to: there is one */
};

static void run_end(struct run *r, image_run_fn *f, void *context)
{
    if (r->from < r->to)
        f(r->from, r->to, context);
    r->from = r->to = 0;
}

static void run_extend(struct run *r, uintptr_t from, uintptr_t to)
{
    if (r->from == r->to)
        r->from = from;
    r->to = to;
}

void image_each_touched(uintptr_t from, uintptr_t to, image_run_fn *f, void *context)
{
    static uint64_t entry[ENTRIES_ATONCE]; /* [stopped] of the coordinator alone */
    size_t page = os_page_size();
    struct run run = { 0, 0 };
    while (from < to && image.pagemap >= 0) {
        uint64_t first = from / page, count = (to - 1) / page - first + 1;
        if (count > ENTRIES_ATONCE)
            count = ENTRIES_ATONCE;
        long n = call4(SYS_pread64, image.pagemap, (long)entry, (long)(count * 8), (long)(first * 8));
        if (n < 8)
            break; /* the rest as a whole */
        count = (uint64_t)n / 8;
        for (size_t i = 0; i < count; i++) {
            uintptr_t next = (first + i + 1) * page;
            if (next > to)
                next = to;
            if ((entry[i] & (PAGE_PRESENT | PAGE_SWAPPED)) != 0)
                run_extend(&run, from, next);
            else
                run_end(&run, f, context);
            from = next;
        }
    }
    if (from < to)
        run_extend(&run, from, to);
    run_end(&run, f, context);
}

/* ---- kinds of mappings ---- */

/* Reads /proc/self/maps by character. */
struct maps {
    int fd;
    size_t at, end;
    char text[1024];
};

static int next_char(struct maps *m)
{
    if (m->at == m->end) {
        long n = call4(SYS_read, m->fd, (long)m->text, sizeof m->text, 0);
        if (n <= 0)
            return -1;
        m->at = 0;
        m->end = (size_t)n;
    }
    return (unsigned char)m->text[m->at++];
}

/* A hexadecimal number and the character behind it. */
static uintptr_t next_number(struct maps *m, int *behind)
{
    uintptr_t n = 0;
    int c;
    for (c = next_char(m); (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); c = next_char(m))
        n = n * 16 + (uintptr_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    *behind = c;
    return n;
}

bool image_is_private(uintptr_t from, uintptr_t to)
{
    struct maps m = { .fd = open_to_read("/proc/thread-self/maps") };
    uintptr_t covered = from;
    int c = m.fd < 0 ? -1 : ' ';
    /* Lines are in the order of addresses: "from-to rwxp ..." */
    while (c >= 0 && covered < to) {
        uintptr_t start = next_number(&m, &c), stop = next_number(&m, &c);
        for (int i = 0; i < 4; i++)
            c = next_char(&m);
        if (stop > covered) {
            if (start > covered || c != 'p')
                break;
            covered = stop;
        }
        while (c >= 0 && c != '\n')
            c = next_char(&m);
    }
    if (m.fd >= 0)
        call4(SYS_close, m.fd, 0, 0, 0);
    return covered >= to;
}
