#ifndef TELEPORT_CSNAPPY_SHIM_H
#define TELEPORT_CSNAPPY_SHIM_H

#include <snappy-c.h>

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// The framing format checks every chunk with a CRC-32C, which libsnappy does not export. Both processor families have an
// instruction for it that Swift cannot reach; a header-only function can, without any compiler flag, because the
// attribute enables the instruction for this one function and the caller asks first whether the processor has it.

#if defined(__x86_64__)
#include <cpuid.h>

/// Whether this processor has the CRC-32C instruction (SSE 4.2, 2008).
static inline int teleport_crc32c_is_available(void) {
    unsigned int eax = 0, ebx = 0, ecx = 0, edx = 0;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & (1u << 20)) != 0;
}

/// Updates a CRC-32C state (not inverted) with `count` bytes.
__attribute__((target("sse4.2")))
static inline uint32_t teleport_crc32c_update(uint32_t state, const void *bytes, size_t count) {
    const uint8_t *p = (const uint8_t *)bytes;
    uint64_t wide = state;
    for (; count >= 8; p += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    uint32_t narrow = (uint32_t)wide;
    for (; count > 0; p += 1, count -= 1) {
        narrow = __builtin_ia32_crc32qi(narrow, *p);
    }
    return narrow;
}

#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)

/// Whether this processor has the CRC-32C instruction: the build already assumes it.
static inline int teleport_crc32c_is_available(void) { return 1; }

/// Updates a CRC-32C state (not inverted) with `count` bytes.
static inline uint32_t teleport_crc32c_update(uint32_t state, const void *bytes, size_t count) {
    const uint8_t *p = (const uint8_t *)bytes;
    for (; count >= 8; p += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        state = __builtin_arm_crc32cd(state, word);
    }
    for (; count > 0; p += 1, count -= 1) {
        state = __builtin_arm_crc32cb(state, *p);
    }
    return state;
}

#else

/// Whether this processor has the CRC-32C instruction: none that is known here.
static inline int teleport_crc32c_is_available(void) { return 0; }

/// Never called, as `teleport_crc32c_is_available` says no.
static inline uint32_t teleport_crc32c_update(uint32_t state, const void *bytes, size_t count) {
    (void)bytes;
    (void)count;
    return state;
}

#endif

#endif
