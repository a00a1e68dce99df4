import TeleportHTTP
import Testing

@Suite struct SecretFieldsTests {
    @Test func fourAreSecretByDefault() {
        for name in [FieldName.cookie, .setCookie, .authorization, .proxyAuthorization, "COOKIE"] {
            #expect(SecretFields.default.contains(name))
            #expect(!SecretFields.none.contains(name))
        }
        #expect(!SecretFields.default.contains(.host))
        #expect(!SecretFields.default.contains("X-Key"))
    }

    @Test func othersAreAddedInAnyCase() {
        let fields = SecretFields(adding: ["X-Key", .eTag])
        for name in [FieldName.cookie, .eTag, "x-key"] { #expect(fields.contains(name)) }
        #expect(!fields.contains("X-Kez"))
        #expect(SecretFields(adding: []) == .default)
    }
}
