import TeleportWire
import Testing

/// A state table as text: states across, events down, in each cell what is to happen.
///
/// A cell is an action, `>` and the state behind it; without `>` the state stays. `!STREAM` is a connection error. `-` is
/// not looked at.
struct StateTable: Sendable {
    let states: [String]
    let rows: [(event: String, cells: [String])]

    init(_ text: String) {
        let lines = text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        self.states = lines.first ?? []
        self.rows = lines.dropFirst().map { ($0[0], Array($0.dropFirst())) }
    }

    /// Runs every cell; `result` gives the action and the state behind it for an event in a state.
    func check(_ comment: Comment? = nil, result: (_ event: String, _ state: String) -> (action: String, state: String))
    {
        for (event, cells) in self.rows {
            #expect(cells.count == self.states.count, "\(event): a cell is missing")
            for (state, cell) in zip(self.states, cells) where cell != "-" {
                let (action, next) = result(event, state)
                let parts = cell.split(separator: ">").map(String.init)
                #expect(action == parts[0], "\(event) in \(state)")
                if !action.hasPrefix("!") {
                    #expect(next == (parts.count > 1 ? parts[1] : state), "behind \(event) in \(state)")
                }
            }
        }
    }
}

/// What an event comes to: its action, or `!` and the name of the error.
func outcome(_ body: () throws(WireError) -> String) -> String {
    do throws(WireError) {
        return try body()
    } catch {
        guard case .violation(let code) = error.code else { return "!\(error.code)" }
        return "!\(code)"
    }
}
