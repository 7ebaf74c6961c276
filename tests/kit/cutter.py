"""cutter - a TCP proxy that hangs up after so many octets, as a bad line does."""
import select
import socket
import threading

import peers
import tap


class Cutter:
    """Passes connections on to `port`. While `after` is a number, each is cut
    when so many octets have gone in `direction`: "from" the server or "to" it."""

    def __init__(self, port):
        self.target = port
        self.after, self.direction = None, "from"
        self.cut = False  # has it happened
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.threads = []
        threading.Thread(target=self._accept, daemon=True).start()
        tap.cleanup(self.stop)

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._pass, args=(client, server),
                                      daemon=True)
            self.threads.append(thread)
            thread.start()

    def _pass(self, client, server):
        passed = {"from": 0, "to": 0}
        ways = {client: (server, "to"), server: (client, "from")}
        try:
            while True:
                for end in select.select(list(ways), [], [], 30)[0]:
                    data = end.recv(65536)
                    other, way = ways[end]
                    if not data:
                        return
                    if self.after is not None and way == self.direction:
                        left = self.after - passed[way]
                        if len(data) > left:
                            self.cut = True
                            other.sendall(data[:left])
                            return
                    other.sendall(data)
                    passed[way] += len(data)
        except OSError:
            pass
        finally:
            peers.hang_up(client)
            peers.hang_up(server)

    def stop(self):
        peers.hang_up(self.listener)
        for thread in self.threads:
            thread.join(10)
