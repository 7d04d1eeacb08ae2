/* kind: who traces which objects; types. */
#include "gc/kind.h"

#include <errno.h>
#include <string.h>

static struct kind kinds[GREY_KINDS] = {
    [GREY_NOSCAN] = { .name = "noscan", .trace = TRACE_NONE },
    [GREY_CONSERVATIVE] = { .name = "conservative", .trace = TRACE_CONSERVATIVE },
    [GREY_TYPED] = { .name = "typed", .trace = TRACE_BITS },
    [KIND_TYPED_LARGE] = { .name = "typed", .trace = TRACE_TYPE },
    [GREY_ROOT] = { .name = "root", .trace = TRACE_CONSERVATIVE },
    [KIND_EPHEMERON] = { .name = "ephemeron", .trace = TRACE_WEAK },
    [KIND_TINY] = { .name = "noscan", .trace = TRACE_NONE },
    [KIND_WEAK_TABLE] = { .name = "weak table", .trace = TRACE_WEAK },
};
static struct lock kinds_lock = LOCK_INIT(RANK_KINDS);
static struct atomic32 kinds_count = { GREY_KIND_FIRST_CUSTOM }; /* [atomic] written under the lock */

struct lock *kind_lock(void)
{
    return &kinds_lock;
}

unsigned kind_count(void)
{
    /* acquire: pairs with the release of kind_create(). */
    return a32_load_acquire(&kinds_count);
}

struct kind *kind_of(grey_kind k)
{
    return &kinds[k];
}

/* A copy in the collector's memory; NULL when there is none. */
static char *copy_text(const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = meta_alloc(n);
    return copy == NULL ? NULL : memcpy(copy, s, n);
}

static grey_kind create_locked(const struct grey_kind_info *info)
{
    unsigned n = a32_load_relaxed(&kinds_count);
    for (unsigned k = GREY_KIND_FIRST_CUSTOM; k < n; k++)
        if (kinds[k].callback == info->trace)
            return k;
    if (n == GREY_KINDS) {
        errno = ENOSPC;
        return 0;
    }
    char *name = copy_text(info->name == NULL ? "custom" : info->name);
    if (name == NULL) {
        errno = ENOMEM;
        return 0;
    }
    kinds[n] = (struct kind){ .name = name, .trace = TRACE_CUSTOM, .callback = info->trace };
    a32_store_release(&kinds_count, n + 1);
    return n;
}

grey_kind kind_create(const struct grey_kind_info *info)
{
    lock_take(&kinds_lock);
    grey_kind k = create_locked(info);
    lock_drop(&kinds_lock);
    return k;
}

const char *kind_name(grey_kind k)
{
    return k < kind_count() ? kinds[k].name : NULL;
}

/* ---- types ---- */

static bool type_is_sound(const struct grey_type_info *info)
{
    return info != NULL && info->size > 0 && info->size <= PTRDIFF_MAX
           && (info->pointers != NULL || info->size < sizeof(void *));
}

const grey_type *kind_type_create(const struct grey_type_info *info)
{
    if (!type_is_sound(info)) {
        errno = EINVAL;
        return NULL;
    }
    size_t words = info->size / sizeof(void *), bitmap = (words + 63) / 64;
    struct grey_type *type = meta_alloc(sizeof *type + bitmap * sizeof(uint64_t));
    char *name = copy_text(info->name == NULL ? "?" : info->name);
    if (type == NULL || name == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    *type = (struct grey_type){ .name = name, .size = info->size, .words = words == 0 ? 1 : words,
                                .pointers = (uint64_t *)(type + 1) };
    for (size_t i = 0; i < bitmap; i++) {
        type->pointers[i] = info->pointers[i] & low_mask(words - i * 64);
        type->any |= type->pointers[i] != 0;
    }
    if (type->any && type->size <= TYPED_BITS_MAX) {
        type->class = sizeclass_of(type->size);
        type->slot_bits = type_bits(type, size_classes[type->class].size / sizeof(void *));
    }
    return type;
}
