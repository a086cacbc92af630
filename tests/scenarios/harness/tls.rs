//! Certificates made for a test, and a server over TLS that takes everything. Nobody's machine trusts them by itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::places::tests_folder;
use super::process::Process;

/// A certificate that vouches for itself, and its key.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

impl Certificate {
    /// Makes one for a host's name, by OpenSSL.
    pub(crate) fn of(folder: &Path, host: &str) -> Self {
        let (cert, key) = (folder.join(format!("{host}.pem")), folder.join(format!("{host}.key")));
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
            ])
            .args([
                "-subj",
                &format!("/CN=made for a test as {host}"),
                "-addext",
                &format!("subjectAltName=DNS:{host}"),
            ])
            .args(["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth"])
            .arg("-out")
            .arg(&cert)
            .arg("-keyout")
            .arg(&key)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Self { cert, key }
    }
}

/// Takes every POST at `https://localhost:{port}/`.
pub(crate) struct HttpsServer(Process);

impl HttpsServer {
    /// Starts it with this certificate.
    pub(crate) async fn starts(port: u16, certificate: &Certificate) -> Self {
        let mut command = Command::new("python3");
        command.arg(tests_folder().join("scenarios/https.py")).arg(port.to_string());
        command.args([&certificate.cert, &certificate.key]);
        let mut process = Process::start("https server", &mut command);
        process.says("that it listens", |line| line.contains("listening").then_some(())).await;
        Self(process)
    }

    /// The bodies that it took, in order.
    pub(crate) fn took(&self) -> Vec<String> {
        self.0.output().lines().filter_map(|line| Some(line.strip_prefix("took ")?.to_string())).collect()
    }
}
