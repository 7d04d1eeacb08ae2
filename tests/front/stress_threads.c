/* The multi-threaded stress on malloc itself, under the preload library: takes --seed and
   --seconds like the original. */
#define STRESS_LIBC_NAMES
#include "../stress/threads.c"
