/* The module that stress/gc loads and unloads: variables and thread-local ones that hold objects. */
void **gc_plugin_slots(void);
void **gc_plugin_tls(void);

static void *slots[16] = { (void *)1 };
static __thread void *tls[8];

void **gc_plugin_slots(void)
{
    slots[0] = (void *)0;
    return slots;
}

void **gc_plugin_tls(void)
{
    return tls;
}
