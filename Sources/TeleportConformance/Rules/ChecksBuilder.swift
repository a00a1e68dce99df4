/// Lets checks stand one below the other, and loops over tables of them.
@resultBuilder
enum ChecksBuilder {
    static func buildExpression(_ check: Check) -> [Check] { [check] }
    static func buildExpression(_ checks: [Check]) -> [Check] { checks }
    static func buildBlock(_ checks: [Check]...) -> [Check] { checks.flatMap { $0 } }
    static func buildArray(_ checks: [[Check]]) -> [Check] { checks.flatMap { $0 } }
    static func buildOptional(_ checks: [Check]?) -> [Check] { checks ?? [] }
}
