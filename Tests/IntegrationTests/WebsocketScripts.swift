/// A websocket server, a client of it, and a forward proxy, of Python's standard library: what stands at the ends of tunnels.
enum WebsocketScripts {
    /// Frames, as RFC 6455 has them.
    private static let frames = """
        import base64, hashlib, os, socket, struct, sys, threading, time

        def exactly(s, n):
            data = b""
            while len(data) < n:
                piece = s.recv(n - len(data))
                if not piece: raise EOFError
                data += piece
            return data

        def head(s):
            data = b""
            while b"\\r\\n\\r\\n" not in data: data += exactly(s, 1)
            return data

        def accept(key):
            return base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())

        def field(text, name):
            return [l.split(b": ", 1)[1] for l in text.split(b"\\r\\n") if l.lower().startswith(name + b":")][0]

        def send(s, op, data, mask):
            n = len(data)
            size = bytes([n]) if n < 126 else b"\\x7e" + struct.pack(">H", n) if n < 65536 else b"\\x7f" + struct.pack(">Q", n)
            size = bytes([size[0] | (128 if mask else 0)]) + size[1:]
            if mask:
                key = os.urandom(4)
                data = key + bytes(b ^ key[i % 4] for i, b in enumerate(data))
            s.sendall(bytes([128 | op]) + size + data)

        def receive(s):
            first, second = exactly(s, 2)
            n = second & 127
            if n == 126: n = struct.unpack(">H", exactly(s, 2))[0]
            elif n == 127: n = struct.unpack(">Q", exactly(s, 8))[0]
            key = exactly(s, 4) if second & 128 else None
            data = exactly(s, n)
            return first & 15, bytes(b ^ key[i % 4] for i, b in enumerate(data)) if key else data

        def listen(port, serve):
            s = socket.create_server(("127.0.0.1", port), backlog=64)
            print("ready", flush=True)
            while True:
                c, _ = s.accept()
                threading.Thread(target=serve, args=(c,), daemon=True).start()

        """

    /// `python3 -c … PORT`: says what it is told, until it is told to close.
    static let server =
        Self.frames + """
            def serve(c):
                with c:
                    text = head(c)
                    c.sendall(b"HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n"
                        b"Sec-WebSocket-Accept: " + accept(field(text, b"sec-websocket-key")) + b"\\r\\n\\r\\n")
                    while True:
                        op, data = receive(c)
                        send(c, op, data, False)
                        if op == 8: return
            listen(int(sys.argv[1]), serve)
            """

    /// `python3 -c … PORT FILE`: three messages of several sizes, then a short one ten times a second, each compared with its
    /// echo and counted, until `FILE` is there; then it closes in order.
    static let client =
        Self.frames + """
            s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
            key = base64.b64encode(os.urandom(16))
            s.sendall(b"GET /ws HTTP/1.1\\r\\nHost: a\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Version: 13\\r\\n"
                b"Sec-WebSocket-Key: " + key + b"\\r\\n\\r\\n")
            answer = head(s)
            if b" 101 " not in answer.split(b"\\r\\n")[0]: sys.exit("refused: " + answer.decode())
            if field(answer, b"sec-websocket-accept") != accept(key): sys.exit("wrong key")
            def echo(data):
                send(s, 2, data, True)
                if receive(s) != (2, data): sys.exit("wrong echo")
            try:
                for size in (5, 300, 70000): echo(os.urandom(size))
                count = 0
                while not os.path.exists(sys.argv[2]):
                    echo(b"again")
                    count += 1
                    print("echo", count, flush=True)
                    time.sleep(0.1)
                send(s, 8, b"\\x03\\xe8", True)
                if receive(s)[0] != 8: sys.exit("no close")
            except (EOFError, OSError):
                print("broken off", flush=True)
                sys.exit(0)
            print("closed in order", flush=True)
            """

    /// `python3 -c … PORT`: a forward proxy for CONNECT to this machine.
    static let forwardProxy =
        Self.frames + """
            def pump(a, b):
                try:
                    while (data := a.recv(65536)): b.sendall(data)
                    b.shutdown(socket.SHUT_WR)
                except OSError: pass
            def serve(c):
                method, target = head(c).split(b" ")[:2]
                host, port = target.rsplit(b":", 1)
                if method != b"CONNECT" or host != b"127.0.0.1":
                    c.sendall(b"HTTP/1.1 403 Forbidden\\r\\nContent-Length: 0\\r\\n\\r\\n")
                    return c.close()
                other = socket.create_connection(("127.0.0.1", int(port)))
                c.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n")
                threading.Thread(target=pump, args=(c, other), daemon=True).start()
                pump(other, c)
            listen(int(sys.argv[1]), serve)
            """
}
