#if ISAL
    import CISAL

    /// The levels of ISA-L that are used: 1 and 2. Its level 3 takes twice the time of 2 for one part in a hundred of
    /// the bytes; its level 0 has codes that do not fit the data.
    struct ISALLevel {
        let rawValue: UInt32

        /// The level that does for one of ours.
        init(_ level: Int) {
            self.rawValue = level <= 3 ? 1 : 2
        }
    }

    /// How all of us set up a sender of ISA-L. Whoever makes one owns it, and frees it once.
    ///
    /// The state is 80 KiB and stands in one place: never load or store `pointee` as a whole.
    extension UnsafeMutablePointer<isal_zstream> {
        /// Makes the state of a sender: 165 KiB at level 1, 213 KiB at 2.
        static func deflating(_ level: ISALLevel) throws(CompressionError) -> Self {
            guard let stream = teleport_isal_make_deflating(level.rawValue) else {
                throw CompressionError(.outOfMemory)
            }
            return stream
        }

        /// Has ISA-L compress and flush what room there is for.
        ///
        /// - Parameter target: Where compressed bytes go; at most as many as 32 bits can count are used.
        /// - Returns: The status, and how many bytes were written.
        func deflate(into target: UnsafeMutableRawBufferPointer) -> (status: Int32, count: Int) {
            let room = UInt32(clamping: target.count)
            self.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
            self.pointee.avail_out = room
            let status = isal_deflate(self)
            return (status, Int(room - self.pointee.avail_out))
        }

        /// Gives ISA-L the input, which stays the caller's.
        func take(_ bytes: UnsafeRawBufferPointer) {
            self.pointee.next_in = UnsafeMutablePointer<UInt8>(
                mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
            self.pointee.avail_in = UInt32(bytes.count)
        }

        /// Forgets where input and output were, as they are the caller's.
        func forgetBuffers() {
            self.pointee.next_in = nil
            self.pointee.avail_in = 0
            self.pointee.next_out = nil
            self.pointee.avail_out = 0
        }

        /// Whether all input was compressed and the marker of the flush was written to its end. As long as there is
        /// anything left, ISA-L is in another state, or in the one that stands for it while bytes wait for room.
        var isFlushed: Bool {
            self.pointee.avail_in == 0 && self.pointee.internal_state.state == ZSTATE_NEW_HDR
                && self.pointee.internal_state.b_bytes_valid == self.pointee.internal_state.b_bytes_processed
        }
    }

    /// How all of us set up a receiver of ISA-L. Whoever makes one owns it, and frees it once.
    ///
    /// The state is 85 KiB and stands in one place: never load or store `pointee` as a whole.
    extension UnsafeMutablePointer<inflate_state> {
        /// Makes the state of a receiver: 85 KiB.
        static func inflating() throws(CompressionError) -> Self {
            guard let state = teleport_isal_make_inflating() else {
                throw CompressionError(.outOfMemory)
            }
            return state
        }

        /// Gives ISA-L the input, which stays the caller's.
        func take(_ bytes: UnsafeRawBufferPointer) {
            self.pointee.next_in = UnsafeMutablePointer<UInt8>(
                mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
            self.pointee.avail_in = UInt32(bytes.count)
        }

        /// Gives ISA-L the room for its output.
        func fill(_ target: UnsafeMutableRawPointer?, room: Int) {
            self.pointee.next_out = target?.assumingMemoryBound(to: UInt8.self)
            self.pointee.avail_out = UInt32(room)
        }

        /// Forgets where input and output were, as they are the caller's.
        func forgetBuffers() {
            self.pointee.next_in = nil
            self.pointee.avail_in = 0
            self.pointee.next_out = nil
            self.pointee.avail_out = 0
        }

        /// The plain bytes that were expanded ahead of the room for them: ISA-L expands up to 64 KiB more than it was
        /// asked for.
        var held: UnsafeRawBufferPointer {
            let count = self.pointee.tmp_out_valid - self.pointee.tmp_out_processed
            return UnsafeRawBufferPointer(start: teleport_isal_held_bytes(self), count: Int(count))
        }

        /// Whether the stream stands between two DEFLATE blocks, at a byte's border, and the last was no final one.
        ///
        /// ISA-L reads ahead, into `read_in` and, within a header, into its own buffer: at the border both are empty.
        /// It looks for the next header at once, so there are two states that say so.
        var isBetweenBlocks: Bool {
            let state = self.pointee.block_state
            return (state == ISAL_BLOCK_NEW_HDR || state == ISAL_BLOCK_HDR) && self.pointee.read_in_length == 0
                && self.pointee.tmp_in_size == 0
        }
    }
#endif
