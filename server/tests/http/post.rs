//! A mail server for tests of the queue: takes every message and keeps it. How Assent does with real ones is shown from outside.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

/// Where a mail server is, or will be.
#[derive(Clone, Copy)]
pub(crate) struct Place(u16);

impl Place {
    /// A place where nobody answers yet.
    pub(crate) fn empty() -> Self {
        Self(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port())
    }

    /// What Assent's configuration says of it.
    pub(crate) fn configuration(self) -> String {
        format!("[mail]\nhost = \"127.0.0.1\"\ntls = \"none\"\nport = {}\n", self.0)
    }

    /// Somebody takes calls there and says nothing, until this is dropped.
    pub(crate) fn is_silent(self) -> TcpListener {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        listener
    }

    /// From now on somebody answers there, until the test ends.
    pub(crate) fn opens(self) -> Post {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.0)).unwrap();
        let post = Post::default();
        let kept = post.clone();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let kept = kept.clone();
                thread::spawn(move || kept.takes(connection));
            }
        });
        post
    }
}

/// What was taken: headers and body of each message, as they came. There is no mailbox `gone`, and `later` has time only the second time.
#[derive(Clone, Default)]
pub(crate) struct Post {
    taken: Arc<Mutex<Vec<String>>>,
    asked: Arc<Mutex<Vec<String>>>,
    held: Arc<Mutex<Option<Held>>>,
}

/// Who hears that a message came, and from whom it is heard that it may be answered.
type Held = (Sender<()>, Receiver<()>);

impl Post {
    pub(crate) fn messages(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }

    /// Whom somebody wanted to write to, in the order they asked.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// The next message is not answered before something is sent; it is told when it came.
    pub(crate) fn holds(&self) -> (Receiver<()>, Sender<()>) {
        let ((came, told), (goes_on, waits)) = (channel(), channel());
        *self.held.lock().unwrap() = Some((came, waits));
        (told, goes_on)
    }

    /// The answer to a recipient.
    fn answer(&self, line: &str) -> &'static str {
        let name = line.split(['<', '@']).nth(1).unwrap_or_default().to_string();
        let mut asked = self.asked.lock().unwrap();
        let before = asked.contains(&name);
        asked.push(name.clone());
        match name.as_str() {
            "gone" => "550 5.1.1 no such mailbox",
            "later" if !before => "451 4.7.1 try again",
            _ => "250 well",
        }
    }

    fn takes(&self, connection: TcpStream) -> Option<()> {
        let mut answers = connection.try_clone().ok()?;
        let mut lines = BufReader::new(connection).lines();
        let mut says = |line: &str| answers.write_all(format!("{line}\r\n").as_bytes()).ok();
        says("220 post.example.org")?;
        while let Some(Ok(line)) = lines.next() {
            let command = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            match command.as_str() {
                "DATA" => {
                    says("354 go on")?;
                    let mut message = String::new();
                    for line in lines.by_ref() {
                        let line = line.ok()?;
                        if line == "." {
                            break;
                        }
                        message.push_str(line.strip_prefix("..").map_or(line.as_str(), |_| &line[1..]));
                        message.push('\n');
                    }
                    let held = self.held.lock().unwrap().take();
                    if let Some((came, waits)) = held {
                        came.send(()).ok()?;
                        waits.recv().ok()?;
                    }
                    // Kept before it is answered, so that whoever saw the answer finds it.
                    self.taken.lock().unwrap().push(message);
                    says("250 taken")?;
                }
                "RCPT" => says(self.answer(&line))?,
                "QUIT" => return says("221 bye"),
                _ => says("250 well")?,
            }
        }
        Some(())
    }
}

/// One header's value, unfolded. It must stand once.
#[track_caller]
pub(crate) fn header(message: &str, name: &str) -> String {
    let (head, _) = message.split_once("\n\n").unwrap();
    let head = head.replace("\n ", " ").replace("\n\t", " ");
    let wanted = format!("{}:", name.to_ascii_lowercase());
    let mut found = head.lines().filter(|line| line.to_ascii_lowercase().starts_with(&wanted));
    let value = found.next().unwrap_or_else(|| panic!("no {name} in {head}"));
    assert_eq!(found.next(), None, "{name} stands twice");
    value[wanted.len()..].trim().to_string()
}
