//! A terminal that a person looks on: what a program's stderr shows there, while its stdout goes elsewhere.
//!
//! A pseudo-terminal of the system's. What is shown is given as it was written, with its control sequences.

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::File;
use std::io::Read as _;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

/// How a program that ran at a terminal ended.
pub(crate) struct Shown {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    /// Everything the terminal was sent.
    pub(crate) terminal: String,
}

/// Runs a program to its end with its stderr on a terminal of 100 columns.
pub(crate) fn at_a_terminal(mut command: Command) -> Shown {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let size = Winsize { ws_row: 24, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&master, size).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let there = File::options().read(true).write(true).open(name).unwrap();
    command.env("TERM", "xterm").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(there);
    let mut child = command.spawn().unwrap();
    // The program alone has the terminal now, so its end is the end of what is read here.
    drop(command);
    let reader = thread::spawn(move || {
        let (mut shown, mut master, mut part) = (Vec::new(), File::from(master), [0; 4096]);
        // Linux ends it with an error, others with nothing.
        while let Ok(read @ 1..) = master.read(&mut part) {
            shown.extend_from_slice(&part[..read]);
        }
        String::from_utf8_lossy(&shown).into_owned()
    });
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    let status = child.wait().unwrap();
    Shown { status, stdout, terminal: reader.join().unwrap() }
}
