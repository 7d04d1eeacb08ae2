// dies: greyspan: grey_thread_detach(): the thread is in a blocking region
/* A thread detaches itself in a blocking region. */
#include "misuse.h"
#include <greyspan.h>

int main(void)
{
    (void)hidep(grey_alloc(GREY_NOSCAN, 64));
    grey_blocking_enter();
    grey_thread_detach();
    grey_blocking_leave();
    CHECK(grey_thread_is_attached(), "it is still attached");
    return misuse_survived();
}
