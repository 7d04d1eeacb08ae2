/* A module whose variable names an object. */
extern void *why_variable;

void *why_variable;
