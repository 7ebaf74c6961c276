"""certificates - a throw-away CA and what it signs, good and bad, by openssl(1)."""
import os
import shutil
import subprocess
import tempfile

import tap

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def _openssl(*args):
    subprocess.run(["openssl", *args], check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Certificates:
    """ca, other_ca: CA files. key, good, expired, wrong_name, selfsigned: PEM
    files for a server; one key is behind all of them."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.key = self._path("server.key")
        self.ca = self._authority("ca")
        self.other_ca = self._authority("other-ca")
        _openssl("req", *_KEY, "-subj", "/CN=localhost", "-keyout", self.key,
                 "-out", self._path("server.csr"))
        os.chmod(self.key, 0o644)  # servers' users read it; it guards nothing
        self.good = self._sign("good", "DNS:localhost,IP:127.0.0.1")
        self.expired = self._sign("expired", "DNS:localhost", days=-1)
        self.wrong_name = self._sign("wrong-name", "DNS:mail.other.example")
        self.selfsigned = self._path("selfsigned.pem")
        _openssl("req", "-x509", "-key", self.key, "-days", "30", "-subj",
                 "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                 "-out", self.selfsigned)

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _authority(self, name):
        _openssl("req", "-x509", *_KEY, "-days", "30", "-subj",
                 f"/CN=postrider test {name}", "-keyout",
                 self._path(f"{name}.key"), "-out", self._path(f"{name}.pem"))
        return self._path(f"{name}.pem")

    def _sign(self, name, names, days=30):
        with open(self._path(f"{name}.ext"), "w") as file:
            file.write(f"subjectAltName={names}\n")
        _openssl("x509", "-req", "-in", self._path("server.csr"), "-CA",
                 self.ca, "-CAkey", self._path("ca.key"), "-CAcreateserial",
                 "-days", str(days), "-extfile", self._path(f"{name}.ext"),
                 "-out", self._path(f"{name}.pem"))
        return self._path(f"{name}.pem")


_shared = None


def shared():
    """Certificates for all tests of a program."""
    global _shared
    if _shared is None:
        folder = tempfile.mkdtemp(prefix="postrider-tls.")
        os.chmod(folder, 0o755)
        tap.at_end(shutil.rmtree, folder, True)
        _shared = Certificates(folder)
    return _shared
