/* limits: what the system grants this process: the memory of its control groups, and CPUs.

   Reads files by raw system calls: no lock, no allocation but a buffer from os_map(), errno kept, no
   cancellation point. root is put before every path, "" for the system's own; tests have trees of theirs. */
#ifndef ALLOC_LIMITS_H
#define ALLOC_LIMITS_H

#include "alloc/base.h"

/* The lowest of memory.max and memory.high of the process's control group and all above it, or of
   memory.limit_in_bytes where groups are of the first version. UINT64_MAX: none, or not to be found out. */
GREY_HIDDEN uint64_t limits_memory(const char *root);

/* How many CPUs the process may keep busy: those of its affinity mask, fewer where the time of a group's CPUs
   is limited (cpu.max, cpu.cfs_quota_us; parts of a CPU count as one). At least 1. */
GREY_HIDDEN unsigned limits_cpus(const char *root);

/* Bytes of memory and swap that the machine has: more than all of it nobody can use. */
GREY_HIDDEN uint64_t limits_machine(void);

#endif
