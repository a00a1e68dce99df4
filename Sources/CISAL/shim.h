#ifndef TELEPORT_CISAL_SHIM_H
#define TELEPORT_CISAL_SHIM_H

#include <isa-l/igzip_lib.h>

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

// Swift cannot evaluate ISA-L's macros for sizes, and leaves arrays as long as those of its states out of the
// structures.

/// The bytes of work space that a level, 1 or 2, is given: tokens of one DEFLATE block, 16 Ki of them. With more of
/// them batches of up to 64 KiB become no shorter.
static inline uint32_t teleport_isal_level_buffer_size(uint32_t level) {
    return level == 1 ? ISAL_DEF_LVL1_SMALL : ISAL_DEF_LVL2_SMALL;
}

/// Makes a sender's state for a level, 1 or 2, at the start of its stream: raw DEFLATE, window 2^15, a sync flush with
/// every call. Returns null if there is no memory. What a level needs besides stands behind the state in one
/// allocation: `free` gives back both.
static inline struct isal_zstream *teleport_isal_make_deflating(uint32_t level) {
    const uint32_t size = teleport_isal_level_buffer_size(level);
    // A multiple of the alignment that the level's buffer needs.
    const size_t offset = (sizeof(struct isal_zstream) + 63) / 64 * 64;
    struct isal_zstream *stream = (struct isal_zstream *)calloc(1, offset + size);
    if (stream == NULL) {
        return NULL;
    }
    isal_deflate_init(stream);
    stream->level = level;
    stream->level_buf = (uint8_t *)stream + offset;
    stream->level_buf_size = size;
    stream->flush = SYNC_FLUSH;
    return stream;
}

/// Makes a receiver's state at the start of its stream: raw DEFLATE, window 2^15. Returns null if there is no memory;
/// `free` gives it back.
static inline struct inflate_state *teleport_isal_make_inflating(void) {
    // Zeroed, so that no mistake in ISA-L could show a peer what the memory was used for before.
    struct inflate_state *state = (struct inflate_state *)calloc(1, sizeof(struct inflate_state));
    if (state != NULL) {
        isal_inflate_init(state);
    }
    return state;
}

/// The plain bytes that the state holds for want of room, from the first that was not handed over.
static inline const uint8_t *teleport_isal_held_bytes(const struct inflate_state *state) {
    return state->tmp_out_buffer + state->tmp_out_processed;
}

#endif
