/* The smallest LD_AUDIT module: with one, the loader runs code of ours before libc is ready. */
#include "front.h"
#include <link.h>

unsigned la_version(unsigned version);

unsigned la_version(unsigned version)
{
    return version;
}
