import TeleportWire

import struct NIOCore.ByteBuffer

/// preface: any input as the beginning of a connection, under the magic of HTTP, and under one taken from the input
/// itself so that the fuzzer need not guess it.
public func fuzzPreface(_ input: UnsafeRawBufferPointer) {
    checkPreface(of: ByteBuffer(bytes: input), identity: .http)
    checkOwnIdentity(input)
}

/// What came of reading a preface.
private struct Reading: Equatable {
    var preface: PrefaceV0?
    var failure: WireError?
    /// What stands in the buffer behind the preface, when it was taken.
    var rest = 0
}

/// The first byte is the length of a magic, which follows, then its version; the rest is what a peer sends.
private func checkOwnIdentity(_ input: UnsafeRawBufferPointer) {
    guard let length = input.first, input.count > Int(length) + 1 else { return }
    let magic = Array(input[1..<1 + Int(length)])
    let version = input[Int(length) + 1]
    let isUsable = !magic.isEmpty && magic.count <= ProtocolIdentity.maximumMagicLength && magic.first != 0x16
    do throws(WireError) {
        let identity = try ProtocolIdentity(magic: magic, version: version)
        precondition(isUsable, "An unusable magic was accepted.")
        checkPreface(of: ByteBuffer(bytes: input.dropFirst(Int(length) + 2)), identity: identity)
        // With its magic and version in front, whatever they are, nothing but the tag can be wrong.
        checkPreface(of: ByteBuffer(bytes: magic + input[(Int(length) + 1)...]), identity: identity)
    } catch {
        precondition(!isUsable && error.code == .unusableMagic, "A usable magic was refused.")
    }
}

private func checkPreface(of input: ByteBuffer, identity: ProtocolIdentity) {
    let whole = read(input, identity, step: input.readableBytes)
    let pieces = read(input, identity, step: 1)
    precondition(whole == pieces, "The preface depends on how the input is cut.")
    switch (whole.preface, whole.failure) {
    case (let preface?, nil):
        let length = PrefaceV0.encodedLength(identity: identity)
        precondition(whole.rest == input.readableBytes - length, "A preface took more or less than its length.")
        checkRoundTrip(of: preface, identity, taken: input)
    case (nil, nil):
        precondition(
            input.readableBytes < PrefaceV0.encodedLength(identity: identity), "A whole preface was not recognised.")
    case (nil, _?):
        break
    case (_?, _?):
        preconditionFailure("A preface was both taken and refused.")
    }
}

/// Checks that what was accepted is written as it was read; any TLS flag that is not zero is written as one.
private func checkRoundTrip(of preface: PrefaceV0, _ identity: ProtocolIdentity, taken input: ByteBuffer) {
    var encoded = ByteBuffer()
    preface.encode(identity: identity, into: &encoded)
    let length = PrefaceV0.encodedLength(identity: identity)
    precondition(encoded.readableBytes == length, "A preface is not as long as it says.")
    precondition(
        encoded.readableBytesView.dropLast().elementsEqual(input.readableBytesView.prefix(length - 1)),
        "Reading and writing a preface changes it.")
    let again = read(encoded, identity, step: length)
    precondition(again.preface == preface && again.rest == 0, "Writing and reading a preface changes it.")
}

private func read(_ input: ByteBuffer, _ identity: ProtocolIdentity, step: Int) -> Reading {
    var reading = Reading()
    var left = input
    var buffer = ByteBuffer()
    while let piece = left.readSlice(length: min(step, left.readableBytes)), piece.readableBytes > 0 {
        buffer.writeImmutableBuffer(piece)
        let before = buffer
        do throws(WireError) {
            reading.preface = try PrefaceV0.decode(identity: identity, from: &buffer)
        } catch {
            reading.failure = error
        }
        guard reading.preface == nil else {
            reading.rest = buffer.readableBytes + left.readableBytes
            return reading
        }
        precondition(buffer == before, "A preface that was not taken changed the buffer.")
        if reading.failure != nil { return reading }
    }
    return reading
}
