/// A plot with two logarithmic axes as one SVG file that needs nothing else: light and dark as the reader's system is.
///
/// Series are named at their last point, in their colour, so that nobody has to look back and forth between lines and a
/// legend.
public struct SVGPlot: Sendable {
    /// One of the two directions.
    public struct Axis: Sendable {
        /// What it shows, with its unit.
        public var title: String
        /// Ticks are powers of it.
        public var base: Double
        /// How a tick is written.
        public var label: @Sendable (Double) -> String

        public init(
            _ title: String, base: Double = 10, label: @escaping @Sendable (Double) -> String = NumberFormat.trimmed
        ) {
            self.title = title
            self.base = base
            self.label = label
        }
    }

    /// Points joined by a line.
    public struct Series: Sendable {
        public var name: String
        public var points: [(x: Double, y: Double)]
        /// Whether it is what the others are compared with: grey and dashed.
        public var isReference: Bool

        public init(_ name: String, _ points: [(x: Double, y: Double)], isReference: Bool = false) {
            self.name = name
            self.points = points
            self.isReference = isReference
        }
    }

    public var title: String
    public var subtitle: String
    public var x: Axis
    public var y: Axis
    public var series: [Series]

    public init(title: String, subtitle: String, x: Axis, y: Axis, series: [Series]) {
        self.title = title
        self.subtitle = subtitle
        self.x = x
        self.y = y
        self.series = series
    }

    // In pixels of a picture that scales.
    static let size = (width: 760.0, height: 440.0)
    static let area = (left: 72.0, right: 600.0, top: 78.0, bottom: 376.0)

    /// The text of the file.
    public var svg: String {
        let scales = (
            x: AxisScale(holding: self.series.flatMap { $0.points.map(\.x) }, base: self.x.base),
            y: AxisScale(holding: self.series.flatMap { $0.points.map(\.y) }, base: self.y.base)
        )
        let lines = self.series.map { series in
            Line(series, colour: self.colour(of: series)) {
                (Self.across(scales.x.position(of: $0)), Self.up(scales.y.position(of: $1)))
            }
        }
        let size = "\(Int(Self.size.width)) \(Int(Self.size.height))"
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(size)" role="img" \
            aria-label="\(Self.escaped(self.title))">
            \(Self.style)
            <rect class="paper" width="100%" height="100%"/>
            <text class="title" x="\(Self.text(Self.area.left))" y="32">\(Self.escaped(self.title))</text>
            <text class="note" x="\(Self.text(Self.area.left))" y="53">\(Self.escaped(self.subtitle))</text>
            \(self.grid(scales.x, scales.y))
            \(lines.map(\.svg).joined(separator: "\n"))
            \(Self.names(of: lines))
            </svg>

            """
    }

    private func colour(of series: Series) -> String {
        guard !series.isReference else { return "reference" }
        let index = self.series.filter { !$0.isReference }.firstIndex { $0.name == series.name } ?? 0
        return "s\(index % 6)"
    }

    // MARK: Axes

    private func grid(_ x: AxisScale, _ y: AxisScale) -> String {
        let area = Self.area
        var parts: [String] = []
        for tick in y.ticks {
            let at = Self.text(Self.up(y.position(of: tick)))
            parts.append(
                """
                <line class="grid" x1="\(Self.text(area.left))" x2="\(Self.text(area.right))" y1="\(at)" y2="\(at)"/>\
                <text class="tick" x="\(Self.text(area.left - 9))" y="\(at)" dy="0.35em" text-anchor="end">\
                \(Self.escaped(self.y.label(tick)))</text>
                """)
        }
        for tick in x.ticks {
            let at = Self.text(Self.across(x.position(of: tick)))
            parts.append(
                """
                <line class="grid" y1="\(Self.text(area.top))" y2="\(Self.text(area.bottom))" x1="\(at)" x2="\(at)"/>\
                <text class="tick" x="\(at)" y="\(Self.text(area.bottom + 20))" text-anchor="middle">\
                \(Self.escaped(self.x.label(tick)))</text>
                """)
        }
        parts.append(
            """
            <text class="axis" x="\(Self.text((area.left + area.right) / 2))" y="\(Self.text(area.bottom + 46))" \
            text-anchor="middle">\(Self.escaped(self.x.title))</text>
            <text class="axis" transform="translate(20 \(Self.text((area.top + area.bottom) / 2))) rotate(-90)" \
            text-anchor="middle">\(Self.escaped(self.y.title))</text>
            """)
        return parts.joined(separator: "\n")
    }

    static func across(_ position: Double) -> Double { self.area.left + position * (self.area.right - self.area.left) }
    static func up(_ position: Double) -> Double { self.area.bottom - position * (self.area.bottom - self.area.top) }

    // MARK: Names

    /// The names beside the last points, moved apart where they would cover each other.
    private static func names(of lines: [Line]) -> String {
        let named = lines.filter { !$0.points.isEmpty }.sorted { $0.points.last?.y ?? 0 < $1.points.last?.y ?? 0 }
        let places = self.apart(named.map { $0.points.last?.y ?? 0 }, by: 17, within: self.area.top...self.area.bottom)
        return zip(named, places).map { line, place in
            """
            <text class="name \(line.colour)" x="\(self.text(self.area.right + 14))" y="\(self.text(place))" \
            dy="0.35em">\(self.escaped(line.name))</text>
            """
        }.joined(separator: "\n")
    }

    /// Ascending places, each at least `gap` from the one before, moved as little as that takes, none beyond `range`
    /// unless there is no room.
    static func apart(_ wanted: [Double], by gap: Double, within range: ClosedRange<Double>) -> [Double] {
        var places = wanted
        for index in places.indices.dropFirst() { places[index] = Swift.max(places[index], places[index - 1] + gap) }
        guard let last = places.last, last > range.upperBound else { return places }
        places[places.count - 1] = range.upperBound
        for index in places.indices.dropLast().reversed() {
            places[index] = Swift.min(places[index], places[index + 1] - gap)
        }
        return places
    }

    // MARK: Text

    /// A coordinate.
    static func text(_ value: Double) -> String { NumberFormat.decimal(value, digits: 1) }

    static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            default: escaped.append(character)
            }
        }
        return escaped
    }
}
