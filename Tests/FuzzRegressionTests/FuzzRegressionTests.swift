import Foundation
import TestTraits
import Testing

import TeleportFuzzing

/// Replays every input under `Fuzz/Corpus` and `Fuzz/Regressions`, without libFuzzer.
///
/// A property that does not hold traps, and takes the test process with it: `Scripts/fuzz` says how to look closer.
@Suite(.computing) struct FuzzRegressionTests {
    static let fuzzDirectory = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fuzz")

    static func inputs(_ folder: String, _ target: FuzzTarget) -> [URL] {
        let directory = Self.fuzzDirectory.appendingPathComponent(folder).appendingPathComponent(target.name)
        let contents = try? FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
        return (contents ?? []).filter { !$0.lastPathComponent.hasPrefix(".") }
    }

    @Test("every target has seeds", arguments: FuzzTarget.all.map(\.name))
    func seeds(name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        #expect(!Self.inputs("Corpus", target).isEmpty)
    }

    @Test("seeds and inputs found keep the properties", arguments: FuzzTarget.all.map(\.name))
    func replay(name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        for file in Self.inputs("Corpus", target) + Self.inputs("Regressions", target) {
            try Data(contentsOf: file).withUnsafeBytes { target.check($0) }
        }
        target.check(UnsafeRawBufferPointer(start: nil, count: 0))
    }
}
