/* base: the end of a failed assertion. */
#include "alloc/assert.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t append(char *to, size_t at, size_t size, const char *s)
{
    size_t n = strlen(s);
    if (n > size - at)
        n = size - at;
    memcpy(to + at, s, n);
    return at + n;
}

void assert_failed(const char *text, const char *file, int line)
{
    char out[256], digits[12];
    size_t d = sizeof digits, at = 0;
    digits[--d] = '\0';
    for (unsigned n = (unsigned)line; n > 0; n /= 10)
        digits[--d] = (char)('0' + n % 10);
    at = append(out, at, sizeof out, "greyspan: internal error: ");
    at = append(out, at, sizeof out, file);
    at = append(out, at, sizeof out, ":");
    at = append(out, at, sizeof out, digits + d);
    at = append(out, at, sizeof out, ": ");
    at = append(out, at, sizeof out, text);
    at = append(out, at, sizeof out, "\n");
    if (write(2, out, at) < 0)
        abort();
    abort();
}
