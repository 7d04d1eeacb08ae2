#include <greyspan.h>
#include <stdio.h>

// Reads a file of any length into one block that grows.
int main(int argc, char **argv)
{
    FILE *in = fopen(argc > 1 ? argv[1] : "/etc/passwd", "r");
    char *text = NULL;
    size_t length = 0, words = 0;

    for (int c, last = ' '; in != NULL && (c = getc(in)) != EOF; last = c) {
        if (length == grey_usable_size(text)) {
            char *longer = (char *)grey_realloc(text, length + length / 2 + 64);
            if (longer == NULL)
                break; // text is as it was
            text = longer;
        }
        text[length++] = (char)c;
        words += (last == ' ' || last == '\n') && c != ' ' && c != '\n';
    }
    printf("%zu words in %zu bytes\n", words, length);
    if (in != NULL)
        fclose(in);
    grey_free(text);

    struct grey_stats s;
    if (grey_stats(&s, sizeof s))
        printf("%zu bytes still in blocks\n", s.block_bytes);
    return 0;
}
