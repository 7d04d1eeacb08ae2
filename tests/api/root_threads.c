/* Threads that make and drop roots of every registered kind while others collect: what each root names
   is as it was left. */
#include "root.h"

enum { THREADS = 4, ROUNDS = 400, HELD = 16 };

struct held {
    grey_handle *handle;
    void **range, **slot;
    uintptr_t number;
};

static uintptr_t *make(uintptr_t number)
{
    uintptr_t *p = grey_alloc(GREY_NOSCAN, 2 * sizeof *p);
    if (p == NULL)
        abort();
    p[0] = number;
    p[1] = ~number;
    return p;
}

static bool is_made(const uintptr_t *p, uintptr_t number)
{
    return p != NULL && p[0] == number && p[1] == ~number;
}

static void hold(struct held *h, uintptr_t number, void **memory)
{
    h->number = number;
    h->handle = grey_handle_create(NULL);
    grey_handle_set(h->handle, make(number));
    h->range = memory;
    h->slot = memory + 1;
    CHECK(grey_root_add(h->range, sizeof(void *)), "a range is registered");
    CHECK(grey_slots_add(h->slot, 1), "a slot is registered");
    *h->range = make(number + 1);
    grey_write(h->slot, make(number + 2));
}

static void let_go(struct held *h)
{
    CHECK(is_made(grey_handle_get(h->handle), h->number), "a handle keeps its object");
    CHECK(is_made(*h->range, h->number + 1), "a range keeps its object");
    CHECK(is_made(*h->slot, h->number + 2), "a slot keeps its object");
    *h->range = NULL;
    grey_write(h->slot, NULL);
    grey_handle_release(h->handle);
    CHECK(grey_root_remove(h->range, sizeof(void *)), "a range is removed");
    CHECK(grey_slots_remove(h->slot, 1), "a slot is removed");
}

static void *work(void *argument)
{
    static __thread struct held held[HELD];
    void **memory = root_hidden_memory(2 * HELD * sizeof(void *));
    uintptr_t number = (uintptr_t)argument << 32;
    for (size_t i = 0; i < ROUNDS; i++, number += 3) {
        struct held *h = &held[i * 7 % HELD];
        if (h->handle != NULL)
            let_go(h);
        hold(h, number, memory + 2 * (h - held));
        for (uintptr_t garbage = 0; garbage < 50; garbage++)
            make(garbage);
        if (i % 20 == 0)
            grey_collect();
    }
    for (size_t i = 0; i < HELD; i++)
        let_go(&held[i]);
    return NULL;
}

int main(void)
{
    pthread_t t[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        if (grey_pthread_create(&t[i], NULL, work, (void *)(i + 1)) != 0)
            abort();
    for (size_t i = 0; i < THREADS; i++)
        grey_pthread_join(t[i], NULL);
    return result();
}
