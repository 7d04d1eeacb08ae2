/* copies: the note, the record it leads to, and the search. See copies.h. */
#define _GNU_SOURCE
#include "alloc/copies.h"

#include "alloc/assert.h"
#include "alloc/heap.h"
#include "alloc/report.h"
#include "greyspan.h"

#include <elf.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum copy_state { COPY_NEW, COPY_DORMANT, COPY_LIVE };

/* [stopped] written and read by constructors only, one at a time. The layout is shared with copies
   of other versions: it only grows, and NOTE_TYPE changes if it must break. */
struct copy {
    uint32_t state; /* enum copy_state */
};

GREY_HIDDEN extern struct copy copies_record;
__attribute__((used)) struct copy copies_record = { COPY_NEW };

#define NOTE_NAME "Greyspan"
enum { NOTE_TYPE = 1 };

/* The note's content is the distance from itself to the record. Assembly, because C has no word for
   a distance that the linker fills in; a plain address would need a relocation in read-only pages. */
__asm__(".pushsection .note.greyspan, \"a\", %note\n"
        "    .balign 4\n"
        "    .4byte 9, 4, 1\n"
        "    .asciz \"" NOTE_NAME "\"\n"
        "    .balign 4\n"
        "    .4byte copies_record - .\n"
        "    .popsection\n");
static_assert(sizeof NOTE_NAME == 9 && NOTE_TYPE == 1, "the note above says the same in numbers");

const char copies_version[] = GREY_VERSION;

static bool front_here;

void copies_have_front(void)
{
    front_here = true;
}

/* Both questions are put by a call and not by the address of the name: a program that is not
   position-independent and takes a function's address gives every library its own stub for it. */
static bool api_is_ours(void)
{
    return grey_version() == copies_version;
}

static bool malloc_is_ours(void)
{
    void *p = malloc(1);
    bool ours = p != NULL && heap_raw_usable(p) != 0;
    free(p);
    return ours;
}

static size_t padded(size_t n, size_t align)
{
    return round_up(n, align < 4 ? 4 : align);
}

/* The record a note segment leads to, or NULL. */
static struct copy *record_in(uintptr_t start, size_t bytes, size_t align)
{
    for (size_t at = 0; at + sizeof(ElfW(Nhdr)) <= bytes;) {
        const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)(start + at);
        const char *name = (const char *)(note + 1);
        uintptr_t content = start + at + padded(sizeof *note + note->n_namesz, align);
        if (note->n_type == NOTE_TYPE && note->n_namesz == sizeof NOTE_NAME &&
            memcmp(name, NOTE_NAME, sizeof NOTE_NAME) == 0)
            return (struct copy *)(content + (uintptr_t)(intptr_t) * (const int32_t *)content);
        at = content + padded(note->n_descsz, align) - start;
    }
    return NULL;
}

struct search {
    const char *ours, *theirs; /* paths, NULL until found; "" is the program itself */
};

static int look_at_object(struct dl_phdr_info *object, size_t size, void *search)
{
    struct search *s = search;
    (void)size;
    for (unsigned i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &object->dlpi_phdr[i];
        if (p->p_type != PT_NOTE)
            continue;
        const struct copy *c = record_in(object->dlpi_addr + p->p_vaddr, p->p_memsz, p->p_align);
        if (c == &copies_record)
            s->ours = object->dlpi_name;
        else if (c != NULL && c->state == COPY_LIVE)
            s->theirs = object->dlpi_name;
    }
    return 0;
}

static const char *path_text(const char *name, char *out, size_t size)
{
    if (name != NULL && name[0] != '\0')
        return name;
    ssize_t n = readlink("/proc/self/exe", out, size - 1);
    if (n <= 0)
        return "the program";
    out[n] = '\0';
    return out;
}

bool copies_start(void)
{
    struct search s = { NULL, NULL };
    if (!api_is_ours() && !(front_here && malloc_is_ours())) {
        copies_record.state = COPY_DORMANT;
        return false;
    }
    copies_record.state = COPY_LIVE;
    dl_iterate_phdr(look_at_object, &s);
    if (s.theirs != NULL) {
        char program[REPORT_LINE_MAX / 4]; /* at most one of the two is the program */
        report_fatal("two copies of the library in this process (%s and %s); link libgreyspan.so instead",
                     path_text(s.theirs, program, sizeof program),
                     path_text(s.ours, program, sizeof program));
    }
    return true;
}

bool copies_is_live(void)
{
    return copies_record.state == COPY_LIVE;
}
