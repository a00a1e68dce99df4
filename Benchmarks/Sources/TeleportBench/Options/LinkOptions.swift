import ArgumentParser
import Teleport

/// What either end decides for itself.
struct LinkOptions: ParsableArguments {
    @Option(help: "Compression of what is sent. On v0 zstd is sent as flate.") var codec = Codec.none
    @Option(help: "Level of flate, 1 to 9, or of zstd, 1 to 19.") var level: Int?
    @Option(
        help: ArgumentHelp(
            "How much of each loop's time compression may take, 1 to 100; its level is then where it begins. For v1.",
            valueName: "percent"))
    var codecBudget: Int?
    @Option(
        help: ArgumentHelp(
            "How long messages wait for others; 0 writes once a turn of the loop.",
            valueName: "microseconds"))
    var batchDelay = 0
    @Option(
        help: """
            Where callers and handlers run: loop, async on the event loops; pool, async on the concurrency pool; sync, \
            callers on the loop and a handler that is no task.
            """)
    var placement = Placement.loop

    func validate() throws {
        guard self.batchDelay >= 0 else { throw ValidationError("--batch-delay is not negative.") }
        do {
            _ = try self.codec.compression(level: self.level)
            _ = try self.codecBudget.map { try CompressionBudget(percent: $0) }
        } catch let error as CompressionError {
            throw ValidationError(error.message)
        }
    }

    /// A setup with what these options say.
    func setup() throws -> Setup {
        var setup = Setup()
        setup.codec = try self.codec.compression(level: self.level)
        setup.codecBudget = try self.codecBudget.map { try CompressionBudget(percent: $0) }
        setup.clientDelay = self.batchDelay
        setup.serverDelay = self.batchDelay
        setup.placement = self.placement
        return setup
    }
}
