// with: GREY_STRESS=1000000
// says: many: [0-9]+ of 200 lost
/* The only reference is in the kernel: the data of an epoll event. So are io_uring's user_data, the values
   that sigqueue and timers carry; and the nodes of tsearch, hsearch, the data of libraries that allocate by
   malloc. */
#include "mistake.h"

#include <sys/epoll.h>
#include <unistd.h>

__attribute__((noinline)) static void watch(int epoll, int (*ends)[2])
{
    for (int i = 0; i < MANY; i++) {
        if (pipe(ends[i]) != 0)
            abort();
        /* right: data.ptr = grey_handle_create(thing_new()), and grey_handle_get() when the event comes */
        struct epoll_event e = { .events = EPOLLIN, .data.ptr = thing_new() };
        epoll_ctl(epoll, EPOLL_CTL_ADD, ends[i][0], &e);
    }
}

int main(void)
{
    static int ends[MANY][2];
    int epoll = epoll_create1(0), lost = 0;
    watch(epoll, ends);
    collect();
    for (int i = 0; i < MANY; i++) {
        struct epoll_event e;
        if (write(ends[i][1], "", 1) != 1 || epoll_wait(epoll, &e, 1, -1) != 1)
            abort();
        lost += ((struct thing *)e.data.ptr)->alive != ALIVE;
        close(ends[i][0]);
    }
    return judge(lost);
}
