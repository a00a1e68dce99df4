public import struct TeleportWire.CallID

/// Tunnels (V1-70): streams whose halves end each for itself.
///
/// ```
/// asked ──answerBegun(grantsTunnel: true)──▶ open ──dataEncoded(ends)──▶ half-closed ──END or CANCEL──▶ over
///   └── any other answer: an ordinary stream   └── END, then dataEncoded(ends): over
/// ```
extension ServerStreamMachine {
    /// Whether the request asks for a tunnel and has no answer yet.
    public func asksForTunnel(_ token: StreamToken) -> Bool {
        guard let index = self.index(of: token), let flags = self.table.places[index].value?.flags else { return false }
        return flags.contains(.tunnel) && flags.isDisjoint(with: [.answering, .answered])
    }

    /// The answer that grants a tunnel could not be encoded: another one, without a tunnel, takes its place.
    public mutating func tunnelRefused(_ id: CallID) {
        guard let index = self.table.index(of: id) else { return }
        self.table.places[index].value?.flags.remove(.tunnel)
    }

    /// Whoever takes what comes out of a tunnel wants no more, while the server's half has ended already: the rest is
    /// dropped.
    ///
    /// - Returns: whether it was so, and the client has to be stopped by CANCEL(NO_ERROR).
    public mutating func tunnelUnwanted(_ id: CallID) -> Bool {
        guard let index = self.table.index(of: id),
            self.table.places[index].value?.flags.isHalfClosed == true
        else { return false }
        self.table.places[index].value?.flags.remove(.tunnel)
        self.halfClosed -= 1
        return true
    }

    /// The server's half has ended: its terminal frame is given. The client's goes on.
    @usableFromInline
    mutating func halfClose(at index: Int) {
        self.owed -= 1
        self.bucket.streamEnded()
        self.held -= self.table.places[index].value?.held ?? 0
        self.dropHandle(at: index)
        self.table.places[index].value?.flags.remove(.answering)
        self.table.places[index].value?.flags.insert(.answered)
        self.halfClosed += 1
    }
}
