/* dlsym and dlerror allocate inside the loader: from many threads at once, and as a thread's
   first act, before it ever called malloc. */
#include "front.h"
#include <pthread.h>

enum { THREADS = 8, CALLS = 3000, SHORT_THREADS = 400 };

static void *loop(void *argument)
{
    size_t self = (size_t)argument;
    for (int i = 0; i < CALLS; i++) {
        char name[40];
        snprintf(name, sizeof name, "no_such_symbol_%zu_%d", self, i);
        CHECK(dlsym(RTLD_DEFAULT, name) == NULL, "a symbol that is not there is not found");
        const char *message = dlerror();
        CHECK(message != NULL && strstr(message, name) != NULL, "dlerror names the symbol");
        CHECK(dlsym(RTLD_DEFAULT, "malloc") != NULL, "malloc is found");
        CHECK(dlerror() == NULL, "dlerror is silent after a success");
        free(hidep(malloc(hide((size_t)i))));
    }
    return NULL;
}

static void *fail_once(void *argument)
{
    CHECK(dlsym(RTLD_DEFAULT, "no_such_symbol") == NULL && dlerror() != NULL, "a first call may be dlsym");
    return argument;
}

int main(void)
{
    pthread_t t[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        REQUIRE(pthread_create(&t[i], NULL, loop, (void *)i) == 0, "a thread starts");
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    for (size_t i = 0; i < SHORT_THREADS; i++) {
        REQUIRE(pthread_create(&t[0], NULL, fail_once, NULL) == 0, "a thread starts");
        pthread_join(t[0], NULL);
    }
    return front_result();
}
