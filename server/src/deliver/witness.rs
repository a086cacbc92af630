//! Asking witnesses for cosignatures on a checkpoint of our own log.
//!
//! Source: c2sp.org/tlog-witness, the client's side. All are asked at once; each has the same short time for everything
//! it does. An answer counts only when the cosignature in it was verified. What is not here: when a checkpoint is
//! published, with how many cosignatures, and what is done about witnesses that fail.
//!
//! Blocking threads and `ureq`, not tasks: a publisher has a thread of its own anyway, asks a handful of witnesses every
//! few seconds, and needs no runtime for it.

use super::{Proxies, Unreachable, agent, read_body};
use assent_core::checkpoint::SignedCheckpoint;
use assent_core::hash::Hash;
use assent_core::note::{NoteSignature, VerifierKey};
use assent_core::policy::{Assessment, Policy, Quorum};
use assent_core::witness::{
    AddCheckpoint, AnswerError, MAX_ANSWER_LEN, RequestError, read_cosignatures, read_size,
};
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use ureq::Agent;
use ureq::http::Uri;

/// How long a witness may take unless the operator says otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);

/// The statuses of the protocol, as its specification numbers them.
const COSIGNED: u16 = 200;
const CONFLICT: u16 = 409;
const SIZE_TYPE: &str = "text/x.tlog.size";

/// The witnesses of a policy, and what each was last known to have cosigned of our log.
///
/// One value serves one log: the remembered sizes are that log's.
#[derive(Debug)]
pub struct Witnesses {
    policy: Policy,
    timeout: Duration,
    agent: Agent,
    asked: Vec<Asked>,
}

#[derive(Debug)]
struct Asked {
    name: String,
    key: VerifierKey,
    address: String,
    /// What it last cosigned, as far as we know; it tells us when we are wrong. Lost with the process, which costs one
    /// more question.
    size: Mutex<u64>,
}

/// A policy whose witnesses cannot all be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAskable {
    /// No address.
    #[error("the policy gives no URL for the witness {witness}, so it cannot be asked")]
    NoUrl {
        /// Its name in the policy.
        witness: String,
    },
    /// Not an http address.
    #[error("the URL of the witness {witness} is not an http or https address")]
    BadUrl {
        /// Its name in the policy.
        witness: String,
    },
}

/// A checkpoint with the cosignatures that could be had in time.
#[derive(Debug)]
pub struct Cosigned {
    /// The checkpoint with a line of each witness that cosigned, in the order of the policy.
    pub checkpoint: SignedCheckpoint,
    /// Whether they are enough by the policy, and whose they are.
    pub assessment: Assessment,
    /// Who did not cosign, and why, in the order of the policy.
    pub failed: Vec<Failed>,
}

/// A witness that did not cosign.
#[derive(Debug, thiserror::Error)]
#[error("the witness {witness} did not cosign")]
pub struct Failed {
    /// Its name in the policy.
    pub witness: String,
    /// Why.
    #[source]
    pub reason: Reason,
    /// How long it took to know.
    pub took: Duration,
}

/// Why a witness did not cosign.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// No connection, or no whole answer in time.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// It refused, sent us elsewhere, or failed. 404: it does not watch this log; 403: it has another key for it; 422:
    /// it holds another history than ours.
    #[error("it answered with status {status}")]
    Status {
        /// The HTTP status.
        status: u16,
    },
    /// It cosigned a larger tree of this log than the one it is asked about: another publisher was faster, or our log
    /// went back.
    #[error("it already cosigned size {seen}, beyond {size}")]
    Ahead {
        /// What it says it cosigned.
        seen: u64,
        /// What it was asked about.
        size: u64,
    },
    /// It named another size than the one it had just named.
    #[error("it changed its mind about what it cosigned")]
    Conflict,
    /// The answer is not what the protocol says, or its cosignature does not hold.
    #[error("its answer is of no use")]
    Answer(#[from] AnswerError),
    /// We could not make the proof.
    #[error("the consistency proof from size {old} could not be made")]
    Proof {
        /// Size it should begin at.
        old: u64,
        /// Why not.
        #[source]
        cause: anyhow::Error,
    },
    /// We could not make the request.
    #[error("the request could not be made")]
    Request(#[from] RequestError),
}

impl Witnesses {
    /// The witnesses of `policy`, each given `timeout` to answer.
    ///
    /// # Errors
    /// [`NotAskable`]: all must have an address, so that a mistyped policy is noticed when the server starts.
    pub fn new(policy: Policy, timeout: Duration) -> Result<Self, NotAskable> {
        let mut asked = Vec::new();
        for witness in policy.witnesses() {
            let name = witness.name.clone();
            let Some(url) = &witness.url else { return Err(NotAskable::NoUrl { witness: name }) };
            let address = format!("{}/add-checkpoint", url.trim_end_matches('/'));
            let uri = address.parse::<Uri>().ok();
            if !uri
                .is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
            {
                return Err(NotAskable::BadUrl { witness: name });
            }
            asked.push(Asked { name, key: witness.key.clone(), address, size: Mutex::new(0) });
        }
        Ok(Self { policy, timeout, agent: agent(timeout, Proxies::None), asked })
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Asks all witnesses at once for a cosignature on `checkpoint` and returns when each has answered or its time is
    /// up: after little more than the timeout at most, never longer. It blocks its thread for that long, so it belongs
    /// on the publisher's, not on the path of a decision.
    ///
    /// `proof` makes the consistency proof from a size to the checkpoint's ([`assent_core::merkle::consistency_proof`]).
    /// It is called from several threads, only with sizes above 0 and at most the checkpoint's, and at most twice for
    /// each witness.
    pub fn cosign(
        &self,
        checkpoint: &SignedCheckpoint,
        proof: impl Fn(u64) -> anyhow::Result<Vec<Hash>> + Sync,
    ) -> Cosigned {
        let began = Instant::now();
        let ask = |asked: &Asked| {
            let answer = self.ask(asked, checkpoint, &proof, began);
            answer.map_err(|reason| Failed { witness: asked.name.clone(), reason, took: began.elapsed() })
        };
        let answers: Vec<Result<NoteSignature, Failed>> = thread::scope(|scope| {
            let threads: Vec<_> = self.asked.iter().map(|asked| scope.spawn(move || ask(asked))).collect();
            // Only `proof` could panic there, and that is its maker's to hear of.
            let ended =
                threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
            ended.collect()
        });
        let mut lines = Vec::new();
        let mut failed = Vec::new();
        for answer in answers {
            match answer {
                Ok(line) => lines.push(line),
                Err(failure) => failed.push(failure),
            }
        }
        let checkpoint = checkpoint.with_signatures(lines);
        // Each line was verified, so only a wrong line that the checkpoint brought along can spoil this.
        let spoiled = Assessment { quorum: Quorum::Missing, cosigned_by: Vec::new() };
        let assessment = self.policy.assess(&checkpoint).unwrap_or(spoiled);
        Cosigned { checkpoint, assessment, failed }
    }

    fn ask(
        &self,
        asked: &Asked,
        checkpoint: &SignedCheckpoint,
        proof: &impl Fn(u64) -> anyhow::Result<Vec<Hash>>,
        began: Instant,
    ) -> Result<NoteSignature, Reason> {
        let size = checkpoint.checkpoint().size;
        // What we remember may be of a tree that another process grew further; then 0 finds out as well as any.
        let mut old = if asked.remembered() <= size { asked.remembered() } else { 0 };
        let mut retried = false;
        loop {
            let hashes = if old == 0 || old == size { Ok(Vec::new()) } else { proof(old) };
            let hashes = hashes.map_err(|cause| Reason::Proof { old, cause })?;
            let request = AddCheckpoint::new(old, hashes, checkpoint.note().clone())?;
            let Some(left) = self.timeout.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) else {
                return Err(Unreachable::TimedOut.into());
            };
            let post = self.agent.post(&asked.address).config().timeout_global(Some(left)).build();
            let answer = post
                .header("content-type", "text/plain; charset=utf-8")
                .send(request.to_string())
                .map_err(Unreachable::from)?;
            let (parts, body) = answer.into_parts();
            let kind =
                parts.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            match parts.status.as_u16() {
                COSIGNED => {
                    let body = read_body(body, MAX_ANSWER_LEN)?;
                    let known = std::slice::from_ref(&asked.key);
                    let cosignatures = read_cosignatures(&body, checkpoint.note(), known)?;
                    let first = cosignatures.into_iter().next().ok_or(AnswerError::NoKnownKey)?;
                    asked.remember(size);
                    return Ok(first.line().clone());
                }
                CONFLICT if kind == SIZE_TYPE => {
                    let seen = read_size(&read_body(body, MAX_ANSWER_LEN)?)?;
                    if seen > size {
                        return Err(Reason::Ahead { seen, size });
                    }
                    if retried || seen == old {
                        return Err(Reason::Conflict);
                    }
                    asked.remember(seen);
                    (old, retried) = (seen, true);
                }
                status => return Err(Reason::Status { status }),
            }
        }
    }
}

impl Asked {
    fn remembered(&self) -> u64 {
        *self.size.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, size: u64) {
        *self.size.lock().unwrap_or_else(PoisonError::into_inner) = size;
    }
}
