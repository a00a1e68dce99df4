import TeleportReport
import Testing

@Suite struct JSONTests {
    @Test func membersStayInOrderAndTextIsQuoted() {
        let json = JSON.object([
            .init("b", .string("a \"quote\" \\ \n\u{1}")), .init("a", .array([.null, .bool(true), .integer(-3)])),
        ])
        #expect(json.description == #"{"b":"a \"quote\" \\ \n\u0001","a":[null,true,-3]}"#)
    }
}
