import ArgumentParser

/// Where the configuration is, and whether only to look at it.
struct ConfigurationOptions: ParsableArguments {
    @Option(.config) var path: String
    @Flag(.check) var isCheck: Bool
    @Flag(.printConfig) var isPrint: Bool
}
