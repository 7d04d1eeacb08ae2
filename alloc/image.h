/* image: what the loader has mapped: the writable data and thread-local storage of the program and
   of its libraries; which pages of a range were ever touched; memory that may vanish while it is read.

   The loader's list is read before threads are stopped, for dl_iterate_phdr() takes the loader's lock,
   which a stopped thread may hold. Two things can happen after that:

   I1  A module is opened, and a thread puts a pointer into its data, and is then stopped. The loader
       appends modules to its list, so image_is_current() looks at the list's last element alone:
       is it the one we read, linked as it was? If not, threads have to go on and the list is to be
       read again.
   I2  A module is closed, even while threads are stopped: by a thread that has nothing to do with us
       and runs on. Data of modules that the program itself needs stay (lasting); of others the
       kernel makes a copy (image_copy()), which stops where nothing is mapped.
   I3  A forked child must not ask for the list as it is: libc leaves the lock as another thread of the
       parent may have had it at the fork, and then nobody ever lets it go. So the list is read before
       the fork if it has changed, and the child takes it as it is until it changes again, which it can
       do only where the lock is free. (What another thread opens in the microseconds between the two
       is noticed then; one that is being opened stays half open, and holds nothing.)

   One user at a time; those marked so need no memory and take no lock. */
#ifndef ALLOC_IMAGE_H
#define ALLOC_IMAGE_H

#include "alloc/os.h"

/* Reads the loader's list if it has changed. False without memory: then it is empty. */
GREY_HIDDEN bool image_read(void);
/* Stopped: is the list complete, and has no module been opened since? Of a module that is just being
   opened the thread-local storage may not be known yet: false, too. */
GREY_HIDDEN bool image_is_current(void);
/* For a fork, I3: before it, and in the child. */
GREY_HIDDEN void image_fork_prepare(void);
GREY_HIDDEN void image_fork_child(void);

/* Writable data, aligned to words. Without what the loader writes only (RELRO), and without our own
   when the library is a shared object of its own. */
struct image_data {
    uintptr_t from, to;
    const char *name; /* of the library or program; until the next image_read() */
    bool lasting;     /* stays as long as the program runs */
};
GREY_HIDDEN size_t image_data_count(void);
GREY_HIDDEN const struct image_data *image_data(size_t i); /* Stopped, too. */

/* Thread-local storage by module id: the highest one, and the bytes of one (0: none such). Stopped, too. */
GREY_HIDDEN size_t image_tls_modules(void);
GREY_HIDDEN size_t image_tls_bytes(size_t module_id);

/* Calls f for each run of pages between from and to that may have been written to. Without an open
   image, or where the system refuses, that is the whole range. Stopped, too, but for open and close. */
typedef void image_run_fn(uintptr_t from, uintptr_t to, void *context);
GREY_HIDDEN void image_touched_open(void);
GREY_HIDDEN void image_touched_close(void);
GREY_HIDDEN void image_each_touched(uintptr_t from, uintptr_t to, image_run_fn *f, void *context);

/* Does no other process write there, and no file keep what is written? Only of such memory can be said
   that pages were never touched. False when it cannot be told. */
GREY_HIDDEN bool image_is_private(uintptr_t from, uintptr_t to);

/* Copies up to the first byte that cannot be read, and says how many bytes that were; -1 when the
   system has no such call. Stopped, too. */
GREY_HIDDEN ptrdiff_t image_copy(void *to, uintptr_t from, size_t bytes);

#endif
