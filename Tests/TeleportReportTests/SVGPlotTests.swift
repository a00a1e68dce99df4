@testable import TeleportReport
import Testing

@Suite struct SVGPlotTests {
    private func plot(_ series: [SVGPlot.Series]) -> SVGPlot {
        SVGPlot(title: "a < b & c", subtitle: "\"d\"", x: .init("x"), y: .init("y, µs"), series: series)
    }

    @Test func pointsStandWhereTheScaleSays() {
        let svg = self.plot([.init("one", [(1, 1), (10_000, 10_000)])]).svg
        let area = SVGPlot.area
        #expect(svg.contains("d=\"M\(SVGPlot.text(area.left)) \(SVGPlot.text(area.bottom)) "))
        #expect(svg.contains("L\(SVGPlot.text(area.right)) \(SVGPlot.text(area.top))\""))
    }

    @Test func textIsEscaped() {
        let svg = self.plot([.init("<x>", [(1, 1), (2, 2)])]).svg
        #expect(svg.contains(">a &lt; b &amp; c</text>"))
        #expect(svg.contains(">&lt;x&gt;</text>"))
        #expect(svg.contains(">&quot;d&quot;</text>"))
    }

    @Test func referencesAreDashedAndTakeNoColour() {
        let svg = self.plot([
            .init("floor", [(1, 1), (2, 2)], isReference: true), .init("ours", [(1, 3), (2, 4)]),
        ]).svg
        #expect(svg.contains("class=\"line reference dashed\""))
        #expect(svg.contains("class=\"line s0\""))
    }

    @Test func sixLinesHaveColoursOfTheirOwnInBothSchemes() {
        let svg = self.plot((0..<6).map { .init("\($0)", [(1, 1), (2, Double($0) + 2)]) }).svg
        for index in 0..<6 {
            #expect(svg.contains("class=\"line s\(index)\""))
            #expect(svg.split(separator: ".s\(index) {").count == 3)
        }
    }

    @Test func whatHasNoPlaceOnALogarithmicAxisIsNotDrawn() {
        let svg = self.plot([.init("one", [(0, 5), (1, 0), (10, 10), (20, 20)])]).svg
        #expect(svg.split(separator: "<circle").count == 3)
    }

    @Test func aPlotOfNothingIsStillAPlot() {
        #expect(self.plot([]).svg.hasSuffix("</svg>\n"))
    }

    @Test func namesAreMovedApartAndStayInside() {
        #expect(SVGPlot.apart([10, 12, 100], by: 17, within: 0...200) == [10, 27, 100])
        #expect(SVGPlot.apart([190, 195, 200], by: 17, within: 0...200) == [166, 183, 200])
        #expect(SVGPlot.apart([], by: 17, within: 0...200).isEmpty)
    }
}
