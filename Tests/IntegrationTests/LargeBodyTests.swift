import Foundation
import Synchronization
import Testing

/// Bodies that are larger than what either proxy may hold, through two of them and a compressed link in between.
@Suite("Large bodies through two httptp", .timeLimit(.minutes(10)), .serialized)
struct LargeBodyTests {
    private static let size = 64 << 20

    /// Noise, which no codec makes smaller, and which is the same for the same length.
    private static func noise(_ count: Int) -> Data {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        var words = [UInt64](repeating: 0, count: count / 8)
        for index in words.indices {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            words[index] = state
        }
        return words.withUnsafeBytes { Data($0) }
    }

    /// The largest sizes of some processes, in KiB.
    private final class Most: Sendable {
        private let state = Mutex<[Int]>([])
        var sizes: [Int] { self.state.withLock { $0 } }

        func note(_ sizes: [Int]) {
            self.state.withLock { $0 = $0.isEmpty ? sizes : zip($0, sizes).map { Swift.max($0, $1) } }
        }
    }

    @Test(
        "64 MiB each way, slower than they could be: all of them arrives, little of them is held, and others are served",
        arguments: ["zstd", "none"])
    func bothWays(codec: String) async throws {
        let nginx = try await Nginx()
        try nginx.scratch.write("html/large", Self.noise(Self.size))
        let far = try await HTTPTPProcess([
            "-inType", "teleport", "-inCompress", codec, "-inMaxBodySize", "100000000", "-out",
            "127.0.0.1:\(nginx.port)", "-outType", "http", "-outMaxBodySize", "100000000",
        ])
        let near = try await HTTPTPProcess([
            "-out", "127.0.0.1:\(far.port)", "-outType", "teleport", "-outCompress", codec, "-inMaxBodySize",
            "100000000", "-outMaxBodySize", "100000000",
        ])
        let scratch = try Scratch()
        let base = "http://127.0.0.1:\(near.port)"
        let most = Most()
        let outcome = try await LoadClient.innocent(near.port, 200) { client in
            let watching = Task {
                while !Task.isCancelled {
                    most.note([near, far].map(\.process.residentSize))
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
            async let down = Curl.run([
                "--limit-rate", "12M", "-w", "%{http_code}", "-o", "\(scratch.path)/down", "\(base)/large",
            ])
            async let up = Curl.code([
                "--limit-rate", "12M", "-T", "\(nginx.scratch.path)/html/large", "\(base)/up/copy",
            ])
            let (downloaded, uploaded) = try await (down, up)
            #expect(downloaded.text.hasSuffix("200") && uploaded == "201")
            #expect(client.current.total > 50)
            watching.cancel()
        }
        report("64 MiB each way, \(codec): \(outcome), at most KiB \(most.sizes) resident")
        #expect(outcome.answered == [200: outcome.total], "\(outcome)")
        let original = "\(nginx.scratch.path)/html/large"
        for copy in ["\(scratch.path)/down", "\(nginx.scratch.path)/html/up/copy"] {
            #expect(FileManager.default.contentsEqual(atPath: original, andPath: copy))
        }
        #expect(most.sizes.allSatisfy { $0 < 64 << 10 }, "KiB: \(most.sizes)")
        #expect(try await near.stop() == 0)
        #expect(try await far.stop() == 0)
        try await nginx.stop()
    }
}
