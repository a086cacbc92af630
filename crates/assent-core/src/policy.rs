//! Trust policies: which logs, which witnesses, and how many of them are enough.
//!
//! Source: c2sp.org/tlog-policy. A policy is a small text that people write by hand:
//!
//! ```text
//! log <vkey> [<url>]
//! witness <name> <vkey> [<url>]
//! group <name> all|any|<k> <name>...
//! quorum <name>|none
//! ```
//!
//! Names are defined before they are used, `#` begins a comment line. The text must be UTF-8 (the specification also
//! lets other bytes pass). There is no limit on the number of lines. Asking witnesses is not done here, and a policy
//! says nothing about consistency: see [`crate::witness`] and [`crate::history`].

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::checkpoint::{Checkpoint, CheckpointVerifyError, SignedCheckpoint};
use crate::hash::parse_decimal;
use crate::note::{KeyError, KeyKind, Note, NoteVerifyError, VerifiedSignature, VerifierKey};

/// The quorum that needs nobody. No witness or group can have this name.
const NONE: &str = "none";

/// A log that is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyLog {
    /// Its key; the key's name is the log's origin.
    pub key: VerifierKey,
    /// Where it can be read, if the policy says so.
    pub url: Option<String>,
}

/// A witness that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyWitness {
    /// Its name in this policy; the name in its key may differ.
    pub name: String,
    /// Its cosignature key.
    pub key: VerifierKey,
    /// Its submission prefix, if the policy says so.
    pub url: Option<String>,
}

/// How many members of a group must have cosigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threshold {
    /// Every one.
    All,
    /// At least one.
    Any,
    /// At least this many, from 1 to the number of members.
    AtLeast(usize),
}

/// Witnesses and groups that count as one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    name: String,
    threshold: Threshold,
    /// Positions in [`Policy::parties`], all before the group's own.
    members: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Party {
    Witness(Box<PolicyWitness>),
    Group(Group),
}

impl Party {
    fn name(&self) -> &str {
        match self {
            Party::Witness(witness) => &witness.name,
            Party::Group(group) => &group.name,
        }
    }
}

/// A policy that was read. Printing it gives the same policy again, without comments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<PolicyLog>,
    /// In the order of the text, so that members come before their groups.
    parties: Vec<Party>,
    /// Position in `parties`; without one nobody is needed.
    quorum: Option<usize>,
}

/// Why a text is not a policy, and in which line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the policy")]
pub struct PolicyError {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong with it.
    #[source]
    pub problem: PolicyProblem,
}

/// What can be wrong with a line of a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyProblem {
    /// Not UTF-8.
    #[error("not valid UTF-8")]
    NotUtf8,
    /// A control character other than tab and line feed; a carriage return, mostly.
    #[error("holds the control character {0:#04x}")]
    ControlCharacter(u8),
    /// The last line does not end in a line feed, so that something may be missing.
    #[error("does not end in a line feed")]
    NotTerminated,
    /// Neither `log`, `witness`, `group` nor `quorum`.
    #[error("begins with neither log, witness, group nor quorum")]
    UnknownKeyword,
    /// Too few or too many items.
    #[error("is not of the form: {0}")]
    WrongForm(&'static str),
    /// The key cannot be read.
    #[error("its key cannot be read")]
    Key(#[source] KeyError),
    /// A witness's key on a log line.
    #[error("a log needs an Ed25519 key (type 0x01)")]
    NotALogKey,
    /// A log's key on a witness line.
    #[error("a witness needs a cosignature key (type 0x04)")]
    NotAWitnessKey,
    /// The public key, under whatever name, stands on an earlier line of the same kind.
    #[error("its public key stands on an earlier line")]
    DuplicateKey,
    /// The name is taken by an earlier line, or is `none`.
    #[error("the name {0} is taken")]
    DuplicateName(String),
    /// No earlier line defines the name.
    #[error("no earlier line defines {0}")]
    Undefined(String),
    /// The name is already a member of this or an earlier group.
    #[error("{0} is already a member of a group")]
    MemberTwice(String),
    /// Not `all`, `any` or a number from 1 to the number of members.
    #[error("the threshold is not all, any or a number from 1 to {members}")]
    BadThreshold {
        /// How many members the group has.
        members: usize,
    },
    /// A second quorum line.
    #[error("a policy has one quorum line, and this is another")]
    SecondQuorum,
    /// The text ends without a quorum line.
    #[error("the policy ends without a quorum line")]
    NoQuorum,
}

/// Whether enough witnesses cosigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quorum {
    /// Enough.
    Met,
    /// Not enough.
    Missing,
}

/// A known witness that cosigned a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CosignedBy {
    /// Its name in the policy.
    pub witness: String,
    /// When it says it did: seconds since 1970 UTC. The latest, if it did more than once.
    pub time: u64,
}

/// What a policy says of a checkpoint's cosignatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// Whether they are enough.
    pub quorum: Quorum,
    /// The known witnesses among them, in the order of the policy.
    pub cosigned_by: Vec<CosignedBy>,
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// [`PolicyError`], with the line.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let mut reader = Reader::default();
        let mut count = 0;
        for (position, line) in text.split_inclusive('\n').enumerate() {
            count = position + 1;
            reader.line(line).map_err(|problem| PolicyError { line: count, problem })?;
        }
        let quorum =
            reader.quorum.ok_or(PolicyError { line: count.max(1), problem: PolicyProblem::NoQuorum })?;
        Ok(Policy { logs: reader.logs, parties: reader.parties, quorum })
    }

    /// Reads a policy from bytes.
    ///
    /// # Errors
    /// [`PolicyProblem::NotUtf8`] with its line, or as [`parse`](Self::parse).
    pub fn parse_bytes(bytes: &[u8]) -> Result<Self, PolicyError> {
        let text = core::str::from_utf8(bytes).map_err(|error| PolicyError {
            line: bytes[..error.valid_up_to()].split(|byte| *byte == b'\n').count(),
            problem: PolicyProblem::NotUtf8,
        })?;
        Self::parse(text)
    }

    /// The trusted logs, in the order of the text.
    pub fn logs(&self) -> &[PolicyLog] {
        &self.logs
    }

    /// The known witnesses, in the order of the text.
    pub fn witnesses(&self) -> impl Iterator<Item = &PolicyWitness> {
        self.parties.iter().filter_map(|party| match party {
            Party::Witness(witness) => Some(&**witness),
            Party::Group(_) => None,
        })
    }

    /// Name of the witness or group whose cosigning is needed; `None` when nobody's is.
    pub fn quorum(&self) -> Option<&str> {
        Some(self.parties.get(self.quorum?)?.name())
    }

    /// Reads a signed checkpoint of any log of this policy. Cosignatures are looked at by [`assess`](Self::assess).
    ///
    /// # Errors
    /// As [`Checkpoint::verify`]; [`NoteVerifyError::NoKnownKey`] in it when no log of the policy signed under the
    /// checkpoint's own origin.
    pub fn open(&self, note: &str) -> Result<SignedCheckpoint, CheckpointVerifyError> {
        let parsed = Note::parse(note).map_err(CheckpointVerifyError::Note)?;
        let origin = parsed.text().split('\n').next().unwrap_or_default();
        let mut last = CheckpointVerifyError::Signature(NoteVerifyError::NoKnownKey);
        for log in self.logs.iter().filter(|log| log.key.name() == origin) {
            match Checkpoint::verify(note, &log.key) {
                Ok(signed) => return Ok(signed),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Which known witnesses cosigned, and whether they are enough.
    ///
    /// # Errors
    /// [`NoteVerifyError::WrongSignature`] when a line carries a known witness's name and ID but does not fit: that
    /// spoils the note.
    pub fn assess(&self, checkpoint: &SignedCheckpoint) -> Result<Assessment, NoteVerifyError> {
        let keys: Vec<VerifierKey> = self.witnesses().map(|witness| witness.key.clone()).collect();
        let made = checkpoint.cosignatures(&keys)?;
        let mut cosigned_by = Vec::new();
        // Members come before their groups, so one pass in order knows all it needs.
        let mut cosigned: Vec<bool> = Vec::with_capacity(self.parties.len());
        for party in &self.parties {
            let enough = match party {
                Party::Witness(witness) => match latest(&made, &witness.key) {
                    Some(time) => {
                        cosigned_by.push(CosignedBy { witness: witness.name.clone(), time });
                        true
                    }
                    None => false,
                },
                Party::Group(group) => {
                    let count = group.members.iter().filter(|member| cosigned[**member]).count();
                    count >= needed(group.threshold, group.members.len())
                }
            };
            cosigned.push(enough);
        }
        let quorum = match self.quorum {
            Some(position) if !cosigned[position] => Quorum::Missing,
            _ => Quorum::Met,
        };
        Ok(Assessment { quorum, cosigned_by })
    }
}

fn latest(made: &[VerifiedSignature], key: &VerifierKey) -> Option<u64> {
    let by_key = made.iter().filter(|line| line.id == key.id() && line.name == key.name());
    by_key.filter_map(|line| line.time).max()
}

fn needed(threshold: Threshold, members: usize) -> usize {
    match threshold {
        Threshold::All => members,
        Threshold::Any => 1,
        Threshold::AtLeast(count) => count,
    }
}

impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        Self::parse(text)
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for PolicyLog { key, url } in &self.logs {
            writeln!(f, "log {key}{}", Url(url.as_ref()))?;
        }
        for party in &self.parties {
            match party {
                Party::Witness(witness) => {
                    let PolicyWitness { name, key, url } = &**witness;
                    writeln!(f, "witness {name} {key}{}", Url(url.as_ref()))?;
                }
                Party::Group(group) => {
                    write!(f, "group {} {}", group.name, group.threshold)?;
                    for member in &group.members {
                        write!(f, " {}", self.parties[*member].name())?;
                    }
                    writeln!(f)?;
                }
            }
        }
        writeln!(f, "quorum {}", self.quorum().unwrap_or(NONE))
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Threshold::All => f.write_str("all"),
            Threshold::Any => f.write_str("any"),
            Threshold::AtLeast(count) => fmt::Display::fmt(count, f),
        }
    }
}

/// The last item of a line, if there.
struct Url<'a>(Option<&'a String>);

impl fmt::Display for Url<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(url) => write!(f, " {url}"),
            None => Ok(()),
        }
    }
}

/// A policy while it is read.
#[derive(Default)]
struct Reader {
    logs: Vec<PolicyLog>,
    parties: Vec<Party>,
    /// Positions that are members of some group.
    taken: Vec<usize>,
    /// The line, once there; inside, nobody or a position.
    quorum: Option<Option<usize>>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), PolicyProblem> {
        let line = line.strip_suffix('\n').ok_or(PolicyProblem::NotTerminated)?;
        if let Some(byte) = line.bytes().find(|byte| (*byte < 0x20 && *byte != b'\t') || *byte == 0x7f) {
            return Err(PolicyProblem::ControlCharacter(byte));
        }
        let items: Vec<&str> = line.split([' ', '\t']).filter(|item| !item.is_empty()).collect();
        match items.split_first() {
            None => Ok(()),
            Some((first, _)) if first.starts_with('#') => Ok(()),
            Some((&"log", items)) => self.log(items),
            Some((&"witness", items)) => self.witness(items),
            Some((&"group", items)) => self.group(items),
            Some((&"quorum", items)) => self.set_quorum(items),
            Some(_) => Err(PolicyProblem::UnknownKeyword),
        }
    }

    fn log(&mut self, items: &[&str]) -> Result<(), PolicyProblem> {
        let (key, url) = match items {
            [key] => (key, None),
            [key, url] => (key, Some(url.to_string())),
            _ => return Err(PolicyProblem::WrongForm("log <vkey> [<url>]")),
        };
        let key = VerifierKey::parse(key).map_err(PolicyProblem::Key)?;
        if key.kind() != KeyKind::Ed25519 {
            return Err(PolicyProblem::NotALogKey);
        }
        if self.logs.iter().any(|log| log.key.public_key() == key.public_key()) {
            return Err(PolicyProblem::DuplicateKey);
        }
        self.logs.push(PolicyLog { key, url });
        Ok(())
    }

    fn witness(&mut self, items: &[&str]) -> Result<(), PolicyProblem> {
        let (name, key, url) = match items {
            [name, key] => (name, key, None),
            [name, key, url] => (name, key, Some(url.to_string())),
            _ => return Err(PolicyProblem::WrongForm("witness <name> <vkey> [<url>]")),
        };
        let name = self.new_name(name)?;
        let key = VerifierKey::parse(key).map_err(PolicyProblem::Key)?;
        if key.kind() != KeyKind::Cosignature {
            return Err(PolicyProblem::NotAWitnessKey);
        }
        let same = |party: &Party| match party {
            Party::Witness(witness) => witness.key.public_key() == key.public_key(),
            Party::Group(_) => false,
        };
        if self.parties.iter().any(same) {
            return Err(PolicyProblem::DuplicateKey);
        }
        self.parties.push(Party::Witness(Box::new(PolicyWitness { name, key, url })));
        Ok(())
    }

    fn group(&mut self, items: &[&str]) -> Result<(), PolicyProblem> {
        let [name, threshold, names @ ..] = items else {
            return Err(PolicyProblem::WrongForm("group <name> all|any|<k> <name>..."));
        };
        if names.is_empty() {
            return Err(PolicyProblem::WrongForm("group <name> all|any|<k> <name>..."));
        }
        let name = self.new_name(name)?;
        let mut members = Vec::with_capacity(names.len());
        for member in names {
            let position = self.defined(member)?;
            if self.taken.contains(&position) {
                return Err(PolicyProblem::MemberTwice(member.to_string()));
            }
            self.taken.push(position);
            members.push(position);
        }
        let threshold = match *threshold {
            "all" => Threshold::All,
            "any" => Threshold::Any,
            number => parse_decimal(number)
                .and_then(|count| usize::try_from(count).ok())
                .filter(|count| (1..=members.len()).contains(count))
                .map(Threshold::AtLeast)
                .ok_or(PolicyProblem::BadThreshold { members: members.len() })?,
        };
        self.parties.push(Party::Group(Group { name, threshold, members }));
        Ok(())
    }

    fn set_quorum(&mut self, items: &[&str]) -> Result<(), PolicyProblem> {
        let [name] = items else {
            return Err(PolicyProblem::WrongForm("quorum <name>|none"));
        };
        if self.quorum.is_some() {
            return Err(PolicyProblem::SecondQuorum);
        }
        self.quorum = Some(if *name == NONE { None } else { Some(self.defined(name)?) });
        Ok(())
    }

    fn new_name(&self, name: &str) -> Result<String, PolicyProblem> {
        if name == NONE || self.parties.iter().any(|party| party.name() == name) {
            Err(PolicyProblem::DuplicateName(name.to_string()))
        } else {
            Ok(name.to_string())
        }
    }

    fn defined(&self, name: &str) -> Result<usize, PolicyProblem> {
        let position = self.parties.iter().position(|party| party.name() == name);
        position.ok_or_else(|| PolicyProblem::Undefined(name.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::{leaf_hash, root_of};
    use crate::note::tests::{LOG_KEY, ORIGIN, log_key};
    use crate::note::{SignerKey, WitnessKey};
    use proptest::prelude::*;
    use std::format;

    fn witness(n: u8) -> WitnessKey {
        WitnessKey::from_seed(&format!("witness.example/{n}"), &[n + 1; 32]).unwrap()
    }

    fn vkey(n: u8) -> String {
        witness(n).verifier().to_string()
    }

    /// A checkpoint of the test log, cosigned by these.
    fn cosigned(by: &[u8]) -> SignedCheckpoint {
        let head = Checkpoint::new(ORIGIN, 1, root_of(&[leaf_hash(b"entry")])).unwrap();
        let mut note = head.sign(&log_key()).unwrap();
        let text = note.text().to_string();
        for n in by {
            note.push(witness(*n).cosign(&text, 1_700_000_000 + u64::from(*n)));
        }
        Checkpoint::verify(&note.to_string(), &log_key().verifier()).unwrap()
    }

    fn quorum_of(policy: &str, by: &[u8]) -> Quorum {
        Policy::parse(policy).unwrap().assess(&cosigned(by)).unwrap().quorum
    }

    /// The specification's example: two of three of one organisation, and any of three of another.
    fn example() -> String {
        format!(
            "# An example.\nlog {LOG_KEY} \t https://log.example.org/clinic  \n\n\
             witness X1 {}\nwitness X2 {}\nwitness X3 {} https://witness.example/3\n\
             group X-witnesses 2 X1 X2 X3\n\t\n\
             witness Y1 {}\n  # Their servers are elsewhere.\n\twitness Y2 {}\nwitness Y3 {}\n\
             group Y-witnesses any Y1 Y2 Y3\n\
             group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n",
            vkey(1),
            vkey(2),
            vkey(3),
            vkey(4),
            vkey(5),
            vkey(6),
        )
    }

    #[test]
    fn the_specification_s_example() {
        let policy = Policy::parse(&example()).unwrap();
        assert_eq!(policy.logs().len(), 1);
        assert_eq!(policy.logs()[0].url.as_deref(), Some("https://log.example.org/clinic"));
        assert_eq!(policy.witnesses().count(), 6);
        let third = policy.witnesses().nth(2).unwrap();
        assert_eq!((third.name.as_str(), third.url.as_deref()), ("X3", Some("https://witness.example/3")));
        assert_eq!(policy.quorum(), Some("X-and-Y"));
        for (by, expected) in [
            (&[][..], Quorum::Missing),
            (&[1, 2], Quorum::Missing),
            (&[4, 5, 6], Quorum::Missing),
            (&[1, 4, 5, 6], Quorum::Missing),
            (&[1, 2, 4], Quorum::Met),
            (&[6, 3, 1], Quorum::Met),
            (&[1, 2, 3, 4, 5, 6], Quorum::Met),
            (&[1, 1, 4], Quorum::Missing),
            (&[1, 9, 4], Quorum::Missing),
        ] {
            assert_eq!(quorum_of(&example(), by), expected, "{by:?}");
        }
        let assessment = policy.assess(&cosigned(&[6, 9, 1])).unwrap();
        let by = |name: &str, n: u64| CosignedBy { witness: name.into(), time: 1_700_000_000 + n };
        assert_eq!(assessment.cosigned_by, [by("X1", 1), by("Y3", 6)]);
    }

    #[test]
    fn printing_gives_the_same_policy() {
        let policy = Policy::parse(&example()).unwrap();
        let text = policy.to_string();
        assert!(!text.contains('#'));
        assert_eq!(Policy::parse(&text), Ok(policy));
        assert_eq!(Policy::parse(&text).unwrap().to_string(), text);
        for quorum in ["quorum none\n", &format!("witness w {}\nquorum w\n", vkey(1))] {
            assert_eq!(Policy::parse(quorum).unwrap().to_string(), *quorum);
        }
    }

    #[test]
    fn what_is_wrong_and_where() {
        use PolicyProblem as P;
        let (one, two) = (vkey(1), vkey(2));
        let undefined = |name: &str| P::Undefined(name.into());
        let name = |name: &str| P::DuplicateName(name.into());
        let group = "group <name> all|any|<k> <name>...";
        for (text, line, problem) in [
            (String::new(), 1, P::NoQuorum),
            (format!("log {LOG_KEY}\n# quorum none\n"), 2, P::NoQuorum),
            ("quorum none".into(), 1, P::NotTerminated),
            ("quorum none\n# more".into(), 2, P::NotTerminated),
            ("quorum none\r\n".into(), 1, P::ControlCharacter(b'\r')),
            ("# \x7f\nquorum none\n".into(), 1, P::ControlCharacter(0x7f)),
            ("Quorum none\n".into(), 1, P::UnknownKeyword),
            ("quorum\u{a0}none\n".into(), 1, P::UnknownKeyword),
            ("quorum none # nobody\n".into(), 1, P::WrongForm("quorum <name>|none")),
            ("quorum\n".into(), 1, P::WrongForm("quorum <name>|none")),
            ("quorum none\n\nquorum none\n".into(), 3, P::SecondQuorum),
            ("quorum a\n".into(), 1, undefined("a")),
            ("log\n".into(), 1, P::WrongForm("log <vkey> [<url>]")),
            (format!("log {LOG_KEY} a b\n"), 1, P::WrongForm("log <vkey> [<url>]")),
            ("log x+y\n".into(), 1, P::Key(KeyError::BadShape)),
            (format!("log {one}\n"), 1, P::NotALogKey),
            (format!("log {LOG_KEY}\nlog {LOG_KEY} url\n"), 2, P::DuplicateKey),
            (format!("witness w {LOG_KEY}\n"), 1, P::NotAWitnessKey),
            ("witness w\n".into(), 1, P::WrongForm("witness <name> <vkey> [<url>]")),
            (format!("witness w {one} a b\n"), 1, P::WrongForm("witness <name> <vkey> [<url>]")),
            (format!("witness none {one}\n"), 1, name("none")),
            (format!("witness w {one}\nwitness v {one}\n"), 2, P::DuplicateKey),
            (format!("witness w {one}\nwitness w {two}\n"), 2, name("w")),
            (format!("witness w {one}\ngroup w all w\n"), 2, name("w")),
            (format!("witness w {one}\ngroup none all w\n"), 2, name("none")),
            (format!("witness w {one}\ngroup g all\n"), 2, P::WrongForm(group)),
            ("group g\n".into(), 1, P::WrongForm(group)),
            (format!("group g all w\nwitness w {one}\n"), 1, undefined("w")),
            (format!("witness w {one}\ngroup g all g w\n"), 2, undefined("g")),
            (format!("witness w {one}\ngroup g all w none\n"), 2, undefined("none")),
            (format!("witness w {one}\ngroup g all w w\n"), 2, P::MemberTwice("w".into())),
            (format!("witness w {one}\ngroup g all w\ngroup h all w\n"), 3, P::MemberTwice("w".into())),
            (format!("witness w {one}\ngroup g 0 w\n"), 2, P::BadThreshold { members: 1 }),
            (format!("witness w {one}\ngroup g 2 w\n"), 2, P::BadThreshold { members: 1 }),
            (format!("witness w {one}\ngroup g 01 w\n"), 2, P::BadThreshold { members: 1 }),
            (format!("witness w {one}\ngroup g -1 w\n"), 2, P::BadThreshold { members: 1 }),
            (format!("witness w {one}\ngroup g ALL w\n"), 2, P::BadThreshold { members: 1 }),
            (format!("witness w {one}\ngroup g 18446744073709551617 w\n"), 2, P::BadThreshold { members: 1 }),
        ] {
            assert_eq!(Policy::parse(&text), Err(PolicyError { line, problem }), "{text}");
        }
        let not_utf8 = PolicyError { line: 2, problem: P::NotUtf8 };
        assert_eq!(Policy::parse_bytes(b"quorum none\n# \xff\n"), Err(not_utf8));
        // The same public key under another name and ID is still the same.
        let alias = WitnessKey::from_seed("another name", &[2; 32]);
        assert!(alias.is_err());
        let alias = WitnessKey::from_seed("another.name", &[2; 32]).unwrap().verifier();
        let text = format!("witness w {one}\nwitness v {alias}\nquorum none\n");
        assert_eq!(Policy::parse(&text), Err(PolicyError { line: 2, problem: P::DuplicateKey }));
    }

    #[test]
    fn names_are_bytes_and_may_be_any() {
        let text = format!(
            "witness all {}\nwitness K {}\nwitness \u{212a} {}\ngroup any 2 all K \u{212a}\nquorum any\n",
            vkey(1),
            vkey(2),
            vkey(3)
        );
        let policy = Policy::parse(&text).unwrap();
        assert_eq!(policy.to_string(), text);
        assert_eq!(quorum_of(&text, &[2]), Quorum::Missing, "a Kelvin sign is no K");
        assert_eq!(quorum_of(&text, &[2, 3]), Quorum::Met);
    }

    #[test]
    fn no_quorum_is_met_by_nobody() {
        assert_eq!(quorum_of("quorum none\n", &[]), Quorum::Met);
        let text = format!("witness w {}\nquorum none\n", vkey(1));
        assert_eq!(quorum_of(&text, &[]), Quorum::Met);
    }

    /// 64 of each, groups nested as deep as they are many.
    #[test]
    fn many_of_each() {
        let mut text = String::new();
        for n in 0..64_u8 {
            let log = SignerKey::from_seed(&format!("log.example/{n}"), &[n + 100; 32]).unwrap();
            text += &format!("log {}\nwitness w{n} {}\n", log.verifier(), vkey(n));
            let before = if n == 0 { String::new() } else { format!(" g{}", n - 1) };
            text += &format!("group g{n} all w{n}{before}\n");
        }
        text += "quorum g63\n";
        let policy = Policy::parse(&text).unwrap();
        assert_eq!((policy.logs().len(), policy.witnesses().count()), (64, 64));
        let all: Vec<u8> = (0..64).collect();
        assert_eq!(quorum_of(&text, &all), Quorum::Met);
        assert_eq!(quorum_of(&text, &all[1..]), Quorum::Missing);
    }

    #[test]
    fn a_known_witness_s_wrong_line_spoils_the_note() {
        let mut note = cosigned(&[1]).note().clone();
        note.push(witness(2).cosign("another text\n", 1));
        let policy = Policy::parse(&example()).unwrap();
        let signed = policy.open(&note.to_string()).unwrap();
        assert!(matches!(policy.assess(&signed), Err(NoteVerifyError::WrongSignature { .. })));
    }

    #[test]
    fn opens_checkpoints_of_its_logs_only() {
        let head = Checkpoint::new(ORIGIN, 1, root_of(&[leaf_hash(b"entry")])).unwrap();
        let newer = SignerKey::from_seed(ORIGIN, &[9; 32]).unwrap();
        let by_newer = head.sign(&newer).unwrap().to_string();
        let by_first = head.sign(&log_key()).unwrap().to_string();
        let policy = Policy::parse(&format!("log {LOG_KEY}\nquorum none\n")).unwrap();
        let nobody = CheckpointVerifyError::Signature(NoteVerifyError::NoKnownKey);
        assert!(policy.open(&by_first).is_ok());
        assert_eq!(policy.open(&by_newer), Err(nobody.clone()));
        assert!(matches!(policy.open("x"), Err(CheckpointVerifyError::Note(_))));
        let both = Policy::parse(&format!("log {LOG_KEY}\nlog {}\nquorum none\n", newer.verifier())).unwrap();
        assert_eq!(both.open(&by_newer).unwrap().log_key(), &newer.verifier());
        assert!(both.open(&by_first).is_ok());
        // A key only speaks for the log of its name, whatever it signs.
        let text = head.to_string().replace(ORIGIN, "log.example.org/other");
        let mut other = Note::new(text.clone()).unwrap();
        other.push(log_key().sign(&text));
        assert_eq!(policy.open(&other.to_string()), Err(nobody));
    }

    fn theirs_accepts(policy: &str, by: &[u8]) -> bool {
        use doubleentry::transparency::{Policy, SignedCheckpoint};
        let signed = SignedCheckpoint::parse(cosigned(by).note().to_string().as_bytes()).unwrap();
        Policy::parse(policy).unwrap().verify(&signed).is_ok()
    }

    #[test]
    fn agrees_with_doubleentry() {
        use doubleentry::transparency::Policy as Theirs;
        let theirs = Theirs::parse(&example()).unwrap();
        let again = Policy::parse(&theirs.to_string()).unwrap();
        for subset in 0..64_u8 {
            let by: Vec<u8> = (1..=6).filter(|n| subset & (1 << (n - 1)) != 0).collect();
            let met = quorum_of(&example(), &by) == Quorum::Met;
            assert_eq!(met, theirs_accepts(&example(), &by), "{by:?}");
            assert_eq!(again.assess(&cosigned(&by)).unwrap().quorum == Quorum::Met, met);
        }
    }

    proptest! {
        /// Random groups over eight witnesses: printed and read they are the same, and the second implementation
        /// comes to the same answer.
        #[test]
        fn random_groups(
            groups in prop::collection::vec((1_usize..4, 0_usize..4), 1..4),
            by in prop::collection::btree_set(0_u8..8, 0..8),
        ) {
            let mut text = format!("log {LOG_KEY}\n");
            let mut free: Vec<String> = Vec::new();
            for n in 0..8 {
                text += &format!("witness w{n} {}\n", vkey(n));
                free.push(format!("w{n}"));
            }
            for (number, (size, threshold)) in groups.iter().enumerate() {
                let members: Vec<String> = free.drain(..(*size).min(free.len())).collect();
                let threshold = match threshold {
                    0 => "any".into(),
                    1 => "all".into(),
                    n => (n % members.len() + 1).to_string(),
                };
                text += &format!("group g{number} {threshold} {}\n", members.join(" "));
                free.push(format!("g{number}"));
            }
            text += &format!("quorum g{}\n", groups.len() - 1);
            let policy = Policy::parse(&text).unwrap();
            prop_assert_eq!(policy.to_string(), text.clone());
            let by: Vec<u8> = by.into_iter().collect();
            let met = quorum_of(&text, &by) == Quorum::Met;
            prop_assert_eq!(met, theirs_accepts(&text, &by));
        }

        #[test]
        fn what_parses_prints_what_parses(
            lines in prop::collection::vec("(log|witness|group|quorum|#)( (a|b|none|all|1|VKEY|LKEY)){0,4}", 0..6)
        ) {
            let text: String = lines.iter().map(|line| line.replace("VKEY", &vkey(1)).replace("LKEY", LOG_KEY) + "\n").collect();
            if let Ok(policy) = Policy::parse(&text) {
                prop_assert_eq!(Policy::parse(&policy.to_string()), Ok(policy));
            }
        }

        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Policy::parse_bytes(&bytes);
        }
    }

    #[test]
    fn damage_anywhere_does_not_panic() {
        let text = example().into_bytes();
        for at in 0..text.len() {
            let _ = Policy::parse_bytes(&text[..at]);
            for value in [0, b'\n', b' ', b'1', 0xff] {
                let mut damaged = text.clone();
                damaged[at] = value;
                let _ = Policy::parse_bytes(&damaged);
            }
        }
    }
}
