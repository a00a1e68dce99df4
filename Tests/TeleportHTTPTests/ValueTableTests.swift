import Testing

@testable import TeleportHTTP

@Suite struct ValueTableTests {
    @Test func everyValueIsFoundAndNothingElse() {
        #expect(ValueTable.shared.count == ValueTable.values.count)
        for (number, value) in ValueTable.values.enumerated() {
            let text = value.description
            #expect(found(text) == UInt8(number), "\(text) shares its place with another")
            #expect(ValueTable.shared.length(of: UInt8(number)) == text.utf8.count)
            ValueTable.shared.withValue(UInt8(number)) { bytes in
                #expect(ByteScan.string(bytes, from: 0, to: bytes.byteCount) == text)
            }
            // Case matters in values.
            let other = text.uppercased() == text ? text.lowercased() : text.uppercased()
            if other != text { #expect(found(other) == nil) }
            #expect(found(text + "x") == nil)
        }
        #expect(found("") == nil)
        #expect(found(String(repeating: "x", count: 1000)) == nil)
    }

    func found(_ text: String) -> UInt8? {
        // Not at the front, to see that the place is heeded.
        let bytes = ("--" + text).utf8.span.bytes
        return ValueTable.shared.find(bytes, from: 2, to: bytes.byteCount)
    }
}
