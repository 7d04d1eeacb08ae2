/* root_table: see root_table.h. Memory comes from the system, so that a table that has grown gives
   its old memory back. */
#include "gc/root_table.h"

#include <string.h>

enum { ROOM_FIRST = 64, ROOM_MAX = 1 << 30 };

static size_t table_bytes(size_t room)
{
    return round_up(room * (sizeof(struct root_pair) + sizeof(uint32_t)), os_page_size());
}

/* room is a power of two. */
static uint32_t *bucket_of(const struct root_table *t, uintptr_t a, uintptr_t b)
{
    uint64_t mixed = (a ^ b * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xd6e8feb86659fd93);
    return &t->bucket[(mixed >> 32) & (t->room - 1)];
}

static void link_pair(struct root_table *t, size_t i)
{
    uint32_t *bucket = bucket_of(t, t->pairs[i].a, t->pairs[i].b);
    t->pairs[i].next = *bucket;
    *bucket = (uint32_t)i + 1;
}

static bool grow(struct root_table *t)
{
    struct root_table old = *t;
    size_t room = old.room == 0 ? ROOM_FIRST : old.room * 2;
    struct root_pair *pairs = room > ROOM_MAX ? NULL : os_map(table_bytes(room));
    if (pairs == NULL)
        return false;
    *t = (struct root_table){ pairs, (uint32_t *)(pairs + room), old.count, room };
    if (old.count > 0)
        memcpy(pairs, old.pairs, old.count * sizeof *pairs);
    for (size_t i = 0; i < old.count; i++)
        link_pair(t, i);
    if (old.room > 0)
        os_release(old.pairs, table_bytes(old.room));
    return true;
}

/* The word that says where the pair lies: in a bucket or in another pair. NULL: there is none. */
static uint32_t *find_link(const struct root_table *t, uintptr_t a, uintptr_t b)
{
    if (t->room == 0)
        return NULL;
    for (uint32_t *link = bucket_of(t, a, b); *link != 0; link = &t->pairs[*link - 1].next)
        if (t->pairs[*link - 1].a == a && t->pairs[*link - 1].b == b)
            return link;
    return NULL;
}

bool root_table_add(struct root_table *t, uintptr_t a, uintptr_t b, bool flag)
{
    uint32_t *link = find_link(t, a, b);
    if (link != NULL) {
        struct root_pair *p = &t->pairs[*link - 1];
        if (p->times == UINT32_MAX)
            return false;
        p->times++;
        return true;
    }
    if (t->count == t->room && !grow(t))
        return false;
    t->pairs[t->count] = (struct root_pair){ .a = a, .b = b, .times = 1, .flag = flag };
    link_pair(t, t->count);
    t->count++;
    return true;
}

bool root_table_remove(struct root_table *t, uintptr_t a, uintptr_t b)
{
    uint32_t *link = find_link(t, a, b);
    if (link == NULL)
        return false;
    size_t hole = *link - 1, last = t->count - 1;
    if (--t->pairs[hole].times > 0)
        return true;
    *link = t->pairs[hole].next;
    if (hole != last) {
        link = find_link(t, t->pairs[last].a, t->pairs[last].b);
        t->pairs[hole] = t->pairs[last];
        *link = (uint32_t)hole + 1;
    }
    t->count = last;
    return true;
}
