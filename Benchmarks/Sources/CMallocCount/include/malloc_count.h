#ifndef MALLOC_COUNT_H
#define MALLOC_COUNT_H

#include <stdint.h>

/// Starts (1) or stops (0) counting. While stopped, standing in for malloc costs one predictable branch.
void malloc_count_enable(int enabled);

/// Heap allocations of all threads since counting was first started.
uint64_t malloc_count_total(void);

/// Bytes asked for by these allocations.
uint64_t malloc_count_bytes(void);

#endif
