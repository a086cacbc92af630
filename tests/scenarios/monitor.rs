//! `assent monitor`: somebody else's log, followed; a fork, reported and kept; everything else that can be wrong, said.

use crate::harness::{CLINIC, Holder, OtherLog, Process, Stack, Witness, assent, entries, until};
use assent_core::checkpoint::Checkpoint;
use assent_core::decision::Act;
use assent_core::hash::Hash;
use assent_core::merkle::verify_consistency;
use assent_core::note::{NoteSignature, SignerKey, VerifierKey, WitnessKey};
use serde_json::Value;
use std::io::Write as _;
use std::path::PathBuf;
use tempfile::TempDir;

const ORIGIN: &str = "log.example.org/clinic";

/// Somebody who follows a log.
struct Follower {
    folder: TempDir,
    url: String,
    key: String,
}

/// What one look said.
struct Look {
    code: Option<i32>,
    said: String,
}

impl Follower {
    fn of(log: &OtherLog) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), url: log.url.clone(), key: log.key().to_string() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Looks once, with the log's key.
    fn looks(&self, more: &[&str]) -> Look {
        let key: &[&str] = &["--key", &self.key];
        self.looks_with(&[key, more].concat())
    }

    fn looks_with(&self, more: &[&str]) -> Look {
        let fixed: &[&str] = &["monitor", &self.url, "--state", "state", "--once"];
        let output = assent(self.folder.path(), &[fixed, more].concat()).output().unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        Look { code: output.status.code(), said }
    }

    /// Looks once and expects this exit code and outcome; gives the JSON.
    #[track_caller]
    fn finds(&self, code: i32, outcome: &str, more: &[&str]) -> Value {
        let json: &[&str] = &["--json"];
        let look = self.looks(&[json, more].concat());
        let found: Value = serde_json::from_str(&look.said).unwrap_or_else(|_| panic!("{}", look.said));
        assert_eq!((look.code, &found["outcome"]), (Some(code), &Value::from(outcome)), "{found:#}");
        let holds = match code {
            0 => Value::from(true),
            1 => Value::from(false),
            _ => Value::Null,
        };
        assert_eq!(found["holds"], holds, "{found:#}");
        found
    }

    /// The size that is remembered.
    fn remembers(&self) -> Option<u64> {
        let note = std::fs::read_to_string(self.path("state")).ok()?;
        let key = VerifierKey::parse(&self.key).unwrap();
        Some(Checkpoint::verify(&note, &key).unwrap().checkpoint().size)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_log_is_followed() {
    let log = OtherLog::starts(ORIGIN).await;
    let follower = Follower::of(&log);
    log.shows(Vec::new());
    follower.finds(0, "first", &[]);
    for (size, outcome) in
        [(0, "same"), (1, "grown"), (1, "same"), (255, "grown"), (256, "grown"), (700, "grown")]
    {
        log.shows(entries(9999, 'a', size));
        let found = follower.finds(0, outcome, &[]);
        assert_eq!((&found["size"], &found["origin"]), (&Value::from(size), &Value::from(ORIGIN)));
        assert_eq!(follower.remembers(), Some(size));
    }
    // An old copy: of the same history, and not what is remembered.
    log.shows(entries(9999, 'a', 400));
    for name in ["tile/0/001", "tile/0/002.p/188", "tile/1/000.p/2"] {
        let whole = OtherLog::starts(ORIGIN).await;
        whole.shows(entries(9999, 'a', 700));
        log.answers(name, 200, Vec::new(), whole.content(name).unwrap());
    }
    let found = follower.finds(0, "older", &[]);
    assert_eq!((&found["size"], &found["remembered_size"]), (&Value::from(400), &Value::from(700)));
    assert_eq!(follower.remembers(), Some(700));
    let look = follower.looks(&[]);
    assert!(look.code == Some(0) && look.said.contains("an earlier state of the 700"), "{}", look.said);
}

/// Equal, longer and shorter than what was seen, over more than one tile. Both sides are kept, and they prove it to
/// anyone.
#[tokio::test(flavor = "multi_thread")]
async fn a_forked_log_is_reported_and_both_sides_are_kept() {
    for (seen, shown) in [(5_u64, 5_u64), (5, 9), (300, 700), (256, 512), (512, 600)] {
        let log = OtherLog::starts(ORIGIN).await;
        let follower = Follower::of(&log);
        log.shows(entries(9999, 'a', seen));
        follower.finds(0, "first", &[]);
        let before = std::fs::read_to_string(follower.path("state")).unwrap();
        log.shows(entries(seen - 1, 'b', shown));
        let found = follower.finds(1, "fork", &[]);
        assert!(found["message"].as_str().unwrap().contains("HAS TWO HISTORIES"), "{found:#}");
        assert_eq!(follower.remembers(), Some(seen), "the first side stays what is remembered");

        let files: Vec<PathBuf> = found["evidence"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| follower.path(file.as_str().unwrap()))
            .collect();
        let read = |ending: &str| {
            let file = files.iter().find(|file| file.extension().is_some_and(|have| have == ending)).unwrap();
            std::fs::read_to_string(file).unwrap()
        };
        assert_eq!((files.len(), read("remembered")), (3, before));
        let proof: Value = serde_json::from_str(&read("json")).unwrap();
        let hash = |value: &Value| Hash::from_base64(value.as_str().unwrap()).unwrap();
        let [old, new] = ["remembered", "offered"]
            .map(|side| Checkpoint::verify(&read(side), &log.key()).unwrap().checkpoint().clone());
        let under = hash(&proof["their_root_under_the_larger_tree"]);
        let hashes: Vec<Hash> = proof["consistency_proof"].as_array().unwrap().iter().map(hash).collect();
        verify_consistency(old.size, &under, new.size, &new.root, &hashes).unwrap();
        assert_ne!(under, old.root);

        // It stays reported until somebody takes the files away, whatever the log shows.
        log.shows(entries(9999, 'a', seen + 1));
        let found = follower.finds(1, "fork-on-file", &[]);
        assert_eq!(found["evidence"].as_array().unwrap().len(), 3);
        files.iter().for_each(|file| std::fs::remove_file(file).unwrap());
        follower.finds(0, "grown", &[]);
    }

    // The shorter tree is the new one.
    let log = OtherLog::starts(ORIGIN).await;
    let follower = Follower::of(&log);
    let whole = entries(9999, 'a', 9);
    log.shows(whole.clone());
    follower.finds(0, "first", &[]);
    let tile = log.content("tile/0/000.p/9").unwrap();
    log.shows(entries(2, 'b', 5));
    log.answers("tile/0/000.p/9", 200, Vec::new(), tile);
    let found = follower.finds(1, "fork", &[]);
    assert_eq!((&found["size"], &found["remembered_size"]), (&Value::from(5), &Value::from(9)));
}

/// A log that was restored from a backup and went on: as long as it is smaller there are no tiles to compare.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_shows_less_than_it_signed_is_reported_and_what_it_signed_is_kept() {
    let log = OtherLog::starts(ORIGIN).await;
    let follower = Follower::of(&log);
    log.shows(entries(9999, 'a', 300));
    follower.finds(0, "first", &[]);
    log.shows(entries(280, 'b', 290));
    for _ in 0..2 {
        let found = follower.finds(1, "smaller", &[]);
        let evidence = found["evidence"].as_array().unwrap();
        assert_eq!((evidence.len(), follower.remembers()), (1, Some(300)));
        let kept = std::fs::read_to_string(follower.path(evidence[0].as_str().unwrap())).unwrap();
        assert_eq!(Checkpoint::verify(&kept, &log.key()).unwrap().checkpoint().size, 290);
    }
    log.shows(entries(280, 'b', 301));
    follower.finds(1, "fork", &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_logs_with_one_memory_are_no_fork() {
    let [one, other] = [OtherLog::starts(ORIGIN).await, OtherLog::starts("log.example.org/charity").await];
    let mut follower = Follower::of(&one);
    std::fs::write(follower.path("policy"), format!("log {}\nlog {}\nquorum none\n", one.key(), other.key()))
        .unwrap();
    one.shows(entries(9999, 'a', 5));
    other.shows(entries(9999, 'b', 5));
    assert_eq!(follower.looks_with(&["--policy", "policy"]).code, Some(0));
    follower.url = other.url.clone();
    let look = follower.looks_with(&["--policy", "policy"]);
    assert!(look.code == Some(2) && look.said.contains("a --state file of its own"), "{}", look.said);
}

/// The same fork, seen by a witness: it refuses, and the witness's own copy shows which side it vouched for.
#[tokio::test(flavor = "multi_thread")]
async fn a_fork_is_refused_by_the_witness_and_reported_by_the_monitor() {
    let log = OtherLog::starts(ORIGIN).await;
    let witness = Witness::starts("witness.example.org", &[log.key()]).await;
    let follower = Follower::of(&log);
    let policy = format!("witness w {} {}\nquorum w\n", witness.key, witness.address());
    std::fs::write(follower.path("policy"), policy).unwrap();
    let (five, seven) = (entries(9, 'a', 5), entries(9, 'a', 7));
    let mut old = 0;
    for all in [&five, &seven] {
        let (status, line) = witness.adds(log.request(old, all)).await;
        assert_eq!(status, 200);
        log.shows(all.clone());
        log.carries(NoteSignature::parse(&line).unwrap());
        let found = follower.finds(0, if old == 0 { "first" } else { "grown" }, &["--policy", "policy"]);
        assert_eq!((&found["quorum"], &found["cosigned_by"][0]["witness"]), (&"met".into(), &"w".into()));
        old = all.len() as u64;
    }
    let forked = entries(4, 'b', 9);
    log.shows(forked.clone());
    assert_eq!(witness.adds(log.request(7, &forked)).await.0, 422);
    follower.finds(1, "fork", &["--policy", "policy"]);
    assert_eq!(witness.latest(&log.key()).await.unwrap().size, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_must_have_signed() {
    let log = OtherLog::starts(ORIGIN).await;
    let follower = Follower::of(&log);
    log.shows(entries(9, 'a', 5));
    let honest = log.content("checkpoint").unwrap();
    let text = |note: &[u8]| String::from_utf8(note.to_vec()).unwrap();

    // Another key, and the right key over another text.
    let other = SignerKey::from_seed(ORIGIN, &[8; 32]).unwrap().verifier().to_string();
    let look = follower.looks_with(&["--key", &other]);
    assert!(look.code == Some(1) && look.said.contains("bad-signature"), "{}", look.said);
    log.answers("checkpoint", 200, Vec::new(), text(&honest).replacen("\n5\n", "\n6\n", 1).into_bytes());
    follower.finds(1, "bad-signature", &[]);
    assert_eq!(follower.remembers(), None);

    // The key from a file, or from the policy's log line.
    log.shows(entries(9, 'a', 5));
    std::fs::write(follower.path("key"), format!("{}\n", follower.key)).unwrap();
    assert_eq!(follower.looks_with(&["--key", "key"]).code, Some(0));
    let witness = |n: u8| WitnessKey::from_seed(&format!("witness.example/{n}"), &[n; 32]).unwrap();
    let mut policy = format!("log {}\n", follower.key);
    for n in 1..=3 {
        policy += &format!("witness w{n} {}\n", witness(n).verifier());
    }
    std::fs::write(follower.path("policy"), policy + "group g 2 w1 w2 w3\nquorum g\n").unwrap();
    let asks = ["--policy", "policy"];
    log.shows(entries(9, 'a', 6));
    let found = follower.finds(1, "quorum-missing", &asks);
    assert_eq!(found["quorum"], "missing");
    assert_eq!(follower.remembers(), Some(5), "what lacks cosignatures is not accepted");
    let cosigned = text(&log.content("checkpoint").unwrap());
    let signed = cosigned.split_once("\n\n").unwrap().0.to_string() + "\n";
    log.carries(witness(1).cosign(&signed, 1_700_000_000));
    follower.finds(1, "quorum-missing", &asks);
    log.carries(witness(3).cosign(&signed, 1_700_000_001));
    let look = follower.looks_with(&asks);
    assert!(look.code == Some(0) && look.said.contains("cosigned by w1, w3"), "{}", look.said);
    assert_eq!(follower.remembers(), Some(6));
    // A known witness's line that does not fit spoils it.
    log.carries(witness(2).cosign("another text\n", 1));
    follower.finds(1, "bad-signature", &asks);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_said_and_changes_nothing() {
    let log = OtherLog::starts(ORIGIN).await;
    let follower = Follower::of(&log);
    log.shows(entries(9999, 'a', 5));
    follower.finds(0, "first", &[]);
    let all = entries(9999, 'a', 700);

    log.shows(all.clone());
    for (status, headers, body, words) in [
        (404, vec![], vec![], "status 404"),
        (500, vec![], vec![], "status 500"),
        (
            302,
            vec![("location", "https://elsewhere.example/".to_string())],
            vec![],
            "moved to https://elsewhere",
        ),
        (200, vec![], b"<html>".to_vec(), "cannot be read"),
        (200, vec![], b"\xff".to_vec(), "cannot be read"),
        (200, vec![], Vec::new(), "cannot be read"),
        (200, vec![], vec![b'x'; (1 << 20) + 1], "longer than 1048576 bytes"),
    ] {
        log.answers("checkpoint", status, headers, body);
        let found = follower.finds(2, "unreadable", &[]);
        assert!(found["message"].as_str().unwrap().contains(words), "{found:#}");
    }

    // A tile that is missing, short, long, or of another tree.
    let tile = log.content("tile/0/000").unwrap();
    for (status, body, code, outcome) in [
        (404, Vec::new(), 2, "unreadable"),
        (500, Vec::new(), 2, "unreadable"),
        (200, tile[..8191].to_vec(), 2, "unreadable"),
        (200, [&tile[..], b"x"].concat(), 2, "unreadable"),
        (200, vec![7; 8192], 1, "tiles-differ"),
    ] {
        log.shows(all.clone());
        log.answers("tile/0/000", status, Vec::new(), body);
        follower.finds(code, outcome, &[]);
    }
    assert_eq!(follower.remembers(), Some(5));

    // A partial tile that is gone is found in the full one; the log went on meanwhile.
    log.shows(all.clone());
    follower.finds(0, "grown", &[]);
    log.shows(entries(9999, 'a', 1100));
    let newest = log.content("checkpoint").unwrap();
    log.shows(entries(9999, 'a', 1536));
    log.answers("tile/0/004.p/76", 404, Vec::new(), Vec::new());
    log.answers("checkpoint", 200, Vec::new(), newest);
    follower.finds(0, "grown", &["--full"]);
    assert_eq!(follower.remembers(), Some(1100));
    log.answers("tile/entries/004.p/76", 404, Vec::new(), Vec::new());
    follower.finds(0, "same", &["--full"]);

    // Nobody there, and wrong use.
    let gone = Follower {
        folder: tempfile::tempdir().unwrap(),
        url: "http://127.0.0.1:9/log".into(),
        key: follower.key.clone(),
    };
    gone.finds(2, "unreadable", &[]);
    for wrong in [
        &["--key", "nonsense"][..],
        &["--policy", "missing"],
        &[],
        &["--key", &follower.key, "--interval", "0"],
    ] {
        let look = follower.looks_with(wrong);
        assert_eq!(look.code, Some(2), "{wrong:?}: {}", look.said);
    }
    let elsewhere = Follower { url: "ftp://log.example.org".into(), ..gone };
    assert_eq!(elsewhere.looks(&[]).code, Some(2));

    // What was remembered was altered, or is of another log.
    let good = std::fs::read_to_string(follower.path("state")).unwrap();
    for state in [String::new(), "hello".to_string(), good.replacen("\n1100\n", "\n1101\n", 1)] {
        std::fs::write(follower.path("state"), state).unwrap();
        let found = follower.finds(2, "unreadable", &[]);
        assert!(found["message"].as_str().unwrap().contains("state does not hold a checkpoint"), "{found:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_entry_is_read_when_asked() {
    let log = OtherLog::starts(ORIGIN).await;
    let follower = Follower::of(&log);
    let all = entries(9999, 'a', 3000);
    log.shows(all.clone());
    let found = follower.finds(0, "first", &["--full"]);
    assert_eq!(found["entries_read"], true);

    // One entry changed under a checkpoint and tiles that are good.
    let bundle = log.content("tile/entries/007").unwrap();
    let mut changed = bundle.clone();
    *changed.last_mut().unwrap() ^= 1;
    log.answers("tile/entries/007", 200, Vec::new(), changed);
    follower.finds(1, "entries-differ", &["--full"]);
    follower.finds(0, "same", &[]);
    log.answers("tile/entries/007", 200, Vec::new(), bundle[..bundle.len() - 1].to_vec());
    follower.finds(2, "unreadable", &["--full"]);
    log.answers("tile/entries/007", 404, Vec::new(), Vec::new());
    follower.finds(2, "unreadable", &["--full"]);

    // Compressed, as logs may serve them unasked; and unpacking to more than any bundle has.
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let packed = || vec![("content-encoding", "gzip".to_string())];
    log.answers("tile/entries/007", 200, packed(), gzip(&bundle));
    follower.finds(0, "same", &["--full"]);
    log.answers("tile/entries/007", 200, packed(), gzip(&vec![0; 20 << 20]));
    let found = follower.finds(2, "unreadable", &["--full"]);
    assert!(found["message"].as_str().unwrap().contains("longer than"), "{found:#}");
}

/// Without `--once` it looks again and again, says what it sees, and ends when the log forks.
#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_until_something_does_not_hold() {
    let log = OtherLog::starts(ORIGIN).await;
    let follower = Follower::of(&log);
    log.shows(entries(9999, 'a', 5));
    let arguments =
        ["monitor", &follower.url, "--key", &follower.key, "--state", "state", "--interval", "1", "--json"];
    let mut process = Process::start("assent monitor", &mut assent(follower.folder.path(), &arguments));
    let has = |outcome: &'static str| {
        move |line: &str| line.contains(&format!("\"outcome\":\"{outcome}\"")).then_some(())
    };
    process.says("first", has("first")).await;
    log.shows(entries(9999, 'a', 300));
    process.says("grown", has("grown")).await;
    log.answers("checkpoint", 503, Vec::new(), Vec::new());
    process.says("unreadable", has("unreadable")).await;
    log.shows(entries(9999, 'a', 300));
    process.says("same", has("same")).await;
    log.shows(entries(100, 'b', 301));
    process.says("fork", has("fork")).await;
    let code = until("the monitor to end", async || process.ended()).await;
    assert_eq!(code, Some(1));
}

/// The log of a running Assent, with people deciding meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_a_running_assent_is_followed() {
    let stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let key = api.log_key().await;
    let url = format!("{}/log", stack.address(&format!("/v1/{CLINIC}")));
    let follower = Follower { folder: tempfile::tempdir().unwrap(), url, key: key.to_string() };
    let found = follower.finds(0, "first", &["--full"]);
    assert_eq!(found["origin"], key.name());
    let body = api.says(Act::RejectAll).await;
    for _ in 0..3 {
        for _ in 0..5 {
            api.records(&Holder::new(), &body).await;
        }
        follower.finds(0, "grown", &["--full"]);
    }
    follower.finds(0, "same", &[]);
}

/// A checkpoint may be shown before its witnesses answered: it says so, and looks again.
#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_while_cosignatures_are_missing() {
    let log = OtherLog::starts(ORIGIN).await;
    let follower = Follower::of(&log);
    let witness = WitnessKey::from_seed("witness.example/1", &[1; 32]).unwrap();
    let policy = format!("log {}\nwitness w {}\nquorum w\n", follower.key, witness.verifier());
    std::fs::write(follower.path("policy"), policy).unwrap();
    log.shows(entries(9, 'a', 5));
    let arguments =
        ["monitor", &follower.url, "--policy", "policy", "--state", "state", "--interval", "1", "--json"];
    let mut process = Process::start("assent monitor", &mut assent(follower.folder.path(), &arguments));
    let has = |outcome: &'static str| {
        move |line: &str| line.contains(&format!("\"outcome\":\"{outcome}\"")).then_some(())
    };
    process.says("quorum-missing", has("quorum-missing")).await;
    assert_eq!(follower.remembers(), None, "what lacks cosignatures is not accepted");
    let note = String::from_utf8(log.content("checkpoint").unwrap()).unwrap();
    let text = note.split_once("\n\n").unwrap().0.to_string() + "\n";
    log.carries(witness.cosign(&text, 1_700_000_000));
    process.says("first", has("first")).await;
    assert!(process.runs(), "it still looks");
    assert_eq!(follower.remembers(), Some(5));
}
