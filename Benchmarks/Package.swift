// swift-tools-version: 6.2

import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("ExistentialAny"),
]

let package = Package(
    name: "teleport-benchmarks",
    platforms: [.macOS(.v26)],
    traits: [
        .trait(name: "ISAL", description: "Teleport with its trait ISAL: flate by ISA-L.")
    ],
    dependencies: [
        .package(
            name: "teleport", path: "..",
            traits: [.defaults, .trait(name: "ISAL", condition: .when(traits: ["ISAL"]))]),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        // Counts heap allocations by standing in for malloc. Linux only, and only in this executable.
        .target(name: "CMallocCount"),
        .executableTarget(
            name: "teleport-bench",
            dependencies: [
                "CMallocCount",
                .product(name: "Teleport", package: "teleport"),
                .product(name: "TeleportCompress", package: "teleport"),
                .product(name: "TeleportMeter", package: "teleport"),
                .product(name: "TeleportReport", package: "teleport"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            path: "Sources/TeleportBench",
            swiftSettings: settings),
    ]
)
