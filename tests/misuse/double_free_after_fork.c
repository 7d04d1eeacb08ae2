// dies: greyspan: free(%p): double free
/* Freed before a fork, and again in the child, which dies of it for its parent to see. */
#include "misuse.h"
#include <signal.h>
#include <sys/wait.h>

int main(void)
{
    int status = 0;
    void *p = misuse_freed(malloc(hide(100)));
    pid_t child = fork();
    if (child == 0) {
        free(p);
        _exit(misuse_survived());
    }
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status))
        raise(WTERMSIG(status));
    return misuse_survived();
}
