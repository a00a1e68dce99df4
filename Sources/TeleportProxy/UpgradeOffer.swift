internal import Teleport

/// The protocols that a request offers to switch to (RFC 9110 §7.8), but for `h2c`: HTTP/2 through a tunnel would pass by
/// all that is decided here for each request.
struct UpgradeOffer {
    /// As they are to be passed on.
    let protocols: [String]

    init(_ fields: Fields) {
        self.protocols = Self.members(of: fields).filter { $0.lowercased() != "h2c" }
    }

    /// Whether an answer with these fields switches to what was offered, and to nothing else.
    func covers(_ fields: Fields) -> Bool {
        let chosen = Self.members(of: fields)
        return !chosen.isEmpty
            && chosen.allSatisfy { one in self.protocols.contains { $0.lowercased() == one.lowercased() } }
    }

    private static func members(of fields: Fields) -> [String] {
        fields.all(.upgrade).flatMap { $0.split(separator: ",") }
            .map { member in
                let blank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
                let rest = member.drop(while: blank)
                return String(rest.reversed().drop(while: blank).reversed())
            }
            .filter { !$0.isEmpty }
    }
}
