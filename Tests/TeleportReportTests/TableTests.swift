import TeleportReport
import Testing

@Suite struct TableTests {
    @Test func columnsAreAsWideAsTheirCells() {
        var table = TextTable(["name", "µs"])
        table.append(["a", "1.5"])
        table.append(["longer", "120"])
        #expect(table.text(indented: 1) == " name     µs\n a       1.5\n longer  120")
    }

    @Test func anEmptyHeaderIsNoRowAndNoLineEndsWithABlank() {
        var table = TextTable(["", ""], alignments: [.left, .left])
        table.append(["a", ""])
        table.append(["bb", "c"])
        #expect(table.text() == "a\nbb  c")
    }

    @Test func cellsOfCSVAreQuotedWhereTheyHaveTo() {
        var csv = CSV(["a", "b"])
        csv.append(["1,5", "say \"x\""])
        #expect(csv.text == "a,b\n\"1,5\",\"say \"\"x\"\"\"\n")
    }

    @Test func numbersAreWrittenForPeople() {
        #expect(NumberFormat.decimal(-0.5) == "-0.50")
        #expect(NumberFormat.decimal(.nan) == "–")
        #expect(NumberFormat.grouped(1_234_567.8) == "1,234,568")
        #expect(NumberFormat.grouped(-1234) == "-1,234")
        #expect(NumberFormat.bytes(64) == "64 B")
        #expect(NumberFormat.bytes(1_048_576) == "1 MiB")
        #expect(NumberFormat.trimmed(0.05) == "0.05")
        #expect(NumberFormat.trimmed(10_000) == "10,000")
    }
}
