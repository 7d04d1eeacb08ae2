/* A program that knows only the installed header and library. It is compiled as C and as C++. */
#include <greyspan.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc != 2 || strcmp(grey_version(), argv[1]) != 0) {
        fprintf(stderr, "the library says version %s\n", grey_version());
        return 1;
    }
    char *text = (char *)grey_malloc(100);
    if (text == NULL)
        return 1;
    memset(text, 'x', 100);
    grey_free(text);

    /* The inline paths, too: allocation, a store, a collection. */
    void **object = (void **)grey_alloc(GREY_CONSERVATIVE, 2 * sizeof *object);
    if (object == NULL)
        return 1;
    grey_write(&object[0], grey_alloc(GREY_NOSCAN, 16));
    grey_collect();
    return grey_base(object[0]) == object[0] ? 0 : 1;
}
