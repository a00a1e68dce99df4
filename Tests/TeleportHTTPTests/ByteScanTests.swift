import Testing

@testable import TeleportHTTP

@Suite struct ByteScanTests {
    /// Every byte value at every place of a few words, against the plain definition.
    @Test func wordWiseScansAgreeWithTheDefinition() {
        for length in [1, 7, 8, 9, 17] {
            for place in 0..<length {
                for value in UInt8.min...UInt8.max {
                    var bytes = [UInt8](repeating: 0x61, count: length)
                    bytes[place] = value
                    let span = bytes.span.bytes
                    let isControl = value < 0x20 || value == 0x7F
                    #expect(ByteScan.lineStop(span, from: 0, to: length) == (isControl && value != 9 ? place : length))
                    #expect(
                        ByteScan.spaceStop(span, from: 0, to: length) == (isControl || value == 32 ? place : length))
                    let endsName = value <= 32 || value == 0x3A || value >= 0x80
                    #expect(ByteScan.nameStop(span, from: 0, to: length) == (endsName ? place : length))
                }
            }
        }
    }

    @Test func tokensAreThoseOfTheGrammar() {
        let members = Set("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
        for value in UInt8.min...UInt8.max {
            let bytes = [value]
            #expect(ByteScan.isToken(bytes.span.bytes, from: 0, to: 1) == members.contains(value), "\(value)")
        }
    }

    @Test func scansStopAtTheGivenEnd() {
        let bytes = Array("abcdefgh\r\n".utf8)
        #expect(ByteScan.lineStop(bytes.span.bytes, from: 0, to: 5) == 5)
        #expect(ByteScan.lineStop(bytes.span.bytes, from: 9, to: 9) == 9)
    }
}
