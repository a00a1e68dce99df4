/// The manual page, in the language of man(7).
enum ManualPage {
    static var text: String {
        var page = Roff()
        page.title(About.name, section: 1, date: About.date, source: "\(About.name) \(About.version)")
        page.heading("Name")
        page.text("\(About.name) - \(About.summary)")
        page.heading("Synopsis")
        page.entry([.bold(About.name), .plain(" ["), .bold("-option"), .plain(" "), .italic("value"), .plain("] ...")])
        page.entry([
            .bold("\(About.name) estimate"), .plain(" "), .italic("file"), .plain(" ["), .bold("--option"), .plain(" "),
            .italic("value"), .plain("] ..."),
        ])
        page.heading("Description")
        page.text(
            "\(About.name) stands in front of HTTP servers, or of its like, and forwards what clients ask for. Between two "
                + "of them all requests share one connection, batched and compressed as one stream.")
        page.paragraph()
        page.text(About.estimate)
        page.paragraph()
        page.text(About.spellings)
        page.heading("Options")
        for section in OptionSection.allCases {
            page.subheading(section.title)
            for option in section.options { page.option(option) }
        }
        page.subheading("Others")
        page.item([.bold("--help"), .plain(", "), .bold("-h")], "Show a summary of the options.")
        page.item([.bold("--version")], "Show the version.")
        page.item(
            [.bold("--generate-completion-script"), .plain(" "), .italic("shell")],
            "Print what completes these options in bash, zsh or fish.")
        page.item([.bold("--man-page")], "Print this page.")
        page.heading("Signals")
        for signal in About.signals { page.item(Roff.list(signal.names), signal.effect) }
        page.heading("Exit status")
        for status in About.exitStatuses { page.item([.bold("\(status.code)")], status.meaning) }
        page.heading("Examples")
        for example in About.examples { page.example(example.title, example.command) }
        page.heading("See also")
        page.entry([.bold("nginx"), .plain("(8), "), .bold("curl"), .plain("(1), "), .bold("logrotate"), .plain("(8)")])
        return page.source
    }
}

extension Roff {
    fileprivate mutating func option(_ option: ProxyOption) {
        var label = Self.list(["-\(option.name)", "--\(option.longName)"])
        if !option.isFlag { label += [.plain(" "), .italic(option.definition.placeholder)] }
        self.item(label, option.definition.fullHelp)
    }

    /// Names in bold with commas between them.
    fileprivate static func list(_ names: [String]) -> [Span] {
        Array(names.map { [Span.bold($0)] }.joined(separator: [.plain(", ")]))
    }
}
