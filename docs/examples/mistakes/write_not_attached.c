// with: GREY_CHECK_WRITES=1
// says: grey_write.0x[0-9a-f]+.: the thread is not attached
/* A thread that the collector does not know stores a reference into an object that another gave it. */
#include "mistake.h"

#include <pthread.h>

static void *writer(void *thing) /* right: grey_pthread_create(), or grey_thread_attach() here at first */
{
    struct thing *t = thing;
    grey_write(&t->next, t);
    return NULL;
}

int main(void)
{
    pthread_t thread;
    struct thing *t = thing_new();
    pthread_create(&thread, NULL, writer, t);
    pthread_join(thread, NULL);
    return t->next != t;
}
