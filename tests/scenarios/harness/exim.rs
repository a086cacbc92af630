//! Exim on this machine, the mail server that Debian comes with: unpacked by xtask, with a configuration and a queue in the test's
//! folder, delivering every message into one mailbox there, as whoever runs the test.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::part::Part;
use super::places::exim;
use super::process::Process;
use super::tls::Certificate;
use super::until_so;

/// Whether it takes the mail; not when it is left out. It must be here.
pub(super) fn is_wanted() -> bool {
    let what = "mail through a server of Debian's";
    let wanted = Part::Exim.is_wanted(what);
    if wanted {
        Part::Exim.is_here(exim().join("usr/sbin/exim4").is_file(), what);
    }
    wanted
}

/// Starts it. It makes the mailbox, which is one of Maildir's form. `encrypted`: by `starttls` or `tls`, with a certificate.
pub(super) async fn start(
    folder: &Path,
    port: u16,
    mailbox: &Path,
    encrypted: Option<(&str, &Certificate)>,
) -> Process {
    let (home, user) = (folder.join("exim"), Deliverer::find());
    let boxes = ["new", "cur", "tmp"].map(|folder| mailbox.join(folder));
    let folders = [home.clone(), home.join("queue"), mailbox.to_path_buf()];
    for folder in folders.iter().chain(&boxes) {
        std::fs::create_dir_all(folder).unwrap();
        user.owns(folder);
    }
    user.may_reach(&home);
    let (passwd, group) = user.files(&home);
    let conf = home.join("exim.conf");
    let tls = encrypted.map(|(tls, certificate)| encryption(&home, &user, port, tls, certificate));
    let tls = tls.unwrap_or_else(|| "tls_advertise_hosts =".into());
    std::fs::write(&conf, configuration(&home, port, mailbox, &tls)).unwrap();
    let libraries = libraries();
    let mut command = Command::new(exim().join("usr/sbin/exim4"));
    command
        .env_clear()
        .env("LD_LIBRARY_PATH", &libraries)
        .env("LD_PRELOAD", libraries.join("libnss_wrapper.so"))
        .env("NSS_WRAPPER_PASSWD", passwd)
        .env("NSS_WRAPPER_GROUP", group)
        .arg("-C")
        .arg(&conf)
        .arg("-bdf");
    let mut process = Process::start("exim", &mut command);
    until_so("Exim to listen", async || {
        assert!(process.runs(), "exim ended: {}", process.output());
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    })
    .await;
    process
}

fn libraries() -> PathBuf {
    let library = exim().join("usr/lib");
    let mut folders = std::fs::read_dir(&library).unwrap().map(|folder| folder.unwrap().path());
    folders.find(|folder| folder.join("libnss_wrapper.so").is_file()).expect("xtask unpacked it whole")
}

/// The lines for encryption. Exim reads the certificate as whom it delivers as.
fn encryption(home: &Path, user: &Deliverer, port: u16, tls: &str, certificate: &Certificate) -> String {
    let copy = |from: &Path, name: &str| {
        let to = home.join(name);
        std::fs::copy(from, &to).unwrap();
        user.owns(&to);
        to
    };
    let (cert, key) = (copy(&certificate.cert, "cert.pem"), copy(&certificate.key, "cert.key"));
    let implicit = if tls == "tls" { format!("\ntls_on_connect_ports = {port}") } else { String::new() };
    format!(
        "tls_advertise_hosts = *\ntls_certificate = {}\ntls_privatekey = {}{implicit}",
        cert.display(),
        key.display()
    )
}

fn configuration(home: &Path, port: u16, mailbox: &Path, tls: &str) -> String {
    format!(
        "exim_user = deliverer
exim_group = deliverer
never_users =
primary_hostname = post.example.org
spool_directory = {home}/queue
log_file_path = {home}/queue/%slog
pid_file_path = {home}/queue/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
deliver_drop_privilege = true
keep_environment =
{tls}
acl_smtp_rcpt = take
acl_smtp_data = take
begin acl
take:
  accept
begin routers
everybody:
  driver = accept
  transport = mailbox
begin transports
mailbox:
  driver = appendfile
  maildir_format
  directory = {mailbox}
  user = deliverer
  group = deliverer
begin retry
* * F,1h,1s
",
        home = home.display(),
        mailbox = mailbox.display(),
    )
}

/// Whom messages are delivered as: whoever runs the test; not root, as whom Exim delivers nothing.
struct Deliverer {
    uid: u32,
    gid: u32,
}

impl Deliverer {
    fn find() -> Self {
        const NOBODY: u32 = 65_534;
        let uid = rustix::process::getuid().as_raw();
        if uid == 0 {
            return Self { uid: NOBODY, gid: NOBODY };
        }
        Self { uid, gid: rustix::process::getgid().as_raw() }
    }

    fn owns(&self, folder: &Path) {
        std::os::unix::fs::chown(folder, Some(self.uid), Some(self.gid)).unwrap();
    }

    /// Temporary folders are closed to others.
    fn may_reach(&self, folder: &Path) {
        use std::os::unix::fs::PermissionsExt as _;
        if rustix::process::getuid().is_root() {
            let above = folder.parent().unwrap();
            std::fs::set_permissions(above, std::fs::Permissions::from_mode(0o711)).unwrap();
        }
    }

    /// Users and groups as Exim sees them. Its own, which Debian's has compiled in, this machine may not have.
    fn files(&self, home: &Path) -> (PathBuf, PathBuf) {
        let Self { uid, gid } = self;
        let (passwd, group) = (home.join("passwd"), home.join("group"));
        let user = |name: &str| format!("{name}:x:{uid}:{gid}::/:/bin/false\n");
        let users = format!("{}{}root:x:0:0::/:/bin/false\n", user("deliverer"), user("Debian-exim"));
        let groups = format!("deliverer:x:{gid}:\nDebian-exim:x:{gid}:\nmail:x:{gid}:\nroot:x:0:\n");
        std::fs::write(&passwd, users).unwrap();
        std::fs::write(&group, groups).unwrap();
        (passwd, group)
    }
}
