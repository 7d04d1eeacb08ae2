/* scheme: runs a program, standard input, or (on a terminal) a dialogue.
 *
 *     scheme [--stack=MIB] [FILE ARGUMENT ...]
 *
 * docs/embedding.md walks through these files. */
#include <stdlib.h>
#include <unistd.h>

#ifdef SCHEME_EDITLINE
#include <histedit.h>
#endif

#include "compile.h"

extern const char boot_text[];
extern const size_t boot_size;

static struct vm *main_vm;
static const char *history_file;

/* ---- the beginning ----------------------------------------------------------------------------------- */

static void begin_all(struct vm *vm, void *data)
{
    (void)data;
    if (!objects_begin(vm))
        out_of_memory(vm);
    control_begin(vm);
    text_begin(vm);
    primitives_define(vm, number_primitives);
    primitives_define(vm, text_primitives);
    primitives_define(vm, char_primitives);
    primitives_define(vm, list_primitives);
    primitives_define(vm, hash_primitives);
    primitives_define(vm, port_primitives);
    primitives_define(vm, reader_primitives);
    primitives_define(vm, printer_primitives);
    primitives_define(vm, thread_primitives);
    port_begin(vm);
    vm_begin(vm);
    expand_begin(vm);
    compile_begin(vm);
    thread_begin(vm);
}

struct boot {
    value port, thunk;
};

static void boot_open(struct vm *vm, void *data)
{
    struct boot *b = data;
    b->port = port_open_input_bytes(vm, boot_text, boot_size);
}

static void boot_next(struct vm *vm, void *data)
{
    struct boot *b = data;
    value form = read_datum(vm, b->port, false);
    b->thunk = form == END_OF_FILE ? FALSE : compile_toplevel(vm, form);
}

static bool boot(struct vm *vm)
{
    struct boot b = { FALSE, FALSE };
    value result;
    if (!vm_protect(vm, boot_open, &b))
        return false;
    for (;;) {
        if (!vm_protect(vm, boot_next, &b))
            return false;
        if (b.thunk == FALSE)
            return true;
        if (!vm_run(vm, b.thunk, &result)) {
            vm->raised = result;
            return false;
        }
    }
}

/* ---- errors that nobody handled ---------------------------------------------------------------------- */

struct report {
    value raised;
    char text[2000];
    bool interrupted;
};

static void report_text(struct vm *vm, void *data)
{
    struct report *r = data;
    size_t n;
    value text = condition_text(vm, r->raised);
    const char *bytes = string_bytes(text, &n);
    snprintf(r->text, sizeof r->text, "%.*s", (int)(n < 1900 ? n : 1900), bytes);
}

static void flush_output(struct vm *vm, void *data)
{
    (void)data;
    port_flush(vm, port_current(vm, KNOWN_OUTPUT));
}

/* A sentence on stderr. Returns the exit status that goes with it. */
static int report(struct vm *vm, value raised)
{
    struct report r = { .raised = raised };
    vm->parameters = NIL;
    vm_protect(vm, flush_output, NULL);
    if (!vm_protect(vm, report_text, &r)) { /* no memory? */
        const char *message = is_condition(raised) ? text_of(string_of(condition_of(raised)->message)->text)->byte
                                                   : "an error whose text cannot be made";
        snprintf(r.text, sizeof r.text, "%s%s%s", vm->memory_where, *vm->memory_where != '\0' ? ": " : "", message);
    }
    fprintf(stderr, "%s\n", r.text);
    vm->handlers = NIL;
    vm->source = FALSE;
    return is_condition(raised) && object_of(raised)->extra == CONDITION_INTERRUPT ? 130 : 1;
}

/* ---- the dialogue ------------------------------------------------------------------------------------ */

static void on_interrupt(int number)
{
    (void)number;
    vm_interrupt(main_vm);
}

#ifdef SCHEME_EDITLINE
static EditLine *editor;
static History *history_of;

static char *prompt(EditLine *e)
{
    static char text[] = "> ";
    (void)e;
    return text;
}

static char *edited_line(void)
{
    int count = 0;
    HistEvent event;
    const char *line = el_gets(editor, &count);
    if (main_vm->interrupted) { /* Ctrl-C: an empty line */
        vm_interrupt_forget(main_vm);
        fputc('\n', stdout);
        return strdup("\n");
    }
    if (line == NULL || count <= 0)
        return NULL;
    if (line[0] != '\n')
        history(history_of, &event, H_ENTER, line);
    return strdup(line);
}

static void editor_begin(const char *program)
{
    static char file[1000];
    HistEvent event;
    const char *home = getenv("HOME");
    editor = el_init(program, stdin, stdout, stderr);
    history_of = history_init();
    if (editor == NULL || history_of == NULL)
        return;
    history(history_of, &event, H_SETSIZE, 1000);
    el_set(editor, EL_PROMPT, prompt);
    el_set(editor, EL_EDITOR, "emacs");
    el_set(editor, EL_HIST, history, history_of);
    el_set(editor, EL_SIGNAL, 0);
    el_source(editor, NULL);
    if (home != NULL && snprintf(file, sizeof file, "%s/.greyspan_scheme_history", home) < (int)sizeof file) {
        history_file = file;
        history(history_of, &event, H_LOAD, file);
    }
    port_line_editor = edited_line;
}

static void editor_end(void)
{
    HistEvent event;
    if (history_of != NULL && history_file != NULL)
        history(history_of, &event, H_SAVE, history_file);
    if (editor != NULL)
        el_end(editor);
}
#else
static char *plain_line(void)
{
    char *line = NULL;
    size_t room = 0;
    fputs("> ", stdout);
    fflush(stdout);
    if (getline(&line, &room, stdin) > 0)
        return line;
    free(line);
    return NULL;
}

static void editor_begin(const char *program)
{
    (void)program;
    (void)history_file;
    port_line_editor = plain_line;
}

static void editor_end(void)
{
}
#endif

/* Errors end a form, not the dialogue. */
static void dialogue(struct vm *vm, value repl, const char *program)
{
    value result;
    printf("Scheme on %s. Ctrl-D ends it.\n", MEM_NAME);
    editor_begin(program);
    while (!vm_run(vm, repl, &result))
        report(vm, result);
    editor_end();
}

/* ---- main -------------------------------------------------------------------------------------------- */

static size_t stack_option(int *argc, char ***argv)
{
    size_t mebibytes = 64;
    if (*argc > 1 && strncmp((*argv)[1], "--stack=", 8) == 0) {
        char *end;
        mebibytes = strtoul((*argv)[1] + 8, &end, 10);
        if (*end != '\0' || mebibytes == 0 || mebibytes > 1 << 20) {
            fputs("scheme: --stack=MIB wants a number\n", stderr);
            exit(2);
        }
        ++*argv;
        --*argc;
    }
    if (*argc > 1 && (*argv)[1][0] == '-' && (*argv)[1][1] != '\0') {
        fputs("usage: scheme [--stack=MIB] [FILE ARGUMENT ...]\n", stderr);
        exit(strcmp((*argv)[1], "--help") == 0 ? 0 : 2);
    }
    return mebibytes << 20;
}

struct start {
    const char *name;
    value procedure;
};

static void find_start(struct vm *vm, void *data)
{
    struct start *s = data;
    s->procedure = symbol_of(symbol(vm, s->name))->global;
}

int main(int argc, char **argv)
{
    const char *program = argv[0];
    size_t stack_bytes = stack_option(&argc, &argv);
    kinds_begin();
    stats_start();
    struct vm *vm = main_vm = vm_new(stack_bytes);
    if (vm == NULL) {
        fputs("scheme: no memory\n", stderr);
        return 1;
    }
    command_line_set(argc - 1, argv + 1);
    if (!vm_protect(vm, begin_all, NULL) || !boot(vm))
        return report(vm, vm->raised);
    atexit(ports_flush_all);
    struct sigaction action = { .sa_handler = on_interrupt };
    sigaction(SIGINT, &action, NULL);

    bool talks = argc == 1 && isatty(STDIN_FILENO);
    struct start start = { talks ? "%repl" : argc == 1 ? "%main-input" : "%main-file", FALSE };
    value result;
    if (!vm_protect(vm, find_start, &start))
        return report(vm, vm->raised);
    if (talks)
        dialogue(vm, start.procedure, program);
    else if (!vm_run(vm, start.procedure, &result))
        return report(vm, result);
    return 0;
}
