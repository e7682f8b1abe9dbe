"""A long line for ./bench far: python3 line.py LISTEN TARGET MILLISECONDS passes octets on, each way half of the milliseconds late.
With `ping` for MILLISECONDS it tells the milliseconds of a round trip over it instead."""
import collections
import select
import socket
import sys
import time

CHUNK = 1 << 20


def ping(port):
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.recv(CHUNK)
        turns = []
        for _ in range(50):
            began = time.monotonic()
            line.sendall(b"NOOP\r\n")
            line.recv(CHUNK)
            turns.append(time.monotonic() - began)
        print(f"{sorted(turns)[25] * 1000:.2f}")


def listen(port, target, delay):
    door = socket.create_server(("127.0.0.1", port), backlog=100)
    other = {}
    late = collections.deque()
    while True:
        patience = max(0, late[0][0] - time.monotonic()) if late else None
        for ready in select.select([door, *other], [], [], patience)[0]:
            if ready is door:
                ends = door.accept()[0], socket.create_connection(("127.0.0.1", target))
                for end, far in (ends, ends[::-1]):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    other[end] = far
                continue
            octets = ready.recv(CHUNK)
            late.append((time.monotonic() + delay, other[ready], octets))
            if not octets:
                del other[ready]
        while late and late[0][0] <= time.monotonic():
            _, end, octets = late.popleft()
            try:
                end.sendall(octets) if octets else end.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # Whoever hung up hears no more.


port, target, milliseconds = sys.argv[1:]
if milliseconds == "ping":
    ping(int(port))
else:
    listen(int(port), int(target), float(milliseconds) / 2000)
