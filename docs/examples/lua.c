/* Lua 5.4 on Greyspan.
 *
 *     lua-on-greyspan               runs the program below
 *     lua-on-greyspan FILE ARG...   runs a Lua script of yours
 *
 * An interpreter that takes its memory through one function is the shortest way to use the library:
 * lua_newstate() wants an allocator, grey_realloc() and grey_free() are one. The interpreter is the
 * unchanged liblua5.4 of the system; the rest of the process keeps libc's malloc.
 *
 * Build: cc lua.c $(pkg-config --cflags --libs greyspan lua5.4)
 */
#include <greyspan.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What the interpreter holds, as it counts itself. */
struct usage {
    size_t live_bytes, peak_bytes, calls;
};

/* Lua's contract for an allocator (manual, lua_Alloc): size 0 frees and returns NULL; otherwise the
 * block is made or resized, and NULL means that it was not and stays as it is. With block NULL,
 * old_size tells the kind of object and is no size. Lua believes that shrinking cannot fail; it
 * cannot, for a block that shrinks stays where it is when there is no other. */
static void *allocate(void *opaque, void *block, size_t old_size, size_t size)
{
    struct usage *u = opaque;
    size_t before = block == NULL ? 0 : old_size;

    u->calls++;
    if (size == 0) {
        grey_free(block);
        u->live_bytes -= before;
        return NULL;
    }
    void *resized = grey_realloc(block, size);
    if (resized == NULL)
        return NULL;
    u->live_bytes += size - before;
    if (u->live_bytes > u->peak_bytes)
        u->peak_bytes = u->live_bytes;
    return resized;
}

/* Tables, strings and coroutines: what an interpreter allocates most. */
static const char program[] = "local words = {}\n"
                              "for i = 1, 200000 do\n"
                              "  words[i] = ('%d-%s'):format(i, ('x'):rep(i % 50))\n"
                              "end\n"
                              "table.sort(words)\n"
                              "print('first and last word', words[1], #words[#words])\n"
                              "local text = table.concat(words, ' ')\n"
                              "local count = 0\n"
                              "for _ in text:gmatch('%-x+') do count = count + 1 end\n"
                              "print('words with an x', count)\n"
                              "local fibonacci = coroutine.wrap(function()\n"
                              "  local a, b = 0, 1\n"
                              "  while true do coroutine.yield(a) a, b = b, a + b end\n"
                              "end)\n"
                              "local row = {}\n"
                              "for i = 1, 10 do row[i] = fibonacci() end\n"
                              "print('coroutine', table.concat(row, ' '))\n"
                              "local tree = nil\n"
                              "for i = 1, 100000 do tree = { i, tree } end\n"
                              "local depth = 0\n"
                              "while tree do depth, tree = depth + 1, tree[2] end\n"
                              "print('depth', depth)\n"
                              "words, text = nil, nil\n"
                              "collectgarbage()\n"
                              "print('after a collection, under 4 MiB', collectgarbage('count') < 4096)\n";

/* The table of the script's arguments, as the lua command makes it. */
static void set_arguments(lua_State *lua, int argc, char **argv)
{
    lua_createtable(lua, argc, 0);
    for (int i = 1; i < argc; i++) {
        lua_pushstring(lua, argv[i]);
        lua_rawseti(lua, -2, i - 1);
    }
    lua_setglobal(lua, "arg");
}

static int run(lua_State *lua, int argc, char **argv)
{
    luaL_openlibs(lua);
    set_arguments(lua, argc, argv);
    int failed = argc > 1 ? luaL_dofile(lua, argv[1]) : luaL_dostring(lua, program);
    if (failed)
        fprintf(stderr, "%s\n", lua_tostring(lua, -1));
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct usage usage = { 0 };
    struct grey_stats heap;

    lua_State *lua = lua_newstate(allocate, &usage);
    if (lua == NULL) {
        fputs("no memory for an interpreter\n", stderr);
        return EXIT_FAILURE;
    }
    int result = run(lua, argc, argv);
    lua_close(lua);

    printf("\nLua made %zu calls and held %zu KiB at its peak; now it holds %zu bytes.\n", usage.calls,
           usage.peak_bytes / 1024, usage.live_bytes);
    grey_stats(&heap, sizeof heap);
    printf("The heap took %zu KiB at its peak, and gives %zu KiB back when asked.\n\n",
           heap.peak_bytes / 1024, grey_trim() / 1024);
    fflush(stdout);
    grey_stats_print(STDOUT_FILENO);

    /* Every block Lua took came back, by its own count and by the heap's. */
    grey_stats(&heap, sizeof heap);
    return usage.live_bytes == 0 && heap.block_bytes == 0 ? result : EXIT_FAILURE;
}
