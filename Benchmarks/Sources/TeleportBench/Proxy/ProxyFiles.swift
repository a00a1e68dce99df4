import NIOCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Configurations, written for one run, in a folder that is gone afterwards. One worker each, no logs.
struct ProxyFiles: Sendable {
    let folder: String

    /// nginx with an answer of 600 bytes, or with a file for each target.
    func origin(at port: Int, answers: String?) throws -> String {
        let location =
            if let answers {
                // Files are for GET; a POST is led to them by the error that it gets.
                """
                root \(answers);
                default_type application/json;
                open_file_cache max=100000 inactive=600s;
                error_page 405 =200 $uri;
                """
            } else {
                "default_type text/plain; return 200 \"\(String(repeating: "Hello. ", count: 85))12345\";"
            }
        return try self.nginx(
            "origin",
            """
            server {
                listen 127.0.0.1:\(port) backlog=1024;
                location / { \(location) }
            }
            """)
    }

    /// nginx in front of it, with connections that stay open, as a proxy is set up that is to be quick.
    func nginxProxy(at port: Int, to origin: Int) throws -> String {
        try self.nginx(
            "proxy",
            """
            upstream origin {
                server 127.0.0.1:\(origin);
                keepalive 512;
                keepalive_requests 1000000000;
            }
            server {
                listen 127.0.0.1:\(port) backlog=1024;
                location / {
                    proxy_pass http://origin;
                    proxy_http_version 1.1;
                    proxy_set_header Connection "";
                }
            }
            """)
    }

    private func nginx(_ name: String, _ server: String) throws -> String {
        let path = "\(self.folder)/nginx-\(name).conf"
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map { "\($0)_temp_path \(self.folder)/\($0)-\(name);" }.joined(separator: "\n    ")
        try Folder.write(
            """
            \(geteuid() == 0 ? "user root;" : "")
            daemon off;
            master_process off;
            worker_processes 1;
            pid \(self.folder)/nginx-\(name).pid;
            error_log stderr error;
            events { worker_connections 8192; }
            http {
                \(temporary)
                access_log off;
                keepalive_requests 1000000000;
                client_body_buffer_size 64k;
            \(server)
            }

            """, to: path)
        return path
    }

    func haproxy(at port: Int, to origin: Int) throws -> String {
        let path = "\(self.folder)/haproxy.cfg"
        try Folder.write(
            """
            global
                maxconn 8192
                nbthread 1
            defaults
                mode http
                timeout connect 5s
                timeout client 60s
                timeout server 60s
                http-reuse always
            frontend front
                bind 127.0.0.1:\(port)
                default_backend origin
            backend origin
                server origin 127.0.0.1:\(origin)

            """, to: path)
        return path
    }

    /// Answers as files: their names are the targets. Returns the folder.
    func answers(_ bodies: [ByteBuffer]) throws -> String {
        let folder = "\(self.folder)/answers"
        try Folder.makeIfMissing(folder)
        for (index, body) in bodies.enumerated() {
            try Folder.write(String(buffer: body), to: "\(folder)/\(index)")
        }
        return folder
    }

    /// A script that has wrk POST one body after the other.
    func posts(_ bodies: [ByteBuffer]) throws -> String {
        let lines = "\(self.folder)/requests"
        try Folder.write(bodies.map { String(buffer: $0) + "\n" }.joined(), to: lines)
        let script = "\(self.folder)/posts.lua"
        try Folder.write(
            """
            local requests = {}
            local index = 0
            local headers = {["Host"] = "bidder.example", ["Content-Type"] = "application/json"}

            function init(arguments)
                for line in io.lines("\(lines)") do
                    requests[#requests + 1] = wrk.format("POST", "/" .. #requests, headers, line)
                end
            end

            function request()
                index = index % #requests + 1
                return requests[index]
            end

            """, to: script)
        return script
    }
}
