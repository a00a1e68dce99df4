import TeleportReport
import Testing

@Suite struct AxisScaleTests {
    @Test func manyDecadesGetATickEach() {
        let scale = AxisScale(holding: [1, 30, 10_000])
        #expect(scale.ticks == [1, 10, 100, 1000, 10_000])
        #expect(scale.domain == 1...10_000)
    }

    @Test func fewDecadesGetTwosAndFivesToo() {
        let scale = AxisScale(holding: [3, 45])
        #expect(scale.ticks == [2, 5, 10, 20, 50])
        #expect(scale.domain == 2...50)
    }

    @Test func valuesBelowOneHaveTicksAroundThem() {
        let scale = AxisScale(holding: [0.07, 110])
        #expect(scale.domain.lowerBound > 0.0099 && scale.domain.lowerBound < 0.0101)
        #expect(scale.domain.upperBound == 1000)
        #expect(scale.ticks.count == 6)
    }

    @Test func sizesGetPowersOfTheirBase() {
        let scale = AxisScale(holding: [64, 1_048_576], base: 4)
        #expect(scale.ticks == [64, 256, 1024, 4096, 16384, 65536, 262_144, 1_048_576])
    }

    @Test func positionsAreOfLogarithms() {
        let scale = AxisScale(holding: [1, 10_000])
        #expect(scale.position(of: 1) == 0)
        #expect(abs(scale.position(of: 100) - 0.5) < 1e-9)
        #expect(abs(scale.position(of: 10_000) - 1) < 1e-9)
    }

    @Test func whatHasNoLogarithmIsLeftOut() {
        #expect(AxisScale(holding: [0, -5, .nan, .infinity, 10, 1000]).domain == 10...1000)
    }

    @Test(arguments: [[], [7.0], [10.0], [0.0]]) func oneValueOrNoneStillMakesAnAxis(values: [Double]) {
        let scale = AxisScale(holding: values)
        #expect(scale.domain.lowerBound < scale.domain.upperBound)
        #expect(scale.ticks.count >= 2)
        for value in values where value > 0 { #expect(0...1 ~= scale.position(of: value)) }
    }
}
