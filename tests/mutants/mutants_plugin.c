/* A module with a variable that holds an object, and enough data that reading them takes a while. */
extern void *mutants_plugin_slot;
extern char mutants_plugin_data[1 << 20];

void *mutants_plugin_slot = 0;
char mutants_plugin_data[1 << 20] = { 1 };
