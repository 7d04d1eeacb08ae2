/* What the tests of fork share: children that check something and end, under a clock. */
#ifndef TESTS_API_GC_FORK_H
#define TESTS_API_GC_FORK_H

#include "gc_contract.h"
#include <sched.h>

enum { FORKS = !UNDER_TSAN, CHILD_SECONDS = 50 };

static void *wait_for(void *pid)
{
    int status = -1;
    while (waitpid((pid_t)(intptr_t)pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return (void *)(intptr_t)status;
}

/* Runs f(argument) in a forked child, whose checks count like the parent's. */
__attribute__((unused)) static void in_child(const char *what, void (*f)(void *), void *argument)
{
    pid_t pid = fork();
    if (pid == 0) {
        alarm(CHILD_SECONDS);
        failures = 0;
        f(argument);
        _exit(failures > 100 ? 100 : failures);
    }
    int status = pid < 0 ? -1 : (int)(intptr_t)grey_blocking_call(wait_for, (void *)(intptr_t)pid);
    CHECK(status == 0, "%s: the child's status is %#x", what, (unsigned)status);
}

/* A list whose nodes are known by their numbers. */
struct node {
    struct node *next;
    uint64_t number, check;
};

__attribute__((unused)) static struct node *list_new(uint64_t length)
{
    struct node *list = NULL;
    for (uint64_t i = 0; i < length; i++) {
        struct node *n = (struct node *)grey_alloc(GREY_CONSERVATIVE, sizeof *n + i % 200);
        if (n == NULL)
            return NULL;
        n->number = i;
        n->check = ~i;
        grey_init(&n->next, list);
        list = n;
    }
    return list;
}

__attribute__((unused)) static bool list_is_whole(const struct node *list, uint64_t length)
{
    for (; list != NULL; list = list->next) {
        length--;
        if (list->number != length || list->check != ~length)
            return false;
    }
    return length == 0;
}

/* What a program does with the collector: all of it must still work. */
__attribute__((unused)) static void exercise(void)
{
    struct node *list = list_new(20000);
    for (int i = 0; i < 3; i++) {
        list_new(50000);
        grey_collect();
        CHECK(list_is_whole(list, 20000), "a list outlives collections");
    }
    CHECK(grey_verify(), "the heap is sound");
}

#endif
