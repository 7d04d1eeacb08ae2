/* LD_AUDIT beside the preload: the allocator is asked for memory before the loader has
   relocated everything (clock_gettime and getenv do not work then). */
#include "subprocess.h"

int main(int argc, char **argv)
{
    static struct run r;
    char setting[PATH_MAX + 300];
    if (argc > 1 && strcmp(argv[1], "audited") == 0) {
        for (size_t i = 0; i < 100000; i++)
            free(hidep(malloc(hide(i))));
        puts("audited");
        return front_result();
    }
    snprintf(setting, sizeof setting, "LD_AUDIT=%s", plugin("audit_plugin.so"));
    run_self(&r, "audited", setting, NULL);
    CHECK(run_ended_well(&r) && strcmp(r.out, "audited\n") == 0,
          "with LD_AUDIT the program runs: status %#x\n%s", (unsigned)r.status, r.err);
    return front_result();
}
