/* A module with thread-local storage: dynamic, for it is loaded when threads exist. */
#include <stddef.h>

void plugin_set(void *p);
void *plugin_get(void);

static __thread char before[100000];
static __thread void *slot;

void plugin_set(void *p)
{
    before[0] = 1;
    slot = p;
}

void *plugin_get(void)
{
    return slot;
}
