/// What Linux says of a process in `/proc/PID/stat`.
public struct ProcessStat: Sendable, Equatable {
    /// Clock ticks in user mode and in the kernel, of all its threads.
    public var ticks: Int
    /// Resident pages.
    public var residentPages: Int

    /// `nil` if the text is none of these lines. The program's name stands in parentheses and may hold anything, so
    /// fields are counted from the last one that closes.
    public init?(parsing line: String) {
        guard let end = line.lastIndex(of: ")") else { return nil }
        // The first behind the name is field 3, the state; utime is 14, stime 15, rss 24.
        let fields = line[line.index(after: end)...].split(whereSeparator: \.isWhitespace)
        guard fields.count > 21, let user = Int(fields[11]), let system = Int(fields[12]),
            let resident = Int(fields[21])
        else { return nil }
        self.ticks = user + system
        self.residentPages = resident
    }
}
