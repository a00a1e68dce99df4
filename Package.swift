// swift-tools-version: 6.2

import PackageDescription

/// The settings every target is built with: Swift 6 language mode, no warnings, imports that say who sees them.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("ExistentialAny"),
]

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")

let package = Package(
    name: "teleport",
    platforms: [.macOS(.v26)],
    products: [
        .library(name: "TeleportWire", targets: ["TeleportWire"]),
        .library(name: "TeleportCompress", targets: ["TeleportCompress"]),
        .library(name: "TeleportHTTP", targets: ["TeleportHTTP"]),
        .library(name: "TeleportTransport", targets: ["TeleportTransport"]),
        .library(name: "TeleportRPC", targets: ["TeleportRPC"]),
        .library(name: "TeleportEndpoint", targets: ["TeleportEndpoint"]),
        .library(name: "Teleport", targets: ["Teleport"]),
        .library(name: "TeleportTestKit", targets: ["TeleportTestKit"]),
        .library(name: "TeleportProxy", targets: ["TeleportProxy"]),
        .executable(name: "httptp", targets: ["httptp"]),
        .executable(name: "teleport-conformance", targets: ["teleport-conformance"]),
        // Only for the package in Benchmarks/.
        .library(name: "TeleportMeter", targets: ["TeleportMeter"]),
        .library(name: "TeleportReport", targets: ["TeleportReport"]),
        // Only for the package in Fuzz/.
        .library(name: "TeleportFuzzing", targets: ["TeleportFuzzing"]),
    ],
    traits: [
        .trait(
            name: "ServiceLifecycle",
            description: "TeleportClient and TeleportServer conform to swift-service-lifecycle's Service."),
        .trait(
            name: "ISAL",
            description: "flate by Intel's ISA-L (libisal-dev): the same format in a fraction of the time."),
        .default(enabledTraits: ["ServiceLifecycle"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // Codecs that the operating system ships. One module map each; `pkgConfig` is what makes the package manager
        // name the missing Debian package instead of a missing header.
        .systemLibrary(
            name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
        .systemLibrary(
            name: "CSnappy", pkgConfig: "snappy", providers: [.apt(["libsnappy-dev"]), .brew(["snappy"])]),
        .systemLibrary(
            name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"]), .brew(["lz4"])]),
        .systemLibrary(
            name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"]), .brew(["zstd"])]),
        // Only with the trait ISAL.
        .systemLibrary(
            name: "CISAL", pkgConfig: "libisal", providers: [.apt(["libisal-dev"]), .brew(["isa-l"])]),

        // Sans-IO: bytes in, bytes out.
        .target(name: "TeleportWire", dependencies: [nioCore], swiftSettings: settings),
        .target(
            name: "TeleportCompress",
            dependencies: [
                nioCore, "CZlib", "CSnappy", "CLZ4", "CZstd",
                .target(name: "CISAL", condition: .when(traits: ["ISAL"])),
            ],
            swiftSettings: settings),
        .target(name: "TeleportHTTP", dependencies: [nioCore, httpTypes], swiftSettings: settings),
        .target(name: "TeleportRPC", dependencies: ["TeleportWire"], swiftSettings: settings),

        // I/O.
        .target(name: "TeleportTransport", dependencies: [nioCore, nioPosix, nioSSL, nioTLS], swiftSettings: settings),

        // Façades.
        .target(
            name: "TeleportEndpoint",
            dependencies: [
                "TeleportWire", "TeleportCompress", "TeleportRPC", "TeleportTransport", nioCore, logging,
            ],
            swiftSettings: settings),
        .target(
            name: "Teleport",
            dependencies: [
                "TeleportEndpoint", "TeleportHTTP", "TeleportCompress", "TeleportRPC", "TeleportTransport",
                "TeleportWire", nioCore, logging,
                .product(
                    name: "ServiceLifecycle", package: "swift-service-lifecycle",
                    condition: .when(traits: ["ServiceLifecycle"])),
            ],
            swiftSettings: settings),
        .target(
            name: "TeleportProxy",
            dependencies: [
                "Teleport", nioCore, logging, .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "httptp",
            dependencies: [
                "Teleport", "TeleportEstimate", "TeleportProxy", "TeleportReport", "TeleportSignals", nioCore, logging,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: settings),
        // Knows nothing of our frames, streams and messages: what it checks it reads for itself.
        .target(
            name: "TeleportConformance",
            dependencies: ["TeleportCompress", "TeleportTransport", nioCore, nioPosix, nioSSL, nioTLS],
            swiftSettings: settings),
        .executableTarget(
            name: "teleport-conformance",
            dependencies: [
                "TeleportConformance", "TeleportTransport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),
        // What a link carries, counted from outside: for the demo and the benchmarks.
        .target(name: "TeleportMeter", dependencies: ["TeleportTransport", nioCore], swiftSettings: settings),
        // Tables, plots, JSON, and reading what other programs print: no I/O.
        .target(name: "TeleportReport", swiftSettings: settings),
        // SIGTERM and the like, for executables.
        .target(name: "TeleportSignals", swiftSettings: settings),
        // Recorded traffic through a link, to know what that would save.
        .target(
            name: "TeleportEstimate",
            dependencies: [
                "Teleport", "TeleportCompress", "TeleportEndpoint", "TeleportHTTP", "TeleportReport",
                "TeleportTransport", nioCore, nioPosix, logging,
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "teleport-demo",
            dependencies: [
                "TeleportCompress", "TeleportHTTP", "TeleportMeter", "TeleportSignals", "TeleportTransport", nioCore,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),

        // For tests, ours and those of other projects.
        .target(name: "TeleportTestKit", dependencies: [nioCore], swiftSettings: settings),

        .target(
            name: "TeleportFuzzing",
            dependencies: ["TeleportCompress", "TeleportWire", "TeleportHTTP", "TeleportRPC", nioCore],
            swiftSettings: settings),
        // One page for each module that can be taken alone.
        .executableTarget(
            name: "CompressStream", dependencies: ["TeleportCompress", nioCore], path: "Examples/CompressStream",
            swiftSettings: settings),
        .executableTarget(
            name: "PrefaceDump", dependencies: ["TeleportWire", nioCore], path: "Examples/PrefaceDump",
            swiftSettings: settings),
        .executableTarget(
            name: "HeadInspector", dependencies: ["TeleportHTTP", nioCore], path: "Examples/HeadInspector",
            swiftSettings: settings),
        .executableTarget(
            name: "PendingCalls", dependencies: ["TeleportRPC", "TeleportWire"], path: "Examples/PendingCalls",
            swiftSettings: settings),
        .executableTarget(
            name: "EchoLines", dependencies: ["TeleportTransport", nioCore], path: "Examples/EchoLines",
            swiftSettings: settings),

        .target(name: "TestTraits", path: "Tests/TestTraits", swiftSettings: settings),
        .testTarget(
            name: "TeleportTestKitTests", dependencies: ["TeleportTestKit", nioCore], swiftSettings: settings),
        .testTarget(
            name: "FuzzRegressionTests", dependencies: ["TeleportFuzzing", "TeleportTestKit", "TestTraits"],
            swiftSettings: settings),
        .testTarget(
            name: "TeleportWireTests", dependencies: ["TeleportWire", "TeleportTestKit", nioCore],
            swiftSettings: settings),
        .testTarget(
            name: "TeleportCompressTests",
            dependencies: ["TeleportCompress", "TeleportTestKit", "TestTraits", nioCore],
            swiftSettings: settings),
        .testTarget(
            name: "TeleportHTTPTests",
            dependencies: ["TeleportHTTP", "TeleportTestKit", "TestTraits", nioCore, httpTypes],
            swiftSettings: settings),
        .testTarget(
            name: "TeleportRPCTests",
            dependencies: ["TeleportRPC", "TeleportWire", "TeleportTestKit", "TestTraits"],
            swiftSettings: settings),
        .testTarget(
            name: "TeleportReportTests", dependencies: ["TeleportReport"], swiftSettings: settings),
        .testTarget(
            name: "TeleportEstimateTests",
            dependencies: [
                "TeleportEstimate", "TeleportCompress", "TeleportHTTP", "TeleportReport", "TeleportTestKit", nioCore,
            ],
            swiftSettings: settings),
        .target(
            name: "NetworkTestSupport", dependencies: ["TeleportRPC", "TeleportTransport", nioCore, nioPosix],
            path: "Tests/NetworkTestSupport", swiftSettings: settings),
        .testTarget(
            name: "TeleportTransportTests",
            dependencies: [
                "TeleportTransport", "TeleportTestKit", "NetworkTestSupport", nioCore, nioPosix, nioEmbedded, nioSSL,
                nioTLS,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "TeleportEndpointTests",
            dependencies: [
                "TeleportEndpoint", "TeleportTransport", "TeleportCompress", "TeleportRPC", "TeleportWire",
                "TeleportTestKit", "NetworkTestSupport", "TestTraits", nioCore, nioPosix, nioEmbedded, nioSSL,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "TeleportTests",
            dependencies: [
                "Teleport", "TeleportEndpoint", "TeleportHTTP", "TeleportCompress", "TeleportRPC",
                "TeleportTransport", "TeleportWire", "TeleportTestKit", "NetworkTestSupport", "TestTraits", nioCore,
                nioPosix, logging,
                .product(
                    name: "ServiceLifecycle", package: "swift-service-lifecycle",
                    condition: .when(traits: ["ServiceLifecycle"])),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "PublicAPITests",
            dependencies: ["Teleport", "TeleportCompress", "TeleportRPC", "TeleportWire", nioCore],
            swiftSettings: settings),
        .testTarget(
            name: "TeleportProxyTests",
            dependencies: [
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                "TeleportProxy", "Teleport", "TeleportTestKit", "NetworkTestSupport", nioCore, nioPosix, nioEmbedded,
                logging,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "TeleportConformanceTests",
            dependencies: [
                "TeleportConformance", "Teleport", "TeleportCompress", "TeleportTransport", "NetworkTestSupport",
                nioCore,
                nioPosix, nioSSL,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "IntegrationTests",
            dependencies: ["httptp", "Teleport", "TeleportProxy", "NetworkTestSupport", nioCore, nioPosix, logging],
            swiftSettings: settings),
    ]
)

// What TeleportCompress and its tests need, and nothing else: Scripts/test builds them a second time, with the trait
// ISAL, and the rest would take minutes.
if Context.environment["TELEPORT_ONLY"] == "TeleportCompress" {
    let needed = [
        "CZlib", "CSnappy", "CLZ4", "CZstd", "CISAL", "TeleportCompress", "TeleportTestKit", "TestTraits",
        "TeleportCompressTests",
    ]
    package.targets.removeAll { !needed.contains($0.name) }
    package.products.removeAll { !needed.contains($0.name) }
}
