import ArgumentParser

/// How much is going on at the same time, and for how long.
struct LoadOptions: ParsableArguments {
    @Option(help: "The version of the protocol that the client speaks.") var wire = Wire.v1
    @Option(help: "Calls in flight, over all connections.") var inFlight = 100
    @Option(help: "Connections.") var connections = 1
    @Option(help: "Seconds to measure, after half as long, a second at most, to warm up; 4 s with --codec-budget.")
    var seconds = 3.0

    @Option(
        help: ArgumentHelp(
            "Calls a second, spread evenly over those in flight; without, each follows its answer.", valueName: "count")
    )
    var rate: Int?

    func validate() throws {
        guard self.inFlight > 0, self.connections > 0, self.seconds > 0 else {
            throw ValidationError("--in-flight, --connections and --seconds are greater than 0.")
        }
        guard self.rate.map({ $0 > 0 }) ?? true else { throw ValidationError("--rate is greater than 0.") }
    }

    func apply(to setup: inout Setup) {
        setup.wire = self.wire
        setup.inFlight = self.inFlight
        setup.connections = self.connections
        setup.seconds = self.seconds
        setup.rate = self.rate
    }
}
