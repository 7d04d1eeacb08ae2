/* A module with thread-local storage: dynamic, for it is loaded when threads exist and is large. */
#include <stddef.h>

enum { SLOTS = 50 };

void plugin_set(size_t i, void *p);
void *plugin_get(size_t i);

static __thread volatile char before[100000];
static __thread void *volatile slot[SLOTS];

void plugin_set(size_t i, void *p)
{
    before[0] = 1;
    slot[i] = p;
}

void *plugin_get(size_t i)
{
    return slot[i];
}
