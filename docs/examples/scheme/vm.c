/* The loop over instructions. run.c starts it.
 *
 * A frame is described in compile.h. What holds at every instruction, for a signal may stop the thread
 * there and the collector reads the stack up to vm->top:
 *
 *   F1  vm->top is the end of the running frame (fp + registers) or above it. It is raised before anything is
 *       stored above the old one (fence below), and lowered only to the end of the frame that is returned to.
 *   F2  fp[-1] is a closure, whose code pc points into.
 *   F3  vm->fp and vm->pc are those of the loop whenever something is called that may raise (SAVE). An error
 *       jumps out of whatever was called and goes on here with a call of its handler, at the frame's end. */
#include "loop.h"

static inline value make_closure(struct vm *vm, const union insn *pc, const value *fp)
{
    unsigned count = pc->i.b;
    const struct code *code = code_of(pc[1].word);
    const uint16_t *from = &pc[2].i.op;
    struct closure *c = object_new(vm, TYPE_CLOSURE, 1 + count, 0);
    c->head.extra = code->rest != 0 ? ARITY_ANY : code->parameters;
    mem_init(&c->code, (value)code);
    for (unsigned i = 0; i < count; i++) {
        unsigned w = from[i];
        mem_init(&c->item[i], w == CAPTURE_SELF       ? fp[-1]
                              : (w & CAPTURE_FREE) != 0 ? closure_of(fp[-1])->item[w & ~CAPTURE_FREE]
                                                        : fp[w]);
    }
    return (value)c;
}

/* ---- the loop ---------------------------------------------------------------------------------------- */

#define SAVE()    (vm->pc = pc, vm->fp = fp)            /* F3 */
#define SLOW()    (SAVE(), vm->running = general[pc->i.op])
#define A         fp[pc->i.a]
#define B         fp[pc->i.b]
#define C         fp[pc->i.c]
#define NEXT      goto *label[pc->i.op]
#define STEP(n)   do { pc += (n); NEXT; } while (0)
#define CASE(op)  L_##op:
#define JUMP_IF(condition)                                                                                \
    do {                                                                                                  \
        if (condition)                                                                                    \
            pc += (int16_t)pc->i.c;                                                                       \
        STEP(1);                                                                                          \
    } while (0)
/* Both senses of a test; what it computes may call and raise. */
#define TEST(name, condition)                                                                             \
    CASE(IF_##name) JUMP_IF(condition);                                                                   \
    CASE(UNLESS_##name) JUMP_IF(!(condition));
#define IMMEDIATE ((intptr_t)(int16_t)pc->i.b)
#define COMPARE(a, b, operator, slow)                                                                     \
    (likely(are_fixnums(a, b))                    ? (intptr_t)(a) operator (intptr_t)(b)                  \
     : likely(is_flonum(a) && is_flonum(b)) ? flonum_of(a) operator flonum_of(b)                          \
                                                  : (SLOW(), slow))
#define COMPARE_IMMEDIATE(operator, slow)                                                                 \
    (likely(is_fixnum(A)) ? (intptr_t)A operator (intptr_t)fixnum(IMMEDIATE)                              \
     : is_flonum(A)       ? flonum_of(A) operator (double)IMMEDIATE                                       \
                          : (SLOW(), slow))
#define ARITHMETIC(overflow, a_raw, b_raw, fix, operator, slow)                                           \
    do {                                                                                                  \
        value a = B, b = C;                                                                               \
        intptr_t r;                                                                                       \
        if (likely(are_fixnums(a, b)) && likely(!overflow((intptr_t)(a_raw), (intptr_t)(b_raw), &r))) {   \
            A = (value)r + (fix);                                                                         \
            STEP(1);                                                                                      \
        }                                                                                                 \
        SLOW();                                                                                           \
        A = is_flonum(a) && is_flonum(b) ? flonum(vm, flonum_of(a) operator flonum_of(b)) : slow(vm, a, b); \
        STEP(1);                                                                                          \
    } while (0)
#define WITH_IMMEDIATE(overflow, operator, slow)                                                          \
    do {                                                                                                  \
        value a = B;                                                                                      \
        intptr_t n = (int16_t)pc->i.c, r;                                                                 \
        if (likely(is_fixnum(a)) && likely(!overflow((intptr_t)a, n * 2, &r))) {                          \
            A = (value)r;                                                                                 \
            STEP(1);                                                                                      \
        }                                                                                                 \
        SLOW();                                                                                           \
        A = is_flonum(a) ? flonum(vm, flonum_of(a) operator (double)n) : slow(vm, a, fixnum(n));          \
        STEP(1);                                                                                          \
    } while (0)
#define DIVISION(name, expression)                                                                        \
    do {                                                                                                  \
        value a = B, b = C;                                                                               \
        if (likely(are_fixnums(a, b)) && likely((intptr_t)b > 1)) { /* positive: nothing overflows */     \
            intptr_t x = fixnum_of(a), y = fixnum_of(b);                                                  \
            A = fixnum(expression);                                                                       \
        } else {                                                                                          \
            SLOW();                                                                                       \
            A = number_##name(vm, a, b);                                                                  \
        }                                                                                                 \
        STEP(1);                                                                                          \
    } while (0)
#define FIELD(op, path_ok, path)                                                                          \
    do {                                                                                                  \
        value v = B;                                                                                      \
        if (likely(path_ok)) {                                                                            \
            A = (path);                                                                                   \
        } else {                                                                                          \
            SAVE();                                                                                       \
            A = slowly(vm, op, 1, v, 0, 0);                                                               \
        }                                                                                                 \
        STEP(1);                                                                                          \
    } while (0)

/* Runs until the lowest frame has returned; the result. One function, for instructions jump to each other's
 * labels; what they do seldom is in slow.c. */
value vm_loop(struct vm *vm)
{
    static const void *const label[OP_COUNT] = {
#define X(name) [OP_##name] = &&L_##name,
        OPERATIONS(X)
#undef X
#define X(name) [OP_IF_##name] = &&L_IF_##name, [OP_UNLESS_##name] = &&L_UNLESS_##name,
        TESTS(X)
#undef X
    };
    const union insn *pc = vm->pc;
    value *fp = vm->fp;
    value f;       /* what is called */
    value result;  /* of what returns */
    unsigned base; /* of a call: its fp[0] in this frame ... */
    int count;     /* ... its arguments ... */
    bool tail;     /* ... whether this frame is done */
    NEXT;

    CASE(MOVE) A = B; STEP(1);
    CASE(SMALL) A = (value)pc->i.b | (value)pc->i.c << 16; STEP(1);
    CASE(CONSTANT) A = pc[1].word; STEP(2);
    CASE(SELF) A = fp[-1]; STEP(1);
    CASE(FREE) A = closure_of(fp[-1])->item[pc->i.b]; STEP(1);
    CASE(FREE_BOX) {
        value v = box_of(closure_of(fp[-1])->item[pc->i.b])->item;
        if (unlikely(v == UNBOUND)) {
            SAVE();
            uninitialized(vm);
        }
        A = v;
        STEP(1);
    }
    CASE(BOX_REF) {
        value v = box_of(B)->item;
        if (unlikely(v == UNBOUND)) {
            SAVE();
            uninitialized(vm);
        }
        A = v;
        STEP(1);
    }
    CASE(BOX_SET) mem_write(&box_of(A)->item, B); STEP(1);
    CASE(FREE_BOX_SET) mem_write(&box_of(closure_of(fp[-1])->item[pc->i.a])->item, B); STEP(1);
    CASE(MAKE_BOX) SAVE(); A = make_box(vm, B); STEP(1);
    CASE(GLOBAL) {
        value v = symbol_of(pc[1].word)->global;
        if (unlikely(v == UNBOUND)) {
            SAVE();
            unbound(vm, pc[1].word);
        }
        A = v;
        STEP(2);
    }
    CASE(SET_GLOBAL) SAVE(); set_global(vm, pc[1].word, A); STEP(2);
    CASE(DEFINE_GLOBAL) SAVE(); global_define(vm, pc[1].word, A); STEP(2);
    CASE(CLOSURE) {
        SAVE();
        A = make_closure(vm, pc, fp);
        STEP(2 + (pc->i.b + 3) / 4);
    }
    CASE(PATCH) mem_write(&closure_of(A)->item[pc->i.b], C); STEP(1);
    CASE(JUMP) pc += 1 + (int32_t)((uint32_t)pc->i.b | (uint32_t)pc->i.c << 16); NEXT;
    CASE(LOOP) {
        if (unlikely(vm->limit == NULL)) {
            SAVE();
            attend(vm, NULL);
        }
        mem_safepoint();
        pc += 1 + (int32_t)((uint32_t)pc->i.b | (uint32_t)pc->i.c << 16);
        NEXT;
    }

    /* ---- tests */
    TEST(FALSE, A == FALSE)
    TEST(NULL, A == NIL)
    TEST(PAIR, is_pair(A))
    TEST(NUMBER, is_fixnum(A) || is_number(A))
    TEST(TYPE, is_type(A, (enum type)pc->i.b))
    TEST(EQ, A == B)
    TEST(EQV, A == B || is_eqv(A, B))
    TEST(CHAR_EQ, likely(is_char(A) && is_char(B)) ? A == B : (SLOW(), slowly(vm, OP_IF_CHAR_EQ, 2, A, B, 0) != FALSE))
    CASE(IF_EQ_K) pc += A == pc[1].word ? 1 + (int16_t)pc->i.c : 2; NEXT;
    CASE(UNLESS_EQ_K) pc += A != pc[1].word ? 1 + (int16_t)pc->i.c : 2; NEXT;
    TEST(NUM_EQ, COMPARE(A, B, ==, number_equal(vm, A, B)))
    TEST(LT, COMPARE(A, B, <, number_less(vm, A, B)))
    TEST(LE, COMPARE(A, B, <=, number_less_equal(vm, A, B)))
    TEST(GT, COMPARE(A, B, >, number_less(vm, B, A)))
    TEST(GE, COMPARE(A, B, >=, number_less_equal(vm, B, A)))
    TEST(NUM_EQ_I, COMPARE_IMMEDIATE(==, number_equal(vm, A, fixnum(IMMEDIATE))))
    TEST(LT_I, COMPARE_IMMEDIATE(<, number_less(vm, A, fixnum(IMMEDIATE))))
    TEST(LE_I, COMPARE_IMMEDIATE(<=, number_less_equal(vm, A, fixnum(IMMEDIATE))))
    TEST(GT_I, COMPARE_IMMEDIATE(>, number_less(vm, fixnum(IMMEDIATE), A)))
    TEST(GE_I, COMPARE_IMMEDIATE(>=, number_less_equal(vm, fixnum(IMMEDIATE), A)))

    /* ---- numbers: of a tagged sum one tag is taken off, of a product the factor 2 */
    CASE(ADD) ARITHMETIC(__builtin_add_overflow, a - 1, b, 0, +, number_add);
    CASE(SUB) ARITHMETIC(__builtin_sub_overflow, a, b, 1, -, number_subtract);
    CASE(MUL) ARITHMETIC(__builtin_mul_overflow, a - 1, fixnum_of(b), 1, *, number_multiply);
    CASE(ADD_I) WITH_IMMEDIATE(__builtin_add_overflow, +, number_add);
    CASE(SUB_I) WITH_IMMEDIATE(__builtin_sub_overflow, -, number_subtract);
    CASE(DIV) {
        value a = B, b = C;
        SLOW();
        A = is_flonum(a) && is_flonum(b) ? flonum(vm, flonum_of(a) / flonum_of(b)) : number_divide(vm, a, b);
        STEP(1);
    }
    CASE(QUOTIENT) DIVISION(quotient, x / y);
    CASE(REMAINDER) DIVISION(remainder, x % y);
    CASE(MODULO) DIVISION(modulo, (x % y + y) % y);

    /* ---- pairs, vectors, strings */
    CASE(CONS) {
        SAVE();
        A = cons(vm, B, C);
        STEP(1);
    }
    CASE(CAR) FIELD(OP_CAR, is_pair(v), car(v));
    CASE(CDR) FIELD(OP_CDR, is_pair(v), cdr(v));
    CASE(CADR) FIELD(OP_CADR, is_pair(v) && is_pair(cdr(v)), car(cdr(v)));
    CASE(CDDR) FIELD(OP_CDDR, is_pair(v) && is_pair(cdr(v)), cdr(cdr(v)));
    CASE(CAAR) FIELD(OP_CAAR, is_pair(v) && is_pair(car(v)), car(car(v)));
    CASE(CDAR) FIELD(OP_CDAR, is_pair(v) && is_pair(car(v)), cdr(car(v)));
    CASE(CADDR) FIELD(OP_CADDR, is_pair(v) && is_pair(cdr(v)) && is_pair(cdr(cdr(v))), car(cdr(cdr(v))));
    CASE(SET_CAR) {
        value p = A;
        if (unlikely(!is_pair(p))) {
            SAVE();
            slowly(vm, OP_SET_CAR, 2, p, B, 0);
        }
        set_car(p, B);
        STEP(1);
    }
    CASE(SET_CDR) {
        value p = A;
        if (unlikely(!is_pair(p))) {
            SAVE();
            slowly(vm, OP_SET_CDR, 2, p, B, 0);
        }
        set_cdr(p, B);
        STEP(1);
    }
    CASE(VECTOR_REF) {
        value v = B, i = C;
        if (likely(is_vector(v) && is_fixnum(i) && i >> 1 < object_of(v)->count)) {
            A = vector_of(v)->item[i >> 1];
        } else {
            SAVE();
            A = slowly(vm, OP_VECTOR_REF, 2, v, i, 0);
        }
        STEP(1);
    }
    CASE(VECTOR_SET) {
        value v = A, i = B;
        if (likely(is_vector(v) && is_fixnum(i) && i >> 1 < object_of(v)->count)) {
            mem_write(&vector_of(v)->item[i >> 1], C);
        } else {
            SAVE();
            slowly(vm, OP_VECTOR_SET, 3, v, i, C);
        }
        STEP(1);
    }
    CASE(VECTOR_LENGTH) FIELD(OP_VECTOR_LENGTH, is_vector(v), fixnum((intptr_t)object_of(v)->count));
    CASE(STRING_REF) {
        value s = B, i = C;
        if (likely(is_string(s) && is_fixnum(i))) {
            const struct text *t = text_of(string_of(s)->text);
            if (likely(i >> 1 < t->head.count && t->length == t->head.count)) {
                A = char_value((unsigned char)t->byte[i >> 1]);
                STEP(1);
            }
        }
        SAVE();
        A = slowly(vm, OP_STRING_REF, 2, s, i, 0);
        STEP(1);
    }
    CASE(BYTES_REF) {
        value v = B, i = C;
        if (likely(is_bytevector(v) && is_fixnum(i) && i >> 1 < object_of(v)->count)) {
            A = fixnum(bytevector_of(v)->byte[i >> 1]);
        } else {
            SAVE();
            A = slowly(vm, OP_BYTES_REF, 2, v, i, 0);
        }
        STEP(1);
    }
    CASE(BYTES_SET) {
        value v = A, i = B, b = C;
        if (likely(is_bytevector(v) && is_fixnum(i) && i >> 1 < object_of(v)->count && is_fixnum(b) && b >> 1 < 256)) {
            bytevector_of(v)->byte[i >> 1] = (uint8_t)(b >> 1);
        } else {
            SAVE();
            slowly(vm, OP_BYTES_SET, 3, v, i, b);
        }
        STEP(1);
    }

    /* ---- records: each is all of a procedure, so it returns, too */
    CASE(RECORD_REF) {
        value r = fp[0];
        if (likely(is_record(r) && record_of(r)->type == closure_of(fp[-1])->item[0])) {
            result = record_of(r)->item[pc->i.c];
            goto give;
        }
        SAVE();
        not_of_type(vm, fp[-1], r);
    }
    CASE(RECORD_SET) {
        value r = fp[0];
        if (likely(is_record(r) && record_of(r)->type == closure_of(fp[-1])->item[0])) {
            mem_write(&record_of(r)->item[pc->i.c], fp[1]);
            result = VOID;
            goto give;
        }
        SAVE();
        not_of_type(vm, fp[-1], r);
    }
    CASE(RECORD_TEST) {
        value r = fp[0];
        result = boolean(is_record(r) && record_of(r)->type == closure_of(fp[-1])->item[0]);
        goto give;
    }
    CASE(RECORD_MAKE) {
        SAVE();
        result = record_make(vm, closure_of(fp[-1]), pc->i.b, fp);
        goto give;
    }

    /* ---- calls */
    CASE(GLOBAL_CALL) {
        f = symbol_of(pc[1].word)->global;
        if (unlikely(f == UNBOUND)) {
            SAVE();
            unbound(vm, pc[1].word);
        }
        A = f;
        pc += 2;
        goto do_call;
    }
    CASE(GLOBAL_TAIL) {
        f = symbol_of(pc[1].word)->global;
        if (unlikely(f == UNBOUND)) {
            SAVE();
            unbound(vm, pc[1].word);
        }
        A = f;
        pc += 2;
        goto do_tail;
    }
    CASE(CALL) f = fp[pc->i.a - 1];
do_call: {
        uint32_t wanted = TYPE_CLOSURE | (uint32_t)pc->i.b << 16, head;
        if (unlikely(!is_object(f)))
            goto general_call;
        memcpy(&head, (const void *)f, sizeof head);
        if (unlikely(head != wanted))
            goto general_call;
        const struct code *code = code_of(closure_of(f)->code);
        value *callee = fp + pc->i.a, *end = callee + code->registers;
        if (unlikely(end > vm->limit)) {
            SAVE();
            attend(vm, end);
        }
        mem_safepoint();
        vm->top = end;
        FENCE();
        callee[-2] = (value)(pc + 1);
        fp = callee;
        pc = code->insn;
        NEXT;
    }
    CASE(TAIL) f = fp[pc->i.a - 1];
do_tail: {
        uint32_t wanted = TYPE_CLOSURE | (uint32_t)pc->i.b << 16, head;
        if (unlikely(!is_object(f)))
            goto general_call;
        memcpy(&head, (const void *)f, sizeof head);
        if (unlikely(head != wanted))
            goto general_call;
        const struct code *code = code_of(closure_of(f)->code);
        const value *from = fp + pc->i.a;
        unsigned n = pc->i.b;
        if (unlikely(fp + code->registers > vm->limit)) {
            SAVE();
            attend(vm, fp + code->registers);
        }
        mem_safepoint();
        fp[-1] = f;
        for (unsigned i = 0; i < n; i++)
            fp[i] = from[i];
        vm->top = fp + code->registers;
        FENCE();
        pc = code->insn;
        NEXT;
    }
    CASE(RETURN) result = A;
give: {
        pc = (const union insn *)fp[-2];
        fp[-2] = result;
        fp -= pc[-1].i.a;
        vm->top = fp + pc[-1].i.c;
        FENCE();
        NEXT;
    }

general_call:
    base = pc->i.a;
    count = pc->i.b;
    tail = pc->i.op == OP_TAIL;
    SAVE();
call: { /* F3 */
        value *argv = fp + base;
        f = fp[base - 1];
        if (likely(is_primitive(f))) {
            const struct primitive *p = primitive_of(f);
            const struct primitive_info *info = p->info;
            if (unlikely(count < info->min || (count > info->max && info->max >= 0)))
                wrong_count(vm, f, count);
            if (unlikely(p->head.extra != SPECIAL_NONE))
                switch (p->head.extra) {
                case SPECIAL_APPLY: goto apply;
                case SPECIAL_CALLCC: goto callcc;
                case SPECIAL_VALUES: result = values_new(vm, count, argv); goto finish;
                case SPECIAL_APPLY_VALUES: goto apply_values;
                case SPECIAL_THROW: goto throw;
                case SPECIAL_EVAL: goto eval;
                default: /* SPECIAL_UNCAUGHT */
                    vm->uncaught = true;
                    vm->uncaught_where = is_condition(argv[0]) ? FALSE : source_position(vm);
                    return argv[0];
                }
            vm->running = info;
            result = p->fn(vm, count, argv);
            goto finish;
        }
        if (is_closure(f)) {
            const struct code *code = code_of(closure_of(f)->code);
            if (object_of(f)->extra != count)
                collect_rest(vm, f, argv, count);
            value *place = tail ? fp : argv, *end = place + code->registers;
            if (unlikely(end > vm->limit))
                attend(vm, end);
            mem_safepoint();
            if (tail) {
                fp[-1] = f;
                memmove(fp, argv, code->parameters * sizeof *fp);
                vm->top = end;
                FENCE();
            } else {
                vm->top = end;
                FENCE();
                argv[-2] = (value)(pc + 1);
                fp = argv;
            }
            pc = code->insn;
            NEXT;
        }
        if (is_type(f, TYPE_PARAMETER) && count == 0) {
            result = parameter_value(vm, f);
            goto finish;
        }
        if (!is_continuation(f)) {
            vm->running = NULL;
            fail(vm, CONDITION_TYPE, cons(vm, f, NIL), "not a procedure");
        }
        if (continuation_of(f)->thread != vm->thread) {
            vm->running = NULL;
            fail(vm, CONDITION_ERROR, NIL, "the continuation belongs to another thread");
        }
        if (continuation_of(f)->winders == vm->winders) {
            result = values_new(vm, count, argv);
            goto go_on;
        }
        value rest = NIL; /* (rewind k (argument ...)) */
        for (int i = count; i-- > 0;)
            rest = cons(vm, argv[i], rest);
        make_room(vm, argv, 2);
        argv[0] = f;
        argv[1] = rest;
        argv[-1] = known[KNOWN_REWIND];
        count = 2;
        goto call;
    }

finish: /* of a primitive */
    if (tail)
        goto give;
    fp[base - 2] = result;
    pc++;
    NEXT;

apply: { /* f a ... list */
        value *argv = fp + base, last = argv[count - 1];
        argv[-1] = argv[0];
        for (int i = 1; i < count - 1; i++)
            argv[i - 1] = argv[i];
        count = spread(vm, argv, count - 2, last);
        goto call;
    }
apply_values: { /* f value */
        value *argv = fp + base, v = argv[1];
        argv[-1] = argv[0];
        if (is_values(v)) {
            count = (int)object_of(v)->count;
            make_room(vm, argv, (size_t)count);
            memcpy(argv, values_of(v)->item, (size_t)count * sizeof *argv);
        } else {
            argv[0] = v;
            count = 1;
        }
        goto call;
    }
callcc: { /* f: what it is called with is the rest of this frame's caller, or of this frame */
        value *end = tail ? fp - 2 : fp + base - 2;
        const union insn *next = tail ? (const union insn *)fp[-2] : pc + 1;
        value k = continuation_capture(vm, end, next);
        f = fp[base];
        fp = vm_bottom(vm);
        pc = &underflow_code[2];
        fp[1] = f;
        fp[2] = k;
        base = 2;
        count = 1;
        tail = true;
        SAVE();
        goto call;
    }
throw: { /* k value ... */
        value k = fp[base];
        if (!is_continuation(k))
            wrong_type(vm, k, "a continuation");
        result = values_new(vm, count - 1, fp + base + 1);
        fp[base - 1] = k;
    }
go_on: { /* the continuation fp[base - 1] with the result */
        const struct continuation *k = continuation_of(fp[base - 1]);
        vm->winders = k->winders;
        vm->handlers = k->handlers;
        vm->parameters = k->parameters;
        vm->underflow = (value)k;
        vm->underflow_words = k->words;
        vm->underflow_pc = (const union insn *)k->pc;
        vm_limit_reset(vm);
        fp = vm_bottom(vm);
        goto underflow;
    }
eval: {
        value thunk = compile_toplevel(vm, fp[base]);
        fp[base - 1] = thunk;
        count = 0;
        goto call;
    }

    CASE(UNDERFLOW) result = fp[0]; /* the lowest frame has returned: to the continuation below, if any */
underflow: {
        value *end;
        if (vm->underflow == FALSE)
            return result;
        pc = continuation_underflow(vm, &end);
        if (pc == NULL)
            return result;
        fp = end + 2 - pc[-1].i.a;
        vm->top = fp + pc[-1].i.c;
        FENCE();
        end[0] = result;
        SAVE();
        NEXT;
    }
    CASE(BAD_RETURN) {
        SAVE();
        vm->running = NULL;
        fail(vm, CONDITION_ERROR, NIL, "the handler of an error returned");
    }
    CASE(HALT) return fp[0];
}

