//! A started program: what it says is kept, and it ends with its owner.
//!
//! It stays in this process's group, so that a runner which ends a test that hangs ends its programs too. One that
//! starts others and leaves them behind is given a group of its own by who starts it.

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use super::until;

/// A running program. Dropping it ends it, and the group it may lead; a failing test prints its output.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// Starts it.
    pub(crate) fn start(name: &'static str, command: &mut Command) -> Self {
        command.stdin(Stdio::null());
        Self::started(name, command)
    }

    /// Starts one that reads lines, and gives what writes them.
    pub(crate) fn start_with_keys(name: &'static str, command: &mut Command) -> (Self, ChildStdin) {
        command.stdin(Stdio::piped());
        let mut process = Self::started(name, command);
        let keys = process.child.stdin.take().unwrap();
        (process, keys)
    }

    fn started(name: &'static str, command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("cannot start {name} ({command:?}): {error}"));
        let said = Arc::default();
        listen(child.stdout.take(), &said);
        listen(child.stderr.take(), &said);
        Self { name, child, said }
    }

    /// The first line, so far or to come, in which `look` finds something.
    pub(crate) async fn says<T>(&mut self, what: &str, look: impl Fn(&str) -> Option<T>) -> T {
        let said = Arc::clone(&self.said);
        let what = format!("{} to say {what}", self.name);
        until(&what, async || {
            let found = said.lock().unwrap().iter().find_map(|line| look(line));
            assert!(found.is_some() || self.runs(), "{} ended before it said {what}", self.name);
            found
        })
        .await
    }

    /// Whether it has not ended.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The exit code, once it has ended by itself.
    pub(crate) fn ended(&mut self) -> Option<Option<i32>> {
        Some(self.child.try_wait().ok()??.code())
    }

    /// Ends it the hard way (`SIGKILL`) and waits until it is gone.
    pub(crate) fn is_killed(&mut self) {
        // It may have ended by itself, and most have no group of their own.
        if let Some(group) = Pid::from_raw(self.child.id().cast_signed()) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Halts it where it stands: it keeps its connections and answers nobody until it goes on.
    pub(crate) fn is_halted(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).unwrap();
    }

    /// Lets it go on.
    pub(crate) fn goes_on(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).unwrap();
    }

    /// Everything it wrote so far.
    pub(crate) fn output(&self) -> String {
        self.said.lock().unwrap().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.is_killed();
        if thread::panicking() {
            eprintln!("──── {} said:\n{}\n────", self.name, self.output());
        }
    }
}

fn listen(pipe: Option<impl Read + Send + 'static>, said: &Arc<Mutex<Vec<String>>>) {
    let (Some(pipe), said) = (pipe, Arc::clone(said)) else { return };
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            said.lock().unwrap().push(String::from_utf8_lossy(&line).into_owned());
        }
    });
}
