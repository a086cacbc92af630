//! Who writes when: the sequencer, one thread per log, and the lander beside it.
//!
//! The sequencer takes whatever waits, without an artificial pause, and makes a batch of it. A few requests it lands itself: an
//! idle log answers as fast as the disk. A larger batch it gives to the lander, and makes the next one in memory while the disk
//! is busy. One batch lands at a time, in the order they were made, so the store and a crash know nothing of this. What
//! is made on top of a batch that then does not land is refused: it was never stored.
//!
//! Not here: what making and landing are (`append.rs`).

use std::collections::HashSet;
use std::thread::Builder;

use assent_core::subject::SubjectId;
use crossbeam_channel::{Receiver, RecvError, Sender, TryRecvError, bounded, never, select};

use crate::append::{Made, Tail, make};
use crate::complaint::Complaint;
use crate::error::AppendError;
use crate::recover::recover;
use crate::request::{Change, Request};
use crate::shared::Shared;

/// Most requests in one commit: bounds memory, and how long the first of them waits for the last.
const MAX_BATCH: usize = 1024;
/// Requests from which on a batch is worth the way to another thread.
const WORTH_A_LANDER: usize = 4;

/// Runs until every sender is gone and the queue is empty.
pub(crate) fn sequence(shared: &Shared, queue: &Receiver<Request>, tail: Tail) {
    std::thread::scope(|scope| {
        let (batches, to_land) = bounded::<(Box<Made>, Tail)>(1);
        let (outcomes, landed) = bounded(1);
        let lander =
            Builder::new().name(format!("land-{}", shared.config.site)).spawn_scoped(scope, move || {
                for (made, before) in to_land {
                    if outcomes.send(made.land(shared, before)).is_err() {
                        return;
                    }
                }
            });
        // Without it everything is landed here.
        let lander = lander.is_ok().then_some(Lander { batches, landed });
        let complaint = Complaint::default();
        Sequencer { shared, queue, tail: Some(tail), lander, landing: None, complaint }.run();
    });
}

/// The way to the lander and back.
struct Lander {
    batches: Sender<(Box<Made>, Tail)>,
    landed: Receiver<Option<Tail>>,
}

/// The batch that the lander has.
struct Landing {
    subjects: HashSet<SubjectId>,
    size: usize,
}

impl Landing {
    /// Whether a request can only be judged by what comes of the batch.
    fn concerns(&self, request: &Request) -> bool {
        match request {
            Request::Append(draft, _) => self.subjects.contains(&draft.subject),
            Request::Publish(..) | Request::Change(_) => true,
        }
    }
}

struct Sequencer<'a> {
    shared: &'a Shared,
    queue: &'a Receiver<Request>,
    /// Where the log ends, counting what is landing. Nothing: it must be looked at again.
    tail: Option<Tail>,
    lander: Option<Lander>,
    landing: Option<Landing>,
    /// That the log cannot be read again.
    complaint: Complaint,
}

/// What comes next: requests for one batch, and what was asked after them.
type Gathered = (Vec<Request>, Option<Box<dyn Change>>);

impl Sequencer<'_> {
    fn run(mut self) {
        while let Some((requests, change)) = self.gather() {
            if !requests.is_empty() {
                self.append(requests);
            }
            if let Some(change) = change {
                self.settle();
                match self.standing() {
                    Some(at) => {
                        let _changing = self.shared.changes.begin(change.about());
                        self.tail = change.run(self.shared, at);
                    }
                    None => change.refuse(AppendError::Unavailable),
                }
            }
        }
        self.settle();
    }

    /// Whatever waits, up to the first change; while a batch lands, not before as many wait as are in it. Nothing: nobody
    /// can ask any more.
    fn gather(&mut self) -> Option<Gathered> {
        let mut requests = Vec::new();
        loop {
            let enough = self.landing.as_ref().map_or(1, |landing| landing.size);
            let next = match self.queue.try_recv() {
                Ok(next) => Some(next),
                Err(TryRecvError::Empty) if requests.len() >= enough => return Some((requests, None)),
                Err(TryRecvError::Empty) => self.wait(),
                Err(TryRecvError::Disconnected) => return (!requests.is_empty()).then_some((requests, None)),
            };
            match next {
                Some(Request::Change(change)) => return Some((requests, Some(change))),
                Some(request) => requests.push(request),
                None => {}
            }
            if requests.len() >= MAX_BATCH {
                return Some((requests, None));
            }
        }
    }

    /// Appends what can be appended and sees to it that everybody is answered.
    fn append(&mut self, requests: Vec<Request>) {
        let landing = self.landing.as_ref();
        if landing.is_some_and(|landing| requests.iter().any(|request| landing.concerns(request))) {
            self.settle();
        }
        let Some(at) = self.standing() else {
            requests.into_iter().for_each(|request| request.refuse(AppendError::Unavailable));
            return;
        };
        let Some(made) = make(self.shared, &at, requests) else {
            self.tail = Some(at);
            return;
        };
        let before = if self.landing.is_none() {
            at
        } else {
            self.settle();
            match self.tail.take() {
                Some(landed) if landed.head == at.head => landed,
                // What it was made on top of is not there.
                other => {
                    self.tail = other;
                    made.refuse(&AppendError::Unavailable);
                    return;
                }
            }
        };
        match &self.lander {
            Some(lander) if made.len() >= WORTH_A_LANDER => {
                self.tail = Some(made.after().clone());
                self.landing = Some(Landing { subjects: made.subjects(), size: made.len() });
                // A lander that is gone is noticed when its answer is waited for.
                drop(lander.batches.send((Box::new(made), before)));
            }
            _ => self.tail = made.land(self.shared, before),
        }
    }

    /// Waits for the next request or for what is landing, whichever is first. Nothing: look again.
    fn wait(&mut self) -> Option<Request> {
        let nothing_lands = never();
        let landed = match (&self.landing, &self.lander) {
            (Some(_), Some(lander)) => &lander.landed,
            _ => &nothing_lands,
        };
        select! {
            recv(self.queue) -> request => request.ok(),
            recv(landed) -> outcome => {
                self.landed(outcome);
                None
            }
        }
    }

    /// Waits for what was given to the lander.
    fn settle(&mut self) {
        if self.landing.is_some()
            && let Some(lander) = &self.lander
        {
            let outcome = lander.landed.recv();
            self.landed(outcome);
        }
    }

    fn landed(&mut self, outcome: Result<Option<Tail>, RecvError>) {
        self.landing = None;
        if outcome.is_err() {
            // It panicked.
            self.lander = None;
        }
        self.tail = outcome.unwrap_or(None);
    }

    /// Where the log ends. After an unknown outcome, or an errand that failed, it is looked at again.
    fn standing(&mut self) -> Option<Tail> {
        if self.shared.errands.take_failure() {
            self.settle();
            self.shared.stop();
            // The failure is told once, and nothing goes on from here before the log was read again, whoever asks next.
            self.tail = None;
        }
        // Nothing lands when nothing is known: it was waited for.
        self.tail.take().or_else(|| self.recovered())
    }

    fn recovered(&mut self) -> Option<Tail> {
        let recovered = recover(self.shared);
        match &recovered {
            Ok(_) => self.complaint.ends(),
            Err(error) => {
                let what = "the log takes nothing: it could not be read again";
                self.complaint.tell(&self.shared.config.site, what, error);
            }
        }
        recovered.ok()
    }
}
