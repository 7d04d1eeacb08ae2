/* gate: what the collector may see of the allocator. */
#ifndef ALLOC_GATE_H
#define ALLOC_GATE_H

#include "alloc/heap.h"
#include "alloc/mcentral.h"
#include "alloc/memcheck.h"
#include "alloc/meta.h"
#include "alloc/options.h"
#include "alloc/os.h"
#include "alloc/report.h"
#include "alloc/scavenger.h"
#include "alloc/upcall.h"
#include "alloc/without.h"

#endif
