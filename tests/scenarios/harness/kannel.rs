//! A real Kannel on this machine (bearerbox, smsbox), and a phone: Kannel's own fake SMSC, which prints what it is sent and sends what
//! it is told.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::{ChildStdin, Command};
use std::sync::Mutex;

use super::part::{Part, runs};
use super::process::Process;
use super::stack::free_port;
use super::{until, until_so};

/// Where Debian's `kannel-extras` has it.
const FAKE_SMSC: &str = "/usr/lib/kannel/test/fakesmsc";
/// The number that texts come from and go to.
pub(crate) const SHORT_CODE: &str = "60010";
/// Secrets that Assent is configured with.
pub(crate) const PASSWORD: &str = "a-password-for-sendsms";
pub(crate) const INBOUND: &str = "an-inbound-secret-for-tests-only";

/// Kannel, and the one phone in reach.
pub(crate) struct Kannel {
    // Dropped in this order.
    phone: Process,
    keys: Mutex<ChildStdin>,
    _smsbox: Process,
    _bearerbox: Process,
}

impl Kannel {
    /// Whether texts go through it; not when it is left out. It must be here.
    pub(crate) fn is_wanted() -> bool {
        let what = "texts through a real gateway";
        let wanted = Part::Kannel.is_wanted(what);
        if wanted {
            Part::Kannel.is_here(Path::new(FAKE_SMSC).is_file() && runs("bearerbox", "--version"), what);
        }
        wanted
    }

    /// Starts it. It takes texts on `port` and hands what people write to `inbound`.
    pub(crate) async fn starts(folder: &Path, port: u16, inbound: &str) -> Self {
        let (admin, boxes, smsc) = (free_port(), free_port(), free_port());
        let spool = folder.join("kannel");
        std::fs::create_dir(&spool).unwrap();
        let inbound = inbound.replacen("://", &format!("://kannel:{INBOUND}@"), 1);
        let text = format!(
            r#"
group = core
admin-port = {admin}
admin-interface = "127.0.0.1"
admin-password = none
smsbox-port = {boxes}
smsbox-interface = "127.0.0.1"
box-allow-ip = "127.0.0.1"
box-deny-ip = "*.*.*.*"
store-type = spool
store-location = "{spool}"
log-level = 1

group = smsc
smsc = fake
smsc-id = phone
port = {smsc}
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {boxes}
sendsms-port = {port}
sendsms-interface = "127.0.0.1"
http-request-retry = 20
http-queue-delay = 1
log-level = 1

group = sendsms-user
username = assent
password = "{PASSWORD}"
concatenation = true
max-messages = 6

group = sms-service
keyword = default
catch-all = true
send-sender = true
max-messages = 0
post-url = "{inbound}"
"#,
            spool = spool.display()
        );
        let conf = folder.join("kannel.conf");
        std::fs::write(&conf, text).unwrap();
        let mut bearerbox = Process::start("bearerbox", Command::new("bearerbox").arg(&conf));
        bearerbox.says("that it is up", |line| line.contains("entering mainloop").then_some(())).await;
        let listens = async |port: u16| TcpStream::connect(("127.0.0.1", port)).is_ok();
        until_so("Kannel to listen for phones", async || listens(smsc).await).await;
        let mut smsbox = Process::start("smsbox", Command::new("smsbox").arg(&conf));
        smsbox
            .says("that it is connected", |line| line.contains("Connected to bearerbox").then_some(()))
            .await;
        until_so("Kannel to listen for texts", async || listens(port).await).await;
        let mut fake = Command::new(FAKE_SMSC);
        fake.args(["-H", "127.0.0.1", "-r", &smsc.to_string()]);
        let (phone, keys) = Process::start_with_keys("fakesmsc", &mut fake);
        bearerbox.says("that a phone is there", |line| line.contains("client connected").then_some(())).await;
        Self { phone, keys: Mutex::new(keys), _smsbox: smsbox, _bearerbox: bearerbox }
    }

    /// Somebody with this number writes a text. The fake SMSC takes one line at a time.
    pub(crate) async fn writes(&self, number: &str, text: &str) {
        let sent = || self.phone.output().matches("sent message").count();
        let before = sent();
        {
            let mut keys = self.keys.lock().unwrap();
            writeln!(keys, "{number} {SHORT_CODE} text {text}").unwrap();
            keys.flush().unwrap();
        }
        until_so("the phone to send the text", async || sent() > before).await;
    }

    /// What came to a number so far, put together from its parts.
    pub(crate) fn texts(&self, number: &str) -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        for line in self.phone.output().lines() {
            let Some((_, message)) = line.split_once("Got message ") else { continue };
            let (_, message) = message.split_once('<').unwrap();
            let words: Vec<&str> = message.trim_end_matches('>').splitn(4, ' ').collect();
            let [from, to, kind, rest] = words[..] else { panic!("{line}") };
            assert_eq!(from, SHORT_CODE);
            if to != number {
                continue;
            }
            let (part, body) = match kind {
                // `udh %05%00%03 reference, of how many, which`.
                "udh" => {
                    let mut words = rest.splitn(3, ' ');
                    let header = decoded(words.next().unwrap());
                    words.next().unwrap();
                    (header[5], decoded(words.next().unwrap()))
                }
                "ucs-2" | "data" => (1, decoded(rest)),
                _ => (1, rest.as_bytes().to_vec()),
            };
            let text = if kind == "ucs-2" || body.contains(&0) {
                let units = body.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
                String::from_utf16(&units.collect::<Vec<_>>()).unwrap()
            } else {
                String::from_utf8_lossy(&body).into_owned()
            };
            match texts.last_mut() {
                Some(last) if part > 1 => last.push_str(&text),
                _ => texts.push(text),
            }
        }
        texts
    }

    /// The text with this number (from 1) to `to` that has `word` in it, once all of it came.
    pub(crate) async fn text(&self, to: &str, number: usize, word: &str) -> String {
        let what = format!("text {number} to {to} with {word}");
        until(&what, async || self.texts(to).into_iter().nth(number - 1).filter(|text| text.contains(word)))
            .await
    }
}

/// Percent-decoded, with a plus for a space.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next().unwrap()).to_digit(16).unwrap();
                u8::try_from(digit() * 16 + digit()).unwrap()
            }
            other => other,
        });
    }
    decoded
}
