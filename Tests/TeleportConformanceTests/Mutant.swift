import Testing

@testable import TeleportConformance

/// A peer with exactly one thing broken, and the check that has to notice.
struct Mutant: Sendable, CustomTestStringConvertible {
    let name: String
    let check: String
    let mutation: MutatingRelay.Mutation

    var testDescription: String { "\(self.name): \(self.check)" }

    /// One that changes the peer's frames of a kind; others pass.
    init(
        _ name: String, _ check: String, _ kind: FrameKind? = nil,
        _ change: @escaping @Sendable (Frame, inout MutatingRelay.Memory) -> [MutatingRelay.Piece]
    ) {
        self.name = name
        self.check = check
        self.mutation = .init(fromPeer: { frame, memory in
            kind == nil || frame.kind == kind ? change(frame, &memory) : [.frame(frame)]
        })
    }

    init(_ name: String, _ check: String, _ mutation: MutatingRelay.Mutation) {
        self.name = name
        self.check = check
        self.mutation = mutation
    }

    /// A frame with one thing changed.
    static func changed(_ frame: Frame, _ change: (inout Frame) -> Void) -> [MutatingRelay.Piece] {
        var frame = frame
        change(&frame)
        return [.frame(frame)]
    }
}

extension Mutant {
    /// Servers.
    static let servers: [Mutant] = [
        // Terminal frames.
        Mutant("no terminal frame", "V1-33/one-terminal") { frame, memory in
            memory.count += frame.flags.contains(.end) ? 1 : 0
            return frame.flags.contains(.end) && memory.count == 7 ? [] : [.frame(frame)]
        },
        Mutant("two terminal frames", "V1-33/one-terminal") { frame, _ in
            frame.flags.contains(.end) ? [.frame(frame), .frame(frame)] : [.frame(frame)]
        },
        Mutant("END is dropped", "V1-32/answer", .response) { frame, _ in
            Self.changed(frame) { $0.flags.remove(.end) }
        },
        Mutant("two CANCELs", "V1-36/twice", .cancel) { frame, _ in [.frame(frame), .frame(frame)] },
        Mutant("an answer on another stream", "V1-33/one-terminal", .response) { frame, _ in
            Self.changed(frame) { $0.stream += 100 }
        },
        Mutant("a second head", "V1-31/in-pieces", .response) { frame, _ in [.frame(frame), .frame(frame)] },

        // Credit and lengths.
        Mutant("twice the credit is given back", "V1-41/given-back", .credit) { frame, _ in
            [.frame(.credit(frame.stream, 2 * (frame.creditBytes ?? 0)))]
        },
        Mutant("no credit is given back", "V1-41/given-back", .credit) { _, _ in [] },
        Mutant("the connection's credit is not given back", "V1-41/connection-given-back", .credit) { frame, _ in
            frame.stream == 0 ? [] : [.frame(frame)]
        },
        Mutant("a byte more than the credit", "V1-40/one-byte", .data) { frame, _ in
            Self.changed(frame) { $0.payload.append(0x78) }
        },
        Mutant("a byte less than was sent", "V1-31/in-pieces", .data) { frame, _ in
            Self.changed(frame) { $0.payload = $0.payload.dropLast() }
        },
        Mutant("DATA without credit", "V1-40/no-credit", .response) { frame, _ in
            frame.flags.contains(.end) ? [.frame(frame)] : [.frame(frame), .frame(.data(frame.stream, [1]))]
        },
        Mutant("a Content-Length that is one too high", "V1-64/equal", .response) { frame, _ in
            let head = ResponseHead(fields: [Field("Content-Length", "5")])
            return [.frame(.response(frame.stream, head, flags: frame.flags))]
        },
        Mutant("one place too many", "V1-43/n-and-one", .cancel) { frame, _ in
            frame.cancelCode == .refused ? [.frame(.response(frame.stream, ResponseHead()))] : [.frame(frame)]
        },
        Mutant("DATA in turns of 32 KiB", "V1-44/turns", .data) { frame, memory in
            memory.held.append(frame)
            guard memory.held.count == 4 else { return [] }
            defer { memory.held = [] }
            return memory.held.sorted { $0.stream < $1.stream }.map { .frame($0) }
        },

        // The connection.
        Mutant("PONG with other bytes", "V1-50/same-bytes", .pong) { frame, _ in
            Self.changed(frame) { $0.payload[7] ^= 1 }
        },
        Mutant("no PONG", "V1-50/same-bytes", .pong) { _, _ in [] },
        Mutant("GOAWAY with another code", "V1-22/ping-7", .goAway) { frame, _ in
            [.frame(.goAway(frame.goAway?.last ?? 0, .internal))]
        },
        Mutant("GOAWAY is dropped", "V1-82/once", .goAway) { _, _ in [] },
        Mutant("GOAWAY quotes", "V1-82/quotes-nothing", .goAway) { frame, _ in
            [.frame(.goAway(frame.goAway?.last ?? 0, frame.goAway?.code ?? .frame, text: "Received: zq7-marker-9xk"))]
        },
        Mutant("GOAWAY with 257 bytes of text", "V1-82/once", .goAway) { frame, _ in
            let text = String(repeating: "t", count: 257)
            return [.frame(.goAway(frame.goAway?.last ?? 0, frame.goAway?.code ?? .frame, text: text))]
        },
        Mutant("GOAWAY with a last id that was not taken", "V1-82/last-id", .goAway) { frame, _ in
            [.frame(.goAway(0, frame.goAway?.code ?? .frame))]
        },
        Mutant("a connection error that does not close", "V1-82/once", .init(hidesEnd: true)),
        Mutant("SETTINGS twice", "V1-25/sent", .settings) { frame, _ in [.frame(frame), .frame(frame)] },
        Mutant("SETTINGS not first", "V1-25/sent", .settings) { frame, _ in
            [.frame(.ping(.init(repeating: 0, count: 8))), .frame(frame)]
        },
        Mutant("a setting that is not allowed", "V1-25/sent", .settings) { _, _ in
            [.frame(.settings([.connectionCredit: 1000]))]
        },
        Mutant("CANCEL with another code than DEADLINE", "V1-38/over", .cancel) { frame, _ in
            [.frame(.cancel(frame.stream, .cancelled))]
        },
        Mutant("deadlines in seconds", "V1-38/milliseconds", Self.misreadingDeadlines { $0 &* 1000 }),
        Mutant("deadlines in microseconds", "V1-38/milliseconds", Self.misreadingDeadlines { $0 / 1000 }),

        // Blocks and secrets.
        Mutant("RESET is missing", "V1-16/sent") { frame, _ in
            frame.payload.count > 1000 ? [.coded(frame, .zstd, resets: false)] : [.frame(frame)]
        },
        Mutant("a codec that was not offered", "V1-1/only-zstd") { frame, _ in
            frame.payload.count > 1000 ? [.coded(frame, .lz4, resets: nil)] : [.frame(frame)]
        },
        Mutant("a block that is not as long as it says", "V1-16/sent") { frame, _ in
            var writer = BlockWriter()
            guard frame.payload.count > 1000, let encoded = try? writer.encode(frame.bytes, in: .zstd) else {
                return [.frame(frame)]
            }
            return [.bytes(encoded.block(decodedLength: encoded.decodedLength + 1))]
        },
        Mutant("a block of more than 64 KiB", "V1-11/of-large") { frame, _ in
            let bytes = frame.bytes + [UInt8](repeating: 0, count: Swift.max(0, 65537 - frame.bytes.count))
            return frame.kind == .data
                ? [.bytes(Block.header(0, encoded: bytes.count, decoded: bytes.count) + bytes)] : [.frame(frame)]
        },
        Mutant("RESET on a stored block", "V1-32/answer", .response) { frame, _ in
            let bytes = frame.bytes
            return [.bytes(Block.header(Block.reset, encoded: bytes.count, decoded: bytes.count) + bytes)]
        },
        Mutant("a sensitive answer in a coded block", "V1-23/answered-in-kind", .response) { frame, _ in
            frame.flags.contains(.sensitive) ? [.coded(frame, .zstd, resets: nil)] : [.frame(frame)]
        },
        Mutant("a sensitive answer beside others in a block", "V1-23/answered-in-kind", .response) { frame, _ in
            [.together([frame, Frame(type: 99)])]
        },
        Mutant("an answer without SENSITIVE", "V1-23/answered-in-kind", .response) { frame, _ in
            Self.changed(frame) { $0.flags.remove(.sensitive) }
        },

        // Heads and types.
        Mutant(
            "a malformed head is passed on", "V1-61/target-space",
            .init(fromTool: { frame, _ in
                guard frame.kind == .request else { return [.frame(frame)] }
                let head = RequestHead(method: 3, target: "/echo", authority: "host")
                return [.frame(.request(frame.stream, head, flags: frame.flags))]
            })),
        Mutant(
            "an unknown type closes the connection", "V1-24/type-on-connection",
            .init(fromTool: { frame, _ in frame.kind == nil ? [.end] : [.frame(frame)] })),
        Mutant("a field of one connection in an answer", "V1-62/answer", .response) { frame, _ in
            let head = ResponseHead(fields: [Field("Connection", "close")])
            return [.frame(.response(frame.stream, head))]
        },
        Mutant("103 without INTERIM", "V1-62/answer", .response) { frame, _ in
            [.frame(.response(frame.stream, ResponseHead(status: 103)))]
        },
        Mutant("an unknown flag", "V1-32/answer", .response) { frame, _ in
            Self.changed(frame) { $0.flags.insert(.init(rawValue: 0x80)) }
        },
        Mutant("an empty RESPONSE to a request that wants an answer", "V1-32/answer", .response) { frame, _ in
            Self.changed(frame) { $0.payload = [0, 0, 0] }
        },
        Mutant("an answer to a one-way request", "V1-35/acknowledged", .response) { frame, _ in
            [.frame(.response(frame.stream, ResponseHead()))]
        },
    ]

    /// Clients.
    static let clients: [Mutant] = [
        Mutant("ids that go up by two", "V1-30/count", Self.renumbered { $0 * 2 }),
        Mutant("PONG with other bytes", "V1-50/same-bytes", .pong) { frame, _ in
            Self.changed(frame) { $0.payload[0] ^= 1 }
        },
        Mutant("a byte more than the credit", "V1-40/no-credit", .data) { frame, _ in
            frame.payload.isEmpty ? [.frame(frame)] : Self.changed(frame) { $0.payload.append(0x78) }
        },
        Mutant("no credit is given back", "V1-41/given-back", .credit) { _, _ in [] },
        Mutant("END is dropped", "V1-41/upload", .data) { frame, _ in Self.changed(frame) { $0.flags.remove(.end) } },
        Mutant("GOAWAY with another code", "V1-34/second-response", .goAway) { frame, _ in
            [.frame(.goAway(0, .internal))]
        },
        Mutant("a stream error ends the connection", "V1-62/status-600", .cancel) { _, _ in
            [.frame(.goAway(0, .internal)), .end]
        },
        Mutant(
            "a tunnel that nobody asked for is taken for an answer", "V1-70/unasked-grant",
            .init(fromTool: { frame, _ in Self.changed(frame) { $0.flags.remove(.tunnel) } })),
        Mutant("SECRETS are missing", "V1-65/of-requests", .secrets) { _, _ in [] },
        Mutant("DATA behind END", "V1-41/upload", .data) { frame, _ in
            frame.flags.contains(.end) ? [.frame(frame), .frame(.data(frame.stream, [1]))] : [.frame(frame)]
        },
        Mutant("early retry: what is OVERLOADED is sent again", "V1-52/overloaded", Self.retrying(.overloaded)),
        Mutant("early retry: what failed is sent again", "V1-52/internal", Self.retrying(.internal)),
        Mutant("Transfer-Encoding in a request", "V1-61/sent", .request) { frame, _ in
            var head = RequestHead(target: "/x", authority: "host", fields: [Field("Transfer-Encoding", "chunked")])
            head.method = [3]
            return [.frame(.request(frame.stream, head, flags: frame.flags.subtracting(.deadline)))]
        },
    ]

    /// A server that takes the deadlines of requests for others.
    private static func misreadingDeadlines(
        _ change: @escaping @Sendable (UInt32) -> UInt32
    ) -> MutatingRelay.Mutation {
        .init(fromTool: { frame, _ in
            var reader = ByteReader(frame.payload)
            guard frame.kind == .request, frame.flags.contains(.deadline), let deadline = reader.integer(UInt32.self)
            else { return [.frame(frame)] }
            return Self.changed(frame) { $0.payload = [UInt8](littleEndian: change(deadline)) + reader.rest() }
        })
    }

    /// Streams under other numbers, in both directions.
    private static func renumbered(_ change: @escaping @Sendable (UInt32) -> UInt32) -> MutatingRelay.Mutation {
        .init(
            fromPeer: { frame, memory in
                memory.ids[change(frame.stream)] = frame.stream
                return Self.changed(frame) { $0.stream = change($0.stream) }
            },
            fromTool: { frame, memory in
                Self.changed(frame) { $0.stream = memory.ids[$0.stream] ?? $0.stream }
            })
    }

    /// A client that sends a request again, on a stream of its own, when the tool has answered CANCEL with this code.
    private static func retrying(_ code: Code) -> MutatingRelay.Mutation {
        .init(
            fromPeer: { frame, memory in
                guard frame.stream != 0 else { return [.frame(frame)] }
                var pieces: [MutatingRelay.Piece] = []
                if frame.stream > memory.last {
                    memory.last = frame.stream
                    if let retry = memory.retry.take() {
                        memory.count = Int(frame.stream)
                        pieces += Self.changed(retry) { $0.stream = frame.stream }
                    }
                }
                if frame.kind == .request { memory.held.append(frame) }
                let isBehind = memory.count > 0 && frame.stream >= UInt32(memory.count)
                return pieces + Self.changed(frame) { $0.stream += isBehind ? 1 : 0 }
            },
            fromTool: { frame, memory in
                if memory.count > 0, frame.stream == UInt32(memory.count) { return [] }
                if frame.cancelCode == code, memory.count == 0 {
                    memory.retry = memory.held.first { $0.stream == frame.stream }
                }
                let isBehind = memory.count > 0 && frame.stream > UInt32(memory.count)
                return Self.changed(frame) { $0.stream -= isBehind ? 1 : 0 }
            })
    }
}
