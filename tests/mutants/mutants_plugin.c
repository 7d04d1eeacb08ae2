/* A module with a variable that holds an object, and some data besides. */
extern void *mutants_plugin_slot;
extern char mutants_plugin_data[48 << 10];

void *mutants_plugin_slot = 0;
char mutants_plugin_data[48 << 10] = { 1 };
