/* Allocates in its constructor and destructor, and has thread-local memory that the loader
   allocates at a thread's first touch. */
#include "front.h"

static void *kept[100];
static __thread char local[5000];

char *plugin_local(void);
void *plugin_block(size_t size);

char *plugin_local(void)
{
    return local;
}

void *plugin_block(size_t size)
{
    return malloc(size);
}

__attribute__((constructor)) static void begin(void)
{
    for (size_t i = 0; i < COUNT(kept); i++)
        kept[i] = malloc(hide(i * 100 + 1));
}

__attribute__((destructor)) static void end(void)
{
    for (size_t i = 0; i < COUNT(kept); i++)
        free(kept[i]);
    free(hidep(malloc(hide(123456))));
}
