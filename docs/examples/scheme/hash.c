/* Hash tables, by eq?, eqv?, equal? or string=?, with keys that are held or weak; and what hashes them.
 *
 * A table has a vector of buckets, each a chain of entries; an entry's key never changes. Readers take no
 * lock: they follow a chain, and begin anew when they found nothing and the table was being resized.
 * Who links, unlinks or resizes holds the table's spin lock for some instructions, and allocates, compares
 * and raises outside of it. So several threads may use one table: each call is one step.
 *
 * An entry of a weak table has an ephemeron in place of the key and the value. */
#include "data.h"

enum kind { BY_EQ, BY_EQV, BY_EQUAL, BY_STRING };
enum { FLAG_WEAK = 1, BUCKETS_FIRST = 8, BUCKETS_MAX = 1 << 24 };

struct table { /* object_new, count 1; head.extra: enum kind */
    struct object head;
    value buckets;    /* vector: of entries, FALSE at the end */
    uint32_t lock;    /* spin_lock */
    uint32_t resized; /* odd while entries move to other buckets */
    uint32_t linked;  /* counts up with each new entry */
    uint32_t unused;
    size_t count; /* entries, those of dead keys included */
};
DEFINE_TYPE(table, TYPE_TABLE)

/* object_new, TYPE_NODE, count 3. The hash's 24 bits lie in the header, so an entry is four words. */
struct entry {
    struct object head;
    value next;
    value key; /* or the ephemeron */
    value item;
};

/* ---- hashing ----------------------------------------------------------------------------------------- */

uint64_t bytes_hash(const char *bytes, size_t count)
{
    uint64_t h = count, part;
    for (; count >= sizeof part; bytes += sizeof part, count -= sizeof part) {
        memcpy(&part, bytes, sizeof part);
        h = hash_mix(h ^ part);
    }
    part = 0;
    memcpy(&part, bytes, count);
    return hash_mix(h ^ part);
}

static uint64_t eqv_hash(value v)
{
    return is_flonum(v) || is_bignum(v) ? number_hash(v) : hash_mix(v);
}

/* Of so many parts; what lies deeper makes no difference. */
static uint64_t structure_hash(value v, int *parts)
{
    uint64_t h = 17;
    for (; is_pair(v) && *parts > 0; v = cdr(v)) {
        --*parts;
        h = hash_mix(h * 31 + structure_hash(car(v), parts));
    }
    if (is_pair(v) || *parts <= 0)
        return h;
    if (is_vector(v)) {
        const struct vector *items = vector_of(v);
        for (size_t i = 0; i < items->head.count && --*parts > 0; i++)
            h = hash_mix(h * 31 + structure_hash(load(&items->item[i]), parts));
        return h + items->head.count;
    }
    size_t count;
    const char *bytes;
    if (is_string(v)) {
        bytes = string_bytes(v, &count);
        return h + bytes_hash(bytes, count);
    }
    if (is_bytevector(v))
        return h + bytes_hash((const char *)bytevector_of(v)->byte, object_of(v)->count);
    return h + eqv_hash(v);
}

uint64_t equal_hash(value v)
{
    int parts = 64;
    return structure_hash(v, &parts);
}

static uint32_t hash_of(const struct table *t, value key)
{
    switch ((enum kind)t->head.extra) {
    case BY_EQ: return (uint32_t)(hash_mix(key) >> 40);
    case BY_EQV: return (uint32_t)(eqv_hash(key) >> 40);
    default: return (uint32_t)(equal_hash(key) >> 40);
    }
}

static bool is_same(struct vm *vm, const struct table *t, value a, value b)
{
    if (a == b)
        return true;
    return t->head.extra != BY_EQ && (t->head.extra == BY_EQV ? is_eqv(a, b) : is_equal(vm, a, b));
}

/* ---- entries ----------------------------------------------------------------------------------------- */

static struct entry *entry_of(value v)
{
    return v == FALSE ? NULL : (struct entry *)v;
}

static uint32_t entry_hash(const struct entry *e)
{
    return (uint32_t)e->head.flags << 16 | e->head.extra;
}

static bool is_weak(const struct table *t)
{
    return t->head.flags & FLAG_WEAK;
}

static value entry_key(const struct table *t, const struct entry *e) /* 0: it died */
{
    return is_weak(t) ? mem_ephemeron_key((const mem_ephemeron *)e->key) : e->key;
}

static value entry_item(const struct table *t, const struct entry *e)
{
    if (!is_weak(t))
        return load(&e->item);
    value v = mem_ephemeron_value((const mem_ephemeron *)e->key);
    return v == 0 ? ABSENT : v;
}

static void entry_set(const struct table *t, struct entry *e, value v)
{
    if (is_weak(t))
        mem_ephemeron_set((mem_ephemeron *)e->key, v);
    else
        mem_write(&e->item, v);
}

static struct entry *entry_new(struct vm *vm, const struct table *t, uint32_t hash, value key, value item)
{
    if (is_weak(t)) {
        key = (value)mem_ephemeron_new(&vm->memory, key, item);
        if (key == 0)
            out_of_memory(vm);
        item = FALSE;
    }
    struct entry *e = object_new(vm, TYPE_NODE, 3, 0);
    e->head.flags = (uint8_t)(hash >> 16);
    e->head.extra = (uint16_t)hash;
    mem_init(&e->next, FALSE);
    mem_init(&e->key, key);
    mem_init(&e->item, item);
    return e;
}

static value *bucket(const struct vector *buckets, uint32_t hash)
{
    return (value *)&buckets->item[hash & (buckets->head.count - 1)];
}

static struct vector *buckets_of(const struct table *t)
{
    return vector_of(load(&t->buckets));
}

/* ---- resizing ---------------------------------------------------------------------------------------- */

/* acquire: what is read next is read after it. */
static uint32_t resized_now(const struct table *t)
{
    return __atomic_load_n(&t->resized, __ATOMIC_ACQUIRE);
}

/* The lock is held. The fences keep the moves between the two counts: pairs with find(). */
static void resize_begin(struct table *t)
{
    __atomic_store_n(&t->resized, t->resized + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

static void resize_end(struct table *t)
{
    __atomic_store_n(&t->resized, t->resized + 1, __ATOMIC_RELEASE);
}

/* Entries of dead keys stay behind. */
static void move_entries(struct table *t, struct vector *to)
{
    const struct vector *from = buckets_of(t);
    size_t count = 0;
    for (size_t i = 0; i < from->head.count; i++) {
        struct entry *e = entry_of(from->item[i]), *next;
        for (; e != NULL; e = next) {
            next = entry_of(e->next);
            if (is_weak(t) && entry_key(t, e) == 0)
                continue;
            value *place = bucket(to, entry_hash(e));
            mem_write(&e->next, *place);
            mem_write(place, (value)e);
            count++;
        }
    }
    t->count = count;
}

/* Enough for twice the entries that live; their number may change meanwhile, which does no harm. */
static size_t buckets_wanted(const struct table *t, const struct vector *buckets)
{
    size_t live = t->count, wanted = BUCKETS_FIRST;
    if (is_weak(t)) {
        live = 0;
        for (size_t i = 0; i < buckets->head.count; i++)
            for (value v = load(&buckets->item[i]); v != FALSE; v = load(&entry_of(v)->next))
                live += entry_key(t, entry_of(v)) != 0;
    }
    while (wanted < live * 2 && wanted < BUCKETS_MAX)
        wanted *= 2;
    return wanted;
}

static void make_room(struct vm *vm, struct table *t)
{
    struct vector *old = buckets_of(t);
    if (likely(t->count < old->head.count) || (old->head.count >= BUCKETS_MAX && !is_weak(t)))
        return;
    struct vector *larger = vector_of(vector_new(vm, buckets_wanted(t, old), FALSE));
    spin_lock(&t->lock);
    if (buckets_of(t) == old) { /* else another thread was faster */
        resize_begin(t);
        move_entries(t, larger);
        mem_write(&t->buckets, (value)larger);
        resize_end(t);
    }
    spin_unlock(&t->lock);
}

/* ---- finding, putting, removing ---------------------------------------------------------------------- */

static struct entry *find_in(struct vm *vm, const struct table *t, uint32_t hash, value key)
{
    struct entry *e = entry_of(load(bucket(buckets_of(t), hash)));
    for (; e != NULL; e = entry_of(load(&e->next)))
        if (entry_hash(e) == hash) {
            value held = entry_key(t, e);
            if (held != 0 && is_same(vm, t, held, key))
                return e;
        }
    return NULL;
}

static struct entry *find(struct vm *vm, struct table *t, uint32_t hash, value key)
{
    for (;;) {
        uint32_t before = resized_now(t);
        struct entry *e = find_in(vm, t, hash, key);
        __atomic_thread_fence(__ATOMIC_ACQUIRE); /* pairs with resize_begin() */
        if (likely(e != NULL || (before == resized_now(t) && before % 2 == 0)))
            return e;
        spin_lock(&t->lock); /* until it is done */
        spin_unlock(&t->lock);
    }
}

static value table_get(struct vm *vm, struct table *t, value key)
{
    const struct entry *e = find(vm, t, hash_of(t, key), key);
    return e == NULL ? ABSENT : entry_item(t, e);
}

/* False: somebody else has put something there since `linked` was read. */
static bool link_entry(struct table *t, struct entry *e, uint32_t linked)
{
    spin_lock(&t->lock);
    bool first = t->linked == linked;
    if (first) {
        value *place = bucket(buckets_of(t), entry_hash(e));
        mem_write(&e->next, *place);
        mem_write(place, (value)e);
        t->count++;
        /* release: pairs with the acquire in table_put(). */
        __atomic_store_n(&t->linked, linked + 1, __ATOMIC_RELEASE);
    }
    spin_unlock(&t->lock);
    return first;
}

static void table_put(struct vm *vm, struct table *t, value key, value item)
{
    uint32_t hash = hash_of(t, key);
    struct entry *new = NULL;
    for (;;) {
        uint32_t linked = __atomic_load_n(&t->linked, __ATOMIC_ACQUIRE);
        struct entry *old = find(vm, t, hash, key);
        if (old != NULL) {
            entry_set(t, old, item);
            return;
        }
        if (new == NULL) {
            make_room(vm, t);
            new = entry_new(vm, t, hash, key, item);
        }
        if (link_entry(t, new, linked))
            return;
    }
}

static void table_remove(struct vm *vm, struct table *t, value key)
{
    uint32_t hash = hash_of(t, key);
    const struct entry *e = find(vm, t, hash, key);
    if (e == NULL)
        return;
    spin_lock(&t->lock);
    value *place = bucket(buckets_of(t), hash);
    while (*place != FALSE && *place != (value)e)
        place = &entry_of(*place)->next;
    if (*place != FALSE) { /* it is there still; whoever stands on it finds the way on */
        mem_write(place, e->next);
        t->count--;
    }
    spin_unlock(&t->lock);
}

/* All keys and items by turns, as of one moment, in a vector; ABSENT behind the last. */
static struct vector *table_content(struct vm *vm, struct table *t)
{
    for (;;) {
        size_t room = t->count, at = 0;
        struct vector *all = vector_of(vector_new(vm, 2 * room + 1, ABSENT));
        spin_lock(&t->lock);
        bool fits = t->count <= room;
        const struct vector *buckets = buckets_of(t);
        for (size_t i = 0; fits && i < buckets->head.count; i++)
            for (const struct entry *e = entry_of(buckets->item[i]); e != NULL; e = entry_of(e->next)) {
                value key = entry_key(t, e), item = entry_item(t, e);
                if (key == 0 || item == ABSENT)
                    continue;
                mem_write(&all->item[at++], key);
                mem_write(&all->item[at++], item);
            }
        spin_unlock(&t->lock);
        if (fits)
            return all;
    }
}

/* ---- procedures -------------------------------------------------------------------------------------- */

static struct table *check_table(struct vm *vm, value v)
{
    return table_of(check(vm, is_table(v), v, "a hash table"));
}

static struct table *table_new(struct vm *vm, enum kind kind, bool weak)
{
    value buckets = vector_new(vm, BUCKETS_FIRST, FALSE);
    struct table *t = object_new(vm, TYPE_TABLE, 1, sizeof *t - sizeof(struct object) - sizeof(value));
    t->head.extra = kind;
    t->head.flags = weak ? FLAG_WEAK : 0;
    mem_init(&t->buckets, buckets);
    return t;
}

/* By the equivalence that is asked for, a procedure. */
static value make_table(struct vm *vm, int argc, value *argv, enum kind otherwise, bool weak)
{
    static const struct {
        const char *name;
        enum kind kind;
    } names[] = { { "eq?", BY_EQ }, { "symbol=?", BY_EQ }, { "eqv?", BY_EQV }, { "=", BY_EQV },
                  { "char=?", BY_EQV }, { "equal?", BY_EQUAL }, { "string=?", BY_STRING } };
    if (argc == 0)
        return (value)table_new(vm, otherwise, weak);
    const char *wanted = is_primitive(argv[0]) ? primitive_of(argv[0])->info->name : "";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].name, wanted) == 0)
            return (value)table_new(vm, names[i].kind, weak);
    wrong_type(vm, argv[0], "one of eq?, eqv?, equal?, string=?");
}

PRIMITIVE(p_make_hash_table) { return make_table(vm, argc, argv, BY_EQUAL, false); }
PRIMITIVE(p_make_weak_hash_table) { return make_table(vm, argc, argv, BY_EQ, true); }
PRIMITIVE(p_is_hash_table) { return boolean(is_table(argv[0])); }

/* Tables of string=? take strings alone. */
static struct table *check_key(struct vm *vm, value table, value key)
{
    struct table *t = check_table(vm, table);
    check(vm, t->head.extra != BY_STRING || is_string(key), key, "a string");
    return t;
}

PRIMITIVE(p_ref_default)
{
    value found = table_get(vm, check_key(vm, argv[0], argv[1]), argv[1]);
    return found == ABSENT ? argv[2] : found;
}

PRIMITIVE(p_contains)
{
    return boolean(table_get(vm, check_key(vm, argv[0], argv[1]), argv[1]) != ABSENT);
}

PRIMITIVE(p_set)
{
    table_put(vm, check_key(vm, argv[0], argv[1]), argv[1], argv[2]);
    return VOID;
}

PRIMITIVE(p_delete)
{
    table_remove(vm, check_key(vm, argv[0], argv[1]), argv[1]);
    return VOID;
}

PRIMITIVE(p_size)
{
    struct table *t = check_table(vm, argv[0]);
    if (!is_weak(t))
        return fixnum((intptr_t)t->count);
    const struct vector *all = table_content(vm, t);
    intptr_t count = 0;
    while (all->item[2 * count] != ABSENT)
        count++;
    return fixnum(count);
}

static value table_list(struct vm *vm, value table, char what)
{
    const struct vector *all = table_content(vm, check_table(vm, table));
    value l = NIL;
    for (size_t i = 0; all->item[i] != ABSENT; i += 2) {
        value key = all->item[i], item = all->item[i + 1];
        l = cons(vm, what == 'k' ? key : what == 'v' ? item : cons(vm, key, item), l);
    }
    return l;
}

PRIMITIVE(p_keys) { return table_list(vm, argv[0], 'k'); }
PRIMITIVE(p_values) { return table_list(vm, argv[0], 'v'); }
PRIMITIVE(p_to_alist) { return table_list(vm, argv[0], 'b'); }

PRIMITIVE(p_clear)
{
    struct table *t = check_table(vm, argv[0]);
    value buckets = vector_new(vm, BUCKETS_FIRST, FALSE);
    spin_lock(&t->lock);
    resize_begin(t);
    mem_write(&t->buckets, buckets);
    t->count = 0;
    resize_end(t);
    spin_unlock(&t->lock);
    return VOID;
}

PRIMITIVE(p_copy)
{
    struct table *from = check_table(vm, argv[0]);
    struct table *to = table_new(vm, from->head.extra, is_weak(from));
    const struct vector *all = table_content(vm, from);
    for (size_t i = 0; all->item[i] != ABSENT; i += 2)
        table_put(vm, to, all->item[i], all->item[i + 1]);
    return (value)to;
}

/* Not negative, and below the bound that may be asked for. */
static value hash_result(struct vm *vm, uint64_t h, int argc, value *argv)
{
    if (argc < 2)
        return fixnum((intptr_t)(h >> 2));
    size_t bound = index_of(vm, argv[1], SIZE_MAX >> 2);
    if (bound == 0)
        out_of_range(vm, argv[1]);
    return fixnum((intptr_t)(h % bound));
}

PRIMITIVE(p_hash) { return hash_result(vm, equal_hash(argv[0]), argc, argv); }
PRIMITIVE(p_string_hash)
{
    const struct text *t = check_text(vm, argv[0]);
    return hash_result(vm, bytes_hash(t->byte, t->head.count), argc, argv);
}

/* ---- numbers for objects ----------------------------------------------------------------------------- */

static size_t numbering_slot(const struct vector *slots, value key)
{
    size_t mask = slots->head.count / 2 - 1, i = hash_mix(key) & mask;
    while (slots->item[2 * i] != FALSE && slots->item[2 * i] != key)
        i = (i + 1) & mask;
    return 2 * i;
}

intptr_t numbering_get(const struct numbering *n, value key)
{
    if (n->count == 0)
        return -1;
    const struct vector *slots = vector_of(n->slots);
    size_t i = numbering_slot(slots, key);
    return slots->item[i] == FALSE ? -1 : fixnum_of(slots->item[i + 1]);
}

static void numbering_grow(struct numbering *n)
{
    const struct vector *old = n->slots == 0 ? NULL : vector_of(n->slots);
    value larger = vector_new(n->vm, old == NULL ? 64 : (size_t)old->head.count * 2, FALSE);
    for (size_t i = 0; old != NULL && i < old->head.count; i += 2)
        if (old->item[i] != FALSE) {
            value *place = vector_of(larger)->item + numbering_slot(vector_of(larger), old->item[i]);
            mem_write(&place[0], old->item[i]);
            mem_write(&place[1], old->item[i + 1]);
        }
    n->slots = larger;
}

void numbering_set(struct numbering *n, value key, intptr_t number)
{
    if (n->slots == 0 || (n->count + 1) * 8 > (size_t)vector_of(n->slots)->head.count * 3)
        numbering_grow(n);
    value *place = vector_of(n->slots)->item + numbering_slot(vector_of(n->slots), key);
    n->count += place[0] == FALSE;
    mem_write(&place[0], key);
    mem_write(&place[1], fixnum(number));
}

const struct primitive_info hash_primitives[] = {
    { "make-hash-table", p_make_hash_table, 0, 3 },
    { "make-weak-hash-table", p_make_weak_hash_table, 0, 1 },
    { "hash-table?", p_is_hash_table, 1, 1 },            { "hash-table-ref/default", p_ref_default, 3, 3 },
    { "hash-table-contains?", p_contains, 2, 2 },        { "hash-table-exists?", p_contains, 2, 2 },
    { "hash-table-set!", p_set, 3, 3 },                  { "hash-table-delete!", p_delete, 2, 2 },
    { "hash-table-size", p_size, 1, 1 },                 { "hash-table-count", p_size, 1, 1 },
    { "hash-table-keys", p_keys, 1, 1 },                 { "hash-table-values", p_values, 1, 1 },
    { "hash-table->alist", p_to_alist, 1, 1 },           { "hash-table-clear!", p_clear, 1, 1 },
    { "hash-table-copy", p_copy, 1, 2 },                 { "hash", p_hash, 1, 2 },
    { "string-hash", p_string_hash, 1, 2 },
    { NULL, NULL, 0, 0 },
};
