/* Options in a set-uid program, which only a faked system can be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "alloc/options.h"
#include "tests/fake/os_fake.h"

static void a_set_uid_program_ignores_its_environment(void **state)
{
    (void)state;
    char *environment[] = { "GREY_ON_ERROR=ignore", "GREY_HELP=1", "GREY_CACHE=nonsense", "GREY_FOO=1",
                            NULL };
    struct options before = options;
    os_fake_reset();
    os_fake_secure(true);
    options_read(environment);
    assert_memory_equal(&options, &before, sizeof before);
    assert_string_equal(os_fake_written(), "");
    /* The same environment is read otherwise. */
    os_fake_secure(false);
    options_read(environment);
    assert_int_equal(options.on_error, ON_ERROR_IGNORE);
    assert_non_null(strstr(os_fake_written(), "GREY_CACHE=nonsense"));
    options = before;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_uid_program_ignores_its_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
