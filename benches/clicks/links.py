"""The paths of readers' own links in a Maildir: links.py MAILDIR WHAT, where WHAT is a pattern as in `[0-9]+` or `unsubscribe`."""
import pathlib, re, sys

maildir, what = sys.argv[1:]
link = re.compile(rb"/214/(?:" + what.encode() + rb")/[A-Za-z0-9_-]{34}")
for message in sorted(pathlib.Path(maildir, "new").iterdir()):
    for path in sorted(set(link.findall(message.read_bytes().replace(b"=\r\n", b"")))):
        print(path.decode())
