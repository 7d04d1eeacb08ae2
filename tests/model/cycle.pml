/* The protocol of a concurrent cycle: barrier, start, rounds, off round, sweeping. docs/cycle.md has it in words, and
 * what this model covers and leaves out; CMakeLists.txt beside it says which settings must hold and which must fail.
 *
 * Two mutators, one marker that is the collector as well, three objects with one field each. Object 0 is a barriered
 * root and never dies. Each mutator has a register, its private root, and a barrier buffer. Sets of objects are words:
 * bit i is object i. What stands in one `atomic` nobody sees half of.
 *
 * -DAUTO         one stop starts a cycle; there is a loose global that everybody stores into plainly;
 *                without it: exact roots and the ragged start in two rounds.
 * With one remedy taken out:
 * -DTORN         a thread may be stopped between the barrier's test and its store (H1)
 * -DNO_DELETION, -DNO_INSERTION    half of the barrier
 * -DONE_ROUND    a ragged start that switches the barrier on and captures roots in one go
 * -DSWEEP_EARLY  sweeping before the off round
 * -DWEAK_LATE    a weak read in the last round voids nothing (H10)
 * -DNO_ROUNDS    marking ends when the marker's own queue is empty (H5)
 * -DWHITE        objects born while marking are white (H2) */

#define OBJECTS 3
#define NIL     OBJECTS
#define BIT(o)  (1 << (o))
#define IN(o, set) (((set) >> (o)) & 1)

byte field[OBJECTS]; /* NIL or an object */
byte reg[2];         /* a register for each mutator */
byte weak;           /* what the weak reference names */
byte loose;          /* the global */
byte used = 1;       /* objects that are not free */
byte unswept;
byte marked, grey;
byte buffer[2];
bool barrier[2], black[2]; /* as the thread knows them */
bool inside[2];      /* between the barrier's test and its store: not to be stopped */
bool marking;        /* weak reads look at it */
bool decided;        /* the end of marking is; what is unmarked is gone for weak reads */
bool voided;         /* by a weak read */

inline shade_now(o)
{
    if
    :: o != NIL && !IN(o, marked) -> marked = marked | BIT(o); grey = grey | BIT(o)
    :: else
    fi
}

/* A buffer that is full is handed over at any time: here it may be, or not. */
inline hand_over(m)
{
    grey = grey | (buffer[m] & (7 - marked));
    marked = marked | buffer[m];
    buffer[m] = 0
}

inline shade(m, o)
{
    if
    :: o != NIL && !IN(o, marked) -> buffer[m] = buffer[m] | BIT(o); if :: hand_over(m) :: skip fi
    :: else
    fi
}

/* Whoever follows a reference must find an object there. */
#define LIVES(o) assert(IN(o, used))

/* *(field of o) = v, in the steps that others may see. */
inline write(m, o, v)
{
    atomic {
        LIVES(o);
        inside[m] = true;
        on = barrier[m];
        if
        :: on ->
#ifndef NO_DELETION
            shade(m, field[o]);
#endif
#ifndef NO_INSERTION
            shade(m, v);
#endif
            skip
        :: else
        fi
    }
    /* Others run here. */
    atomic {
        field[o] = v;
        inside[m] = false
    }
}

#define R reg[m]

/* A new object in a register, with what was there in its field. Slots of spans that are not swept serve only who still
 * allocates black. */
inline allocate(m)
{
    if
    :: !IN(1, used) && (black[m] || !IN(1, unswept)) -> new = 1
    :: !IN(2, used) && (black[m] || !IN(2, unswept)) -> new = 2
    :: else
    fi;
    if
    :: new != NIL ->
        used = used | BIT(new);
        field[new] = R;
#ifndef WHITE
        if
        :: black[m] -> marked = marked | BIT(new)
        :: else
        fi;
#endif
        R = new
    :: else
    fi;
    new = NIL
}

inline weak_get(m)
{
    if
    :: weak == NIL -> skip
    :: weak != NIL && decided && !IN(weak, marked) -> skip
    :: weak != NIL && !(decided && !IN(weak, marked)) ->
        R = weak;
        if
        :: marking && !IN(weak, marked) ->
            shade(m, weak);
#ifndef WEAK_LATE
            voided = true
#endif
        :: else
        fi
    fi
}

proctype mutator(byte m)
{
    bool on;
    byte new = NIL;
    do
    :: atomic { R = field[0] }
    :: atomic { R != NIL -> LIVES(R); R = field[R] }
    :: atomic { R != NIL -> R = NIL }
    :: write(m, 0, R)
    :: R != NIL -> write(m, R, NIL)
    :: atomic { used != 7 -> allocate(m) }
    :: atomic { R != NIL && weak == NIL && !decided -> weak = R }
    :: atomic { weak != NIL -> weak_get(m) }
#ifdef AUTO
    :: atomic { loose = R }
    :: atomic { R = loose }
#endif
    od
}

/* ---- the collector ---- */

#ifdef TORN
#define CAN_STOP(m) true
#else
#define CAN_STOP(m) (!inside[m])
#endif

inline capture(m)
{
    shade_now(reg[m])
}

inline switch_on(m)
{
    barrier[m] = true
}

inline scan(o)
{
    atomic { IN(o, grey) -> grey = grey & ~BIT(o); shade_now(field[o]) }
}

inline scan_some()
{
    do
    :: scan(0)
    :: scan(1)
    :: scan(2)
    :: break
    od
}

inline start()
{
    grey = 0;
    voided = false;
#ifdef AUTO
    atomic {
        CAN_STOP(0) && CAN_STOP(1) ->
        marking = true;
        switch_on(0); switch_on(1);
        black[0] = true; black[1] = true;
        capture(0); capture(1);
        shade_now(loose);
        shade_now(0)
    }
#else
    marking = true;
#ifndef ONE_ROUND
    atomic { CAN_STOP(0) -> switch_on(0) };
    atomic { CAN_STOP(1) -> switch_on(1) };
#endif
    /* From here on the marker marks. */
    atomic { shade_now(0) };
    scan_some();
    atomic { CAN_STOP(0) -> switch_on(0); black[0] = true; capture(0) };
    scan_some();
    atomic { CAN_STOP(1) -> switch_on(1); black[1] = true; capture(1) }
#endif
}

inline mark()
{
    do
    :: scan(0)
    :: scan(1)
    :: scan(2)
    :: grey == 0 ->
#ifdef NO_ROUNDS
        break
#else
        dirty = false;
        atomic { voided = false };
        atomic { CAN_STOP(0) -> dirty = dirty || buffer[0] != 0; hand_over(0) };
        atomic { CAN_STOP(1) -> dirty = dirty || buffer[1] != 0; hand_over(1) };
        atomic {
            if
            :: !dirty && !voided && grey == 0 -> decided = true; break
            :: else -> dirty = false
            fi
        }
#endif
    od
}

inline off()
{
    atomic { CAN_STOP(0) -> barrier[0] = false; black[0] = false; buffer[0] = 0 };
    atomic { CAN_STOP(1) -> barrier[1] = false; black[1] = false; buffer[1] = 0 }
}

inline sweep_one(o)
{
    atomic {
        used = used & (marked | (7 - BIT(o)));
        marked = marked & (7 - BIT(o));
        unswept = unswept & (7 - BIT(o))
    }
}

inline sweep()
{
    sweep_one(0);
    sweep_one(1);
    sweep_one(2)
}

proctype collector()
{
    bool dirty;
    do
    :: start();
       mark();
       atomic {
           decided = true;
           unswept = 7;
           if
           :: weak != NIL && !IN(weak, marked) -> weak = NIL
           :: else
           fi
       };
#ifdef SWEEP_EARLY
       sweep();
       off();
#else
       off();
       sweep();
#endif
       atomic { marking = false; decided = false }
    od
}

init {
    atomic {
        field[0] = 1; field[1] = 2; field[2] = NIL;
        used = 7;
        reg[0] = NIL; reg[1] = NIL;
        weak = NIL; loose = NIL;
        run mutator(0); run mutator(1); run collector()
    }
}
