/* The stress against a model on malloc itself, under the preload library: takes --seed and
   --seconds like the original. */
#define STRESS_LIBC_NAMES
#include "../stress/model.c"
