extension SVGPlot {
    /// Colours that also those tell apart who see few, on white and on black.
    static let style = """
        <style>
          text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #333; }
          .paper { fill: #fff; }
          .title { font-size: 17px; font-weight: 600; fill: #111; }
          .note, .tick { font-size: 12px; fill: #666; }
          .axis, .name { font-size: 13px; }
          .name { font-weight: 600; }
          .grid { stroke: #e4e4e4; }
          .line { fill: none; stroke-width: 2.2; stroke-linejoin: round; stroke-linecap: round; }
          .dashed { stroke-dasharray: 2 6; }
          .s0 { stroke: #0b62c4; fill: #0b62c4; } .s1 { stroke: #c2570c; fill: #c2570c; }
          .s2 { stroke: #0f7b53; fill: #0f7b53; } .s3 { stroke: #9333a8; fill: #9333a8; }
          .s4 { stroke: #8a6a00; fill: #8a6a00; } .s5 { stroke: #c0244f; fill: #c0244f; }
          .reference { stroke: #8a8a8a; fill: #767676; }
          text.name { stroke: none; } path.line { fill: none; } circle { stroke: none; }
          @media (prefers-color-scheme: dark) {
            text { fill: #ddd; } .paper { fill: #14161a; } .title { fill: #f5f5f5; }
            .note, .tick { fill: #9aa0a6; } .grid { stroke: #2b2f36; }
            .s0 { stroke: #6cb2ff; fill: #6cb2ff; } .s1 { stroke: #ffa04d; fill: #ffa04d; }
            .s2 { stroke: #4fd1a0; fill: #4fd1a0; } .s3 { stroke: #d68cf0; fill: #d68cf0; }
            .s4 { stroke: #e0c040; fill: #e0c040; } .s5 { stroke: #ff7d9c; fill: #ff7d9c; }
            .reference { stroke: #80858c; fill: #9aa0a6; }
          }
        </style>
        """

    /// One series where it stands in the picture.
    struct Line {
        let name: String
        let colour: String
        let points: [(x: Double, y: Double)]
        let isReference: Bool

        init(_ series: Series, colour: String, place: (_ x: Double, _ y: Double) -> (x: Double, y: Double)) {
            self.name = series.name
            self.colour = colour
            self.isReference = series.isReference
            // Zero and less have no place on a logarithmic axis.
            self.points = series.points.filter { $0.x > 0 && $0.y > 0 }.map { place($0.x, $0.y) }
        }

        var svg: String {
            let steps = self.points.map { "\(SVGPlot.text($0.x)) \(SVGPlot.text($0.y))" }
            guard !steps.isEmpty else { return "" }
            let path =
                "<path class=\"line \(self.colour)\(self.isReference ? " dashed" : "")\" "
                + "d=\"M\(steps.joined(separator: " L"))\"/>"
            let dots = self.points.map {
                "<circle class=\"\(self.colour)\" cx=\"\(SVGPlot.text($0.x))\" cy=\"\(SVGPlot.text($0.y))\" r=\"3\"/>"
            }
            return ([path] + dots).joined(separator: "\n")
        }
    }
}
