internal import Teleport

/// `/` of the admin address: what the proxy does, and what the link saves, as it happens. One page without anything from
/// elsewhere; it asks `/live.json` every second.
enum LivePage {
    static let response = Response(
        fields: [
            "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store",
            // Nothing but what is on the page, and its numbers.
            "Content-Security-Policy":
                "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
                + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ], body: Body(LivePage.html))

    private static let html = """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>httptp</title>
        <style>\(style)</style>
        </head>
        <body>
        <header><h1>httptp</h1><p id="state" role="status">connecting …</p></header>
        <main>
        <section class="tiles" aria-label="Now">
        <div class="tile wide"><h2>Traffic saved</h2><p id="saved">–</p><small id="savedNote"></small></div>
        <div class="tile"><h2>HTTP</h2><p id="http">–</p><small id="httpRate"></small></div>
        <div class="tile"><h2>On the link</h2><p id="link">–</p><small id="linkRate"></small></div>
        <div class="tile"><h2>Requests</h2><p id="requests">–</p><small id="failed"></small></div>
        <div class="tile"><h2>Latency</h2><p id="latency">–</p><small id="latencyNote"></small></div>
        </section>
        <section class="charts" aria-label="The last ten minutes">
        <figure><figcaption>Bytes a second <b class="a">HTTP</b> <b class="b">link</b></figcaption>
        <svg id="bytes" role="img" aria-label="Bytes a second of HTTP and of the link"></svg></figure>
        <figure><figcaption>Requests a second <b class="a">answered</b> <b class="c">failed</b></figcaption>
        <svg id="rates" role="img" aria-label="Requests a second, answered and failed"></svg></figure>
        <figure><figcaption>Latency, ms <b class="a">p50</b> <b class="b">p90</b> <b class="c">p99</b></figcaption>
        <svg id="times" role="img" aria-label="Latency in milliseconds, percentiles 50, 90 and 99"></svg></figure>
        </section>
        <section class="table" aria-label="Servers">
        <table><thead><tr><th>Server</th><th>State</th><th>Pending</th><th>Answered</th><th>Failed</th><th>Latency</th>
        <th>Weight</th></tr></thead><tbody id="servers"></tbody></table>
        </section>
        </main>
        <noscript><p>This page needs JavaScript; the numbers are at <a href="/metrics">/metrics</a>.</p></noscript>
        <script>\(script)</script>
        </body>
        </html>
        """

    private static let style = """

        :root { --back: #f6f7f9; --card: #fff; --text: #1b1f24; --soft: #5b6570; --line: #d9dee4;
          --a: #0a66c2; --b: #0d8a5f; --c: #c2410c; }
        @media (prefers-color-scheme: dark) { :root { --back: #101418; --card: #191f26; --text: #e8ecf0; --soft: #9aa6b2;
          --line: #2c3540; --a: #6cb1ff; --b: #4fd1a0; --c: #ff9a6b; } }
        * { box-sizing: border-box; margin: 0; }
        body { background: var(--back); color: var(--text); font: 15px/1.4 system-ui, sans-serif; padding: 16px;
          max-width: 1200px; margin: 0 auto; }
        header { display: flex; align-items: baseline; gap: 16px; margin-bottom: 12px; flex-wrap: wrap; }
        h1 { font-size: 22px; } h2 { font-size: 13px; font-weight: 600; color: var(--soft); }
        #state { color: var(--soft); } #state.lost { color: var(--c); font-weight: 600; }
        .tiles { display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); }
        .tile, figure, .table { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px; }
        .tile p { font-size: 24px; font-weight: 650; font-variant-numeric: tabular-nums; white-space: nowrap; }
        .tile.wide { grid-column: span 2; } .tile.wide p { font-size: 34px; color: var(--b); } small { color: var(--soft); }
        .charts { display: grid; gap: 12px; margin: 12px 0; grid-template-columns: repeat(auto-fit, minmax(290px, 1fr)); }
        figcaption { font-size: 13px; font-weight: 600; color: var(--soft); margin-bottom: 6px; }
        figcaption b { margin-left: 8px; } b.a { color: var(--a); } b.b { color: var(--b); } b.c { color: var(--c); }
        svg { width: 100%; height: 150px; display: block; overflow: visible; }
        svg path { fill: none; stroke-width: 1.6; vector-effect: non-scaling-stroke; }
        .sa { stroke: var(--a); } .sb { stroke: var(--b); } .sc { stroke: var(--c); }
        svg line { stroke: var(--line); } svg text { fill: var(--soft); font-size: 11px; }
        .table { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
        th, td { text-align: right; padding: 6px 8px; border-bottom: 1px solid var(--line); white-space: nowrap; }
        th { font-size: 12px; color: var(--soft); } th:first-child, td:first-child { text-align: left; }
        tbody tr:last-child td { border-bottom: 0; } .bad { color: var(--c); font-weight: 600; }
        """

    private static let script = #"""

        'use strict';
        const keep = 600, samples = [];
        const by = id => document.getElementById(id);
        const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
        function bytes(n) {
          let unit = 0;
          while (n >= 1000 && unit < units.length - 1) { n /= 1000; unit++; }
          return (unit && n < 100 ? n.toFixed(1) : Math.round(n)) + ' ' + units[unit];
        }
        function count(n) { return n >= 10000 ? Math.round(n / 1000) + ' k' : String(Math.round(n * 10) / 10); }
        function time(ms) { return ms === null ? '–' : ms < 10 ? ms.toFixed(2) + ' ms' : Math.round(ms) + ' ms'; }
        function set(id, text) { by(id).textContent = text; }
        function rate(name) {
          return samples.slice(1).map((s, i) => Math.max(0, s[name] - samples[i][name]));
        }
        function draw(id, lines, label) {
          const svg = by(id), width = svg.clientWidth || 300, height = 150, left = 52, bottom = 18;
          const span = Math.max(60, samples.length);
          let most = 0;
          for (const line of lines) for (const value of line.values) if (value > most) most = value;
          const unit = 10 ** Math.floor(Math.log10(most || 1));
          const top = unit * [1, 2, 5, 10].find(part => unit * part >= (most || 1));
          const x = i => left + (width - left) * (span - 1 - i) / (span - 1);
          const y = v => height - bottom - (height - bottom - 8) * v / top;
          let text = '';
          for (const part of [0, 0.5, 1]) {
            text += `<line x1="${left}" x2="${width}" y1="${y(top * part)}" y2="${y(top * part)}"></line>`
              + `<text x="${left - 6}" y="${y(top * part) + 4}" text-anchor="end">${label(top * part)}</text>`;
          }
          const ago = span < 120 ? span + ' s ago' : Math.round(span / 60) + ' min ago';
          text += `<text x="${left}" y="${height - 2}">${ago}</text>`
            + `<text x="${width}" y="${height - 2}" text-anchor="end">now</text>`;
          for (const line of lines) {
            let path = '', isDown = false;
            line.values.forEach((value, i) => {
              if (value === null) { isDown = false; return; }
              path += `${isDown ? 'L' : 'M'}${x(line.values.length - 1 - i).toFixed(1)} ${y(value).toFixed(1)}`;
              isDown = true;
            });
            text += `<path class="${line.style}" d="${path}"></path>`;
          }
          svg.innerHTML = text;
        }
        function show(upstreams) {
          const last = samples[samples.length - 1];
          const http = rate('http'), link = rate('link'), ok = rate('ok'), failed = rate('failed');
          const now = list => list.length ? list[list.length - 1] : 0;
          if (last.link && last.http) {
            const saved = 1 - last.link / last.http;
            set('saved', (saved * 100).toFixed(1) + ' %');
            set('savedNote', `${bytes(Math.max(0, last.http - last.link))} of ${bytes(last.http)}; compressed to `
              + (last.plain ? (100 * last.link / last.plain).toFixed(1) + ' %' : '–'));
          } else if (last.link) {
            set('saved', last.plain ? ((1 - last.link / last.plain) * 100).toFixed(1) + ' %' : '–');
            set('savedNote', 'by compression, link to link');
          } else {
            set('saved', '–');
            set('savedNote', 'no Teleport link has carried anything');
          }
          set('http', bytes(last.http)); set('httpRate', bytes(now(http)) + '/s');
          set('link', bytes(last.link)); set('linkRate', bytes(now(link)) + '/s');
          set('requests', count(now(ok)) + ' /s');
          set('failed', `${last.active} under way, ${last.failed} failed of ${last.started}`);
          set('latency', time(last.p50)); set('latencyNote', `p90 ${time(last.p90)}, p99 ${time(last.p99)}`);
          draw('bytes', [{ values: http, style: 'sa' }, { values: link, style: 'sb' }], bytes);
          draw('rates', [{ values: ok, style: 'sa' }, { values: failed, style: 'sc' }], count);
          draw('times', ['p50', 'p90', 'p99'].map((name, i) => ({
            values: samples.map(s => s[name]), style: ['sa', 'sb', 'sc'][i] })), v => count(v));
          const rows = by('servers');
          rows.textContent = '';
          for (const server of upstreams) {
            const row = rows.insertRow();
            const cells = [server.address, server.state.replaceAll('_', ' '), server.pending, server.answered, server.failed,
              server.latency ? time(server.latency * 1000) : '–', server.weight];
            cells.forEach((value, i) => {
              const cell = row.insertCell();
              cell.textContent = value;
              if (i === 1 && server.state !== 'up') cell.className = 'bad';
            });
          }
        }
        async function look() {
          const last = samples.length ? samples[samples.length - 1].n : 0;
          try {
            const answer = await fetch('live.json?after=' + last, { cache: 'no-store' });
            if (!answer.ok) throw new Error(answer.status);
            const live = await answer.json();
            // Another process has taken its place: its numbers begin anew.
            if (live.samples.length && live.samples[0].n <= last) samples.length = 0;
            samples.push(...live.samples);
            samples.splice(0, samples.length - keep);
            if (samples.length) show(live.upstreams);
            by('state').className = '';
            set('state', 'live');
          } catch (error) {
            by('state').className = 'lost';
            set('state', 'no answer: the numbers below are old');
          }
          document.body.dataset.samples = samples.length;
          setTimeout(look, 1000);
        }
        look();
        """#
}
