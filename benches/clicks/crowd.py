"""A crowd that only stands there: crowd.py PORT IDLE SLOW. Idle clients connect and say nothing; slow ones say a request's head, an octet a
second. Says `there` once all are connected, and how many were hung up on when its stdin is closed."""
import resource, selectors, socket, sys, threading, time

port, idle, slow = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)

def connect():
    client = socket.socket()
    client.connect(("127.0.0.1", port))
    return client

crowd = [connect() for _ in range(idle)]
slowly = [connect() for _ in range(slow)]
print("there", flush=True)

def trickle():
    head = b"GET /subscribe HTTP/1.1\r\nHost: mail.example.com\r\nX-Slow: " + b"x" * 100_000
    for octet in head:
        for client in slowly:
            try:
                client.send(bytes([octet]))
            except OSError:
                pass
        time.sleep(1)

threading.Thread(target=trickle, daemon=True).start()
sys.stdin.read()
