#include "malloc_count.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

static atomic_int enabled;
static atomic_uint_fast64_t total;
static atomic_uint_fast64_t bytes;

void malloc_count_enable(int value) { atomic_store(&enabled, value); }
uint64_t malloc_count_total(void) { return atomic_load(&total); }
uint64_t malloc_count_bytes(void) { return atomic_load(&bytes); }

#ifdef __GLIBC__

static inline void count(size_t size) {
    if (__builtin_expect(atomic_load_explicit(&enabled, memory_order_relaxed), 0)) {
        atomic_fetch_add_explicit(&total, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&bytes, size, memory_order_relaxed);
    }
}

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

void *malloc(size_t size) { count(size); return __libc_malloc(size); }
void *calloc(size_t n, size_t size) { count(n * size); return __libc_calloc(n, size); }
void *realloc(void *p, size_t size) { count(size); return __libc_realloc(p, size); }
void *aligned_alloc(size_t alignment, size_t size) { count(size); return __libc_memalign(alignment, size); }
int posix_memalign(void **out, size_t alignment, size_t size) {
    count(size);
    void *p = __libc_memalign(alignment, size);
    if (!p) return ENOMEM;
    *out = p;
    return 0;
}

#endif
