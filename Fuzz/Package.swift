// swift-tools-version: 6.2

import PackageDescription

/// One executable a target of `TeleportFuzzing`; see `FuzzTarget` there for how to add one, and `Scripts/fuzz` to run.
let fuzzers = [
    "FuzzFlate", "FuzzSnappy", "FuzzLZ4", "FuzzZstd", "FuzzBlocks", "FuzzPreface", "FuzzFraming", "FuzzHTTPRequest",
    "FuzzHTTPResponse", "FuzzFramedHead", "FuzzClientStreams", "FuzzServerStreams",
]

let package = Package(
    name: "teleport-fuzz",
    platforms: [.macOS(.v26)],
    dependencies: [.package(name: "teleport", path: "..")],
    targets: fuzzers.map { name in
        .executableTarget(
            name: name,
            dependencies: [.product(name: "TeleportFuzzing", package: "teleport")],
            swiftSettings: [
                .swiftLanguageMode(.v6),
                .treatAllWarnings(as: .error),
                // `main` is libFuzzer's; without this a target's only file would be taken for a script with its own.
                .unsafeFlags(["-parse-as-library"]),
            ])
    }
)
