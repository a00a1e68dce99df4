import struct NIOCore.ByteBuffer

// Foundation is for the JSON of the recordings and for reading files. Only tests link this module, so that its cost in
// start-up and size, the reason why no library of ours uses it, does not matter.
#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Loads the recorded conversations of `Specs/Vectors/v0`.
///
/// The folder is found from where this source file stood when it was compiled, so tests may run from any directory.
public struct VectorLoader: Sendable {
    /// A recording that is not there or not readable.
    public struct LoadError: Error, CustomStringConvertible {
        /// Which file and why.
        public let description: String
    }

    /// The folder it loads from.
    public let directory: String

    /// Makes a loader.
    ///
    /// - Parameter directory: The folder with `NAME.json` and its `.bin` files. By default `Specs/Vectors/v0` of the
    ///   checkout that this file was compiled from.
    public init(directory: String? = nil) {
        self.directory = directory ?? Self.packageDirectory + "/Specs/Vectors/v0"
    }

    /// The root of the checkout that this file was compiled from, without a slash at the end.
    public static let packageDirectory: String = {
        // …/Sources/TeleportTestKit/VectorLoader.swift
        let components = #filePath.split(separator: "/").dropLast(3)
        return "/" + components.joined(separator: "/")
    }()

    /// The names of all recordings, sorted.
    ///
    /// - Throws: ``LoadError`` if the folder is not there.
    public func names() throws -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: self.directory)
                .filter { $0.hasSuffix(".json") }
                .map { String($0.dropLast(".json".count)) }
                .sorted()
        } catch {
            throw LoadError(description: "\(self.directory): \(error)")
        }
    }

    /// All recordings, sorted by name.
    ///
    /// - Throws: ``LoadError`` if one cannot be read.
    public func loadAll() throws -> [Transcript] {
        try self.names().map { try self.load($0) }
    }

    /// One recording.
    ///
    /// - Parameter name: Its file name without extension.
    /// - Throws: ``LoadError`` if it cannot be read or is not what a recording should be.
    public func load(_ name: String) throws -> Transcript {
        let header: TranscriptFile
        do {
            header = try JSONDecoder().decode(TranscriptFile.self, from: try self.data(name + ".json"))
        } catch {
            throw LoadError(description: "\(self.directory)/\(name).json: \(error)")
        }
        var transcript = Transcript(
            name: header.name,
            summary: header.description,
            messageFormat: header.protocol,
            sniffHeader: header.sniffHeader ?? "httpteleport",
            protocolVersion: header.protocolVersion ?? 0,
            clientCodec: header.clientCodec,
            serverCodec: header.serverCodec,
            client: try self.buffer(name + ".client.bin"),
            server: try self.buffer(name + ".server.bin"),
            handshakeLength: header.handshakeLength,
            rawKind: header.raw,
            requests: header.requests ?? [],
            responses: header.responses ?? [],
            clientResults: header.clientResults ?? [])
        transcript.clientPlain = try self.plain(of: transcript, from: .client)
        transcript.serverPlain = try self.plain(of: transcript, from: .server)
        return transcript
    }

    private func plain(of transcript: Transcript, from side: LossyPair.Side) throws -> ByteBuffer? {
        guard let payload = transcript.payload(from: side) else { return nil }
        guard transcript.codec(from: side) != "none" else { return payload }
        return try self.buffer("\(transcript.name).\(side).plain.bin")
    }

    private func buffer(_ file: String) throws -> ByteBuffer {
        ByteBuffer(bytes: try self.data(file))
    }

    private func data(_ file: String) throws -> Data {
        let path = "\(self.directory)/\(file)"
        do {
            return try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw LoadError(description: "\(path): \(error)")
        }
    }
}

/// The JSON file of a recording, in its own spelling.
private struct TranscriptFile: Decodable {
    var name: String
    var description: String
    var `protocol`: Transcript.MessageFormat
    var sniffHeader: String?
    var protocolVersion: UInt8?
    var clientCodec: String
    var serverCodec: String
    var handshakeLength: Int?
    var raw: String?
    var requests: [TranscriptRequest]?
    var responses: [TranscriptResponse]?
    var clientResults: [TranscriptResult]?

    private enum CodingKeys: String, CodingKey {
        case name, description, `protocol`, raw, requests, responses
        case sniffHeader = "sniff_header"
        case protocolVersion = "protocol_version"
        case clientCodec = "client_compress"
        case serverCodec = "server_compress"
        case handshakeLength = "handshake_len"
        case clientResults = "client_results"
    }
}
