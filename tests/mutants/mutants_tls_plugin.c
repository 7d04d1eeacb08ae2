/* A module with a thread-local variable: it lies where the loader finds room for it. */
void **mutants_plugin_tls(void);

static __thread void *variable[4];

void **mutants_plugin_tls(void)
{
    return &variable[1];
}
